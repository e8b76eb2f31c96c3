"""Decimal helpers: no binary float ever touches money.

Rounding is half up, as bookkeeping does it, to the minor unit of the currency (ISO 4217).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

__all__ = ["CENT", "ZERO", "minor_unit", "rounded", "show", "vat_inside"]

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


@lru_cache(maxsize=256)
def minor_unit(currency: str) -> Decimal:
    """Give the smallest amount of a currency, such as 0.01 for EUR."""
    if currency in _WHOLE:
        return Decimal(1)
    return Decimal("0.001") if currency in _THOUSANDTHS else CENT


def rounded(amount: Decimal, unit: Decimal = CENT) -> Decimal:
    """Round half up to the currency's minor unit."""
    return amount.quantize(unit, ROUND_HALF_UP)


def vat_inside(gross: Decimal, rate: Decimal, unit: Decimal = CENT) -> Decimal:
    """Take the VAT out of an amount that includes it, rounded to the minor unit."""
    return rounded(gross * rate / (HUNDRED + rate), unit)


def show(amount: Decimal) -> str:
    """Write an amount for a person: at least two decimals, no exponent."""
    text = f"{amount:f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
