"""Master data written from outside: what is merged, what is lost in silence, what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from commerce_sandbox.adobe import credentials
from commerce_sandbox.adobe.testing import Received, ShopClient, Signer

if TYPE_CHECKING:
    from commerce_sandbox.testing import SandboxHandle

JAN, BUSINESS = 1, 2
CUSTOMER = {"email": "nieuw@example.com", "firstname": "Noor", "lastname": "Nieuw"}
ADDRESS = {
    "firstname": "Noor",
    "lastname": "Nieuw",
    "street": ["Dorpsstraat", "1"],
    "city": "Delft",
    "postcode": "2611AA",
    "telephone": "0000000000",
    "country_id": "NL",
}
CODE = "exact_gl_account"
LABEL = "8000 Revenue 21 %"


@pytest.fixture
def client(sandbox: SandboxHandle) -> ShopClient:
    return ShopClient(sandbox.url)


def get(client: ShopClient, path: str, **pairs: str) -> Any:
    received = client.get(f"/rest/V1/{path}", list(pairs.items()) or None)
    assert received.status == 200, received.body
    return received.json()


def post(client: ShopClient, path: str, **body: Any) -> Received:
    return client.write("POST", f"/rest/V1/{path}", body)


def put(client: ShopClient, path: str, **body: Any) -> Received:
    return client.write("PUT", f"/rest/V1/{path}", body)


def put_customer(client: ShopClient, number: int, **fields: Any) -> Any:
    received = put(client, f"customers/{number}", customer={"id": number, **fields})
    assert received.status == 200, received.body
    assert received.json() == get(client, f"customers/{number}")
    return received.json()


# Customers


def test_a_customer_is_created_in_the_website_of_the_call(client: ShopClient) -> None:
    given = {
        **CUSTOMER,
        "taxvat": "NL000099998B57",
        "addresses": [{**ADDRESS, "default_billing": True}],
    }
    received = client.write("POST", "/rest/b2b_nl/V1/customers", {"customer": given})
    assert received.status == 200
    made = received.json()
    assert made == get(client, f"customers/{made['id']}")
    assert (made["website_id"], made["store_id"], made["group_id"]) == (2, 5, 1)
    assert made["created_in"] == "Zakelijk NL"
    assert made["created_at"] == made["updated_at"]
    (address,) = made["addresses"]
    assert made["default_billing"] == str(address["id"])
    assert "default_shipping" not in made
    assert address["customer_id"] == made["id"]
    assert address["default_billing"] is True
    found = get(
        client,
        "customers/search",
        **{
            "searchCriteria[filterGroups][0][filters][0][field]": "email",
            "searchCriteria[filterGroups][0][filters][0][value]": CUSTOMER["email"],
        },
    )
    assert [item["id"] for item in found["items"]] == [made["id"]]


@pytest.mark.parametrize("missing", ["email", "firstname", "lastname"])
def test_a_customer_without_a_name_or_an_e_mail_is_refused(
    client: ShopClient, missing: str
) -> None:
    given = {name: value for name, value in CUSTOMER.items() if name != missing}
    received = post(client, "customers", customer=given)
    assert received.status == 400
    assert received.json()["parameters"] == {"fieldName": missing}


def test_an_e_mail_is_taken_in_its_website_only(client: ShopClient) -> None:
    assert post(client, "customers", customer=CUSTOMER).status == 200
    again = post(client, "customers", customer={**CUSTOMER, "email": "NIEUW@example.com"})
    assert again.status == 400
    assert again.json()["message"].startswith("A customer with the same email address already")
    elsewhere = {"customer": {**CUSTOMER, "website_id": 2}}
    assert client.write("POST", "/rest/V1/customers", elsewhere).status == 200


def test_what_is_not_sent_stays(client: ShopClient) -> None:
    before = get(client, f"customers/{BUSINESS}")
    after = put_customer(client, BUSINESS, taxvat="NL000099998B58", group_id=4)
    assert after["updated_at"] > before["updated_at"]
    changed = {"taxvat": "NL000099998B58", "group_id": 4, "updated_at": after["updated_at"]}
    assert after == {**before, **changed}


def test_addresses_are_a_full_list(client: ShopClient) -> None:
    (home,) = get(client, f"customers/{JAN}")["addresses"]
    two = put_customer(client, JAN, addresses=[home, ADDRESS])
    assert [address["city"] for address in two["addresses"]] == ["Amsterdam", "Delft"]
    assert two["default_billing"] == str(home["id"])
    one = put_customer(client, JAN, addresses=[two["addresses"][1]])
    assert [address["city"] for address in one["addresses"]] == ["Delft"]
    assert "default_billing" not in one
    assert "default_shipping" not in one
    added = put_customer(client, JAN, addresses=[*one["addresses"], ADDRESS])
    numbers = [address["id"] for address in added["addresses"]]
    assert len(set(numbers)) == 2
    assert home["id"] not in numbers
    assert put_customer(client, JAN, firstname="Johan")["addresses"] == added["addresses"]
    assert (
        "addresses" not in put_customer(client, JAN, addresses=[])
        or not put_customer(client, JAN, addresses=[])["addresses"]
    )


def test_another_customers_address_cannot_be_taken(client: ShopClient) -> None:
    received = put(client, f"customers/{JAN}", customer={"addresses": [{**ADDRESS, "id": 2}]})
    assert received.status == 404
    assert received.json()["parameters"] == {"fieldName": "addressId", "fieldValue": 2}
    assert len(get(client, f"customers/{JAN}")["addresses"]) == 1


def test_unknown_attributes_are_ignored_in_silence(
    sandbox: SandboxHandle, client: ShopClient
) -> None:
    wanted = [{"attribute_code": "exact_account_code", "value": "10042"}]
    assert "custom_attributes" not in put_customer(client, JAN, custom_attributes=wanted)
    sandbox.set("adobe.customer_attributes", ["exact_account_code", "tier"])
    assert put_customer(client, JAN, custom_attributes=wanted)["custom_attributes"] == wanted
    other = [{"attribute_code": "tier", "value": "gold"}]
    both = put_customer(client, JAN, custom_attributes=other)["custom_attributes"]
    assert both == [*wanted, *other]
    found = get(
        client,
        "customers/search",
        **{
            "searchCriteria[filterGroups][0][filters][0][field]": "exact_account_code",
            "searchCriteria[filterGroups][0][filters][0][value]": "10042",
        },
    )
    assert [item["id"] for item in found["items"]] == [JAN]


def test_old_releases_lose_what_is_not_sent(sandbox: SandboxHandle, client: ShopClient) -> None:
    sandbox.set("adobe.customer_attributes", ["exact_account_code"])
    value = [{"attribute_code": "exact_account_code", "value": "10042"}]
    before = put_customer(client, 3, custom_attributes=value)
    assert before["group_id"] == 4
    sandbox.set("adobe.old_customer_updates", value=True)
    required = {"email": before["email"], "lastname": before["lastname"], "website_id": 2}
    assert put(client, "customers/3", customer={"firstname": "Luuk"}).status == 400
    after = put_customer(client, 3, firstname="Luuk", **required)
    assert after["group_id"] == 1
    assert {"taxvat", "custom_attributes", "default_billing", "default_shipping"}.isdisjoint(after)
    assert [address["city"] for address in after["addresses"]] == ["Gent"]
    whole = {
        name: value for name, value in before.items() if name not in ("updated_at", "created_at")
    }
    assert put_customer(client, 3, **whole)["group_id"] == 4
    again = get(client, "customers/3")
    assert {**again, "updated_at": ""} == {**before, "updated_at": ""}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"group_id": 99}, 404),
        ({"group_id": "many"}, 400),
        ({"email": "nobody"}, 400),
        ({"email": "sam@example.com", "website_id": 3}, 400),
        ({"nickname": "J"}, 500),
        ({"addresses": "none"}, 400),
        ({"addresses": [{"city": "Delft"}]}, 400),
        ({"firstname": ""}, 400),
    ],
)
def test_what_is_wrong_changes_nothing(
    client: ShopClient, fields: dict[str, Any], status: int
) -> None:
    before = get(client, f"customers/{JAN}")
    assert put(client, f"customers/{JAN}", customer=fields).status == status
    assert get(client, f"customers/{JAN}") == before


def test_only_who_may_manage_customers_writes_them(client: ShopClient) -> None:
    limited = Signer(credentials.LIMITED)
    received = client.write("PUT", f"/rest/V1/customers/{JAN}", {"customer": {}}, limited)
    assert received.status == 401
    assert received.json()["parameters"] == {"resources": "Magento_Customer::manage"}
    assert put(client, "customers/999", customer=CUSTOMER).status == 404
    assert put(client, f"customers/{JAN}").json()["parameters"] == {"fieldName": "customer"}


def test_a_write_whose_answer_is_lost_has_happened_once(
    sandbox: SandboxHandle, client: ShopClient
) -> None:
    sandbox.fault("*/customers", "error_after", method="POST")
    assert post(client, "customers", customer=CUSTOMER).status == 500
    assert post(client, "customers", customer=CUSTOMER).status == 400  # it is there already
    sandbox.kill()
    sandbox.start()
    found = get(ShopClient(sandbox.url), "customers/search", searchCriteria="")
    assert [item["email"] for item in found["items"]].count(CUSTOMER["email"]) == 1


# Attributes and their options


def make_attribute(client: ShopClient, **fields: Any) -> Any:
    attribute = {
        "attribute_code": CODE,
        "frontend_input": "select",
        "default_frontend_label": "GL account",
        "scope": "global",
        **fields,
    }
    received = post(client, "products/attributes", attribute=attribute)
    assert received.status == 200, received.body
    return received.json()


def assign(client: ShopClient) -> None:
    body = {"attributeSetId": 4, "attributeGroupId": 7, "attributeCode": CODE, "sortOrder": 0}
    assert post(client, "products/attribute-sets/attributes", **body).status == 200


def add(client: ShopClient, label: str, **fields: Any) -> Received:
    return post(client, f"products/attributes/{CODE}/options", option={"label": label, **fields})


def test_an_attribute_is_made_once(client: ShopClient) -> None:
    made = make_attribute(client)
    assert made == get(client, f"products/attributes/{CODE}")
    assert made["options"] == [{"label": " ", "value": ""}]
    again = post(client, "products/attributes", attribute={**made, "frontend_labels": []})
    assert again.status == 400
    criteria = {
        "searchCriteria[filterGroups][0][filters][0][field]": "attribute_code",
        "searchCriteria[filterGroups][0][filters][0][value]": CODE,
    }
    found = get(client, "products/attributes", **criteria)
    assert found["items"] == [made]
    assert client.get("/rest/V1/products/attributes/nothing").status == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"attribute_code": "GL account"},
        {"frontend_input": "colour"},
        {"default_frontend_label": ""},
        {"frontend_input": None},
    ],
)
def test_an_attribute_without_sense_is_refused(client: ShopClient, fields: dict[str, Any]) -> None:
    given = {"attribute_code": CODE, "frontend_input": "select", "default_frontend_label": "GL"}
    assert post(client, "products/attributes", attribute={**given, **fields}).status == 400
    assert client.get(f"/rest/V1/products/attributes/{CODE}").status == 404


def test_a_label_equal_to_an_option_s_number_is_refused(client: ShopClient) -> None:
    make_attribute(client)
    number = add(client, LABEL).json()
    assert isinstance(number, str)
    for label in (number, f" {number} ", f"{number}.0", LABEL, LABEL.upper()):
        received = add(client, label)
        assert received.status == 400, label
        assert received.json() == {
            "message": 'Admin store attribute option label "%1" is already exists.',
            "parameters": [label],
        }
    other = add(client, f"{number} Other").json()  # never a bare number
    assert int(other) == int(number) + 1
    shown = get(client, f"products/attributes/{CODE}/options")
    assert shown == [
        {"label": " ", "value": ""},
        {"label": LABEL, "value": number},
        {"label": f"{number} Other", "value": other},
    ]
    path = f"products/attributes/{CODE}/options/{other}"
    assert put(client, path, option={"label": number}).status == 400
    assert put(client, path, option={"label": LABEL}).status == 400
    assert put(client, path, option={"label": f"{number} Changed"}).json() is True
    assert put(client, path, option={"label": other}).json() is True  # its own number
    missing = put(client, f"products/attributes/{CODE}/options/99999", option={"label": "x"})
    assert missing.status == 400


def test_numbers_of_options_never_come_back(client: ShopClient) -> None:
    make_attribute(client)
    first = add(client, LABEL).json()
    assert client.write("DELETE", f"/rest/V1/products/attributes/{CODE}/options/{first}", {}).json()
    assert int(add(client, LABEL).json()) == int(first) + 1


def test_store_views_have_their_own_labels(client: ShopClient) -> None:
    make_attribute(client)
    add(client, LABEL, store_labels=[{"store_id": 2, "label": "8000 Erlöse"}])
    path = f"V1/products/attributes/{CODE}/options"
    assert client.get(f"/rest/de/{path}").json()[1]["label"] == "8000 Erlöse"
    assert client.get(f"/rest/all/{path}").json()[1]["label"] == LABEL
    assert client.get(f"/rest/nl/{path}").json()[1]["label"] == LABEL


def test_a_change_forgets_the_labels_of_store_views_that_it_does_not_send(
    client: ShopClient,
) -> None:
    make_attribute(client)
    own = [{"store_id": 2, "label": "8000 Erlöse"}]
    number = add(client, LABEL, store_labels=own).json()
    path = f"products/attributes/{CODE}/options/{number}"
    german = f"/rest/de/V1/products/attributes/{CODE}/options"
    assert put(client, path, option={"label": "8000 New", "store_labels": own}).json() is True
    assert client.get(german).json()[1]["label"] == "8000 Erlöse"
    assert put(client, path, option={"label": "8000 Newer"}).json() is True
    assert client.get(german).json()[1]["label"] == "8000 Newer"


@pytest.mark.parametrize("option", [{"label": ""}, {"label": "  "}, {"label": ["x"]}, {}])
def test_an_option_needs_a_label(client: ShopClient, option: dict[str, Any]) -> None:
    make_attribute(client)
    assert post(client, f"products/attributes/{CODE}/options", option=option).status == 400


def test_only_choices_have_options(client: ShopClient) -> None:
    received = post(client, "products/attributes/supplier_code/options", option={"label": "x"})
    assert received.status == 400
    assert received.json()["parameters"] == ["supplier_code"]


# Products


def value_of(product: dict[str, Any], code: str = CODE) -> Any:
    values = {entry["attribute_code"]: entry["value"] for entry in product["custom_attributes"]}
    return values.get(code)


def write_product(client: ShopClient, store: str, value: Any, code: str = CODE) -> Received:
    body = {"product": {"custom_attributes": [{"attribute_code": code, "value": value}]}}
    return client.write("PUT", f"/rest/{store}V1/products/TEA-POT", body)


def test_a_value_is_kept_once_the_attribute_is_in_the_set(client: ShopClient) -> None:
    make_attribute(client)
    number = add(client, LABEL).json()
    before = get(client, "products/TEA-POT")
    assert write_product(client, "all/", number).status == 200
    assert value_of(get(client, "products/TEA-POT")) is None  # ignored in silence
    assign(client)
    codes = [one["attribute_code"] for one in get(client, "products/attribute-sets/4/attributes")]
    assert CODE in codes
    received = write_product(client, "all/", number)
    assert value_of(received.json()) == number
    after = get(client, "products/TEA-POT")
    assert after["updated_at"] > before["updated_at"]
    kept = [entry for entry in after["custom_attributes"] if entry["attribute_code"] != CODE]
    assert {**after, "custom_attributes": kept, "updated_at": ""} == {**before, "updated_at": ""}
    assert write_product(client, "all/", LABEL).status == 400  # a label is no number
    assert write_product(client, "all/", "x", "unknown_code").status == 200
    assert value_of(get(client, "products/TEA-POT"), "unknown_code") is None


def test_without_all_a_value_is_written_for_one_store_view(client: ShopClient) -> None:
    assert write_product(client, "", "SUP-NL", "supplier_code").status == 200
    seen = {
        store: value_of(client.get(f"/rest/{store}V1/products/TEA-POT").json(), "supplier_code")
        for store in ("", "nl/", "de/", "all/")
    }
    assert seen == {"": "SUP-NL", "nl/": "SUP-NL", "de/": "SUP-001", "all/": "SUP-001"}
    assert write_product(client, "all/", "SUP-002", "supplier_code").status == 200
    assert value_of(client.get("/rest/nl/V1/products/TEA-POT").json(), "supplier_code") == "SUP-NL"
    assert value_of(client.get("/rest/de/V1/products/TEA-POT").json(), "supplier_code") == "SUP-002"


def test_an_unknown_product_cannot_be_written(client: ShopClient) -> None:
    body = {"product": {"custom_attributes": []}}
    assert client.write("PUT", "/rest/all/V1/products/NOTHING", body).status == 404
    body = {"product": {"colour": "red"}}
    assert client.write("PUT", "/rest/all/V1/products/TEA-POT", body).status == 500
