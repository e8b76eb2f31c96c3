"""Store a prepared document in Exact, check what became of it, and print it if it is an invoice.

Nothing wrong stays behind: an answer with another total than expected takes the document back.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from target_exact_online.documents import printing
from target_exact_online.documents.prepared import Stored
from target_exact_online.exceptions import (
    DocumentRefusedError,
    FatalError,
    OutcomeUnknownError,
    Problem,
    RetriableError,
    TargetError,
)

if TYPE_CHECKING:
    from exact_online.client import ExactClient
    from target_exact_online.documents.prepared import Prepared


def send(prepared: Prepared, client: ExactClient) -> Stored:
    """Store a document, and print it when it is a sales invoice.

    Args:
        prepared: The document; its debtor and items exist.
        client: Makes the calls.

    Raises:
        OutcomeUnknownError: It may have been stored: settle before sending again.
        TransientApiError: Surely nothing was stored.
        NotNowError: No calls left, and nothing was stored.
        AuthorizationRequiredError: Exact does not let us in.
        DocumentRefusedError: Exact does not accept it, or computed another total.
    """
    row = client.post(prepared.resource, prepared.payload, division=prepared.division)
    _check_total(prepared, row, client)
    exact_id = str(row[prepared.id_field])
    if prepared.print_date is not None:
        return _printed(prepared, exact_id, client)
    return Stored(exact_id, row.get(prepared.number_field))


def _printed(prepared: Prepared, exact_id: str, client: ExactClient) -> Stored:
    """Print a stored invoice; one that cannot be printed does not stay behind."""
    try:
        return printing.print_invoice(prepared, exact_id, client)
    except RetriableError as error:
        # Sending again would store a second invoice; settling finds this one and prints it.
        msg = f"The invoice is stored but not printed yet ({error})"
        raise OutcomeUnknownError(msg) from error
    except FatalError as error:
        try:
            client.delete(prepared.resource, exact_id, division=prepared.division)
        except TargetError:
            msg = f"The invoice is stored, but can neither be printed nor deleted ({error})"
            raise OutcomeUnknownError(msg) from error
        raise


def _check_total(prepared: Prepared, row: dict[str, Any], client: ExactClient) -> None:
    """Take the document back when Exact made another total of it.

    Raises:
        DocumentRefusedError: It did.
    """
    if row.get("AmountFC") is None:  # a journal entry has no total of its own
        return
    stored = Decimal(str(row["AmountFC"]))
    if stored == prepared.expected_total:
        return
    exact_id = str(row[prepared.id_field])
    what = (
        f"Exact made {stored} {prepared.currency} of a document of "
        f"{prepared.expected_total} {prepared.currency}"
    )
    try:
        client.delete(prepared.resource, exact_id, division=prepared.division)
    except TargetError as error:
        number = row.get(prepared.number_field) or exact_id
        advice = f"Delete {number} in Exact, which could not be done from here ({error})."
        raise DocumentRefusedError([Problem("totals, amount", what, advice)]) from error
    advice = "It was deleted again. Compare the VAT codes and their percentages with the rules."
    raise DocumentRefusedError([Problem("totals, amount", what, advice)])
