"""Booking mode `daily_journal`: a document travels alone, with the summary it belongs to.

The target holds it durably, adds up the documents of a business day and books the entry. No
debtor is used: the debit goes to the clearing account of the payment method.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from mapper_gl_rules.booking.header import Record, totals
from mapper_gl_rules.booking.payment import general_journal
from mapper_gl_rules.booking.postings import role_of
from mapper_gl_rules.booking.result import Booked
from mapper_gl_rules.exceptions import DocumentRefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from decimal import Decimal
    from zoneinfo import ZoneInfo

    from mapper_gl_rules.booking.postings import Posting
    from mapper_gl_rules.rules.facts import DocumentFacts
    from mapper_gl_rules.rules.matching import Decision
    from mapper_gl_rules.rules.model import Settings

__all__ = ["summary_document"]


def summary_document(
    header: Record,
    facts: DocumentFacts,
    postings: Sequence[Posting],
    decision: Decision,
    settings: Settings,
) -> Booked:
    """Build the document: its lines and the clearing line, debit positive, in balance.

    Args:
        header: The common fields.
        facts: Facts of the document.
        postings: Grouped and balanced, revenue positive.
        decision: What the rules say about the whole document.
        settings: Name journal and time zone, and what a summary is split by.

    Raises:
        DocumentRefusedError: When its payment method has no clearing account.
    """
    clearing_gl = decision.outcome("clearing_gl")
    if clearing_gl is None:
        raise DocumentRefusedError(
            reason=f"payment method {facts.payment_method} has no clearing account",
            where="order.payment.method",
            what_to_do="Add a rule with line: document, this payment_method and a clearing_gl.",
        )
    side = "sale" if facts.kind == "invoice" else "refund"
    sums = totals(postings)
    lines = [_line(posting, side) for posting in postings]
    lines.append(_clearing(clearing_gl, sums["amount"], side, facts.payment_method or ""))
    source = header["source"]
    record: Record = {
        **header,
        "kind": facts.kind,
        "summary": {
            "instance": source["instance"],
            "store": source["store_code"] or "-",
            "day": facts.booking_date.isoformat(),
            "time_zone": settings.time_zone.key,
            "closes_at": _end_of(facts.booking_date, settings.time_zone),
            "journal": general_journal(settings),
            "method": (facts.payment_method or "")
            if settings.daily_per == "payment_method"
            else "",
        },
        "lines": lines,
        "totals": sums,
    }
    roles = (*[role_of(posting.kind) for posting in postings], "clearing")
    return Booked("summary_documents", record, roles)


def _end_of(day: date, zone: ZoneInfo) -> str:
    """Give the moment, in UTC, at which a local day is over."""
    midnight = datetime.combine(day + timedelta(days=1), time(), zone)
    return midnight.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _line(posting: Posting, side: str) -> Record:
    book = posting.outcome
    line: Record = {
        "gl_account": book.gl,
        "amount": -posting.net,
        "side": side,
        "role": role_of(posting.kind),
        "rule": posting.rule,
        **posting.supplied,
    }
    if posting.code is not None:
        line["vat_code"] = posting.code.code
        line["vat_amount"] = -posting.vat
        line["vat_percentage"] = posting.code.rate
    if book.cost_center is not None:
        line["cost_center"] = book.cost_center
    if book.cost_unit is not None:
        line["cost_unit"] = book.cost_unit
    return line


def _clearing(gl: str, amount: Decimal, side: str, method: str) -> Record:
    return {
        "gl_account": gl,
        "amount": amount,
        "side": side,
        "role": "clearing",
        "rule": method,
        **dict.fromkeys(("supply", "country", "nature", "dispatch_country")),
    }
