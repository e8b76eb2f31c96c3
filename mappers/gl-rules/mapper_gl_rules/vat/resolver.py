"""One resolver: amount, base, country and tax point give the one legal VAT code, or none.

Legal are the VAT codes of the rules that hold for the supply and the country at the tax point.
A percentage that the shop computed from rounded amounts (21.0068) means the legal one that gives
the same VAT to the cent. None or several that fit are no answer.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from mapper_gl_rules.money import CENT, HUNDRED, ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

__all__ = ["TaxedAs", "VatCode", "VatCodes"]

_MOST = 10_000  # remembered answers; forgotten all at once beyond it, so that memory is flat
_HALF = Decimal("0.5")


class VatCode(msgspec.Struct, frozen=True):
    """A VAT code of Exact, as the rules describe it.

    Attributes:
        code: The code in Exact.
        rate: Percentage.
        gl: GL account of the VAT, for checks without Exact; None when there is no VAT.
        country: Destination the code is for, ISO code; None for any.
        supply: Kind of supply the code is for; None for any, `none` is never chosen by itself.
        valid_from: First tax point.
        valid_until: Last tax point.
        box: Where it stands in the VAT return, for the month-end's report.
    """

    code: str
    rate: Decimal
    gl: str | None = None
    country: str | None = None
    supply: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    box: str | None = None

    def holds_on(self, tax_point: date) -> bool:
        """Tell whether the code may be used for a supply of that day."""
        return not (
            (self.valid_from and tax_point < self.valid_from)
            or (self.valid_until and tax_point > self.valid_until)
        )


class TaxedAs(NamedTuple):
    """What decides about the VAT code beside the percentage."""

    supply: str | None
    country: str | None
    tax_point: date


class VatCodes:
    """The VAT codes of the rules, asked by place and time."""

    def __init__(self, codes: Iterable[VatCode]) -> None:
        """Take the codes."""
        self._codes = tuple(codes)
        self._stated = frozenset(code.rate for code in self._codes)
        self._legal: dict[TaxedAs, dict[Decimal, tuple[VatCode, ...]]] = {}

    def legal(self, taxed_as: TaxedAs) -> dict[Decimal, tuple[VatCode, ...]]:
        """Give the codes that hold, by percentage: of each the most exact, several if alike."""
        found = self._legal.get(taxed_as)
        if found is None:
            if len(self._legal) >= _MOST:
                self._legal.clear()
            found = self._legal[taxed_as] = self._find(taxed_as)
        return found

    def percentage(
        self,
        taxed_as: TaxedAs,
        stated: Decimal | None,
        net: Decimal,
        vat: Decimal,
        pieces: Decimal | None = None,
    ) -> Decimal | None:
        """Give the legal percentage behind the shop's.

        Args:
            taxed_as: Supply, country and tax point.
            stated: The shop's percentage; None outside VAT.
            net: The base.
            vat: The VAT that was charged.
            pieces: How many; each may have been rounded on its own.

        Returns:
            The stated one if it is legal, or if not exactly one legal percentage gives the VAT.
        """
        if stated is None or not net or not vat:
            return stated
        rates = self.legal(taxed_as)
        # Whole and half percentages, and those of other countries, are meant as they are.
        if stated in rates or stated in self._stated or not stated % _HALF:
            return stated
        fitting = [rate for rate in rates if rate and _gives(rate, stated, net, vat, pieces)]
        return fitting[0] if len(fitting) == 1 else stated

    def code(self, taxed_as: TaxedAs, rate: Decimal) -> VatCode | None:
        """Give the one code of a percentage; None when there is none or several are alike."""
        found = self.legal(taxed_as).get(rate, ())
        return found[0] if len(found) == 1 else None

    def candidates(self, taxed_as: TaxedAs) -> str:
        """Name the codes that hold, for messages."""
        return ", ".join(
            f"{code.code} ({rate.normalize():f} %)"
            for rate, codes in sorted(self.legal(taxed_as).items())
            for code in codes
        )

    def _find(self, taxed_as: TaxedAs) -> dict[Decimal, tuple[VatCode, ...]]:
        best: dict[Decimal, tuple[int, list[VatCode]]] = {}
        for code in self._codes:
            if code.supply not in (None, taxed_as.supply):
                continue
            if code.country not in (None, taxed_as.country):
                continue
            if not code.holds_on(taxed_as.tax_point):
                continue
            score = (code.supply is not None) + (code.country is not None)
            top, alike = best.get(code.rate, (-1, []))
            if score > top:
                best[code.rate] = (score, [code])
            elif score == top:
                alike.append(code)
        return {rate: tuple(codes) for rate, (_, codes) in best.items()}


def _tolerance(pieces: Decimal | None) -> Decimal:
    """Give what rounding may cost: a cent a line, or half a cent a piece if that is more."""
    return max(CENT, CENT * _HALF * abs(pieces or ZERO))


def _gives(
    rate: Decimal, stated: Decimal, net: Decimal, vat: Decimal, pieces: Decimal | None
) -> bool:
    """Tell whether a percentage gives the VAT, and the stated one is it but for rounding."""
    limit = _tolerance(pieces)
    return (
        abs(net * rate / HUNDRED - vat) <= limit and abs(net * (stated - rate) / HUNDRED) <= limit
    )
