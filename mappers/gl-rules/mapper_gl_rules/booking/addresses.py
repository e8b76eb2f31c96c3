"""Who and where a customer is: names and addresses of an order, as contract 2 has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mapper_gl_rules.source import Address, Order

__all__ = ["account_name", "contact_person", "delivery_address", "person_of", "place_of"]


def account_name(order: Order) -> str:
    """Give the name of the customer's account: the company, else the person, else the e-mail."""
    billing = order.billing_address
    company = billing.company if billing else None
    email = order.customer_email or (billing.email if billing else None)
    return company or person_of(order) or email or ""


def person_of(order: Order) -> str:
    """Give the name of the person who ordered."""
    return " ".join(_names(order).values())


def contact_person(order: Order) -> dict[str, str] | None:
    """Give the person behind a company, or None when the customer is a person or has no name."""
    billing = order.billing_address
    names = _names(order)
    if billing is None or not billing.company or not names:
        return None
    email, phone = order.customer_email or billing.email, billing.telephone
    return {**names, **({"email": email} if email else {}), **({"phone": phone} if phone else {})}


def delivery_address(order: Order, owner: str | None) -> dict[str, str] | None:
    """Give where the goods go; None for an order without shipping.

    Exact's addresses have no name, so the recipient is in the second line.

    Args:
        order: The order.
        owner: Name of the account, which needs no mention; None: the account is a collective one.
    """
    address = order.shipping.address if order.shipping else None
    if address is None:
        return None
    place = place_of(address)
    recipient = address.company or " ".join(filter(None, (address.firstname, address.lastname)))
    if recipient and recipient != owner:
        place["address_line2"] = recipient
    return place


def place_of(address: Address) -> dict[str, str]:
    """Give the place that an address names; the state is left out, Exact has codes of its own."""
    street = address.street or []
    fields = {
        "country": address.country_id,
        "postcode": address.postcode,
        "city": address.city,
        "address_line1": street if isinstance(street, str) else " ".join(street),
    }
    return {field: value for field, value in fields.items() if value}


def _names(order: Order) -> dict[str, str]:
    billing = order.billing_address
    names = {
        "first_name": order.customer_firstname or (billing.firstname if billing else None),
        "last_name": order.customer_lastname or (billing.lastname if billing else None),
    }
    return {field: value for field, value in names.items() if value}
