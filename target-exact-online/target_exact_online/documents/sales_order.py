"""Sales orders: for logistics, never booked."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from exact_online import odata, values
from exact_online.errors import DocumentRefusedError, Problem
from target_exact_online.documents import header, lines
from target_exact_online.documents.begun import Version
from target_exact_online.documents.prepared import DocumentSettings, Kind, Prepared, Stored
from target_exact_online.documents.relation import delivery_address
from target_exact_online.exceptions import ChangedByPeopleError, NotSeenError, NotYetError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from exact_online.client import ExactClient
    from target_exact_online.documents.begun import Begun
    from target_exact_online.master_data import MasterData

KIND = Kind(
    stream="sales_orders",
    resource="salesorder/SalesOrders",
    lines="SalesOrderLines",
    id="OrderID",
    number="OrderNumber",
    journal="",
    account="OrderedBy",
    date="OrderDate",
    statuses=frozenset({12}),
)
LINES = "salesorder/SalesOrderLines"
_OPEN = 12
_SHOWN_AFTER = timedelta(minutes=15)  # a change's calls wait for their minutes, and lists lag
_HEADER = ("YourRef", "Description", "DeliveryDate", "DeliveryAddress", "PaymentCondition")
_FREE_TEXTS = frozenset({"Description", "DeliveryDate"})  # Exact fills them in from nothing
_LINE = (
    "Item", "Quantity", "AmountFC", "VATCode", "VATAmount", "CostCenter", "CostUnit", "Description",
)  # fmt: skip
_CENT, _PRICE = Decimal("0.01"), Decimal("0.000001")


def prepare(record: dict[str, Any], master: MasterData, settings: DocumentSettings) -> Prepared:
    """Check a record of the stream `sales_orders` and make its payload.

    Raises:
        DocumentRefusedError: With everything that is wrong.
    """
    draft = header.begin(KIND, record, master, settings, "order_date")
    checks = draft.checks
    draft.debtor = header.debtor(draft, record.get("debtor"), KIND.account)
    totals = header.totals(draft)
    payload = header.common(draft) | header.payment_condition(draft)
    payload |= header.number(draft, "order_number", "OrderNumber")
    if draft.is_foreign and draft.rate is not None:
        checks.warnings.append("Exact uses its own exchange rate for sales orders")
    if delivery := checks.day(record, "delivery_date", "delivery_date"):
        payload["DeliveryDate"] = values.iso(delivery)
    place = record.get("delivery_address")
    address = delivery_address(place, "delivery_address", checks) if place else None
    payload[KIND.lines] = [
        _line(draft, line, index) for index, line in enumerate(lines.adding_up(draft, totals))
    ]
    return draft.finished(
        payload,
        totals.amount,
        rate=None if draft.is_foreign else draft.rate,
        delivery_address=address,
    )


def _line(draft: header.Draft, line: lines.Line, index: int) -> dict[str, Any]:
    found = lines.item(draft, line, index)
    default = (found.vat_code if found else "") or draft.debtor.default_vat_code
    quantity = lines.quantity(draft, line, found)
    entry: dict[str, Any] = {"Quantity": quantity, "AmountFC": line.net}
    entry |= _price(draft, line, quantity)
    if found is not None:
        entry["Item"] = found.id
    entry |= lines.vat(draft, line, default, "VATAmount")
    return entry | lines.texts(draft, line, None)


def _price(draft: header.Draft, line: lines.Line, quantity: Decimal | None) -> dict[str, Decimal]:
    """Return the price of one piece; without it Exact takes the item's own."""
    if not quantity:
        what = "The quantity is missing" if quantity is None else "The quantity is 0"
        draft.checks.add(f"{line.where}, quantity", what, "Report this with the document's key.")
        return {}
    price = (line.net / quantity).quantize(_PRICE)
    if (price * quantity).quantize(_CENT, ROUND_HALF_UP) != line.net:
        what = f"No price of six decimals makes {line.net} of {quantity} pieces"
        draft.checks.add(f"{line.where}, amount", what, "Split the line in the shop.")
    return {"NetPrice": price}


def update(
    prepared: Prepared,
    before: Prepared | None,
    exact_id: str,
    client: ExactClient,
    begun: Begun,
) -> Stored:
    """Make a sent order in Exact what the shop's order is now, unless people changed it there.

    Lines that stay are left alone, and new ones are added before old ones go: an order cannot lose
    its last line. Every step can be repeated: an update that broke off is simply begun anew, and
    what it did is known from the versions. ``before`` is the version that was sent, or None when
    nobody knows it.

    Raises:
        ChangedByPeopleError: The order in Exact is none of the versions, nor a mix of them.
        NotSeenError: Exact does not show the order: its index lags, or somebody deleted it.
        DocumentRefusedError: The order is delivered, invoiced, or of another debtor.
        NotYetError: It was changed, and Exact does not show it yet: update it again.
        RetriableError: It may be changed in part: update it again.
    """
    order = _read(prepared, exact_id, client, begun.last(prepared.division, exact_id))
    _check_changeable(prepared, order)
    wanted = _version(prepared)
    versions = begun.versions(prepared.division, exact_id)
    if changes := _by_people(wanted, before, versions, order):
        number = order.get(KIND.number)
        what = f"Order {number} was changed in Exact: {'; '.join(changes)}"
        advice = "It was left as it is. Make the shop's change there by hand."
        raise ChangedByPeopleError([Problem("document", what, advice)])
    change = {
        name: value for name, value in wanted.header.items() if not values.same(value, order[name])
    }
    missing, superfluous = _unmatched(wanted.lines, order[KIND.lines])
    if change or missing or superfluous:
        begun.add(prepared.division, exact_id, [*versions, wanted], client.now())
    if change:
        client.put(KIND.resource, exact_id, change, division=prepared.division)
    for line in missing:
        client.post(LINES, line | {"OrderID": exact_id}, division=prepared.division)
    for line in superfluous:
        client.delete(LINES, str(line["ID"]), division=prepared.division)
    now = order
    if change or missing or superfluous:
        now = _read(prepared, exact_id, client, client.now())
    if (made := values.total(now)) != prepared.total:
        what = f"Exact makes {made} of the changed order of {prepared.total}"
        advice = f"Compare order {now.get(KIND.number)} in Exact with the shop."
        raise DocumentRefusedError([Problem("totals, amount", what, advice)])
    begun.done(prepared.division, exact_id)
    return Stored(exact_id, values.whole(now.get(KIND.number)))


