"""Invented VAT numbers whose check digits are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def vat_number_of(country: str, number: int) -> str:
    """Return an invented VAT number whose check digits are right.

    Args:
        country: A key of the countries here (NL, BE, DE, ES, FI, FR, EL, IT or XI).
        number: Makes it unique (below 1,000,000).
    """
    return country + _MAKERS[country](number)


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def _luhn(digits: str) -> str:
    """Append the check digit of Luhn."""
    doubled = [
        2 * int(digit) if index % 2 == 0 else int(digit)
        for index, digit in enumerate(reversed(digits))
    ]
    return f"{digits}{-sum(sum(divmod(value, 10)) for value in doubled) % 10}"


def _dutch(number: int) -> str:
    stem = f"000{number:06d}"
    check = next(check for check in range(1, 98) if int(f"2321{stem}11{check:02d}") % 97 == 1)
    return f"{stem}B{check:02d}"


def _belgian(number: int) -> str:
    stem = f"0{number:07d}"
    return f"{stem}{97 - int(stem) % 97:02d}"


def _german(number: int) -> str:
    stem = f"1{number:07d}"
    product = 10
    for digit in stem:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return f"{stem}{(11 - product) % 10}"


def _french(number: int) -> str:
    company = _luhn(f"90{number:06d}")
    return f"{(12 + 3 * (int(company) % 97)) % 97:02d}{company}"


def _finnish(number: int) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2)
    while True:
        stem = f"{number % 10_000_000:07d}"
        rest = _weighted(stem, weights) % 11
        if rest != 1:  # 1 would need a check digit of 10: no such number is given out
            return f"{stem}{-rest % 11}"
        number += 1_000_000


def _greek(number: int) -> str:
    stem = f"09{number:06d}"
    return f"{stem}{_weighted(stem, [2**power for power in range(8, 0, -1)]) % 11 % 10}"


def _northern_irish(number: int) -> str:
    stem = f"9{number:06d}"
    return f"{stem}{97 - _weighted(stem, range(8, 1, -1)) % 97:02d}"


_MAKERS: dict[str, Callable[[int], str]] = {
    "NL": _dutch,
    "BE": _belgian,
    "DE": _german,
    "FR": _french,
    "FI": _finnish,
    "EL": _greek,
    "XI": _northern_irish,
    "ES": lambda number: f"B{_luhn(f'{number:07d}')}",
    "IT": lambda number: _luhn(f"{number:07d}001"),
}
