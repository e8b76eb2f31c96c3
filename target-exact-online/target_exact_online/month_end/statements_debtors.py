"""The control statement about debtors: Exact's balance and open items, and what the shop is owed.

The shop's `total_due` is of an order; what of it is not invoiced yet is in no book. Open items are
matched to orders by the entries of their documents, so only orders of the ledger are compared.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from target_exact_online.ledger.tables import documents
from target_exact_online.month_end.model import Statement, columns
from target_exact_online.month_end.sides import ZERO, cents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from target_exact_online.month_end.model import Cell
    from target_exact_online.month_end.order_facts import Fact, OrderName
    from target_exact_online.month_end.reconcile import Comparison
    from target_exact_online.month_end.sides import Booked

_INVOICES, _SALES = "sales_invoices", ("sales_entries", "sales_invoices")
_MANY = 500
_MONEY = ("payment", "refund", "settlement")


def debtors(comparison: Comparison) -> Statement:
    """Return the debtors' balance, the open items beside the shop's `total_due`, and ages.

    Args:
        comparison: What was read.
    """
    evidence = comparison.evidence
    balance, items = evidence.receivable, evidence.open_items
    rows: list[tuple[Cell, ...]] = []
    if balance is not None and items is not None:
        rows = [
            ("Debtors' accounts", balance, None, None),
            ("Open items", items, None, None),
            ("Difference", cents(balance - items), None, None),
        ]
    rows += [(f"Age {label}", cents(amount), None, None) for label, amount in evidence.ageing]
    owed = list(_of_orders(comparison))
    rows += owed
    rows += [
        (f"Debtor {code} balances, {n} items open", cents(ZERO), None, None)
        for code, _, n in evidence.open_pairs
    ]
    notes = [] if evidence.ageing else ["Exact did not tell the ages."]
    if evidence.items is None:
        notes.append("Open pairs (B2) and open items by order are read with --depth full.")
    if not owed:
        notes.append("The shop told no total_due: its side comes by the job reconcile-month.")
    else:
        notes.append(
            "The shop's total_due is without what is not invoiced yet; it does not know credit "
            "memos of unpaid invoices."
        )
    return Statement(
        number=8,
        name="Debtors",
        title="Debtors and open items, as they are now",
        columns=columns("What", "Amount:money", "Shop, total_due:money", "Difference:money"),
        rows=tuple(rows),
        notes=tuple(notes),
        not_compared="" if rows else "Exact's debtors were not read.",
    )


def _of_orders(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    """Yield what the shop's orders owe, by currency, and each order on which both differ."""
    owing, booked = comparison.facts.owing(), _documents(comparison)
    known = {name: owing[name] for name in booked if name in owing}
    shop: dict[str, Decimal] = defaultdict(lambda: ZERO)
    exact: dict[str, Decimal] = defaultdict(lambda: ZERO)
    open_in = None if comparison.evidence.items is None else _open_items(comparison, booked)
    apart: list[tuple[Cell, ...]] = []
    for name, fact in known.items():
        owed = owed_of(fact)
        shop[fact.currency] += owed
        if open_in is None:
            continue
        there = open_in.get(name, ZERO)
        exact[fact.currency] += there
        if there != owed:
            title = f"Order {fact.order_number}, {fact.currency}"
            apart.append((title, cents(there), cents(owed), cents(there - owed)))
    for currency, owed in sorted(shop.items()):
        count = sum(one.currency == currency for one in known.values())
        title = f"Open items of {count} orders that were read, {currency}"
        if open_in is None:
            yield title, None, cents(owed), None
        else:
            yield title, cents(exact[currency]), cents(owed), cents(exact[currency] - owed)
    yield from sorted(apart, key=str)


def owed_of(fact: Fact) -> Decimal:
    """Return what of an order is invoiced and not paid, as the shop says it."""
    return max((fact.due or ZERO) - (fact.ordered - fact.invoiced), ZERO)


def _documents(comparison: Comparison) -> dict[OrderName, list[Booked]]:
    """Return the posted documents that debtors owe for, by order, with their payments."""
    keys, found = comparison.facts.keys(), defaultdict(list)
    sold = comparison.reader.by_key(keys)
    place: dict[tuple[str, str], OrderName] = {}
    for key, one in sold.items():
        if one.state == "posted" and one.stream in _SALES:
            found[keys[key]].append(one)
            place[one.order_number, one.store] = keys[key]
    if comparison.evidence.items is None:
        return found
    orders = sorted({number for number, _ in place if number})
    for start in range(0, len(orders), _MANY):
        condition = (
            (documents.c.division == comparison.evidence.month.division)
            & (documents.c.state == "posted")
            & documents.c.kind.in_(_MONEY)
            & documents.c.order_number.in_(orders[start : start + _MANY])
        )
        for one in comparison.reader.where(condition):
            if (name := place.get((one.order_number, one.store))) is not None:
                found[name].append(one)
    return found


def _open_items(
    comparison: Comparison, booked: dict[OrderName, list[Booked]]
) -> dict[OrderName, Decimal]:
    """Return what is open in Exact, by order."""
    entries: dict[tuple[str, str], OrderName] = {}
    invoices: dict[str, OrderName] = {}
    for name, some in booked.items():
        for one in some:
            if one.stream == _INVOICES:
                invoices[one.entry_number] = name
            else:
                entries[one.journal, one.entry_number] = name
    sums: dict[OrderName, Decimal] = defaultdict(lambda: ZERO)
    for item in comparison.evidence.items or ():
        name_of = entries.get((item.journal, item.entry)) or invoices.get(item.invoice)
        if name_of is not None:
            sums[name_of] += item.amount
    return sums
