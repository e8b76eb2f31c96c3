"""Entries that a comparison proposes: nothing is sent before a person approves one.

A proposal lies in the comparison, and its fingerprint in the audit trail. Approving it takes its
entry and the entry's reversal into the ledger, in one transaction with the approval; from there on
they are documents like any other, posted exactly once.
"""

from __future__ import annotations

import getpass
import hashlib
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from connector_program.database import reading
from exact_online.errors import ConfigError
from target_exact_online.ledger.chain import Event
from target_exact_online.ledger.rows import Document
from target_exact_online.ledger.runs import Run
from target_exact_online.ledger.tables import documents, events
from target_exact_online.month_end import books as ledger_side
from target_exact_online.month_end.deferred import NOT_INVOICED, NOT_SHIPPED, PAID, TITLES
from target_exact_online.month_end.model import Proposal, ProposedLine
from target_exact_online.month_end.sides import cents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from target_exact_online.ledger.store import Ledger
    from target_exact_online.month_end.deferred import Deferral
    from target_exact_online.month_end.model import Result
    from target_exact_online.month_end.order_facts import Accounts
    from target_exact_online.month_end.sides import Month

EVENT_MADE, EVENT_APPROVED = "proposal_made", "proposal_approved"
STREAM, INSTANCE = "general_journal_entries", "month-end"
ACCRUAL, REVERSAL = "accrual", "reversal"
OWN_KINDS = (ACCRUAL, REVERSAL)
"""Kinds of documents that no shop has: a person approved them."""
_PART = {
    NOT_SHIPPED: "Revenue invoiced, not shipped",
    NOT_INVOICED: "Revenue shipped, not invoiced",
    PAID: "Money received, not invoiced",
}


def propose(
    ledger: Ledger, month: Month, rows: Iterable[Deferral], accounts: Accounts
) -> tuple[Proposal, ...]:
    """Return the entries that defer what a month's last day asks for.

    Args:
        ledger: The audit trail, which knows the ones that were approved.
        month: The month.
        rows: What is deferred.
        accounts: Where to.
    """
    state = ledger_side.fingerprint(ledger, month, without=OWN_KINDS)
    known = _approvals(ledger, month.division)
    by_part: dict[str, list[Deferral]] = defaultdict(list)
    for row in rows:
        if row.account and not row.booked_on:
            by_part[row.part].append(row)
    made = []
    for part in TITLES:
        lines = _lines(part, by_part[part], accounts)
        if not lines:
            continue
        one = Proposal(
            name=f"{month.year}-{month.period:02}-{part}",
            title=_PART[part],
            journal=accounts.journal,
            entry_date=month.last,
            reversal_date=month.last + timedelta(days=1),
            currency=month.currency,
            amount=sum((max(line.amount, Decimal("0.00")) for line in lines), Decimal("0.00")),
            lines=lines,
            documents=len({row.key for row in by_part[part]}),
            documents_state=state,
        )
        before = known.get(one.name)
        if before is not None:
            one = replace(one, status="approved" if before == fingerprint(one) else "changed")
        made.append(one)
    return tuple(made)


def _lines(part: str, rows: Sequence[Deferral], accounts: Accounts) -> tuple[ProposedLine, ...]:
    """Return the lines of an entry, debit positive: the sale's accounts, and the one deferred to.

    Revenue not shipped is taken back, so it is debited; what is not invoiced is credited. Money
    is debited where it is awaited.
    """
    sign = -1 if part == NOT_INVOICED else 1
    against = {
        NOT_SHIPPED: accounts.not_shipped,
        NOT_INVOICED: accounts.not_invoiced,
        PAID: accounts.paid,
    }[part]
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for one in rows:
        sums[one.account, one.cost_center, one.cost_unit] += sign * one.own
    lines = [
        ProposedLine(gl_account=account, amount=cents(amount), cost_center=center, cost_unit=unit)
        for (account, center, unit), amount in sorted(sums.items())
        if amount
    ]
    if not lines:
        return ()
    total = sum((one.amount for one in lines), Decimal("0.00"))
    if total:
        lines.append(ProposedLine(gl_account=against, amount=-total))
    return tuple(lines)


def fingerprint(one: Proposal) -> str:
    """Return what identifies the entry that a proposal makes."""
    same = replace(one, status="open", documents_state="")
    return hashlib.sha256(_ENCODER.encode(same)).hexdigest()


def events_of(ledger: Ledger, result: Result) -> list[Event]:
    """Return the events of a comparison's proposals that the audit trail does not have yet.

    Args:
        ledger: The audit trail.
        result: The comparison.
    """
    known = _told(ledger, EVENT_MADE, result.division)
    return [
        Event(EVENT_MADE, None, _detail(result.division, one))
        for one in result.proposals
        if one.status == "open" and known.get(one.name) != fingerprint(one)
    ]


