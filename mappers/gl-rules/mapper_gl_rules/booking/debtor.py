"""Who owes: one account per customer, or a collective one by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mapper_gl_rules.booking.addresses import (
    account_name,
    contact_person,
    delivery_address,
    place_of,
)
from mapper_gl_rules.exceptions import DocumentRefusedError

if TYPE_CHECKING:
    from mapper_gl_rules.rules.facts import DocumentFacts
    from mapper_gl_rules.rules.matching import Decision
    from mapper_gl_rules.rules.model import Settings
    from mapper_gl_rules.source import Order

__all__ = ["debtor_of"]


def debtor_of(
    order: Order,
    facts: DocumentFacts,
    decision: Decision,
    settings: Settings,
) -> dict[str, Any]:
    """Give the debtor of contract 2: a code, or how to match and perhaps create the account.

    A customer is matched by VAT number, then by e-mail.

    Raises:
        DocumentRefusedError: When a customer has neither.
    """
    code = decision.outcome("debtor") or settings.debtor
    if code != "customer":
        return {"code": code}
    billing = order.billing_address
    email = order.customer_email or (billing.email if billing else None)
    match: dict[str, str] = {}
    if facts.vat_number and facts.vat_number_state == "valid":
        match["vat_number"] = "".join(facts.vat_number.split()).upper()
    if email:
        match["email"] = email
    if not match:
        raise DocumentRefusedError(
            reason="the customer has neither a valid VAT number nor an e-mail address",
            where="order.customer_email",
            what_to_do="Add a rule that gives such orders a debtor, then replay the document.",
        )
    debtor: dict[str, Any] = {"match": match}
    if settings.create_debtors:
        debtor["create"] = _account(order, match)
        if condition := decision.outcome("payment_condition"):
            debtor["create"]["payment_condition"] = condition
    return debtor


def _account(order: Order, match: dict[str, str]) -> dict[str, Any]:
    """Give what a new account needs: the billing address, and beside it who and where."""
    billing = order.billing_address
    account: dict[str, Any] = {"name": account_name(order), **match}
    if billing is not None:
        account |= place_of(billing)
        if billing.telephone:
            account["phone"] = billing.telephone
    if person := contact_person(order):
        account["contacts"] = [person]
    if _ships_elsewhere(order) and (address := delivery_address(order, account["name"])):
        account["addresses"] = [{"type": "delivery", **address}]
    return account


def _ships_elsewhere(order: Order) -> bool:
    """Tell whether the goods go to another place; capitals and spaces do not make one."""
    shipping = order.shipping
    if shipping is None or shipping.address is None or order.billing_address is None:
        return False
    return _plain(place_of(shipping.address)) != _plain(place_of(order.billing_address))


def _plain(place: dict[str, str]) -> dict[str, str]:
    return {field: "".join(value.split()).casefold() for field, value in place.items()}
