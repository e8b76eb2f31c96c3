"""OAuth 1.0a as the shop checks it, beyond what was recorded."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_sandbox.adobe.credentials import FULL, LIMITED
from commerce_sandbox.adobe.errors import ShopError
from commerce_sandbox.adobe.oauth import NonceRegister, natural_compare
from commerce_sandbox.adobe.testing import ShopClient, Signer, query_string
from commerce_sandbox.testing import SandboxHandle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commerce_sandbox.adobe.testing import Pairs, Received

PAGE: Pairs = [("searchCriteria[pageSize]", "1"), ("fields", "total_count")]
ORDERS = "/rest/V1/orders"

# In the order of PHP's own documentation and of the original natural-order test data.
NATURAL = [
    ["img1.png", "img2.png", "img10.png", "img12.png"],
    ["1.001", "1.002", "1.010", "1.02", "1.1", "1.3"],
    ["x2-g8", "x2-y7", "x8-y8"],
    ["f%5B0%5D", "f%5B1%5D", "f%5B2%5D", "f%5B9%5D", "f%5B10%5D", "f%5B11%5D", "f%5B100%5D"],
    ["a", "a0", "a1", "aa"],
    ["oauth_nonce", "searchCriteria%5BpageSize%5D", "searchCriteria%5Bpage_size%5D"],
]


@pytest.mark.parametrize("ordered", NATURAL)
def test_keys_are_sorted_as_php_sorts_them(ordered: list[str]) -> None:
    for shuffled in itertools.permutations(ordered[:5]):
        assert sorted(shuffled, key=cmp_to_key(natural_compare)) == ordered[:5]


_KEYS = st.text(alphabet="ab%[]5019_", max_size=12)


@given(_KEYS, _KEYS)
def test_natural_order_is_one_order(left: str, right: str) -> None:
    assert natural_compare(left, right) == -natural_compare(right, left)
    assert (natural_compare(left, right) == 0) == (left == right)


@pytest.fixture(scope="module")
def client(module_sandbox: SandboxHandle) -> ShopClient:
    return ShopClient(module_sandbox.url)


@pytest.fixture(scope="module")
def module_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    handle = SandboxHandle(tmp_path_factory.mktemp("shop"))
    yield handle
    handle.stop()


def message(received: Received) -> tuple[int, str]:
    return received.status, received.json()["message"]


NONCE_USED = (401, "The nonce is already being used by the consumer with ID %1")
BAD_SIGNATURE = (401, "The signature is invalid. Verify and try again.")


def test_a_wrong_signature_uses_up_its_nonce(client: ShopClient) -> None:
    nonce = "a" * 32
    assert message(client.get(ORDERS, PAGE, Signer(nonce=nonce, corrupt=True))) == BAD_SIGNATURE
    assert message(client.get(ORDERS, PAGE, Signer(nonce=nonce))) == NONCE_USED


def test_only_the_first_32_characters_of_a_nonce_count(client: ShopClient) -> None:
    assert client.get(ORDERS, PAGE, Signer(nonce="b" * 32 + "first")).status == 200
    assert message(client.get(ORDERS, PAGE, Signer(nonce="b" * 32 + "second"))) == NONCE_USED


def test_two_integrations_may_use_one_nonce(client: ShopClient) -> None:
    for integration in (FULL, LIMITED):
        assert client.get(ORDERS, PAGE, Signer(integration, nonce="c" * 32)).status == 200


def test_a_refusal_before_the_nonce_check_leaves_the_nonce_unused(client: ShopClient) -> None:
    signer = Signer(nonce="d" * 32)
    assert client.get(ORDERS, PAGE, replace(signer, method="HMAC-SHA1")).status == 400
    assert client.get(ORDERS, PAGE, signer).status == 200


def test_nonces_are_forgotten_after_two_hours() -> None:
    register = NonceRegister()
    register.use(1, "nonce", "1000", now=1000)
    with pytest.raises(ShopError, match="already being used"):
        register.use(1, "nonce", "1000", now=1000 + 7200)
    register.use(1, "nonce", "1000", now=1000 + 7201)


@pytest.mark.parametrize("timestamp", ["0", "-5", "soon", ""])
def test_a_timestamp_that_is_no_time_is_refused(timestamp: str) -> None:
    with pytest.raises(ShopError, match="An error occurred validating the nonce"):
        NonceRegister().use(1, "nonce", timestamp, now=1000)


def test_the_window_is_measured_on_the_shops_own_clock(sandbox: SandboxHandle) -> None:
    client = ShopClient(sandbox.url)
    sandbox.set("adobe.clock_skew_seconds", -601 - 5)
    refused = message(client.get(ORDERS, PAGE))
    assert refused == (401, "An error occurred validating the nonce")
    sandbox.set("adobe.clock_skew_seconds", 86400)
    assert client.get(ORDERS, PAGE).status == 200


FIRST_WINS: list[tuple[Signer, int, str]] = [
    (Signer(version="2.0", without="oauth_nonce"), 400, "isn't supported"),
    (Signer(method="PLAINTEXT", without="oauth_nonce"), 400, "is required"),
    (Signer(method="PLAINTEXT").with_credentials(access_token="short"), 400, "token length"),
    (Signer(method="PLAINTEXT").with_credentials(consumer_key="x" * 32), 400, "not supported"),
    (
        Signer(ahead=900).with_credentials(consumer_key="x" * 32),
        401,
        "A consumer having the specified key does not exist",
    ),
    (Signer(ahead=900).with_credentials(access_token="x" * 32), 401, "validating the nonce"),
    (Signer(corrupt=True).with_credentials(access_token="x" * 32), 401, "Specified token"),
    (
        Signer().with_credentials(access_token=LIMITED.access_token),
        401,
        "Token is not associated with the specified consumer",
    ),
]


@pytest.mark.parametrize(("signer", "status", "text"), FIRST_WINS)
def test_of_two_mistakes_the_one_checked_first_is_told(
    client: ShopClient, signer: Signer, status: int, text: str
) -> None:
    received = client.get(ORDERS, PAGE, signer)
    assert received.status == status
    assert text in received.json()["message"]


def test_several_missing_fields_are_all_named(client: ShopClient) -> None:
    received = client.send("GET", ORDERS, {"Authorization": "OAuth oauth_nonce=1"})
    body = received.json()
    assert received.status == 400
    assert body["message"] == "One or more input exceptions have occurred."
    names = [error["parameters"]["fieldName"] for error in body["errors"]]
    assert names == [
        "oauth_consumer_key", "oauth_signature", "oauth_signature_method",
        "oauth_timestamp", "oauth_token",
    ]  # fmt: skip


def test_the_header_is_read_leniently(client: ShopClient) -> None:
    values = Signer().parameters("GET", f"{client.url}{ORDERS}", list(PAGE))
    fields = ",".join(
        f'  {name}="{value}"' for name, value in sorted(values.items(), reverse=True)
    ).replace("+", "%2B")
    header = f"oAuTh {fields}, unknown=1, realm"
    received = client.send("GET", f"{ORDERS}?{query_string(PAGE)}", {"Authorization": header})
    assert received.json() == {"total_count": 75}


def _signed_for(client: ShopClient, signed: Pairs, query: str) -> Any:
    header = Signer().header("GET", f"{client.url}{ORDERS}", signed)
    return client.send("GET", f"{ORDERS}?{query}", {"Authorization": header})


def test_a_pair_without_exactly_one_equals_sign_is_not_signed(client: ShopClient) -> None:
    query = "searchCriteria=&fields=total_count"
    pairs: Pairs = [("searchCriteria", ""), ("fields", "total_count")]
    assert _signed_for(client, pairs, f"{query}&flag&two=equals=signs").status == 200
    more: Pairs = [*pairs, ("two", "equals=signs")]
    assert message(_signed_for(client, more, f"{query}&two=equals=signs")) == BAD_SIGNATURE
    assert _signed_for(client, more, f"{query}&two=equals%3Dsigns").status == 200


def test_a_form_is_signed_and_json_is_not(client: ShopClient) -> None:
    target = "/rest/V1/orders/12/cancel"
    url = f"{client.url}{target}"
    form = {
        "Authorization": Signer().header("POST", url, [("a", "1")]),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    assert client.send("POST", target, form, "a=1").json() is False
    form["Authorization"] = Signer().header("POST", url, [])
    assert message(client.send("POST", target, form, "a=1")) == BAD_SIGNATURE
    json_headers = {
        "Authorization": Signer().header("POST", url, []),
        "Content-Type": "application/json",
    }
    assert client.send("POST", target, json_headers, '{"a":1}').json() is False


def test_a_sku_with_a_slash_cannot_be_signed(client: ShopClient) -> None:
    sku = "SKU%20with%20space%2F%C3%A9%20%26%20%22quote%22"
    assert message(client.get(f"/rest/V1/products/{sku}")) == BAD_SIGNATURE


def test_a_public_route_does_not_look_at_credentials(client: ShopClient) -> None:
    received = client.get("/rest/V1/directory/currency", signer=Signer(corrupt=True))
    assert received.json()["base_currency_code"] == "EUR"


def test_an_unknown_route_is_told_before_credentials_are_checked(client: ShopClient) -> None:
    assert client.send("GET", "/rest/V1/nosuchthing").status == 404
    assert client.send("GET", "/rest/V1/orders/abc").status == 401
