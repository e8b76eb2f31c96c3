"""The tax breakdown of an order: by rate, by line and for shipping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commerce_sandbox.data.arithmetic import UNIT, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from commerce_sandbox.data.arithmetic import Row
    from commerce_sandbox.data.numbers import Numbers
    from commerce_sandbox.data.orders import Order


def add_taxes(
    order: Order, shipping: Sequence[Row], fixed: Mapping[int, Sequence[Row]], numbers: Numbers
) -> None:
    """Write the order's tax breakdown: by rate, by line, and for shipping.

    Args:
        order: Changed in place.
        shipping: Its shipping in each currency.
        fixed: Fixed product tax in each currency, by ``item_id``.
        numbers: The shop's running numbers.
    """
    country = (order.shipping.get("address") or order.billing_address)["country_id"]
    tax_ids: dict[str, int] = {}
    sums: dict[str, list[int]] = {}
    by_item: list[dict[str, Any]] = []
    additional: list[dict[str, Any]] = []
    percents: dict[str, float] = {}

    def applied(percent: float, amount: int, base: int) -> tuple[str, dict[str, Any]]:
        code = f"{country}-{number(round(percent * UNIT))}"
        if code not in tax_ids:
            tax_ids[code] = numbers.next("tax")
            sums[code] = [0, 0]
            percents[code] = percent
        sums[code][0] += amount
        sums[code][1] += base
        return code, _applied(code, percent, amount, base)

    for line in order.lines:
        amount, base = (money["tax_amount"] for money in line.money)
        if line.carries_money and amount:
            percent = line.fields["tax_percent"]
            code, entry = applied(percent, amount, base)
            item_id = line.fields["item_id"]
            by_item.append({"type": "product", "item_id": item_id, "applied_taxes": [entry]})
            line.taxes = [
                {
                    "tax_item_id": numbers.next("tax_item"),
                    "tax_id": tax_ids[code],
                    "item_id": item_id,
                    **_itemized(code, percent, amount, base),
                    "taxable_item_type": "product",
                }
            ]
    for line in reversed(order.lines):
        rows = fixed.get(line.fields["item_id"], ())
        if rows and rows[0].tax_amount:
            amount, base = rows[0].tax_amount, rows[-1].tax_amount
            code, entry = applied(rows[0].rate, amount, base)
            item_id = line.fields["item_id"]
            taxed = {"type": "weee", "associated_item_id": item_id, "applied_taxes": [entry]}
            by_item.insert(0, taxed)
            line.taxes.append(
                {
                    "tax_item_id": numbers.next("tax_item"),
                    "tax_id": tax_ids[code],
                    **_itemized(code, rows[0].rate, amount, base),
                    "associated_item_id": item_id,
                    "taxable_item_type": "weee",
                }
            )
    if shipping[0].tax_amount:
        place = sum(taxed["type"] == "weee" for taxed in by_item)
        entries: list[dict[str, Any]] = []
        by_item.insert(place, {"type": "shipping", "applied_taxes": entries})
        for percent, amount, base in _shipping_taxes(shipping):
            code, entry = applied(percent, amount, base)
            entries.append(entry)
            additional.append(
                {
                    "tax_item_id": numbers.next("tax_item"),
                    "tax_id": tax_ids[code],
                    **_itemized(code, percent, amount, base),
                    "taxable_item_type": "shipping",
                }
            )
    order.extension.update(
        applied_taxes=[_applied(code, percents[code], *sums[code]) for code in tax_ids],
        item_applied_taxes=by_item,
        converting_from_quote=False,
        taxes=[
            {
                "tax_id": tax_ids[code],
                "order_id": order.fields["entity_id"],
                **_applied(code, percents[code], *sums[code]),
                "base_real_amount": number(sums[code][1]),
                "priority": 0,
                "position": 0,
                "process": 0,
            }
            for code in tax_ids
        ],
        additional_itemized_taxes=additional,
    )


def _shipping_taxes(shipping: Sequence[Row]) -> Iterator[tuple[float, int, int]]:
    own, base = shipping[0], shipping[-1]
    if not own.by_rate:
        yield own.rate, own.tax_amount, base.tax_amount
    for (percent, amount), (_, base_amount) in zip(own.by_rate, base.by_rate, strict=True):
        yield percent, amount, base_amount


def _applied(code: str, percent: float, amount: int, base: int) -> dict[str, Any]:
    return {
        "code": code,
        "title": code,
        "percent": percent,
        "amount": number(amount),
        "base_amount": number(base),
    }


def _itemized(code: str, percent: float, amount: int, base: int) -> dict[str, Any]:
    return {
        "tax_code": code,
        "tax_percent": percent,
        "amount": number(amount),
        "base_amount": number(base),
        "real_amount": number(amount),
        "real_base_amount": number(base),
    }
