"""Who owes: one account per customer, or a collective one by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


def _account(order: Order, match: dict[str, str]) -> dict[str, str]:
    """Give what a new account needs, from the billing address."""
    billing = order.billing_address
    person = " ".join(
        part
        for part in (
            order.customer_firstname or (billing.firstname if billing else None),
            order.customer_lastname or (billing.lastname if billing else None),
        )
        if part
    )
    company = billing.company if billing else None
    account = {"name": company or person or match.get("email", ""), **match}
    if billing is not None:
        street = billing.street or []
        street = [street] if isinstance(street, str) else street
        fields = {
            "country": billing.country_id,
            "postcode": billing.postcode,
            "city": billing.city,
            "address_line1": " ".join(street),
            "phone": billing.telephone,
        }
        account.update({field: value for field, value in fields.items() if value})
    return account
