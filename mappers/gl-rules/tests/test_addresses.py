"""Who and where: contacts and addresses of new accounts, and where the goods of an order go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from mapper_gl_rules.booking import Booker
from mapper_gl_rules.rules.loading import parse_rules
from mapper_gl_rules.source.decoding import Decoder
from mapper_gl_rules.source.messages import encode_any
from mapper_gl_rules.tools.workbook import from_xlsx, to_xlsx

if TYPE_CHECKING:
    from collections.abc import Callable

LAMP = ("LAMP", 100, 21)
BILLING = {
    "company": "Theehuis B.V.",
    "firstname": "Petra",
    "lastname": "Bakker",
    "street": ["Dorpsstraat", "1"],
    "postcode": "3511 AA",
    "city": "Utrecht",
    "country_id": "NL",
    "telephone": "030 1234567",
}
WAREHOUSE = BILLING | {"street": ["Havenkade 7"], "postcode": "3011AA", "city": "Rotterdam"}


@pytest.fixture
def created(make_rules: Any, make_document: Any) -> Callable[..., dict[str, Any]]:
    """Return a function that gives the account to create for billing and shipping address."""

    def make(billing: dict[str, Any], shipping: dict[str, Any] | None) -> dict[str, Any]:
        order = {"billing_address": billing, "extension_attributes": shipped(shipping)}
        rules = make_rules(debtor="customer", create_debtors=True)
        (booked,) = Booker(rules).document("invoice", make_document(LAMP, order=order))
        account: dict[str, Any] = booked.record["debtor"]["create"]
        return account

    return make


def shipped(address: dict[str, Any] | None) -> dict[str, Any]:
    return {"shipping_assignments": [{"shipping": {"address": address} if address else {}}]}


def with_delivery_addresses(rules: Any) -> str:
    """Give the text of a rules file with the setting switched on."""
    text: str = rules.read_text()
    return text.replace(
        "  sales_orders: true\n", "  sales_orders: true\n  delivery_addresses: true\n"
    )


def test_the_person_behind_a_company_is_its_contact(
    created: Callable[..., dict[str, Any]],
) -> None:
    account = created(BILLING, BILLING)
    assert account["name"] == "Theehuis B.V."
    assert account["contacts"] == [
        {
            "first_name": "Petra",
            "last_name": "Bakker",
            "email": "customer@example.com",
            "phone": "030 1234567",
        }
    ]
    assert "addresses" not in account


def test_a_person_is_no_contact_of_themselves(created: Callable[..., dict[str, Any]]) -> None:
    account = created(BILLING | {"company": None}, None)
    assert account["name"] == "Petra Bakker"
    assert "contacts" not in account
    nameless = created(BILLING | {"firstname": None, "lastname": ""}, None)
    assert "contacts" not in nameless


def test_only_another_place_is_a_delivery_address(created: Callable[..., dict[str, Any]]) -> None:
    assert created(BILLING, WAREHOUSE)["addresses"] == [
        {
            "type": "delivery",
            "address_line1": "Havenkade 7",
            "postcode": "3011AA",
            "city": "Rotterdam",
            "country": "NL",
        }
    ]
    written_otherwise = BILLING | {
        "street": "DORPSSTRAAT 1",
        "postcode": "3511aa",
        "telephone": "06 1",
        "firstname": "P.",
    }
    assert "addresses" not in created(BILLING, written_otherwise)
    assert "addresses" not in created(BILLING, None), "nothing is shipped"


def test_a_recipient_who_is_not_the_customer_is_named(
    created: Callable[..., dict[str, Any]],
) -> None:
    (address,) = created(BILLING, WAREHOUSE | {"company": "Opslag B.V."})["addresses"]
    assert address["address_line2"] == "Opslag B.V."
    (address,) = created(BILLING, WAREHOUSE | {"company": None})["addresses"]
    assert address["address_line2"] == "Petra Bakker"


@pytest.mark.parametrize(
    ("debtor", "recipient"), [("customer", None), ("10", {"address_line2": "Theehuis B.V."})]
)
def test_a_sales_order_names_the_shipping_address_when_the_rules_want_it(
    debtor: str, recipient: dict[str, str] | None, make_rules: Any, make_document: Any
) -> None:
    money = {"subtotal": 100, "tax_amount": 21, "grand_total": 121}
    addresses = {"billing_address": BILLING, "extension_attributes": shipped(BILLING)}
    order = make_document(LAMP, order={**money, **addresses}).order
    wanted = {"sales_orders": True, "debtor": debtor}
    (booked,) = Booker(make_rules(**wanted)).order(order)
    assert "delivery_address" not in booked.record
    (booked,) = Booker(make_rules(delivery_addresses=True, **wanted)).order(order)
    # Also where it is the billing address: the account in Exact may have another one.
    assert booked.record["delivery_address"] == {
        "country": "NL",
        "postcode": "3511 AA",
        "city": "Utrecht",
        "address_line1": "Dorpsstraat 1",
        **(recipient or {}),
    }


def test_recorded_orders_go_where_the_shop_shipped_them(
    example_rules: Any, recorded_orders: dict[int, dict[str, Any]]
) -> None:
    rules = parse_rules(with_delivery_addresses(example_rules), origin="rules.yml")
    names: dict[str, dict[str, str]] = {}
    for recorded in recorded_orders.values():
        order = Decoder(base=False).order(msgspec.Raw(encode_any(recorded)))
        for booked in Booker(rules).order(order):
            if address := booked.record.get("delivery_address"):
                names[order.increment_id] = address
    assert len(names) > 10
    abroad = names["000000038"]
    assert (abroad["country"], abroad["postcode"], abroad["city"]) == ("DE", "50667", "Köln")
    assert abroad["address_line1"] == "Musterstraße 5"
    assert names["5000000001"]["address_line1"] == "Voorbeeldstraat 12"


def test_the_setting_survives_a_workbook(example_rules: Any) -> None:
    text = from_xlsx(to_xlsx(with_delivery_addresses(example_rules))).text
    assert "delivery_addresses: true" in text
