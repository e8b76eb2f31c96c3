"""Signing: every request is sent to the sandbox, which verifies as the recorded server does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from urllib3.util import parse_url

from adobe_commerce._oauth1 import canonical_url, natural_order
from adobe_commerce.auth import build_auth
from commerce_sandbox.testing import SandboxHandle

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDERS = "/rest/V1/orders"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    """One sandbox for this module: no test here changes it."""
    handle = SandboxHandle(tmp_path_factory.mktemp("sandbox"))
    yield handle
    handle.stop()


def get(sandbox: SandboxHandle, query: Any, **changes: Any) -> requests.Response:
    auth = build_auth({**sandbox.adobe_config(), **changes})
    return requests.get(sandbox.url + ORDERS, params=query, auth=auth, timeout=10)


def filters(field: str, value: str, condition: str = "eq") -> dict[str, str]:
    prefix = "searchCriteria[filter_groups][0][filters][0]"
    return {
        f"{prefix}[field]": field,
        f"{prefix}[value]": value,
        f"{prefix}[condition_type]": condition,
        "searchCriteria[pageSize]": "1",
    }


def test_parameters_sort_by_number_not_by_byte() -> None:
    keys = [f"searchCriteria%5Bfilter_groups%5D%5B{index}%5D" for index in (10, 2, 1, 0, 11)]
    ordered = sorted(keys, key=natural_order)
    assert [key.rsplit("%5B", 1)[1] for key in ordered] == [
        "0%5D",
        "1%5D",
        "2%5D",
        "10%5D",
        "11%5D",
    ]


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("a", "b"),
        ("a", "aa"),
        ("a2", "a10"),
        ("a%", "a5"),  # a digit is a character too, where the other side has none
        ("a5", "a_"),
        ("%5B", "%20"),  # read as numbers: 5 before 20
        ("a1b2", "a1b10"),
    ],
)
def test_order_is_the_one_of_strnatcmp(smaller: str, larger: str) -> None:
    assert natural_order(smaller) < natural_order(larger)


def test_leading_zeros_do_not_count() -> None:
    assert natural_order("a007") == natural_order("a7")


def test_url_is_rewritten_to_what_the_server_decodes() -> None:
    written = canonical_url("http://shop/rest/V1/orders?a[b]=x+y%2Bz&searchCriteria&c=d=e")
    assert written == "http://shop/rest/V1/orders?a%5Bb%5D=x%20y%2Bz&searchCriteria=&c=d%3De"


def test_a_space_in_a_filter_is_accepted(sandbox: SandboxHandle) -> None:
    answer = get(sandbox, filters("created_at", "2026-01-01 00:00:00", "gteq"))
    assert answer.status_code == 200
    assert answer.json()["total_count"] > 0


def test_twelve_filter_groups_are_accepted(sandbox: SandboxHandle) -> None:
    query = {"searchCriteria[pageSize]": "1"}
    for index in range(12):
        prefix = f"searchCriteria[filter_groups][{index}][filters][0]"
        query |= {f"{prefix}[field]": "entity_id", f"{prefix}[value]": "0"}
        query |= {f"{prefix}[condition_type]": "gt"}
    assert get(sandbox, query).status_code == 200


def test_a_parameter_without_a_value_is_accepted(sandbox: SandboxHandle) -> None:
    assert get(sandbox, "searchCriteria").status_code == 200


def test_a_json_body_is_not_part_of_the_signature(sandbox: SandboxHandle) -> None:
    auth = build_auth(sandbox.adobe_config())
    url = f"{sandbox.url}{ORDERS}"
    answer = requests.post(url, json={"a": "b c"}, auth=auth, timeout=10)
    assert "signature" not in answer.text


@given(
    value=st.text(
        st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=("Cs", "Cc")),
        max_size=30,
    )
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_in_a_filter_is_signed_as_it_is_sent(sandbox: SandboxHandle, value: str) -> None:
    answer = get(sandbox, filters("increment_id", value))
    assert answer.status_code == 200, answer.text


def test_every_try_has_its_own_nonce(sandbox: SandboxHandle) -> None:
    auth = build_auth(sandbox.adobe_config())
    url = f"{sandbox.url}{ORDERS}?searchCriteria[pageSize]=1"
    with requests.Session() as session:
        signed = session.prepare_request(requests.Request("GET", url, auth=auth))
        assert session.send(signed).status_code == 200
        assert "nonce" in session.send(signed).json()["message"]
        for _ in range(3):
            assert session.get(url, auth=auth).status_code == 200


def test_what_is_signed_is_what_goes_over_the_wire() -> None:
    url = canonical_url("http://shop/rest/V1/orders?a[0]=b c,d&e=é")
    assert parse_url(url).request_uri == "/rest/V1/orders?a%5B0%5D=b%20c%2Cd&e=%C3%A9"
