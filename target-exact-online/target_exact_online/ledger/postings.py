"""The postings of a document: what was booked where, without personal data.

They outlive the document's content, so that a month can be proved after it was anonymised. The
lines that Exact makes by itself, debtor and VAT, are kept too, marked as derived.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from target_exact_online.ledger.rows import Document

_BOOKED = frozenset({"sales_entries", "sales_invoices", "general_journal_entries"})
_DEBIT_POSITIVE = frozenset({"general_journal_entries", "summary_documents"})
_TEXTS = {
    "gl_account": 64,
    "cost_center": 64,
    "cost_unit": 64,
    "vat_code": 16,
    "supply": 32,
    "country": 2,
    "nature": 8,
    "dispatch_country": 2,
    "rule": 255,
}


def postings_of(
    document: Document, period: tuple[int | None, int | None], entry_date: str | None
) -> list[dict[str, Any]]:
    """Return the rows of a document that Exact has; none for what books nothing.

    Amounts are debit positive, in the document's currency.
    """
    if document.stream not in _BOOKED:
        return []
    record = document.record
    common = {
        "document_key": document.document_key,
        "division": document.division,
        "entry_date": entry_date,
        "period_year": period[0],
        "period_no": period[1],
        "currency": record.get("currency"),
        "amount_dc": None,
    }
    rate = record.get("exchange_rate")
    rows = []
    for line_no, line in enumerate(lines_of(document), 1):
        row = _EMPTY | common | {"line_no": line_no} | line
        if rate is not None:
            base = row["amount"] * Decimal(str(rate))
            row["amount_dc"] = base.quantize(_CENT, ROUND_HALF_UP)
        rows.append(row)
    return rows


_CENT = Decimal("0.01")
_EMPTY: dict[str, Any] = dict.fromkeys((*_TEXTS, "vat_amount", "vat_percentage"))


def lines_of(document: Document) -> Iterator[dict[str, Any]]:
    """Yield what a document books, debit positive; also of one that is part of a day's entry."""
    journal_entry = document.stream in _DEBIT_POSITIVE
    sign = 1 if journal_entry else -1  # a sale is credited
    vat: dict[str, Decimal] = {}
    total = Decimal(0)
    for line in document.record.get("lines") or ():
        amount = sign * Decimal(str(line["amount"]))
        line_vat = sign * Decimal(str(line.get("vat_amount") or 0))
        total += amount + line_vat
        code = line.get("vat_code")
        if line_vat:
            vat[str(code)] = vat.get(str(code), Decimal(0)) + line_vat
        yield {
            **_texts(line),
            "amount": amount,
            "vat_amount": line_vat if code is not None else None,
            "vat_percentage": _number(line.get("vat_percentage")),
            "role": str(line.get("role") or "line")[:32],
            "derived": False,
        }
    for code, amount in vat.items():
        yield {"vat_code": code[:16], "amount": amount, "role": "vat", "derived": True}
    if not journal_entry:
        yield {"amount": -total, "role": "debtor", "derived": True}


def _texts(line: Mapping[str, Any]) -> dict[str, str | None]:
    return {
        name: None if (value := line.get(name)) is None else str(value)[:longest]
        for name, longest in _TEXTS.items()
    }


def _number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))
