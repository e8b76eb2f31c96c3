"""Shipping taxed in proportion to the goods, as German and French shops have it (an extension)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commerce_sandbox.data.arithmetic import round_cents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commerce_sandbox.data.arithmetic import Row
    from commerce_sandbox.data.catalog import StoreView


def share_shipping(shipping: Row, rows: Sequence[Row], store: StoreView, step: int) -> None:
    """Tax shipping at the rates of the goods, each for its share of their value.

    Args:
        shipping: Changed in place; without a discount.
        rows: The goods, with their amounts.
        store: Tells whether prices include tax.
        step: Smallest unit of the currency.
    """
    goods: dict[float, int] = {}
    for row in rows:
        goods[row.rate] = goods.get(row.rate, 0) + row.row_total
    whole = sum(goods.values())
    if not whole or not shipping.row_total_incl_tax:
        return
    price = shipping.row_total_incl_tax if store.prices_include_tax else shipping.row_total
    left, taxes = price, []
    for position, (rate, value) in enumerate(goods.items(), 1):
        share = left if position == len(goods) else round_cents(price * value / whole, step)
        left -= share
        base = 100 + rate if store.prices_include_tax else 100
        taxes.append((rate, round_cents(share * rate / base, step)))
    shipping.by_rate = tuple((rate, tax) for rate, tax in taxes if tax)
    shipping.tax_amount = sum(tax for _, tax in taxes)
    if store.prices_include_tax:
        shipping.row_total = price - shipping.tax_amount
    shipping.row_total_incl_tax = shipping.row_total + shipping.tax_amount
