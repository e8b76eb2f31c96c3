"""What a comparison of a month found: plain values, without any reading or writing.

Amounts are exact and signed as an accountant reads sales: revenue, VAT owed and liabilities are
positive, what takes them back is negative.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from typing import IO, Literal

import msgspec

Severity = Literal["error", "warning", "info"]
Step = Literal["shop_to_ledger", "ledger_to_exact"]
RowKind = Literal["shop", "difference", "ledger", "exact"]
CellKind = Literal["text", "money", "number", "date"]
Outcome = Literal["agrees", "differs", "incomplete"]
Cell = str | int | Decimal | date | None

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a finding adds to one bridge.

    Attributes:
        scope: The bridge, as `Scope.name`.
        currency: ISO 4217.
        amount: What it adds there.
        step: Between which sides.
    """

    scope: str
    currency: str
    amount: Decimal
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference, with its only reason.

    Attributes:
        code: The class, ``S1`` to ``B5``.
        severity: Whether a book is wrong, somebody should look, or it is explained.
        title: The class in words.
        cause: What happened here, in one sentence, without names of people.
        amount: The cents it explains in the bridge of its step; 0.00 where it only moves them.
        currency: Of the amount, ISO 4217.
        document_key: The document, or an empty string for what is in Exact only.
        number: The number that the shop printed, or an empty string.
        entry: Journal and number of the entry in Exact, as ``70/26000123``, or an empty string.
        entry_id: Its GUID, or an empty string.
        line: Number of the line in Exact, or None for the whole entry.
        field: What differs, e.g. ``gl_account``; empty for the whole document.
        ours: The value as it should be, for people.
        theirs: The value that was found instead.
        who: Who did it in Exact: a name only if names were asked for, else ``user A``.
        when: When (UTC), or None.
        proposal: What to do, e.g. a command; empty when there is nothing to do.
        effects: What it adds to each bridge.
    """

    code: str
    severity: Severity
    title: str
    cause: str
    amount: Decimal
    currency: str
    document_key: str = ""
    number: str = ""
    entry: str = ""
    entry_id: str = ""
    line: int | None = None
    field: str = ""
    ours: str = ""
    theirs: str = ""
    who: str = ""
    when: datetime | None = None
    proposal: str = ""
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeRow:
    """One row of a bridge.

    Attributes:
        kind: A side, or a difference between two of them.
        label: For people.
        amount: The side's amount, or what the difference adds.
        documents: How many documents; None where they cannot be counted.
        code: The class of a difference, else an empty string.
        severity: The worst one of a difference, else None.
    """

    kind: RowKind
    label: str
    amount: Decimal
    documents: int | None = None
    code: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """From the shop by the ledger to Exact, in one scope and currency.

    Attributes:
        scope: ``total``, or ``gl:8000``, ``vat:21``, ``cost_center:WEB``, ``cost_unit:A``.
        title: The scope in words.
        currency: ISO 4217.
        rows: Top to bottom; a side that was not read is absent.
        unexplained: What is left when all classes are taken off: 0.00, or this is a fault.
        source: Where Exact's amount comes from, for people.
    """

    scope: str
    title: str
    currency: str
    rows: tuple[BridgeRow, ...]
    unexplained: Decimal
    source: str

    @property
    def heading(self) -> str:
        """Return the title with its currency, said once."""
        return (
            self.title if self.title.endswith(self.currency) else f"{self.title}, {self.currency}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a control statement."""

    name: str
    kind: CellKind = "text"


