"""Amounts as people read them."""

from __future__ import annotations

from decimal import Decimal

_CENT = Decimal("0.01")


def digits(amount: Decimal | int) -> str:
    """Return the digits, at least two decimals: amounts are shown like money, never rounded."""
    amount = Decimal(amount)
    exponent = amount.as_tuple().exponent
    few = isinstance(exponent, int) and exponent > -2  # noqa: PLR2004  # cents
    return str(amount.quantize(_CENT) if few else amount)
