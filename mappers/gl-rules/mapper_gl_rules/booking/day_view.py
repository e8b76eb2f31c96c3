"""The entry of each day, for people: what the target will add up from the day's documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mapper_gl_rules.booking.result import Booked
from mapper_gl_rules.money import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mapper_gl_rules.booking.header import Record

__all__ = ["day_entries"]

_SAME_LINE = (
    *("gl_account", "vat_code", "cost_center", "cost_unit", "side", "role", "rule"),
    *("nature", "dispatch_country"),
)


def day_entries(documents: Iterable[Record]) -> list[Booked]:
    """Add up documents of the stream `summary_documents`.

    One entry per division, store view, day, currency and rate (and payment method); sales and
    refunds stay apart.
    """
    days: dict[tuple[Any, ...], list[Record]] = {}
    for one in documents:
        days.setdefault(_day_of(one), []).append(one)
    return [_entry(some) for _, some in sorted(days.items(), key=lambda day: str(day[0]))]


def _day_of(document: Record) -> tuple[Any, ...]:
    summary = document["summary"]
    return (
        document.get("division"),
        summary["instance"],
        summary["store"],
        summary["day"],
        document["currency"],
        document.get("exchange_rate"),
        summary["method"],
    )


def _entry(documents: list[Record]) -> Booked:
    first = documents[0]
    summary = first["summary"]
    lines: dict[tuple[Any, ...], Record] = {}
    for document in documents:
        for line in document["lines"]:
            key = tuple([line.get(field) for field in _SAME_LINE])
            same = lines.setdefault(key, {**line, "amount": ZERO, "vat_amount": ZERO})
            same["amount"] += line["amount"]
            same["vat_amount"] += line.get("vat_amount", ZERO)
    kept = [line for line in lines.values() if line["amount"] or line["vat_amount"]]
    parts = [part for part in (summary["day"], summary["store"], summary["method"]) if part]
    entry = {
        "document_key": ":".join((summary["instance"], summary["store"], "day", *parts)),
        "currency": first["currency"],
        **({"exchange_rate": first["exchange_rate"]} if "exchange_rate" in first else {}),
        "journal": summary["journal"],
        "entry_date": summary["day"],
        "source": {"kind": "day"},
        "includes": [document["document_key"] for document in documents],
        "lines": kept,
        "rules_version": first["rules_version"],
    }
    return Booked("general_journal_entries", entry, tuple([line["role"] for line in kept]))
