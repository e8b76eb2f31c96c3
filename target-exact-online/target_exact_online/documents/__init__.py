"""From a record of contract 2 to what Exact accepts, and back: one file per kind of document.

Each file has all that is done to its kind: *prepare*, *send*, *find*, *update*, *compare*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from exact_online import values
from exact_online.errors import DocumentRefusedError, Problem
from target_exact_online.documents import (
    answer_checks,
    finding,
    journal_entry,
    relation,
    sales_entry,
    sales_invoice,
    sales_order,
)
from target_exact_online.documents.prepared import Sent, Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from exact_online.client import ExactClient
    from target_exact_online.documents.prepared import DocumentSettings, Found, Kind, Prepared
    from target_exact_online.master_data import MasterData


class _Acts(NamedTuple):
    """What is done to a kind of document; most are sent and found in the same way."""

    kind: Kind
    prepare: Callable[[dict[str, Any], MasterData, DocumentSettings], Prepared]
    send: Callable[[Prepared, ExactClient], Stored] | None = None
    find: Callable[[Sent, ExactClient], list[Found]] | None = None


STREAMS = {
    acts.kind.stream: acts
    for acts in (
        _Acts(relation.KIND, relation.prepare),
        _Acts(sales_entry.KIND, sales_entry.prepare),
        _Acts(sales_invoice.KIND, sales_invoice.prepare, sales_invoice.send, sales_invoice.find),
        _Acts(sales_order.KIND, sales_order.prepare),
        _Acts(journal_entry.KIND, journal_entry.prepare, find=journal_entry.find),
    )
}


def prepare(
    stream: str, record: Mapping[str, Any], master: MasterData, settings: DocumentSettings
) -> Prepared:
    """Check a record, its amounts ``Decimal``, and make its payload; no call that writes.

    Raises:
        DocumentRefusedError: With every problem that can be known before the call.
    """
    if stream not in STREAMS:
        what = f"The stream {stream!r} cannot be posted"
        raise DocumentRefusedError([Problem("document", what, f"Use {', '.join(STREAMS)}.")])
    prepared = STREAMS[stream].prepare
    try:
        return prepared(dict(record), master, settings)
    except DocumentRefusedError as error:
        # Nothing is refused by what was read yesterday.
        if not master.read_again(error):
            raise
    return prepared(dict(record), master, settings)


def send(prepared: Prepared, client: ExactClient) -> Stored:
    """Store a document in Exact, check the answer, and print it when it is a sales invoice.

    Raises:
        OutcomeUnknownError: It may have been stored: find it before sending again.
        TransientApiError: Surely nothing was stored.
        NotNowError: No calls left, and nothing was stored.
        AuthorizationRequiredError: Exact does not let us in.
        DocumentRefusedError: Exact does not accept it, or made something else of it.
    """
    kind, act = prepared.kind, STREAMS[prepared.stream].send
    if act is not None:
        return act(prepared, client)
    row = client.post(kind.resource, prepared.payload, division=prepared.division)
    exact_id = answer_checks.checked(prepared, row, client)
    return Stored(exact_id, values.whole(row.get(kind.number)))


def find(sent: Sent, client: ExactClient) -> list[Found]:
    """Return every row of Exact with a document's reference (and journal and side).

    It needs only what was sent, and decides nothing: the caller removes rows that its ledger holds
    for other documents. Absence proves nothing before Exact's index shows what is new.

    Raises:
        RetriableError: Exact cannot be asked now.
    """
    acts = STREAMS[sent.stream]
    if acts.find is not None:
        return acts.find(sent, client)
    return finding.find(acts.kind, sent, client) if acts.kind.has_reference else []


def among(sent: Sent, rows: Sequence[Found], client: ExactClient) -> list[Found]:
    """Return which rows that `since` returned have a document's reference; see `find`."""
    kind = STREAMS[sent.stream].kind
    if not kind.has_reference:
        return find(sent, client)  # journal entries are few, and carry their reference elsewhere
    return finding.among(kind, sent, [one.row for one in rows])


def since(stream: str, division: int, moment: datetime, client: ExactClient) -> list[Found] | None:
    """Return what was created in Exact since a moment (UTC); None when that is more than 600."""
    if stream == journal_entry.KIND.stream:
        return journal_entry.since(division, moment, client)
    kind = STREAMS[stream].kind
    return finding.since(kind, division, moment, client) if kind.has_reference else []


def having(
    stream: str, division: int, references: Collection[str], client: ExactClient
) -> set[str]:
    """Return those of at most `odata.MAX_TERMS` stored references that Exact has, in any journal.

    Of journal entries, it is every reference that begins with one of them.
    """
    if not references:
        return set()
    if stream == journal_entry.KIND.stream:
        return journal_entry.having(division, references, client)
    kind = STREAMS[stream].kind
    return finding.having(kind, division, references, client) if kind.has_reference else set()


def recall(
    stream: str, record: Mapping[str, Any], document_key: str, division: int, at: datetime
) -> Sent:
    """Return what an earlier version, which did not record it, sent for a document.

    It sent longer references, which Exact cut. What it may have sent otherwise, such as the date
    of another period, is left open: it is not compared. Its call had begun at `at` (UTC) at the
    latest.
    """
    kind = STREAMS[stream].kind
    reference = str(record.get("your_ref") or "").strip()
    amount = (record.get("totals") or {}).get("amount") or 0
    description = ""
    if kind is journal_entry.KIND:
        amount = journal_entry.first_line(record).get("amount") or 0
        description = journal_entry.text_before(record, reference)
    elif kind.has_reference:
        reference = reference[: finding.LONGEST_REFERENCE].strip()
    printed = kind is sales_invoice.KIND
    return Sent(
        stream=kind.stream,
        document_key=document_key,
        resource=kind.resource,
        division=division,
        reference=reference,
        amount=str(amount),
        currency=str(record.get("currency") or ""),
        date="",
        at=at,
        journal=str(record.get("journal") or "") if kind.journal else "",
        description=description,
        print_date=str(record.get("invoice_date") or "")[:10] if printed else "",
    )