def columns(*told: str) -> tuple[Column, ...]:
    """Return columns.

    Args:
        told: The name of each, with its kind when it is no text: ``Amount:money``.
    """
    parts = (one.partition(":") for one in told)
    return tuple(Column(name=name, kind=kind or "text") for name, _, kind in parts)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A control statement.

    Attributes:
        number: 1 VAT, 2 OSS, 3 EC sales list, 4 gift cards and credit, 5 clearing, 6 deferred,
            7 cut-off, 8 debtors, 9 currency, 10 rounding.
        name: Its sheet, e.g. ``VAT``.
        title: In words.
        columns: Names and kinds.
        rows: Cells in the order of the columns; None is empty.
        notes: Sentences below the table.
        not_compared: Why it says nothing, or an empty string.
    """

    number: int
    name: str
    title: str
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    notes: tuple[str, ...] = ()
    not_compared: str = ""


class DocumentRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One document on the three sides; None: that side does not have it.

    Attributes:
        document_key: The ledger's name for it.
        number: The number that the shop printed.
        kind: ``invoice``, ``credit_memo``, ``day`` and so on.
        store: The store view.
        entry_date: Its booking date (ISO).
        currency: ISO 4217.
        shop: The amount that the shop has now.
        ledger: The amount that was posted.
        exact: The amount that Exact has.
        state: Its state in the ledger, or an empty string.
        entry: Journal and number in Exact.
        codes: The classes of its differences.
    """

    document_key: str
    number: str
    kind: str
    store: str
    entry_date: str
    currency: str
    shop: Decimal | None
    ledger: Decimal | None
    exact: Decimal | None
    state: str = ""
    entry: str = ""
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCompared:
    """Something that was not compared: it is never called equal.

    Attributes:
        what: What was left out.
        why: Why, and what to do about it.
        blocking: Whether the month cannot be called compared because of it.
    """

    what: str
    why: str
    blocking: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The calls to Exact that were made.

    Attributes:
        total: All of them.
        by_resource: How many to each resource, as pairs.
        rows: How many transaction lines were read from Exact.
    """

    total: int = 0
    by_resource: tuple[tuple[str, int], ...] = ()
    rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """A return that Exact knows of.

    Attributes:
        kind: ``VAT return`` or ``EC sales list``.
        year: Its year.
        period: Its number in the year, by its frequency.
        frequency: ``M``, ``Q`` or ``Y``.
        status: 10 draft, 20 open, 50 processed.
        amount: What it says, or None.
        at: When it was made (UTC), or None.
    """

    kind: str
    year: int
    period: int
    frequency: str
    status: int
    amount: Decimal | None = None
    at: datetime | None = None

    @property
    def is_filed(self) -> bool:
        """Tell whether it is out of the house."""
        return self.status >= 50  # noqa: PLR2004  # Exact's number for processed


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """A sign-off of a month.

    Attributes:
        status: ``signed``, or ``stale`` when something beneath it has changed.
        signed_by: Who.
        signed_at: When (UTC).
        note: Their words.
        inputs_hash: Fingerprint of everything beneath it.
        chain_hash: The event of the audit trail that holds it.
    """

    status: Literal["signed", "stale"]
    signed_by: str
    signed_at: datetime
    note: str
    inputs_hash: str
    chain_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedLine:
    """A line of a proposed entry.

    Attributes:
        gl_account: The GL account.
        amount: In the company's currency, debit positive.
        cost_center: Its code, or an empty string.
        cost_unit: Its code, or an empty string.
    """

    gl_account: str
    amount: Decimal
    cost_center: str = ""
    cost_unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An entry that is proposed, with its reversal; nothing is sent before it is approved.

    Attributes:
        name: What `reconcile approve` is told, e.g. ``2026-10-not-shipped``.
        title: In words.
        journal: The journal of both entries.
        entry_date: The day of the entry.
        reversal_date: The day on which it is taken back.
        currency: The company's own, ISO 4217.
        amount: The debit side.
        lines: Its lines.
        documents: How many documents are behind it.
        documents_state: What changes when a document of the month does.
        status: ``open``; ``approved``; or ``changed``: another one was approved before.
    """

    name: str
    title: str
    journal: str
    entry_date: date
    reversal_date: date
    currency: str
    amount: Decimal
    lines: tuple[ProposedLine, ...]
    documents: int
    documents_state: str
    status: Literal["open", "approved", "changed"] = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One month of one company, compared.

    Attributes:
        division: The Exact company.
        company: Its name, or an empty string.
        year: Exact's financial year.
        period: Exact's period.
        first: First day of the period.
        last: Last day of the period.
        currency: The company's own, ISO 4217.
        made_at: When it was made (UTC).
        source: Where Exact's side comes from, for people.
        depth: ``sums``, ``lines`` or ``full``: how deep it was really compared.
        findings: The differences, worst first.
        bridges: The first one is the total in the company's currency.
        statements: The control statements, by number.
        documents: Every document of the month.
        returns: Returns over this month.
        open_journals: Journals in which the period is open.
        calls: The calls to Exact.
        not_compared: What was left out.
        rules_versions: Which rules booked how many documents, as pairs.
        inputs_hash: Fingerprint of everything that was compared.
        ledger_state: What changes when a document of the month does.
        exact_state: What changes when a line in Exact's mirror does; empty: there is no mirror.
        proposals: Entries that are proposed, and sent only when a person approves them.
        chain_head: Last event of the audit trail.
        resume_at: When the rest can be compared (UTC), or None when all is done.
        sign_off: The month's newest sign-off, or None.
    """

    division: int
    company: str
    year: int
    period: int
    first: date
    last: date
    currency: str
    made_at: datetime
    source: str
    depth: str
    findings: tuple[Finding, ...] = ()
    bridges: tuple[Bridge, ...] = ()
    statements: tuple[Statement, ...] = ()
    documents: tuple[DocumentRow, ...] = ()
    returns: tuple[Filed, ...] = ()
    open_journals: tuple[str, ...] = ()
    calls: Calls = Calls()
    not_compared: tuple[NotCompared, ...] = ()
    rules_versions: tuple[tuple[str, int], ...] = ()
    inputs_hash: str = ""
    ledger_state: str = ""
    exact_state: str = ""
    proposals: tuple[Proposal, ...] = ()
    chain_head: str = ""
    resume_at: datetime | None = None
    sign_off: SignOff | None = None

    @property
    def unexplained(self) -> Decimal:
        """The cents that no class explains, over all bridges."""
        return sum((abs(bridge.unexplained) for bridge in self.bridges), ZERO)

    @property
    def outcome(self) -> Outcome:
        """Whether the month agrees, differs, or was not compared as a whole."""
        if self.resume_at is not None or any(one.blocking for one in self.not_compared):
            return "incomplete"
        if self.unexplained or any(one.severity != "info" for one in self.findings):
            return "differs"
        return "agrees"


def to_json(result: Result) -> bytes:
    """Return a result as JSON; amounts are text with all their digits.

    Args:
        result: The result.
    """
    file = BytesIO()
    write_json(result, file)
    return file.getvalue()


def write_json(result: Result, file: IO[bytes]) -> None:
    """Write a result as JSON, document by document: all at once would cost too much memory.

    Args:
        result: The result.
        file: Where to.
    """
    sums = {"outcome": result.outcome, "unexplained": format(result.unexplained, "f")}
    names = (one.name for one in fields(result) if one.name != "documents")
    file.write(_ENCODER.encode(sums | {name: getattr(result, name) for name in names})[:-1])
    file.write(b',"documents":[')
    for number, row in enumerate(result.documents):
        file.write(b"," * bool(number) + _ENCODER.encode(row))
    file.write(b"]}")


_ENCODER = msgspec.json.Encoder(decimal_format="string")
