"""What is deferred when a month ends: invoiced, shipped and paid do not fall on one day. Pure.

An order's documents are read up to the last day, whatever came later. Pieces taken back count
as the shop counts them: first among those that were shipped.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING

from target_exact_online.month_end.sides import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from target_exact_online.month_end.order_facts import Fact, Item, OrderFacts, Piece
    from target_exact_online.month_end.scopes import Rates
    from target_exact_online.month_end.sides import Month

NOT_SHIPPED, NOT_INVOICED, PAID = "not-shipped", "not-invoiced", "paid"
TITLES = {
    NOT_SHIPPED: "invoiced, not shipped",
    NOT_INVOICED: "shipped, not invoiced",
    PAID: "paid, not invoiced",
}
_CENT = Decimal("0.01")
_PRODUCT, _SHIPPING = "product", "shipping"


@dataclass(frozen=True, slots=True)
class Deferral:
    """An amount that belongs to another month than its documents say.

    Attributes:
        part: ``not-shipped``, ``not-invoiced`` or ``paid``.
        key: The document whose amount it is.
        order: The order's number.
        account: The GL account of the sale; of money the one where it is awaited, or empty.
        cost_center: Its code, or an empty string.
        cost_unit: Its code, or an empty string.
        pieces: How many; 0 for what has none.
        amount: In the document's currency; with VAT only where it was paid.
        currency: ISO 4217.
        own: In the company's currency.
        booked_on: The account on which it is booked already, or an empty string.
    """

    part: str
    key: str
    order: str
    account: str
    cost_center: str
    cost_unit: str
    pieces: Decimal
    amount: Decimal
    currency: str
    own: Decimal
    booked_on: str = ""


@dataclass(slots=True)
class Deferred:
    """What is deferred.

    Attributes:
        rows: The amounts.
        notes: What could not be told, for people.
    """

    rows: list[Deferral] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def deferred(facts: OrderFacts, month: Month, rates: Rates) -> Deferred:
    """Return what is deferred at a month's last day.

    Args:
        facts: What was told of orders.
        month: The month.
        rates: Rates of documents that name none.
    """
    last, found = month.last.isoformat(), Deferred()
    here = [
        [one for one in order if one.division in (0, month.division)] for order in facts.orders()
    ]
    days = (one.day for one in chain.from_iterable(here) if one.day)
    since = min(days, default="")
    unread: set[str] = set()
    for order in here:
        if not order:
            continue
        if _is_cut(order, since):
            unread.add(_number(order))
            continue
        if broken := [one for one in order if one.reason]:
            found.notes += [f"{one.key} is left out: {one.reason}" for one in broken]
            continue
        found.rows += _Order(order, last, month, rates, found.notes).deferrals()
    if unread:
        found.notes.append(
            f"{len(unread)} orders made before {since} have shipments that were not read "
            f"({', '.join(sorted(unread)[:5])}): read further back."
        )
    if since:
        found.notes.append(f"Read were the documents from {since} on; older orders are not seen.")
    if "orders" not in facts.streams:
        found.notes.append(
            "Orders were not read: what is shipped or paid, but not invoiced, is not told."
        )
    found.rows.sort(key=lambda one: (tuple(TITLES).index(one.part), one.key, one.account))
    return found


def _number(order: Sequence[Fact]) -> str:
    return next((one.order_number for one in order if one.order_number), str(order[0].order[1]))


def _is_cut(order: Sequence[Fact], since: str) -> bool:
    """Tell whether shipments of an order may lie before what was read."""
    made = next((one.ordered_on for one in order if one.ordered_on), "")
    if not made or made >= since:
        return False
    shipped = _shipped_of([one for one in order if one.kind == "shipment"])
    return any(
        item.shipped > shipped.get(key, ZERO)
        for key, item in _items_of(order).items()
        if item.parent is None and item.ships
    )


def _items_of(order: Sequence[Fact]) -> Mapping[int, Item]:
    return max((one.items for one in order), key=len)


def _shipped_of(shipments: Iterable[Fact]) -> dict[int, Decimal]:
    shipped: dict[int, Decimal] = defaultdict(Decimal)
    for piece in chain.from_iterable(one.pieces for one in shipments):
        if piece.item is not None:
            shipped[piece.item] += piece.quantity
    return shipped


class _Order:
    """An order as it stood at the last day."""

    def __init__(
        self, facts: Sequence[Fact], last: str, month: Month, rates: Rates, notes: list[str]
    ) -> None:
        until = [one for one in facts if one.day and one.day <= last]
        by_day = sorted(until, key=lambda one: (one.day, one.key))
        self._invoices = [one for one in by_day if one.kind == "invoice"]
        self._memos = [one for one in by_day if one.kind == "credit_memo"]
        self._shipped = _shipped_of(one for one in by_day if one.kind == "shipment")
        self._order = next((one for one in facts if one.kind == "order"), None)
        self._items = _items_of(facts)
        self._last, self._month, self._rates, self._notes = last, month, rates, notes

    def deferrals(self) -> Iterator[Deferral]:
        """Yield what is deferred of it."""
        invoiced, refunded = self._pieces(self._invoices), self._pieces(self._memos)
        priced = {} if self._order is None else _quantities(self._order)
        waits = lacks = False
        for key, item in self._items.items():
            if not item.ships:
                continue
            shipped, billed = self._left_the_house(key), invoiced.get(key, ZERO)
            if (rest := billed - max(shipped, refunded.get(key, ZERO))) > 0:
                waits = True
                yield from self._of_invoices(key, rest)
            elif shipped > billed and key in priced:  # a part has no price of its own
                lacks = True
                yield from self._of_order(key, shipped - billed)
        if not self._shipped and waits:
            for one in (*self._invoices, *self._memos):
                yield from self._shipping(one, NOT_SHIPPED)
        if lacks and not self._invoices and self._order is not None:
            yield from self._shipping(self._order, NOT_INVOICED)
        yield from self._paid()

    def _pieces(self, documents: Iterable[Fact]) -> dict[int, Decimal]:
        """Return how many pieces of each line documents have."""
        found: dict[int, Decimal] = defaultdict(Decimal)
        for one in documents:
            for key, quantity in _quantities(one).items():
                found[key] += quantity
        return found

    def _left_the_house(self, key: int) -> Decimal:
        """Return the shipped pieces of a line: its own, else as part of another, else its parts."""
        if key in self._shipped:
            return self._shipped[key]
        item = self._items[key]
        parent = self._items.get(item.parent) if item.parent is not None else None
        if parent is not None and parent.quantity and item.parent in self._shipped:
            return self._shipped[item.parent] * item.quantity / parent.quantity
        parts = [
            self._shipped[part] / one.quantity
            for part, one in self._items.items()
            if one.parent == key and one.quantity and part in self._shipped
        ]
        all_parts = sum(one.parent == key and one.ships for one in self._items.values())
        if not parts or len(parts) < all_parts:
            return ZERO
        return min(parts) * item.quantity

    def _of_invoices(self, key: int, rest: Decimal) -> Iterator[Deferral]:
        """Yield the part of the newest invoices for pieces that wait."""
        for invoice in reversed(self._invoices):
            there = _quantities(invoice).get(key, ZERO)
            taken = min(rest, there)
            if taken > 0:
                rest -= taken
                for piece in invoice.pieces:
                    if piece.item == key:
                        yield self._deferral(NOT_SHIPPED, invoice, piece, taken, there)

    def _of_order(self, key: int, pieces: Decimal) -> Iterator[Deferral]:
        """Yield the order's price of pieces that no invoice has."""
        order = self._order
        if order is None:
            return
        ordered = _quantities(order).get(key, ZERO)
        for piece in order.pieces if ordered > 0 else ():
            if piece.item == key:
                yield self._deferral(NOT_INVOICED, order, piece, pieces, ordered)

    def _shipping(self, of: Fact, part: str) -> Iterator[Deferral]:
        """Yield the price of shipping: it is earned when the first piece leaves the house."""
        one = Decimal(1)
        for piece in of.pieces:
            if piece.kind == _SHIPPING and piece.item is None:
                yield self._deferral(part, of, piece, one, one)

    def _deferral(
        self, part: str, of: Fact, piece: Piece, taken: Decimal, there: Decimal
    ) -> Deferral:
        amount = piece.amount
        if taken != there:
            amount = (amount * taken / there).quantize(_CENT)
        return Deferral(
            part,
            of.key,
            of.order_number,
            piece.account,
            piece.cost_center,
            piece.cost_unit,
            taken if piece.kind == _PRODUCT else ZERO,  # not those of its discount again
            amount,
            of.currency,
            self._rates.own(amount, of.currency, of.day, of.rate),
        )

    def _paid(self) -> Iterator[Deferral]:
        """Yield the money that came before its invoice."""
        order = self._order
        if order is None or not order.paid or not order.day or order.day > self._last:
            return
        early = order.paid - sum((one.amount for one in self._invoices), ZERO)
        if early <= 0:
            return
        if order.paid_on > self._last:
            if order.paid_seen_by == "paid_seen" or order.paid_from <= self._last:
                self._notes.append(
                    f"{order.key} is left out: {order.paid} {order.currency} was paid by "
                    f"{order.paid_on}, and the shop does not tell how much of it by {self._last}."
                )
            return
        whole = bool(order.prepayment and order.clearing) and order.paid >= order.amount
        yield Deferral(
            PAID,
            order.key,
            order.order_number,
            order.clearing,
            "",
            "",
            ZERO,
            early,
            order.currency,
            self._rates.own(early, order.currency, order.day, order.rate),
            order.prepayment if whole else "",
        )


def _quantities(of: Fact) -> dict[int, Decimal]:
    """Return the pieces of each line of a document; its discount has the same ones again."""
    found: dict[int, Decimal] = {}
    for piece in of.pieces:
        if piece.item is not None:
            found[piece.item] = max(found.get(piece.item, ZERO), abs(piece.quantity))
    return found