def _read(
    prepared: Prepared, exact_id: str, client: ExactClient, changed_at: datetime | None
) -> dict[str, Any]:
    """Return an order; what was changed a short while ago may not be shown yet."""
    lines = ",".join(f"{KIND.lines}/{name}" for name in ("ID", *_LINE))
    rows = client.get(
        KIND.resource,
        division=prepared.division,
        select=f"OrderID,OrderNumber,OrderedBy,Status,AmountFC,{','.join(_HEADER)},{lines}",
        filter=f"OrderID eq {odata.guid(exact_id)}",
        expand=KIND.lines,
        answers_it=odata.has("OrderID", exact_id),
    )
    for row in rows:
        if isinstance(row.get(KIND.lines), list):
            return dict.fromkeys(_HEADER) | row
    what = f"Exact does not show the order {prepared.reference}"
    if changed_at is not None and (soon := changed_at + _SHOWN_AFTER) > client.now():
        msg = f"{what} since it was changed"
        raise NotYetError(msg, KIND.resource, soon)
    advice = "If somebody deleted it there, replay the document with --again to send it anew."
    raise NotSeenError([Problem("document", what, advice)])


def _check_changeable(prepared: Prepared, order: dict[str, Any]) -> None:
    number = order.get(KIND.number)
    if order.get("Status") != _OPEN:
        what = f"Order {number} is already delivered, invoiced or cancelled in Exact"
        advice = "Compare both, and change it in Exact by hand if that is needed."
        raise ChangedByPeopleError([Problem("document", what, advice)])
    if not values.same(prepared.payload.get("OrderedBy"), order.get("OrderedBy")):
        what = f"The debtor of order {number} changed, and Exact does not allow that"
        advice = "Delete the order in Exact, then replay the document with --again."
        raise DocumentRefusedError([Problem("debtor", what, advice)])


def _by_people(
    wanted: Version, before: Prepared | None, begun: list[Version], order: dict[str, Any]
) -> list[str]:
    """Return what neither the version sent nor changes of ours that broke off explain."""
    if before is None:
        return ["the version that was sent is not known"]
    sent = _version(before)
    versions = [sent, *begun, wanted]
    found = [
        f"{name} is {values.said(order[name])}, sent was {values.said(value)}"
        for name, value in sent.header.items()
        if not any(
            values.same(one.header[name], order[name]) for one in versions if name in one.header
        )
    ]
    found += [
        f"{name} is {values.said(order[name])}, sent was nothing"
        for name in _FREE_TEXTS & wanted.header.keys() - sent.header.keys()
        if order[name] not in (None, "")
        and not any(values.same(one.header.get(name), order[name]) for one in versions)
    ]
    if not any(_explains(one, versions, order[KIND.lines]) for one in versions):
        gone, others = _unmatched(sent.lines, order[KIND.lines])
        found += [
            f"a line of {values.said(one['AmountFC'])} was changed or deleted" for one in gone
        ]
        found += [f"a line of {values.said(one.get('AmountFC'))} was added" for one in others]
    return found


def _explains(whole: Version, versions: list[Version], there: list[dict[str, Any]]) -> bool:
    """Tell whether Exact has a whole version, and beside it only lines of other ones.

    Old lines go only after all the new ones are there.
    """
    missing, rest = _unmatched(whole.lines, there)
    known = list(whole.lines)
    for one in versions:
        known += _unmatched(one.lines, known)[0]
    return not missing and not _unmatched(known[len(whole.lines) :], rest)[1]


def _version(prepared: Prepared) -> Version:
    header = {name: prepared.payload[name] for name in _HEADER if name in prepared.payload}
    return Version(header, prepared.lines)


def _unmatched(
    wanted: Sequence[dict[str, Any]], there: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the wanted lines that Exact lacks, and those of Exact that nobody wants."""
    missing, left = [], list(there)
    for line in wanted:
        match = next((one for one in left if _same_line(line, one)), None)
        if match is None:
            missing.append(line)
        else:
            left.remove(match)
    return missing, left


def _same_line(wanted: dict[str, Any], there: dict[str, Any]) -> bool:
    """Tell whether a line of Exact is this one; its price follows from the amount."""
    return all(values.same(wanted[name], there.get(name)) for name in _LINE if name in wanted)
