"""What other rules would book differently: money per account, VAT code and cost center."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from mapper_gl_rules.booking.booker import Booker
from mapper_gl_rules.money import ZERO
from mapper_gl_rules.tools.book import book_one
from mapper_gl_rules.tools.coverage import is_since

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from mapper_gl_rules.booking.result import Booked
    from mapper_gl_rules.rules.facts import DocumentKind
    from mapper_gl_rules.rules.model import Rules
    from mapper_gl_rules.source import Document, Order

__all__ = ["Simulation", "simulate"]

# Sales entries have sales positive, journal entries debit.
_CREDIT_POSITIVE = {"sales_entries", "sales_invoices"}
# Beside the sums of its lines, what makes a document another one.
_COMPARED = ("journal", "division", "debtor", "entry_date", "invoice_date", "your_ref")
Place = tuple[str, str, str]  # GL, VAT code or cost center; its code; the currency


class Simulation(msgspec.Struct):
    """What other rules would book differently.

    Attributes:
        amounts: What is booked now and then, sales positive, where it differs.
        documents: Documents that would be booked differently.
        refused: Documents that only the new rules refuse, with the reason.
        accepted: Documents that only the old rules refuse.
    """

    amounts: dict[Place, tuple[Decimal, Decimal]]
    documents: list[str]
    refused: dict[str, str]
    accepted: list[str]


def simulate(
    documents: Iterable[tuple[DocumentKind, Document | Order]],
    old: Rules,
    new: Rules,
    since: date | None = None,
) -> Simulation:
    """Book invoices and credit memos by both rules and compare."""
    totals: list[dict[Place, Decimal]] = [defaultdict(Decimal), defaultdict(Decimal)]
    bookers = (Booker(old), Booker(new))
    result = Simulation({}, [], {}, [])
    for kind, document in documents:
        if kind == "order" or not is_since(kind, document, old, since):
            continue
        booked = [book_one(booker, kind, document) for booker in bookers]
        before, after = (_reason(one) for one in booked)
        key = f"{kind} {document.increment_id}"
        if after and not before:
            result.refused[key] = after
        elif before and not after:
            result.accepted.append(key)
        sums = [_sums(one) for one in booked]
        if sums[0] != sums[1] or _headers(booked[0]) != _headers(booked[1]):
            result.documents.append(key)
        for total, one in zip(totals, sums, strict=True):
            for place, amount in one.items():
                total[place] += amount
    for place in sorted({*totals[0], *totals[1]}):
        pair = (totals[0][place], totals[1][place])
        if pair[0] != pair[1]:
            result.amounts[place] = pair
    return result


def _reason(booked: list[Booked]) -> str | None:
    return next((one.record["reason"] for one in booked if one.stream == "refused_documents"), None)


def _headers(booked: list[Booked]) -> list[dict[str, Any]]:
    return [
        {"stream": one.stream, **{name: one.record.get(name) for name in _COMPARED}}
        for one in booked
    ]


def _sums(booked: list[Booked]) -> dict[Place, Decimal]:
    """Add up net per account and cost center, and VAT per code."""
    sums: dict[Place, Decimal] = defaultdict(Decimal)
    for one in booked:
        sign = 1 if one.stream in _CREDIT_POSITIVE else -1
        for line in one.record.get("lines", ()):
            currency, net = one.record["currency"], sign * line["amount"]
            sums["GL", line["gl_account"], currency] += net
            if line.get("cost_center"):
                sums["cost center", line["cost_center"], currency] += net
            if line.get("vat_code"):
                vat = line.get("vat_amount") or ZERO
                sums["VAT code", line["vat_code"], currency] += sign * vat
    return {place: amount for place, amount in sums.items() if amount}
