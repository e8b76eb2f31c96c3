"""Daily summaries: one journal entry for the documents of a day, built and corrected here.

Company, shop, store view, day, currency, rate and, where the rules split by it, payment method make
one entry. Its documents lie in the ledger like any other. When the day is over the entry is built;
as long as Exact cannot have it, it is built again when one of its documents changes. What comes
later goes into a further entry of the same day.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from target_exact_online.ledger import queries
from target_exact_online.ledger.rows import DAY, SUMMARY_STREAM, Document
from target_exact_online.posting.state import may_rebuild

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_exact_online.ledger.queries import Waiting
    from target_exact_online.ledger.runs import Run
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.summary import Summary

STREAM = "general_journal_entries"
_LONGEST_DESCRIPTION = 60
_MAX_ROUNDS = 5


def close_days(ledger: Ledger, run: Run, summary: Summary) -> int:
    """Build the entries of all days that are over; return how many."""
    built = 0
    for group in queries.days_to_close(ledger, datetime.now(UTC)):
        for _ in range(_MAX_ROUNDS):  # another machine may be at the same day
            members = queries.documents_of_day(ledger, group)
            entry, behind = _entry_of(group, members)
            if entry is None:
                break
            expected = {one.row.document_key: one.row.last_seq for one in behind}
            step = ledger.build_entry(run, entry, expected)
            if step is not None:
                summary.tell(replace(entry, document_key=step.row.document_key), step)
                built += 1
                break
    return built


def _entry_of(group: str, found: Sequence[Waiting]) -> tuple[Document | None, list[Waiting]]:
    """Return the entry to build, or to build again, and the documents behind it."""
    entries = {one.row.document_key: one for one in found if one.document.stream == STREAM}
    rebuilt = next((key for key, one in entries.items() if may_rebuild(one.row)), None)
    behind = [
        one
        for one in found
        if one.document.stream == SUMMARY_STREAM
        and one.row.state == "held"
        and not one.row.may_be_in_exact
        and one.document.record
        and one.summary_key in (None, rebuilt)
    ]
    if not behind:
        return None, []
    number = list(entries).index(rebuilt) + 1 if rebuilt else len(entries) + 1
    return build([one.document for one in behind], group, number, key=rebuilt), behind


class _Line(NamedTuple):
    """What amounts are added up by; `side` keeps sales and refunds apart."""

    side: str
    gl_account: str
    vat_code: str
    cost_center: str
    cost_unit: str
    account: str
    role: str
    rule: str
    nature: str
    dispatch_country: str


@dataclass(slots=True)
class _Sum:
    """Net and VAT of one line, debit positive, and what all of its parts have in common."""

    net: Decimal = Decimal(0)
    vat: Decimal = Decimal(0)
    supplies: set[str | None] = field(default_factory=set)
    countries: set[str | None] = field(default_factory=set)
    percentages: set[str] = field(default_factory=set)


def build(
    members: Sequence[Document], group: str, number: int, *, key: str | None = None
) -> Document:
    """Return the entry of a day for the documents of one group, as the ledger names it.

    The number is 1 for the day's first entry, higher for documents that came later; the key is the
    entry's name when it is built again.
    """
    first = members[0].record
    summary, currency, rate = first["summary"], first["currency"], first.get("exchange_rate")
    store, method = summary.get("store") or "-", summary.get("method") or ""
    of_rate = "" if rate is None else format(Decimal(str(rate)).normalize(), "f")
    parts = [part for part in (summary["day"], currency, of_rate, method) if part]
    of_day = " ".join([summary["day"], store, *parts[1:]])
    parts += [str(number)] if number > 1 else []
    name = key or f"{summary['instance']}:{store}:{DAY}:{'-'.join(parts)}"
    reference = " ".join([summary["day"], store, *parts[1:]])
    lines = [_record(line, one) for line, one in sorted(_sums(members).items())]
    debit = sum(
        (max(line["amount"] + line.get("vat_amount", 0), Decimal(0)) for line in lines), Decimal(0)
    )
    vat = sum((line.get("vat_amount", Decimal(0)) for line in lines), Decimal(0))
    rules = (one.record.get("rules_version") for one in members)  # a record need not say it
    versions = {str(version) for version in rules if version is not None}
    record: dict[str, Any] = {
        "document_key": name,
        "your_ref": reference,
        "reference_of_day": of_day,
        "description": f"Sales of {reference}"[:_LONGEST_DESCRIPTION],
        "currency": currency,
        "rules_version": ", ".join(sorted(versions)) or None,
        "source": {
            "instance": summary["instance"],
            "kind": DAY,
            "increment_id": "-".join(parts),
            "store_code": summary.get("store"),
            "payment_method": method or None,
        },
        "summary_group": group,
        "journal": summary["journal"],
        "entry_date": summary["day"],
        "includes": sorted(one.number for one in members),
        "lines": lines,
        "totals": {"amount": debit, "vat_amount": vat, "net_amount": -vat},
    }
    if rate is not None:
        record["exchange_rate"] = rate
    return Document.of(STREAM, record, members[0].division)


def _sums(members: Sequence[Document]) -> dict[_Line, _Sum]:
    sums: dict[_Line, _Sum] = {}
    for member in members:
        for line in member.record["lines"]:
            names = (str(line.get(name) or "") for name in _Line._fields)
            one = sums.setdefault(_Line(*names), _Sum())
            one.net += Decimal(str(line["amount"]))
            one.vat += Decimal(str(line.get("vat_amount") or 0))
            one.supplies.add(line.get("supply"))
            one.countries.add(line.get("country"))
            if line.get("vat_percentage") is not None:
                one.percentages.add(str(line["vat_percentage"]))
    return {line: one for line, one in sums.items() if one.net or one.vat}


def _record(line: _Line, amounts: _Sum) -> dict[str, Any]:
    record: dict[str, Any] = {
        "gl_account": line.gl_account,
        "amount": amounts.net,
        "description": f"{line.side.capitalize()}s {line.rule}"[:_LONGEST_DESCRIPTION],
        "rule": line.rule,
        "role": line.role,
    }
    if line.vat_code:
        record |= {
            "vat_code": line.vat_code,
            "vat_amount": amounts.vat,
            "vat_base_amount": amounts.net,
        }
    if len(amounts.percentages) == 1:
        record["vat_percentage"] = Decimal(next(iter(amounts.percentages)))
    for name in ("cost_center", "cost_unit", "account", "nature", "dispatch_country"):
        if value := getattr(line, name):
            record[name] = value
    for name, values in (("supply", amounts.supplies), ("country", amounts.countries)):
        only = next(iter(values)) if len(values) == 1 else None
        if only is not None:
            record[name] = only
    return record
