"""Ask Exact whether a document exists: the answer decides whether it may be sent."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exact_online import odata
from exact_online.limits import Priority
from target_exact_online.documents import accounts, printing
from target_exact_online.documents.prepared import Found
from target_exact_online.exceptions import DocumentRefusedError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from exact_online.client import ExactClient
    from target_exact_online.documents.prepared import Prepared


def settle(prepared: Prepared, client: ExactClient) -> Found | None:
    """Return the document as Exact has it, or None when Exact does not have it.

    A reference is not unique in Exact: an invoice and a credit memo of the shop may share one.
    What counts as the same document is reference, journal, sign and amount. A sales invoice that
    was stored but not printed is printed, which is the rest of what was begun.

    Args:
        prepared: The document that may have been stored.
        client: Asks.

    Raises:
        DocumentRefusedError: Exact has it with another amount, or more than once.
        TransientApiError: Exact cannot be asked now.
        NotNowError: No calls left.
    """
    if prepared.resource == accounts.RESOURCE:
        return None  # creating a relation asks for it first
    rows = client.get(
        prepared.settle_resource,
        division=prepared.division,
        select=_columns(prepared),
        filter=prepared.settle_filter,
        priority=Priority.SETTLING,
    )
    return _judged(prepared, rows, client)


def settle_many(
    prepared: Sequence[Prepared], client: ExactClient
) -> dict[str, Found | DocumentRefusedError]:
    """Ask for many documents of one stream and division at once.

    Args:
        prepared: Documents that Exact may have, all with a reference of their own.
        client: Asks.

    Returns:
        By document key: what Exact has, or why that cannot be this document. A document that
        Exact does not have is not among them.

    Raises:
        RetriableError: Exact cannot be asked now.
    """
    answers: dict[str, Found | DocumentRefusedError] = {}
    for start in range(0, len(prepared), odata.MAX_TERMS):
        some = prepared[start : start + odata.MAX_TERMS]
        rows = client.get(
            some[0].settle_resource,
            division=some[0].division,
            select=columns_of_many(some[0]),
            filter=odata.any_of("YourRef", [odata.text(one.your_ref) for one in some]),
            priority=Priority.SETTLING,
        )
        answers |= found_among(some, list(rows), client)
    return answers


def found_among(
    prepared: Sequence[Prepared], rows: Sequence[dict[str, Any]], client: ExactClient
) -> dict[str, Found | DocumentRefusedError]:
    """Return which of the documents are among rows; see `settle_many`.

    Args:
        prepared: Documents of one stream and division.
        rows: What Exact has, with `columns_of_many`.
        client: Finishes what was begun, such as the printing of an invoice.
    """
    by_reference: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_reference.setdefault(str(row.get("YourRef") or ""), []).append(row)
    answers: dict[str, Found | DocumentRefusedError] = {}
    for one in prepared:
        journal = one.payload.get("Journal")
        mine = [
            row
            for row in by_reference.get(one.your_ref, [])
            if journal is None or row.get("Journal") == journal
        ]
        try:
            found = _judged(one, mine, client)
        except DocumentRefusedError as error:
            answers[one.document_key] = error
        else:
            if found is not None:
                answers[one.document_key] = found
    return answers


def columns_of_many(prepared: Prepared) -> str:
    """Return the properties by which documents of this stream are told apart."""
    return _columns(prepared) + ",YourRef" + (",Journal" if "Journal" in prepared.payload else "")


def _columns(prepared: Prepared) -> str:
    return f"{prepared.id_field},{prepared.number_field},AmountFC,Status"


def _judged(
    prepared: Prepared, rows: Iterable[dict[str, Any]], client: ExactClient
) -> Found | None:
    """Tell which of the rows with its reference is the document."""
    found = [one for row in rows if _same_side(one := _found(row, prepared), prepared)]
    wanted = _row_amount(prepared)
    same = [one for one in found if one.amount == wanted]
    if len(same) == 1:
        if prepared.print_date is not None and same[0].row.get("Status") != printing.PROCESSED:
            printing.print_invoice(prepared, same[0].exact_id, client)
        return same[0]
    if not found:
        return None
    numbers = ", ".join(str(one.number) for one in same or found)
    if same:
        what = f"Exact has this document {len(same)} times, as {numbers}"
        advice = "Delete the ones too many in Exact, then replay the document."
    else:
        what = (
            f"Exact has {numbers} with this reference, but of {found[0].amount} instead of "
            f"{wanted} {prepared.currency}"
        )
        advice = "Compare both; correct it in Exact, or skip the document."
    raise DocumentRefusedError([Problem("your_ref", what, advice)])


def _found(row: dict[str, Any], prepared: Prepared) -> Found:
    return Found(
        exact_id=str(row[prepared.id_field]),
        number=row.get(prepared.number_field),
        amount=Decimal(str(row.get("AmountFC") or 0)),
        row=row,
    )


def _same_side(one: Found, prepared: Prepared) -> bool:
    """Tell whether both take or both give: a credit memo is never its invoice."""
    return (one.amount < 0) == (_row_amount(prepared) < 0)


def _row_amount(prepared: Prepared) -> Decimal:
    return prepared.expected_total if prepared.settle_amount is None else prepared.settle_amount
