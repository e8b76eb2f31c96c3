"""Check every answer, without a further call: is it ours, and is it what was sent?

An answer of another document or another company is not believed, and nothing is deleted for it;
which of two documents with one reference and one debtor it is of, only the ledger knows.
What is ours and differs is deleted again: nothing wrong stays behind. A property that an answer
does not have is not compared; it never counts as equal.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exact_online import values
from exact_online.errors import DocumentRefusedError, ExactError, OutcomeUnknownError, Problem
from target_exact_online.exceptions import NotBelievedError

if TYPE_CHECKING:
    from exact_online.client import ExactClient
    from target_exact_online.documents.prepared import Prepared

_CENT = Decimal("0.01")
_RATE_PRECISION = Decimal("0.0001")
_REFERENCES = frozenset({"Journal", "JournalCode", "Currency", "PaymentCondition"})
_RATES = frozenset({"Rate", "ExchangeRate"})
# What Exact keeps in its own way and nobody books by.
_TEXTS = frozenset({"Description", "PaymentReference", "ExternalLinkReference"})
_AGAIN = "It was deleted again. Compare the settings of Exact with the rules, then replay it."


def checked(prepared: Prepared, row: dict[str, Any], client: ExactClient) -> str:
    """Return the GUID of a document that was stored as it was sent.

    Raises:
        OutcomeUnknownError: The answer is not proven ours, or what differs is still there.
        DocumentRefusedError: Exact made something else of it, which was deleted.
    """
    exact_id = ours(prepared, row)
    if found := differences(prepared, row):
        delete(prepared, row, client, "; ".join(one.what for one in found))
        raise DocumentRefusedError(found, by_exact=True)
    return exact_id


def ours(prepared: Prepared, row: dict[str, Any]) -> str:
    """Return the GUID in an answer, unless the answer is another document's.

    Raises:
        NotBelievedError: It is, or it names no document.
    """
    kind = prepared.kind
    exact_id = row.get(kind.id)
    if not values.is_guid(exact_id):
        msg = f"Exact answered without naming what it stored of {prepared.reference}"
        raise NotBelievedError(msg)
    strange = [
        f"{name} is {values.said(row[name])}, sent was {wanted}"
        for name, wanted in _identity(prepared).items()
        if row.get(name) is not None and not values.same(wanted, row[name])
    ]
    strange += [
        f"a line belongs to {line[kind.id]}"
        for line in _lines(prepared, row)
        if line.get(kind.id) is not None and not values.same(exact_id, line[kind.id])
    ]
    if owner := prepared.owner_of(exact_id):
        strange.append(f"{exact_id} is, or may be, {owner}")
    if strange:
        msg = f"Exact's answer is another document's: {'; '.join(strange)}"
        raise NotBelievedError(msg)
    return exact_id


def differences(prepared: Prepared, row: dict[str, Any]) -> list[Problem]:
    """Return what of an answer that is ours is not as it was sent."""
    kind = prepared.kind
    elsewhere = {*_TEXTS, *_RATES, *_identity(prepared), kind.lines}
    found = [
        _problem(name, f"stored {name} as {values.said(row[name])}, sent was {values.said(sent)}")
        for name, sent in prepared.payload.items()
        if name not in elsewhere and _is_answered(row, name) and not values.same(sent, row[name])
    ]
    status = row.get("Status")
    if status is not None and values.number(status) not in kind.statuses:
        found.append(_problem("document", f"gave it the status {values.said(status)}"))
    lines = _lines(prepared, row)
    if lines and len(lines) != len(prepared.lines):
        found.append(_problem("lines", f"stored {len(lines)} of {len(prepared.lines)} lines"))
    return found + _amounts(prepared, row)


def delete(prepared: Prepared, row: dict[str, Any], client: ExactClient, why: str) -> None:
    """Delete what was stored, if it is proven ours.

    Raises:
        OutcomeUnknownError: It is still there, or may be.
    """
    exact_id = str(row[prepared.kind.id])
    number = row.get(prepared.kind.number) or exact_id
    if not _is_proven(prepared, row):
        msg = f"{why}. Nothing in the answer proves that {number} is this document: it is left"
        raise OutcomeUnknownError(msg)
    try:
        client.delete(prepared.kind.resource, exact_id, division=prepared.division)
    except ExactError as error:
        msg = f"{why}, and {number} could not be deleted ({error})"
        raise OutcomeUnknownError(msg) from error


def _identity(prepared: Prepared) -> dict[str, Any]:
    """Return by what an answer is known to be this document's."""
    kind = prepared.kind
    mine: dict[str, Any] = {"Division": prepared.division}
    if kind.has_reference:
        mine |= {"YourRef": prepared.reference, kind.account: prepared.payload.get(kind.account)}
    return mine


def _is_proven(prepared: Prepared, row: dict[str, Any]) -> bool:
    """Tell whether reference, division and debtor are in an answer, and ours."""
    if not prepared.kind.has_reference:
        mine = prepared.lines[0].get("Description")
        lines = _lines(prepared, row)
        if not any(values.same(mine, line.get("Description")) for line in lines):
            return False
    return all(
        row.get(name) is not None and values.same(wanted, row[name])
        for name, wanted in _identity(prepared).items()
    )


def _lines(prepared: Prepared, row: dict[str, Any]) -> list[dict[str, Any]]:
    lines = row.get(prepared.kind.lines)
    return [one for one in lines if isinstance(one, dict)] if isinstance(lines, list) else []


def _is_answered(row: dict[str, Any], name: str) -> bool:
    """Tell whether an answer says something about a property; an empty reference is something."""
    empty = name in _REFERENCES and row.get("Division") is not None
    return name in row and (row[name] is not None or empty)


def _amounts(prepared: Prepared, row: dict[str, Any]) -> list[Problem]:
    """Compare the totals in the document's currency, and in the company's own."""
    found = []
    total, currency, rate = prepared.total, prepared.currency, prepared.rate
    if row.get("AmountFC") is not None and values.total(row) != total:
        stored = values.said(row["AmountFC"])
        what = f"made {stored} {currency} of a document of {total} {currency}"
        found.append(_problem("totals, amount", what))
    if rate is None:
        return found
    if row.get("AmountDC") is not None:
        base = total * rate
        there = values.number(row["AmountDC"])
        most = Decimal(0) if rate == 1 else _CENT * len(prepared.lines)
        if there is None or abs(there - base) > most:
            stored = values.said(row["AmountDC"])
            what = f"made {stored} in its own currency of {total} {currency} at a rate of {rate}"
            found.append(_problem("exchange_rate", what))
    elif row.get("ExchangeRate") is not None:  # a journal entry has no total of its own
        there = values.number(row["ExchangeRate"])
        if there is None or abs(there - rate) > rate * _RATE_PRECISION:
            what = f"took a rate of {values.said(row['ExchangeRate'])} instead of {rate}"
            found.append(_problem("exchange_rate", what))
    return found


def _problem(where: str, what: str) -> Problem:
    return Problem(where, f"Exact {what}", _AGAIN)
