"""Lines with items, as sales orders and sales invoices have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commerce_sandbox.exact import booking, messages
from commerce_sandbox.exact.booking import Money, cents, in_division_currency, money
from commerce_sandbox.exact.master import BASIS_POINTS

if TYPE_CHECKING:
    from commerce_sandbox.exact.booking import Posting
    from commerce_sandbox.exact.store import Row

#: Amounts that follow from quantity and price may differ by this many cents.
_TOLERANCE = 1
_UNSEEN = {
    "Project": "", "ProjectWBS": "", "Pricelist": "", "ItemVersion": "", "ShopOrder": "",
    "Employee": "",
}  # fmt: skip
_PRICE_DIGITS = 6
_DELIVERY = 4  # type of an address


def parties(posting: Posting, header: Row) -> dict[str, Row]:
    """Check OrderedBy, InvoiceTo and DeliverTo; the last two default to the first."""
    ordered_by = header.get("OrderedBy")
    found: dict[str, Row] = {}
    for name, type_name in (("OrderedBy", "OrderedByType"), ("InvoiceTo", "InvoiceToType")):
        header.setdefault(name, ordered_by)
        account = booking.customer(posting, header[name], name, type_name)
        if account is not None:
            found[name] = account
            header[f"{name}Name"] = account["Name"]
    header.setdefault("DeliverTo", ordered_by)
    deliver_to = posting.get("crm/Accounts", header["DeliverTo"])
    if header["DeliverTo"] is not None and deliver_to is None:
        posting.problems.append(messages.invalid_reference("DeliverTo"))
    header["DeliverToName"] = (deliver_to or {}).get("Name")
    return found


def delivery_address(posting: Posting, header: Row, name: str) -> None:
    """Refuse an address that is not a delivery address of DeliverTo."""
    key = header.get(name)
    address = posting.get("crm/Addresses", key) if key else None
    if key and (
        address is None
        or address.get("Account") != header.get("DeliverTo")
        or address.get("Type") != _DELIVERY
    ):
        posting.problems.append(messages.invalid_reference(name))


def no_header_discount(posting: Posting, header: Row) -> None:
    """Refuse header discounts: whether 5 or 0.05 means five percent is not documented."""
    names = ("Discount", "AmountDiscount", "AmountDiscountExclVat")
    if any(header.get(name) for name in names):
        posting.problems.append(messages.not_allowed("Discount"))


def check(
    posting: Posting, line: Row, account: Row | None, date: str, vat_name: str
) -> tuple[Row | None, Money]:
    """Check one line, complete it from its item, and work out its amounts.

    Args:
        posting: The write call.
        line: The line as sent; prices, amount and descriptions are filled in.
        account: Who is invoiced, for the default VAT code.
        date: The document's date.
        vat_name: The property with the VAT amount.

    Returns:
        The item, and the line's amounts.
    """
    booking.references(posting, line, _UNSEEN)
    item = posting.get("logistics/Items", line.get("Item"))
    if item is None:
        if line.get("Item"):
            posting.problems.append(messages.invalid_reference("Item"))
        return None, Money(0, 0, None)
    _check_item(posting, line, item, date)
    line["ItemCode"] = item["Code"]
    line["ItemDescription"] = item["Description"]
    line.setdefault("Description", item["Description"])
    unit = line.setdefault("UnitCode", item.get("Unit"))
    if unit is not None and (unit not in posting.data.units or unit != item.get("Unit")):
        posting.problems.append(messages.invalid_reference("UnitCode"))
    _price(posting, line)
    default = item.get("SalesVatCode") or (account or {}).get("SalesVATCode")
    amounts = booking.line_money(posting, line, default, date, vat_name)
    return item, amounts


def _check_item(posting: Posting, line: Row, item: Row, date: str) -> None:
    if item.get("StartDate") and item["StartDate"] > date:
        posting.problems.append(messages.ITEM_FUTURE)
    if item.get("EndDate") and item["EndDate"] < date:
        posting.problems.append(messages.ITEM_INACTIVE)
    if not item.get("IsSalesItem"):
        posting.problems.append(messages.ITEM_NOT_FOR_SALE)
    quantity = line.setdefault("Quantity", 1)
    if quantity != int(quantity) and not item.get("IsFractionAllowedItem"):
        posting.problems.append(messages.ITEM_NO_FRACTIONS)


def _price(posting: Posting, line: Row) -> None:
    """Complete UnitPrice, NetPrice and AmountFC; refuse ones that contradict each other."""
    quantity = line["Quantity"]
    unit_price, net_price = line.get("UnitPrice"), line.get("NetPrice")
    discount = line.get("Discount") or 0
    if net_price is None and unit_price is not None:
        net_price = round(unit_price * (1 - discount), _PRICE_DIGITS)
    elif unit_price is not None and net_price is not None and discount:
        posting.problems.append(messages.invalid("Discount"))  # three that may disagree
    amount = line.get("AmountFC")
    if amount is None:
        amount = money(round((net_price or 0) * quantity * 100))
    elif net_price is None:
        net_price = round(amount / quantity, _PRICE_DIGITS) if quantity else 0
    elif abs(cents(amount) - round(net_price * quantity * 100)) > _TOLERANCE:
        posting.problems.append(messages.invalid("AmountFC"))
    line["AmountFC"] = amount
    line["NetPrice"] = net_price or 0
    line.setdefault("UnitPrice", line["NetPrice"])


def complete(
    posting: Posting, lines: list[Row], amounts: list[Money], date: str, facts: dict[str, Any]
) -> None:
    """Fill in numbers, VAT and amounts in the division's currency of checked lines.

    Args:
        posting: The write call.
        lines: The lines.
        amounts: Their amounts.
        date: The document's date.
        facts: ``rate``, ``vat_name`` and ``parent`` (property and key of the header).
    """
    for number, (line, found) in enumerate(zip(lines, amounts, strict=True), 1):
        line["LineNumber"] = number
        line[facts["parent"][0]] = facts["parent"][1]
        line["AmountDC"] = money(in_division_currency(cents(line["AmountFC"]), facts["rate"]))
        line[facts["vat_name"]] = money(found.vat)
        if found.code is not None:
            line["VATCode"] = found.code["Code"]
            points = posting.data.basis_points(found.code, date)
            line["VATPercentage"] = points / BASIS_POINTS


def totals(amounts: list[Money], rate: float) -> Row:
    """Return the amounts of a header."""
    net = sum(line.net for line in amounts)
    total = net + sum(line.vat for line in amounts)
    return {
        "AmountFC": money(total),
        "AmountFCExclVat": money(net),
        "AmountDC": money(in_division_currency(total, rate)),
    }
