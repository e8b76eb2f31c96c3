"""Booking mode `daily_journal`: one journal entry per business day, store view and currency.

No debtor is used: the debit goes to the clearing account of each payment method. Sales and
refunds stay apart. An entry never crosses a day, so never a month. What is in an entry is
never changed: documents that arrive later go into a further entry of their day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from mapper_gl_rules.booking.payment import general_journal
from mapper_gl_rules.booking.postings import role_of
from mapper_gl_rules.booking.result import Booked
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from mapper_gl_rules.booking.header import Record
    from mapper_gl_rules.booking.postings import Posting
    from mapper_gl_rules.rules.facts import DocumentFacts
    from mapper_gl_rules.rules.matching import Decision
    from mapper_gl_rules.rules.model import Rules, Settings

__all__ = [
    "Contribution",
    "DayBook",
    "DayKey",
    "DayLine",
    "DaysInMemory",
    "contribution",
    "day_entry",
]


class DayKey(NamedTuple):
    """What one entry is about; `method` only where it is split by payment method."""

    instance: str
    day: str
    store: str
    currency: str
    method: str


class DayLine(NamedTuple):
    """What amounts are added up by; `side` keeps sales and refunds apart."""

    gl: str
    vat_code: str
    cost_center: str
    cost_unit: str
    side: str
    role: str
    rule: str


class Contribution(NamedTuple):
    """What one document adds to its day: net and VAT per line, debit positive."""

    key: DayKey
    document_key: str
    amounts: Mapping[DayLine, tuple[Decimal, Decimal]]


class DayBook(Protocol):
    """Adds documents to their days."""

    def add(self, contribution: Contribution) -> None:
        """Add what a document contributes; a document already in an entry stays there.

        Raises:
            DocumentRefusedError: When the document is in an entry with other amounts.
        """


class DaysInMemory:
    """A day book for one run over a few documents."""

    def __init__(self, rules: Rules) -> None:
        """Start with no day."""
        self._rules = rules
        self._days: dict[DayKey, dict[DayLine, tuple[Decimal, Decimal]]] = {}
        self._includes: dict[DayKey, list[str]] = {}

    def add(self, contribution: Contribution) -> None:
        """Add what a document contributes."""
        day = self._days.setdefault(contribution.key, {})
        for line, (net, vat) in contribution.amounts.items():
            old_net, old_vat = day.get(line, (ZERO, ZERO))
            day[line] = (old_net + net, old_vat + vat)
        self._includes.setdefault(contribution.key, []).append(contribution.document_key)

    def entries(self) -> list[Booked]:
        """Give the entry of each day."""
        return [
            day_entry(key, 1, amounts, self._includes[key], self._rules)
            for key, amounts in sorted(self._days.items())
        ]


def contribution(
    header: Record,
    facts: DocumentFacts,
    postings: Sequence[Posting],
    decision: Decision,
    settings: Settings,
) -> Contribution:
    """Give what a document adds to its day.

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
    amounts: dict[DayLine, tuple[Decimal, Decimal]] = {}
    total = ZERO
    for posting in postings:
        book = posting.outcome
        line = DayLine(
            book.gl or "",
            posting.code.code if posting.code else "",
            book.cost_center or "",
            book.cost_unit or "",
            side,
            role_of(posting.kind),
            posting.rule,
        )
        net, vat = amounts.get(line, (ZERO, ZERO))
        amounts[line] = (net - posting.net, vat - posting.vat)
        total += posting.net + posting.vat
    clearing = DayLine(clearing_gl, "", "", "", side, "clearing", facts.payment_method or "")
    amounts[clearing] = (total, ZERO)
    source = header["source"]
    store = source["store_code"] or next(iter(sorted(facts.store)), "")
    method = (facts.payment_method or "") if settings.daily_per == "payment_method" else ""
    day = facts.entry_date.isoformat()
    key = DayKey(source["instance"], day, store, facts.currency, method)
    return Contribution(key, header["document_key"], amounts)


def day_entry(
    key: DayKey,
    number: int,
    amounts: Mapping[DayLine, tuple[Decimal, Decimal]],
    includes: Sequence[str],
    rules: Rules,
    version: str | None = None,
) -> Booked:
    """Build the entry of a day.

    Args:
        key: Day, store view, currency.
        number: 1 for the day's first entry, higher for documents that came later.
        amounts: Added up, debit positive.
        includes: Keys of the documents behind it.
        rules: Name the journal.
        version: Version of the rules that made the amounts; default: of `rules`.
    """
    parts = [part for part in (key.day, key.store, key.currency, key.method) if part]
    if number > 1:
        parts.append(str(number))
    lines = []
    roles = []
    debit = vat_total = ZERO
    for line, (net, vat) in sorted(amounts.items()):
        if not net and not vat:
            continue
        roles.append(line.role)
        debit += max(net + vat, ZERO)
        vat_total += vat
        lines.append(_line(line, net, vat))
    record: Record = {
        "document_key": f"{key.instance}:day:{'-'.join(parts)}",
        "your_ref": " ".join(parts),
        "description": f"Sales of {' '.join(parts)}"[:60],
        "currency": key.currency,
        "rules_version": version or rules.version,
        "source": {
            "instance": key.instance,
            "kind": "day",
            "increment_id": "-".join(parts),
            "store_code": key.store,
            "payment_method": key.method or None,
        },
        "journal": general_journal(rules.settings),
        "entry_date": key.day,
        "includes": list(includes),
        "lines": lines,
        "totals": {"amount": debit, "vat_amount": vat_total, "net_amount": -vat_total},
    }
    return Booked("general_journal_entries", record, tuple(roles))


def _line(line: DayLine, net: Decimal, vat: Decimal) -> Record:
    record: Record = {
        "gl_account": line.gl,
        "amount": net,
        "description": f"{line.side.capitalize()}s {line.rule}"[:60],
        "rule": line.rule,
    }
    if line.vat_code:
        record.update(vat_code=line.vat_code, vat_amount=vat, vat_base_amount=net)
    if line.cost_center:
        record["cost_center"] = line.cost_center
    if line.cost_unit:
        record["cost_unit"] = line.cost_unit
    return record
