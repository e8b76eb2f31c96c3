"""Ask Exact by what was sent: every row with the reference, and how far each is the same.

Nothing is decided here. A reference is not unique in Exact, absence in one answer is no proof
because its index lags, and a row may belong to another document: the caller knows the ledger.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from exact_online import odata, values
from exact_online.limits import Priority
from target_exact_online.documents.prepared import Found

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from exact_online.client import ExactClient
    from target_exact_online.documents.prepared import Kind, Sent

MOST_ROWS = 600
LONGEST_REFERENCE = 30  # Exact cuts the rest without an error
KEPT = 21  # so many characters begin a stored reference as they begin the text
PROCESSED = 50
_PARTS_OF_A_KEY = 3  # at least: instance, kind, number


def stored_reference(text: str) -> str:
    """Return a reference as Exact will have it, so that it can be looked for.

    A longer one is shortened in one fixed way that keeps two long ones apart.
    """
    text = text.strip()
    if len(text) <= LONGEST_REFERENCE:
        return text
    return f"{text[:KEPT]}~{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def reference_of(record: Mapping[str, Any]) -> str:
    """Return the reference of a record as Exact will have it, or an empty string."""
    return stored_reference(str(record.get("your_ref") or ""))


def link_to(address: str, document_key: str) -> str:
    """Return the address of an order in the shop that also names the document it is for."""
    return f"{address}#{quote(document_key, safe=':')}"


def find(kind: Kind, sent: Sent, client: ExactClient, *more: str) -> list[Found]:
    """Return every row of Exact that may be a document, by its reference."""
    rows = client.get(
        kind.resource,
        division=sent.division,
        select=_columns(kind, *more),
        filter=f"YourRef eq {odata.text(sent.reference)}",
        priority=Priority.SETTLING,
        answers_it=odata.has("YourRef", sent.reference),
    )
    return among(kind, sent, rows)


def among(kind: Kind, sent: Sent, rows: Iterable[dict[str, Any]]) -> list[Found]:
    """Return those of some rows with a document's reference, and its link or journal and side."""
    mine = (row for row in rows if values.same(sent.reference, row.get("YourRef")))
    found = [one for row in mine if (one := compared(kind, sent, row)) is not None]
    return [one for one in found if one.linked or _is_candidate(kind, sent, one.row)]


def compared(kind: Kind, sent: Sent, row: dict[str, Any]) -> Found | None:
    """Return a row with what differs from what was sent, or None when it is another document's."""
    link = str(row.get(kind.link) or "")
    of = unquote(link.partition("#")[2])
    # Which of two companies has the plain name is a matter of one ledger, and it may be lost.
    linked = _without_company(of, sent) == _without_company(sent.document_key, sent)
    if of.count(":") >= _PARTS_OF_A_KEY - 1 and not linked:
        return None
    facts = {kind.date: sent.date, "Currency": sent.currency, kind.account: sent.account}
    amount = values.total(row)
    differences = [
        f"{name} is {values.said(row[name])} instead of {values.said(wanted)}"
        for name, wanted in facts.items()
        if name and wanted and row.get(name) is not None and not values.same(wanted, row[name])
    ]
    if kind.journal and sent.journal and not values.same(sent.journal, row.get(kind.journal)):
        there = values.said(row.get(kind.journal))
        differences.insert(0, f"the journal is {there} instead of {sent.journal}")
    if amount is not None and amount != Decimal(sent.amount):
        differences.insert(0, f"the amount is {amount} instead of {sent.amount}")
    return _found(kind, row, same=not differences, differences=tuple(differences), linked=linked)


def _found(kind: Kind, row: dict[str, Any], **compared: Any) -> Found:
    return Found(
        exact_id=str(row.get(kind.id)),
        number=values.whole(row.get(kind.number)),
        reference=str(row.get("YourRef") or ""),
        amount=values.total(row) or Decimal(0),
        processed=row.get("Status") == PROCESSED,
        row=row,
        **compared,
    )


def _without_company(document_key: str, sent: Sent) -> str:
    return document_key.removesuffix(f"@{sent.division}")


def since(
    kind: Kind,
    division: int,
    moment: datetime,
    client: ExactClient,
    *more: str,
    expand: str | None = None,
) -> list[Found] | None:
    """Return what was created in Exact since a moment, or None when that is too much to read.

    Exact may take the moment for local time, which is later: then older rows are among them.
    """
    rows = client.get(
        kind.resource,
        division=division,
        select=_columns(kind, "Created", *more),
        expand=expand,
        filter=f"Created ge {odata.moment(moment)}",
        top=MOST_ROWS + 1,
        priority=Priority.SETTLING,
    )
    found = [_found(kind, row) for row in rows]
    return found if len(found) <= MOST_ROWS else None


def having(kind: Kind, division: int, references: Collection[str], client: ExactClient) -> set[str]:
    """Return those of a few references that Exact has."""
    rows = client.get(
        kind.resource,
        division=division,
        select=f"{kind.id},YourRef",
        filter=odata.any_of("YourRef", map(odata.text, references)),
        priority=Priority.SETTLING,
        answers_it=odata.has("YourRef", *references),
    )
    return {str(row.get("YourRef") or "") for row in rows} & set(references)


def _columns(kind: Kind, *more: str) -> str:
    own = ("YourRef", "AmountFC", kind.account, kind.date) if kind.has_reference else ()
    names = (kind.id, kind.number, kind.journal, "Currency", "Status", *own, kind.link, *more)
    return ",".join(filter(None, names))


def _is_candidate(kind: Kind, sent: Sent, row: dict[str, Any]) -> bool:
    """Tell whether a row is in the document's journal, if known, and gives or takes as it does."""
    if kind.journal and sent.journal and not values.same(sent.journal, row.get(kind.journal)):
        return False
    amount = values.total(row)
    return amount is None or not amount or (amount < 0) == sent.is_credit