def _detail(division: int, one: Proposal) -> dict[str, Any]:
    return {"division": division, "proposal": one.name, "content": fingerprint(one)}


def _approvals(ledger: Ledger, division: int) -> dict[str, str]:
    return _told(ledger, EVENT_APPROVED, division)


def _told(ledger: Ledger, kind: str, division: int) -> dict[str, str]:
    """Return the newest fingerprint of each proposal that events of a kind name."""
    query = sa.select(events.c.detail).where(events.c.kind == kind).order_by(events.c.seq)
    with reading(ledger.engine) as connection:
        told = (msgspec.json.decode(text) for text in connection.scalars(query))
        return {one["proposal"]: one["content"] for one in told if one["division"] == division}


def approve(ledger: Ledger, month: Month, proposed: Iterable[Proposal], name: str) -> list[str]:
    """Approve a proposed entry; return the keys of the entry and its reversal, to be posted.

    Approved again it returns them again, as long as one of them is not posted.

    Args:
        ledger: The audit trail.
        month: The month.
        proposed: What the month's newest comparison proposes.
        name: The proposal.

    Raises:
        ConfigError: There is no such proposal, or it is not what the audit trail knows, or the
            month's documents have changed since, or it was made before.
    """
    keys = [key_of(month.division, kind, name) for kind in OWN_KINDS]
    if name in _approvals(ledger, month.division):
        if numbers := _numbers(ledger, keys):
            msg = f"Proposal {name!r} was approved before: it is posted as {numbers}, once."
            raise ConfigError(msg)
        return keys
    one = next((one for one in proposed if one.name == name), None)
    if one is None:
        msg = f"There is no proposal {name!r} in the last comparison of this month."
        raise ConfigError(msg)
    if _told(ledger, EVENT_MADE, month.division).get(name) != fingerprint(one):
        msg = f"Proposal {name!r} is not the one that the audit trail knows: compare again."
        raise ConfigError(msg)
    if ledger_side.fingerprint(ledger, month, without=OWN_KINDS) != one.documents_state:
        msg = "Documents of the month changed after it was compared. Compare again, then approve."
        raise ConfigError(msg)
    made = [Document.of(STREAM, record, month.division) for record in _records(one, month)]
    detail = _detail(month.division, one) | {"by": getpass.getuser()}
    run = Run(ledger.engine)
    try:
        ledger.arrive(run, made, also=[Event(EVENT_APPROVED, None, detail)])
    finally:
        run.finish()
    return keys


def key_of(division: int, kind: str, name: str) -> str:
    """Return the document key of a proposal's entry or reversal: one for each month and part."""
    return f"{INSTANCE}:{division}:{kind}:{name}"


def _numbers(ledger: Ledger, keys: Sequence[str]) -> str:
    """Return Exact's numbers when all documents are posted, else an empty text."""
    query = sa.select(documents.c.exact_number, documents.c.exact_id).where(
        documents.c.document_key.in_(keys), documents.c.state == "posted"
    )
    with reading(ledger.engine) as connection:
        rows = connection.execute(query.order_by(documents.c.document_key)).all()
    if len(rows) < len(keys):
        return ""
    return " and ".join(row.exact_number or row.exact_id for row in rows)


def states(ledger: Ledger, keys: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return key, state and Exact's number or the reason of documents."""
    query = sa.select(documents).where(documents.c.document_key.in_(keys))
    with reading(ledger.engine) as connection:
        rows = connection.execute(query.order_by(documents.c.document_key)).all()
    return [
        (row.document_key, row.state, row.exact_number or row.exact_id or row.error or "")
        for row in rows
    ]


def _records(one: Proposal, month: Month) -> Iterator[dict[str, Any]]:
    days = {ACCRUAL: (one.entry_date, 1), REVERSAL: (one.reversal_date, -1)}
    for kind, (day, sign) in days.items():
        lines = [_line(line, sign * line.amount, one) for line in one.lines]
        debit = sum((max(line["amount"], Decimal(0)) for line in lines), Decimal(0))
        yield {
            "document_key": key_of(month.division, kind, one.name),
            "division": month.division,
            "your_ref": f"{kind.capitalize()} {one.name}",
            "description": one.title,
            "journal": one.journal,
            "entry_date": day.isoformat(),
            "currency": one.currency,
            "lines": lines,
            "totals": {"amount": debit, "vat_amount": Decimal(0), "net_amount": Decimal(0)},
            "source": {"instance": INSTANCE, "kind": kind, "increment_id": one.name},
        }


def _line(line: ProposedLine, amount: Decimal, one: Proposal) -> dict[str, Any]:
    codes = {"cost_center": line.cost_center, "cost_unit": line.cost_unit}
    return {
        "gl_account": line.gl_account,
        "amount": amount,
        "description": one.title,
        "rule": one.name,
        **{name: code for name, code in codes.items() if code},
    }


_ENCODER = msgspec.json.Encoder(decimal_format="string", order="sorted")
