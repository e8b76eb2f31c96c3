"""Small master data by code; an unknown code names the closest ones that exist."""

from __future__ import annotations

import difflib
from datetime import date
from typing import TYPE_CHECKING, Any

from msgspec import structs

from target_exact_online.master_data import kinds
from target_exact_online.master_data.shelf import NotUsableError, Shelf

if TYPE_CHECKING:
    from decimal import Decimal

    from target_exact_online.master_data.kinds import Kind, M
    from target_exact_online.master_data.models import (
        CostCenter,
        CreditNoteQuantity,
        Currency,
        GLAccount,
        Journal,
        PaymentCondition,
        VatCode,
    )

_CREDIT_NOTE_QUANTITY = "credit_note_quantity"


class Codes(Shelf):
    """What documents name by code."""

    def gl_account(self, code: str) -> GLAccount:
        """Return a GL account by code."""
        return self._by_code(kinds.GL_ACCOUNTS, code)

    def cost_center(self, code: str) -> CostCenter:
        """Return a cost center by code."""
        return self._by_code(kinds.COST_CENTERS, code)

    def cost_unit(self, code: str) -> CostCenter:
        """Return a cost unit by code."""
        return self._by_code(kinds.COST_UNITS, code)

    def payment_condition(self, code: str) -> PaymentCondition:
        """Return a payment condition by code."""
        return self._by_code(kinds.PAYMENT_CONDITIONS, code)

    def currency(self, code: str) -> Currency:
        """Return a currency by its ISO 4217 code."""
        return self._by_code(kinds.CURRENCIES, code)

    def rate(self, currency: str, on: date) -> Decimal | None:
        """Return Exact's own rate for a currency on a day, or None when it has none."""
        rates = [
            rate
            for rate in self._table(kinds.EXCHANGE_RATES).rows
            if rate.currency == currency and (rate.start is None or rate.start <= on)
        ]
        newest = max(rates, key=lambda rate: rate.start or date.min, default=None)
        return None if newest is None else newest.rate

    def journal(self, code: str) -> Journal:
        """Return a journal by code."""
        return self._by_code(kinds.JOURNALS, code)

    def journals(self) -> tuple[Journal, ...]:
        """Return all journals."""
        return self._table(kinds.JOURNALS).rows

    def vat_code(self, code: str, *, on: date) -> VatCode:
        """Return a VAT code, given without padding, with its percentage on a day."""
        vat = self._by_code(kinds.VAT_CODES, code)
        return structs.replace(vat, percentage=self._vat_percentage(vat, on))

    def vat_codes(self) -> tuple[VatCode, ...]:
        """Return all VAT codes, with today's percentages."""
        return self._table(kinds.VAT_CODES).rows

    def gl_accounts(self) -> tuple[GLAccount, ...]:
        """Return all GL accounts."""
        return self._table(kinds.GL_ACCOUNTS).rows

    def credit_note_quantity(self) -> CreditNoteQuantity | None:
        """Return the sign of quantities that credit notes need here, or None: not known yet."""
        rows = self._cache.rows(kinds.LEARNED.name, id=_CREDIT_NOTE_QUANTITY)
        value = rows[0].get("Value") if rows else None
        return value if value in {"positive", "negative"} else None

    def remember_credit_note_quantity(self, sign: CreditNoteQuantity) -> None:
        """Keep the sign that Exact took."""
        if sign != self.credit_note_quantity():
            self.remember(kinds.LEARNED, {"Name": _CREDIT_NOTE_QUANTITY, "Value": sign})

    def _vat_percentage(self, vat: VatCode, on: date) -> Decimal:
        for known in self._table(kinds.VAT_PERCENTAGES).rows:
            if (
                known.vat_code_id == vat.id
                and (known.start is None or known.start <= on)
                and (known.end is None or on <= known.end)
            ):
                return known.percentage
        return vat.percentage

    def _by_code(self, kind: Kind[M], code: str) -> M:
        table = self._table(kind)
        if code not in table.by_code and self._again(kind.name):
            table = self._table(kind)
        try:
            return table.by_code[code]
        except KeyError:
            raise self._unknown(kind, code) from None

    def _unknown(self, kind: Kind[Any], code: str) -> NotUsableError:
        """Name the closest codes; relations are named by number only, they are people."""
        table = self._tables.get(kind.name)
        names = {one.code: one.name for one in table.rows} if table else {}
        codes = list(names) or self._cache.codes(kind.name)
        alike = difflib.get_close_matches(code, codes, n=20, cutoff=0.5)
        # Numbers are alike in many ways; people mean the one that begins alike.
        close = sorted(alike, key=lambda one: -_same_start(one, code))[:3]
        hint = ", ".join(f"{one} ({names[one]})" if names.get(one) else one for one in close)
        advice = f"The closest are {hint}." if hint else "No code comes close."
        return NotUsableError(
            f"Division {self.division} has no {kind.label} {code!r}",
            f"{advice} Create it in Exact, or correct the rules.",
        )


def _same_start(one: str, other: str) -> int:
    """Return how many characters two codes begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
