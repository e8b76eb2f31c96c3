"""Decimal helpers: no binary float ever touches money.

Rounding is half up, as bookkeeping does it, to the minor unit of the currency (ISO 4217).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CENT",
    "ZERO",
    "allotted",
    "minor_unit",
    "practical_unit",
    "rounded",
    "show",
    "vat_inside",
]

ZERO = Decimal(0)
CENT = Decimal("0.01")
HUNDRED = Decimal(100)

# ISO 4217 currencies whose minor unit is not 1/100.
_WHOLE = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ],
)
_THOUSANDTHS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
# Currencies with cents by ISO 4217 of which a whole unit is worth less than a euro cent.
_WEAK = frozenset(
    (
        "AMD", "ARS", "COP", "CRC", "HUF", "IDR", "IRR", "KHR", "KZT", "LAK", "LBP", "LKR", "MMK",
        "MNT", "NGN", "PKR", "RSD", "TZS", "UZS",
    ),
)  # fmt: skip


@lru_cache(maxsize=256)
def minor_unit(currency: str) -> Decimal:
    """Give the smallest amount of a currency, such as 0.01 for EUR."""
    if currency in _WHOLE:
        return Decimal(1)
    return Decimal("0.001") if currency in _THOUSANDTHS else CENT


@lru_cache(maxsize=1024)
def practical_unit(currency: str, per_ledger: Decimal | None = None) -> Decimal:
    """Give the smallest amount that shops count in: a whole unit where a cent is worth nothing.

    Args:
        currency: ISO code.
        per_ledger: Units of it per unit of the ledger's currency, where that is known.
    """
    unit = minor_unit(currency)
    weak = currency in _WEAK or (per_ledger is not None and per_ledger > HUNDRED)
    return Decimal(1) if weak else max(unit, CENT)


def rounded(amount: Decimal, unit: Decimal = CENT) -> Decimal:
    """Round half up to the currency's minor unit."""
    return amount.quantize(unit, ROUND_HALF_UP)


def allotted(amounts: Sequence[Decimal], total: Decimal, unit: Decimal) -> list[Decimal]:
    """Round amounts so that they give a total: what is left goes where rounding took most.

    Args:
        amounts: Up to four decimals each.
        total: Their sum, rounded to the unit.
        unit: The currency's minor unit.
    """
    found = [rounded(amount, unit) for amount in amounts]
    left = total - sum(found, ZERO)
    if left:
        step = unit if left > 0 else -unit
        errors = [(amount - one) * step for amount, one in zip(amounts, found, strict=True)]
        order = sorted(range(len(found)), key=errors.__getitem__, reverse=True)
        for place in range(int(left / step)):
            found[order[place % len(order)]] += step
    return found


def vat_inside(gross: Decimal, rate: Decimal, unit: Decimal = CENT) -> Decimal:
    """Take the VAT out of an amount that includes it, rounded to the minor unit."""
    return rounded(gross * rate / (HUNDRED + rate), unit)


def show(amount: Decimal) -> str:
    """Write an amount for a person: at least two decimals, no exponent."""
    text = f"{amount:f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
