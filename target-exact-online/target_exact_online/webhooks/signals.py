"""What a verified signal is about: which record may have changed, of which system."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from exact_online.errors import FatalError

if TYPE_CHECKING:
    from collections.abc import Iterator

Source = Literal["exact", "adobe"]
MASTER_DATA = {"Accounts": "accounts", "GLAccounts": "gl_accounts", "Items": "items"}
"""Topics of Exact about master data, and the kind that is read again."""
ENTRIES = ("SalesEntries", "SalesInvoices", "GeneralJournalEntries", "FinancialTransactions")
"""Topics of Exact about what may be an entry of ours."""
TOPICS = (*MASTER_DATA, *ENTRIES[:3])
"""Topics that are subscribed to unless others are named."""
_KINDS = {
    "order": "order",
    "invoice": "invoice",
    "creditmemo": "credit_memo",
    "credit_memo": "credit_memo",
}
# Parts of the event names of Adobe I/O, the longer ones first.
_EVENTS = (
    ("sales_order_invoice", "invoice"),
    ("sales_order_creditmemo", "credit_memo"),
    ("sales_order_shipment", ""),
    ("sales_order", "order"),
    ("order_management", "order"),
    ("order_repository", "order"),
)
_LARGEST_ID = 2**63 - 1
_LONGEST = 64
_MOST_NODES = 10_000  # of a payload that are looked at
_MOST_RECORDS = 20  # that one signal may name


class NotUnderstoodError(FatalError):
    """A signal is genuine, and not of the form that its system documents."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One record that may have changed.

    Attributes:
        source: Whose record it is.
        division: The Exact company; 0 for the shop.
        topic: Exact's topic, or the shop's kind: order, invoice, credit_memo.
        key: The record's own key.
        action: create, update or delete; empty where the system does not say.
        order_id: The entity id of the shop's order that is to be read.
    """

    source: Source
    division: int
    topic: str
    key: str
    action: str = ""
    order_id: int | None = None


class _Content(msgspec.Struct):
    topic: str = msgspec.field(name="Topic")
    division: int = msgspec.field(name="Division")
    key: str = msgspec.field(name="Key")
    action: str = msgspec.field(name="Action", default="")


class _Event(msgspec.Struct):
    type: str
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class _Delivery(msgspec.Struct):
    recipient_client_id: str
    event: _Event


def of_exact(content: bytes) -> list[Signal]:
    """Return what a signal of Exact is about; nothing when no one here needs to look.

    Args:
        content: Its verified ``Content``.

    Raises:
        NotUnderstoodError: It is of another form.
    """
    found = _decoded(content, _Content)
    if found.topic not in MASTER_DATA and found.topic not in ENTRIES:
        return []
    if not 0 < len(found.key) <= _LONGEST or not found.key.isascii():
        msg = "Its Key is none of Exact's."
        raise NotUnderstoodError(msg)
    if not 0 < found.division < 2**31:
        msg = "Its Division is none of Exact's."
        raise NotUnderstoodError(msg)
    action = found.action.lower()[:16]
    return [Signal("exact", found.division, found.topic, found.key.lower(), action)]


def of_webhook(body: bytes) -> list[Signal]:
    """Return what a verified webhook of Adobe Commerce is about.

    Raises:
        NotUnderstoodError: It is of another form.
    """
    return list(_records(_decoded(body, dict[str, Any])))


def recipient_of(body: bytes) -> str:
    """Return the client ID that an event of Adobe I/O is for.

    Raises:
        NotUnderstoodError: It is of another form.
    """
    client_id: str = _decoded(body, _Delivery).recipient_client_id
    return client_id


def of_event(body: bytes) -> list[Signal]:
    """Return what a verified event of Adobe I/O is about.

    Raises:
        NotUnderstoodError: It is of another form.
    """
    event: _Event = _decoded(body, _Delivery).event
    kind = next((kind for part, kind in _EVENTS if part in event.type), "")
    value = event.data.get("value")
    if not kind or not isinstance(value, dict):
        return []
    direct = _record(kind, value)
    return [direct] if direct else list(_records(value))


def _records(payload: dict[str, Any]) -> Iterator[Signal]:
    """Yield the sales documents that a payload shows, wherever the shop's settings put them."""
    waiting: deque[Any] = deque([payload])
    seen: set[Signal] = set()
    for _ in range(_MOST_NODES):
        if not waiting or len(seen) == _MOST_RECORDS:
            return
        here = waiting.popleft()
        parts = here.items() if isinstance(here, dict) else enumerate(here)
        for name, part in parts:
            if not isinstance(part, dict | list):
                continue
            waiting.append(part)
            kind = _KINDS.get(name) if isinstance(name, str) else None
            found = _record(kind, part) if kind and isinstance(part, dict) else None
            if found and found not in seen:
                seen.add(found)
                yield found


def _record(kind: str, value: dict[str, Any]) -> Signal | None:
    """Return the signal about one document; None when it does not say of which order it is."""
    key = _id(value.get("entity_id"))
    order = key if kind == "order" else _id(value.get("order_id"))
    if order is None:
        return None
    return Signal("adobe", 0, kind, str(key or f"of {order}"), order_id=order)


def _id(value: Any) -> int | None:
    """Return an entity id, which Adobe writes as a number or as its digits."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < _LONGEST:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value <= _LARGEST_ID else None


def _decoded(content: bytes, form: type[Any]) -> Any:
    try:
        return msgspec.json.decode(content, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        msg = "It is not of the form that its system documents."
        raise NotUnderstoodError(msg) from error
