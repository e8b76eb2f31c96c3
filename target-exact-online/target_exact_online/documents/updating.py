"""Change a sales order that was sent before, while Exact still allows it.

Lines that stay are left alone, new ones are added before old ones go: deleting the last line would
delete the order. Every step can be repeated, so that an update that broke off is simply begun anew.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exact_online import odata
from target_exact_online.documents import sales_orders
from target_exact_online.documents.prepared import Stored
from target_exact_online.exceptions import DocumentRefusedError, Problem

if TYPE_CHECKING:
    from exact_online.client import ExactClient
    from target_exact_online.documents.prepared import Prepared

LINES = "salesorder/SalesOrderLines"
_OPEN = 12
_HEADER = ("Description", "DeliveryDate", "DeliveryAddress", "YourRef")
_LINE = "Item,Quantity,AmountFC,VATCode,VATAmount,CostCenter,CostUnit,Description"


def update(prepared: Prepared, exact_id: str, client: ExactClient) -> Stored:
    """Make a sales order in Exact what the shop's order is now.

    Args:
        prepared: The order as it should be.
        exact_id: The GUID of the order in Exact.
        client: Makes the calls.

    Raises:
        DocumentRefusedError: The order is delivered, invoiced, deleted, or of another debtor.
        RetriableError: It may be changed in part: update it again.
    """
    order = _read(prepared, exact_id, client)
    _check_changeable(prepared, order)
    header = {
        name: prepared.payload[name]
        for name in _HEADER
        if name in prepared.payload and not _same(prepared.payload[name], order.get(name))
    }
    if header:
        client.put(sales_orders.RESOURCE, exact_id, header, division=prepared.division)
    old = list(
        client.get(
            LINES,
            division=prepared.division,
            select=f"ID,{_LINE}",
            filter=f"OrderID eq {odata.guid(exact_id)}",
        )
    )
    for line in prepared.payload[prepared.lines_field]:
        kept = next((one for one in old if _same_line(line, one)), None)
        if kept is not None:
            old.remove(kept)
        else:
            client.post(LINES, line | {"OrderID": exact_id}, division=prepared.division)
    for line in old:
        client.delete(LINES, str(line["ID"]), division=prepared.division)
    now = _read(prepared, exact_id, client)
    if Decimal(str(now["AmountFC"])) != prepared.expected_total:
        what = f"Exact makes {now['AmountFC']} of the changed order of {prepared.expected_total}"
        advice = f"Compare order {order['OrderNumber']} in Exact with the shop."
        raise DocumentRefusedError([Problem("totals, amount", what, advice)])
    return Stored(exact_id, now["OrderNumber"])


def _read(prepared: Prepared, exact_id: str, client: ExactClient) -> dict[str, Any]:
    rows = client.get(
        sales_orders.RESOURCE,
        division=prepared.division,
        select=f"OrderID,OrderNumber,OrderedBy,Status,AmountFC,{','.join(_HEADER)}",
        filter=f"OrderID eq {odata.guid(exact_id)}",
    )
    for row in rows:
        return row
    what = f"Exact does not have the order {prepared.your_ref} any more"
    advice = "Somebody deleted it in Exact; replay the document if it should be there."
    raise DocumentRefusedError([Problem("document", what, advice)])


def _check_changeable(prepared: Prepared, order: dict[str, Any]) -> None:
    number = order["OrderNumber"]
    if order["Status"] != _OPEN:
        what = f"Order {number} is already delivered, invoiced or cancelled in Exact"
        advice = "Compare both, and change it in Exact by hand if that is needed."
        raise DocumentRefusedError([Problem("document", what, advice)])
    if prepared.payload.get("OrderedBy", order["OrderedBy"]) != order["OrderedBy"]:
        what = f"The debtor of order {number} changed, and Exact does not allow that"
        advice = "Delete the order in Exact, then replay the document."
        raise DocumentRefusedError([Problem("debtor", what, advice)])


def _same_line(wanted: dict[str, Any], there: dict[str, Any]) -> bool:
    """Tell whether a line of Exact is this one, in everything that was sent."""
    return all(_same(value, there.get(name)) for name, value in wanted.items())


def _same(wanted: Any, there: Any) -> bool:
    if isinstance(wanted, Decimal) or isinstance(there, Decimal):
        return there is not None and Decimal(str(wanted)) == Decimal(str(there))
    if isinstance(there, datetime):
        return str(wanted)[:10] == there.date().isoformat()
    return bool(wanted == there)
