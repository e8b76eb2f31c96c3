"""What the mapper tells of orders beside their documents: pieces, payments, what is due."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from sys import intern
from typing import TYPE_CHECKING, Any

from target_exact_online.month_end.sides import ZERO, cents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STREAM = "order_facts"
OrderName = tuple[str, int]
"""The shop's instance, and its own number of the order."""


@dataclass(frozen=True, slots=True)
class Item:
    """A line of an order.

    Attributes:
        parent: The line whose part it is, or None.
        quantity: Pieces ordered.
        shipped: Pieces shipped by the time it was read.
        ships: It is something that is shipped.
    """

    parent: int | None
    quantity: Decimal
    shipped: Decimal
    ships: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """An amount of a document, or pieces of a shipment.

    Attributes:
        item: The line of the order, or None.
        kind: ``product``, ``shipping`` and so on.
        quantity: How many pieces.
        amount: Without VAT, positive for sales.
        account: Code of the GL account.
        cost_center: Its code, or an empty string.
        cost_unit: Its code, or an empty string.
    """

    item: int | None
    kind: str
    quantity: Decimal
    amount: Decimal
    account: str
    cost_center: str
    cost_unit: str


@dataclass(frozen=True, slots=True)
class Fact:
    """What is told of one document.

    Attributes:
        key: Its document key.
        kind: ``order``, ``invoice``, ``credit_memo`` or ``shipment``.
        number: The number that the shop prints.
        order: The order it belongs to.
        order_number: The number of that order, or an empty string.
        day: Its local day (ISO), or an empty string.
        ordered_on: The day of the order (ISO), or an empty string.
        currency: ISO 4217.
        rate: Units of the company's currency for one of this one; None: not told.
        amount: Its total with VAT.
        ordered: The total of its order.
        invoiced: What of the order is invoiced.
        due: What the shop says that the order still owes, or None.
        paid: What was paid for the order.
        paid_from: The day of the first payment (ISO), or an empty string.
        paid_on: The day of the last one (ISO), or an empty string.
        paid_seen_by: What says so: ``capture``, ``paid_seen`` or ``document``.
        clearing: Account where the money is awaited, or an empty string.
        prepayment: Account on which it is booked already, or an empty string.
        reason: Why its amounts cannot be told, or an empty string.
        division: The Exact company that it names, or 0.
        items: The lines of its order.
        pieces: Its amounts.
    """

    key: str
    kind: str
    number: str
    order: OrderName
    order_number: str = ""
    day: str = ""
    ordered_on: str = ""
    currency: str = ""
    rate: Decimal | None = None
    amount: Decimal = ZERO
    ordered: Decimal = ZERO
    invoiced: Decimal = ZERO
    due: Decimal | None = None
    paid: Decimal = ZERO
    paid_from: str = ""
    paid_on: str = ""
    paid_seen_by: str = ""
    clearing: str = ""
    prepayment: str = ""
    reason: str = ""
    division: int = 0
    items: Mapping[int, Item] = field(default_factory=dict)
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Accounts:
    """Where the rules defer to.

    Attributes:
        journal: The journal of the entries.
        not_shipped: Account of revenue that is invoiced, but not shipped.
        not_invoiced: Account of revenue that is shipped, but not invoiced.
        paid: Account of money received for what is not invoiced.
    """

    journal: str
    not_shipped: str
    not_invoiced: str
    paid: str


@dataclass(slots=True)
class OrderFacts:
    """All that was told.

    Attributes:
        accounts: Where the rules defer to, or None.
        streams: Streams of the shop that were read.
        boxes: Boxes of the VAT return, by VAT code.
        rules_version: Which rules told it.
    """

    accounts: Accounts | None = None
    streams: set[str] = field(default_factory=set)
    boxes: dict[str, str] = field(default_factory=dict)
    rules_version: str = ""
    told: bool = False
    _of: dict[OrderName, dict[str, Fact]] = field(default_factory=dict)

    def take(self, record: Mapping[str, Any]) -> None:
        """Take a record of the stream; of a document that comes again the last one counts."""
        self.told = True
        if record["kind"] == "rules":
            self.streams.update(map(str, record.get("streams") or ()))
            self.boxes |= {str(code): str(box) for code, box in record["vat_boxes"].items()}
            self.rules_version = _text(record.get("rules_version"))
            given = record.get("deferred")
            self.accounts = None if given is None else Accounts(**given)
            return
        fact = _fact(record)
        self._of.setdefault(fact.order, {})[fact.key] = fact

    def orders(self) -> Iterator[list[Fact]]:
        """Yield the facts of each order."""
        for facts in self._of.values():
            yield list(facts.values())

    def owing(self) -> dict[OrderName, Fact]:
        """Return of each order that names what it owes the fact that says so."""
        known = ((name, facts.values()) for name, facts in self._of.items())
        said = ((name, [one for one in facts if one.due is not None]) for name, facts in known)
        return {name: facts[-1] for name, facts in said if facts}

    def keys(self) -> dict[str, OrderName]:
        """Return the order of each invoice and credit memo, by document key."""
        return {
            key: name
            for name, facts in self._of.items()
            for key, one in facts.items()
            if one.kind in ("invoice", "credit_memo")
        }


def _fact(record: Mapping[str, Any]) -> Fact:
    source = record.get("source") or {}
    rate = record.get("exchange_rate")
    return Fact(
        key=str(record["document_key"]),
        kind=intern(str(record["kind"])),
        number=_text(record.get("your_ref") or source.get("increment_id")),
        order=(intern(_text(source.get("instance"))), int(record["order"])),
        order_number=_text(source.get("order_increment_id")),
        day=intern(_text(record.get("day"))),
        ordered_on=intern(_text(record.get("ordered_on"))),
        currency=intern(_text(record.get("currency"))),
        rate=None if rate is None else Decimal(str(rate)),
        amount=_amount(record.get("amount")),
        ordered=_amount(record.get("ordered")),
        invoiced=_amount(record.get("invoiced")),
        due=None if record.get("due") is None else _amount(record["due"]),
        paid=_amount(record.get("paid")),
        paid_from=_text(record.get("paid_from")),
        paid_on=_text(record.get("paid_on")),
        paid_seen_by=_text(record.get("paid_seen_by")),
        clearing=_text(record.get("clearing_gl")),
        prepayment=_text(record.get("prepayment_gl")),
        reason=_text(record.get("reason")),
        division=int(record.get("division") or 0),
        items={
            int(one["item"]): Item(
                None if one.get("parent") is None else int(one["parent"]),
                Decimal(str(one["quantity"])),
                Decimal(str(one.get("shipped") or 0)),
                bool(one.get("ships")),
            )
            for one in record.get("items") or ()
        },
        pieces=tuple(_piece(one) for one in record.get("lines") or ()),
    )


def _piece(line: Mapping[str, Any]) -> Piece:
    return Piece(
        None if line.get("item") is None else int(line["item"]),
        intern(_text(line.get("kind"))),
        Decimal(str(line.get("quantity") or 0)),
        Decimal(str(line.get("amount") or 0)),
        intern(_text(line.get("gl_account"))),
        intern(_text(line.get("cost_center"))),
        intern(_text(line.get("cost_unit"))),
    )


def _amount(value: object) -> Decimal:
    return cents(value or 0)


def _text(value: object) -> str:
    return "" if value is None else str(value)
