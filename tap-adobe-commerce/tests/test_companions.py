"""What orders carry beside their own: transactions, invoices and tax rates, fetched per page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from adobe_commerce.errors import AdobeCommerceError
from commerce_sandbox.adobe.hostile import HostileShop, once
from commerce_sandbox.data import backstage
from tap_adobe_commerce.companions import is_online
from tap_adobe_commerce.tap import TapAdobeCommerce

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Run

    from commerce_sandbox.testing import SandboxHandle

AT = "2026-05-01 10:00:00"


def calls(sandbox: SandboxHandle, route: str) -> list[str]:
    requests = sandbox.requests(system="adobe")
    return [each["query"] for each in requests if each["path"].endswith(f"/V1/{route}")]


def test_documents_carry_when_their_money_moved(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    made = backstage.capture(sandbox.database, 7, "2026-11-01 08:00:00")

    run = run_tap(sandbox.adobe_config(), streams=("invoices", "credit_memos"))

    assert run.code == 0
    by_key = {each["entity_id"]: each["order"] for each in run.records("invoices")}
    moved = by_key[7]["transactions"]
    assert [each["txn_type"] for each in moved] == ["authorization", "capture"]
    assert moved[1]["txn_id"] == made["txn_id"]
    assert moved[1]["created_at"] == "2026-11-01T08:00:00Z"
    assert set(moved[1]) == {
        "transaction_id", "txn_type", "txn_id", "parent_txn_id", "created_at", "is_closed",
    }  # fmt: skip
    offline = [order for order in by_key.values() if order["entity_id"] != by_key[7]["entity_id"]]
    assert not any("transactions" in order for order in offline)  # nobody asked for them
    assert len(calls(sandbox, "transactions")) == 1
    for stream in ("invoices", "credit_memos"):
        validator = jsonschema.Draft7Validator(run.schema(stream))
        for record in run.records(stream):
            assert list(validator.iter_errors(record)) == []


def test_credit_memos_carry_the_invoices_of_their_order(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], recorded: Run
) -> None:
    run = run_tap(sandbox.adobe_config(), streams=("credit_memos",))

    invoices = recorded.records("invoices")
    for memo in run.records("credit_memos"):
        own = [each for each in invoices if each["order_id"] == memo["order_id"]]
        assert memo["order"]["invoices"] == [
            {name: each.get(name) for name in ("entity_id", "increment_id", "created_at",
                                               "updated_at", "state")}
            for each in own
        ]  # fmt: skip
    assert any(len(memo["order"]["invoices"]) > 1 for memo in run.records("credit_memos"))
    assert not any("invoices" in each["order"] for each in invoices)
    assert len([query for query in calls(sandbox, "invoices") if "order_id" in query]) == 1


def test_orders_carry_the_tax_rates_of_their_codes(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], recorded: Run
) -> None:
    run = run_tap(sandbox.adobe_config(), streams=("orders", "invoices"))

    rates = {each["code"]: each for each in recorded.records("tax_rates")}
    seen = set()
    for order in [*run.records("orders"), *(each["order"] for each in run.records("invoices"))]:
        applied = order["extension_attributes"].get("applied_taxes", [])
        codes = {tax["code"] for tax in applied}
        assert {rate["code"] for rate in order["tax_rates"]} == codes & rates.keys()
        for rate in order["tax_rates"]:
            assert rate["tax_country_id"] == rates[rate["code"]]["tax_country_id"]
            assert rate["rate"] == rates[rate["code"]]["rate"]
        seen |= codes
    assert len(seen) > 3
    assert len(calls(sandbox, "taxRates/search")) == 1


@pytest.mark.parametrize("limit", [1, 3])
def test_tax_rates_that_do_not_fit_on_a_page_are_found_by_their_code(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], recorded: Run, limit: int
) -> None:
    config = sandbox.adobe_config() | {"order_ids": ["000000001", "4000000001"]}
    sandbox.set("adobe.max_page_size", limit)

    run = run_tap(config, streams=("orders",))

    whole = {order["entity_id"]: order["tax_rates"] for order in recorded.records("orders")}
    for order in run.records("orders"):
        assert order["tax_rates"] == whole[order["entity_id"]]


def test_a_tax_code_with_a_comma_is_found() -> None:
    codes = ["US, NY", *(f"code {number}" for number in range(45))]
    rates = [
        {"id": number, "code": code, "tax_country_id": "US", "rate": 1}
        for number, code in enumerate([*(f"other {n}" for n in range(200)), *codes], 1)
    ]
    listed = once(rates)

    def paged(query: dict[str, str], headers: Any) -> Any:
        found = listed(query, headers)["items"]
        return {"items": found[: int(query["searchCriteria[pageSize]"])], "total_count": len(found)}

    taxes = {"applied_taxes": [{"code": code} for code in codes]}
    order = {"entity_id": 1, "updated_at": AT, "store_id": 1, "extension_attributes": taxes}
    shop = HostileShop({"orders": once([order]), "taxRates/search": paged})
    try:
        tap = TapAdobeCommerce(config=shop.config, setup_mapper=False)
        (record,) = tap.streams["orders"].get_records(None)
    finally:
        shop.stop()
    assert [rate["code"] for rate in record["tax_rates"]] == codes
    assert len([route for route, _ in shop.asked if route == "taxRates/search"]) == 1 + 1 + 3


def test_what_nobody_selected_is_not_asked_for(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], catalog: Callable[..., dict[str, Any]]
) -> None:
    backstage.capture(sandbox.database, 7, "2026-11-01 08:00:00")
    select = catalog("credit_memos", "invoices")
    for entry in select["streams"]:
        for part in entry["metadata"]:
            if part["breadcrumb"][-1:] in (["transactions"], ["tax_rates"], ["invoices"]):
                part["metadata"]["selected"] = False

    run = run_tap(sandbox.adobe_config(), select=select)

    assert run.code == 0
    assert calls(sandbox, "transactions") == calls(sandbox, "taxRates/search") == []
    assert not any("order_id" in query for query in calls(sandbox, "invoices"))
    orders = [each["order"] for name in ("credit_memos", "invoices") for each in run.records(name)]
    assert not any({"transactions", "tax_rates", "invoices"} & order.keys() for order in orders)


def test_an_order_whose_transactions_cannot_be_read_is_named_and_stops_nobody() -> None:
    online = {"method": "some_card"}
    orders = [{"entity_id": key, "updated_at": AT, "payment": online} for key in (1, 2)]

    def transactions(query: dict[str, str], _headers: Any) -> Any:
        value = query["searchCriteria[filter_groups][0][filters][0][value]"]
        bad = "1" in value.split(",")
        rows = [{"transaction_id": 5, "order_id": [1]}] if bad else []
        return {"items": rows, "total_count": len(rows)}

    shop = HostileShop({"orders": once(orders), "transactions": transactions})
    try:
        config = shop.config | {"unreadable": "park"}
        tap = TapAdobeCommerce(config=config, setup_mapper=False)
        found = list(tap.streams["orders"].get_records(None))
        strict = TapAdobeCommerce(config=shop.config, setup_mapper=False)
        with pytest.raises(AdobeCommerceError, match="entity_id 1 cannot be read"):
            list(strict.streams["orders"].get_records(None))
    finally:
        shop.stop()
    assert [each["entity_id"] for each in found] == [2]
    assert found[0]["transactions"] == []


@pytest.mark.parametrize(
    ("order", "documents", "expected"),
    [
        ({"payment": {"method": "checkmo"}}, [], False),
        ({"payment": {"method": "checkmo", "last_trans_id": "x"}}, [], True),
        ({"payment": {"method": "adyen_cc"}}, [], True),
        ({"payment": {}}, [], True),
        ({"payment": {"method": "free"}}, [{"transaction_id": "x"}], True),
        ({"payment": {"method": "free"}}, [{"transaction_id": None}], False),
        ({}, [], False),
    ],
)
def test_which_orders_may_have_transactions(
    order: dict[str, Any], documents: list[dict[str, Any]], *, expected: bool
) -> None:
    assert is_online(order, documents) is expected
