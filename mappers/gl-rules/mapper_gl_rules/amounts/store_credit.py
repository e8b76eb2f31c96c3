"""Refunds to store credit: a debt to the customer, no money that leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapper_gl_rules.amounts.model import AmountLine
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import ZERO, show

if TYPE_CHECKING:
    from decimal import Decimal

    from mapper_gl_rules.amounts.model import Context

__all__ = ["store_credit_refund"]

_FIELD = "customer_balance_total_refunded"


def store_credit_refund(context: Context) -> list[AmountLine]:
    """Give what a credit memo refunds as store credit.

    Only the order says so, with one sum for all its credit memos.

    Raises:
        DocumentRefusedError: When the sum cannot be attributed to this credit memo.
    """
    credited = context.order.extension.customer_balance_total_refunded
    if context.kind != "credit_memo" or not credited:
        return []
    amount = _attributed(context, credited)
    return [AmountLine("store_credit_refund", _FIELD, -amount, ZERO, None)] if amount else []


def _attributed(context: Context, credited: Decimal) -> Decimal:
    """Tell how much of the order's sum is of this credit memo."""
    total, refunded = context.header.grand_total, context.order.total_refunded
    # What the memo gives back of the store credit that paid the order is in its total already.
    own = context.header.extension.customer_balance_amount or ZERO

    def same(one: Decimal, other: Decimal) -> bool:
        return abs(one - other) <= context.step

    if refunded is None or same(refunded, total):  # the only credit memo
        if same(credited, own + total):
            return total
        if own and same(credited, own):
            return ZERO
        if not own and refunded is not None and credited < total:
            return credited
    elif not own and same(credited, refunded):  # all of them went to store credit
        return total
    raise DocumentRefusedError(
        reason=f"{_FIELD} of the order is {show(credited)}, its credit memos come to "
        f"{'an amount it does not state' if refunded is None else show(refunded)}, this one to "
        f"{show(total)}: how much of this one became store credit cannot be told",
        where=f"order.extension_attributes.{_FIELD}",
        what_to_do="Look at the credit memo in the shop's admin, and book it by hand.",
    )
