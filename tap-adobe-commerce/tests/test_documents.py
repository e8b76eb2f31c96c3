"""The three document streams against the recorded shop: contract 1."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from commerce_sandbox.adobe import credentials
from commerce_sandbox.adobe.testing import ShopClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Run

    from commerce_sandbox.testing import SandboxHandle

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_every_document_of_the_recorded_shop_arrives_once(recorded: Run) -> None:
    assert recorded.code == 0
    assert sorted(recorded.keys("orders")) == list(range(1, 76))
    assert sorted(recorded.keys("invoices")) == list(range(1, 66))
    assert sorted(recorded.keys("credit_memos")) == list(range(1, 20))
    assert recorded.state["bookmarks"]["orders"]["replication_key_value"].endswith("Z")


def test_records_conform_to_their_schema(recorded: Run) -> None:
    for stream in ("orders", "invoices", "credit_memos"):
        validator = jsonschema.Draft7Validator(
            recorded.schema(stream), format_checker=jsonschema.FormatChecker()
        )
        for record in recorded.records(stream):
            assert list(validator.iter_errors(record)) == []


def test_documents_carry_their_order_with_products_and_source(recorded: Run) -> None:
    orders = {record["entity_id"]: record for record in recorded.records("orders")}
    for document in recorded.records("invoices") + recorded.records("credit_memos"):
        order = document["order"]
        assert order["increment_id"] == orders[document["order_id"]]["increment_id"]
        assert order["items"] == orders[document["order_id"]]["items"]
        assert document["source"]["instance"] == "sandbox"
        assert document["source"]["timezone"].startswith("Europe/")
        assert ISO.fullmatch(document["source"]["extracted_at"])
    tea_pot = next(line for line in orders[1]["items"] if line["sku"] == "TEA-POT")
    assert tea_pot["product"]["tax_class_id"] == 2
    assert tea_pot["product"]["custom_attributes"]["supplier_code"] == "SUP-001"
    assert orders[1]["source"]["store_code"] == "nl"
    assert orders[1]["source"]["website_code"] == "base"


def test_lines_find_their_product_by_number_where_the_sku_is_made_up(recorded: Run) -> None:
    lines = {line["sku"]: line for order in recorded.records("orders") for line in order["items"]}
    assert lines["BUNDLE-DYN-TEA-POT-TEA-BAGS"]["product"]["type_id"] == "bundle"
    assert lines["ENGRAVED-SPOON-grav"]["product"]["type_id"] == "simple"


def test_amounts_keep_the_digits_the_shop_sent(recorded: Run) -> None:
    text = "\n".join(recorded.lines)
    assert '"grand_total":18.0575' in text
    (order,) = (o for o in recorded.records("orders") if o["grand_total"] == Decimal("18.0575"))
    assert type(order["grand_total"]) is Decimal
    assert any(isinstance(o["grand_total"], int) for o in recorded.records("orders"))


def _timestamps(value: Any) -> list[str]:
    found = []
    if isinstance(value, dict):
        for name, part in value.items():
            if name.endswith("_at") and part is not None:
                found.append(part)
            found += _timestamps(part)
    elif isinstance(value, list):
        for part in value:
            found += _timestamps(part)
    return found


def test_timestamps_are_iso_utc_at_every_depth(recorded: Run) -> None:
    times = _timestamps(recorded.records("invoices"))
    assert len(times) > 500
    assert [time for time in times if not ISO.fullmatch(time)] == []


def test_one_call_per_page_for_orders_and_products(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    run_tap(sandbox.adobe_config(), streams=("invoices",))

    paths = [
        request["path"].rsplit("/V1/")[-1]
        for request in sandbox.requests(system="adobe")
        if "pageSize%5D=1&" not in request["query"] and "pageSize]=1&" not in request["query"]
    ]
    assert paths.count("invoices") == 1
    assert paths.count("orders") == 1
    assert paths.count("products") == 1


def test_a_second_run_of_a_quiet_shop_emits_nothing(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    first = run_tap(sandbox.adobe_config())
    second = run_tap(sandbox.adobe_config(), state=first.state)

    assert first.code == second.code == 0
    assert not any(message["type"] == "RECORD" for message in second.messages)
    for stream, entry in second.state["bookmarks"].items():
        before = first.state["bookmarks"][stream]["replication_key_value"]
        assert entry["replication_key_value"] >= before


@pytest.mark.parametrize("stream", ["orders", "invoices", "credit_memos"])
def test_missing_permissions_for_master_data_are_warned_of_once(
    sandbox: SandboxHandle, run_tap: Callable[..., Run], sales_only: dict[str, str], stream: str
) -> None:
    config = sandbox.adobe_config() | sales_only

    run = run_tap(config, streams=(stream,))

    assert run.code == 0
    warnings = [line for line in run.errors.splitlines() if "| WARNING" in line]
    assert len(warnings) == 3
    for resource in ("Magento_Catalog::products", "Magento_Tax::manage_tax", "Backend::store"):
        assert sum(resource in line for line in warnings) == 1
    for record in run.records(stream):
        assert record["source"]["store_code"] == str(record["store_id"])
        order = record if stream == "orders" else record["order"]
        assert all("product" not in line for line in order["items"])
        assert not {"transactions", "tax_rates"} & order.keys()


def test_nothing_but_singer_messages_on_stdout(recorded: Run) -> None:
    assert {json.loads(line)["type"] for line in recorded.lines} == {"SCHEMA", "RECORD", "STATE"}


def test_stream_maps_apply(sandbox: SandboxHandle, run_tap: Callable[..., Run]) -> None:
    maps = {"orders": {"__alias__": "sales", "__filter__": "store_id == 4", "extra": "state"}}

    run = run_tap(sandbox.adobe_config() | {"stream_maps": maps}, streams=("orders",))

    records = run.records("sales")
    assert records
    assert {record["store_id"] for record in records} == {4}
    assert all(record["extra"] == record["state"] for record in records)


def test_the_cloud_service_is_read_with_its_own_paths_and_tokens(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    config = {
        "base_url": f"{sandbox.url}/{credentials.TENANT}",
        "ims_client_id": credentials.IMS_CLIENT_ID,
        "ims_client_secret": credentials.IMS_CLIENT_SECRET,
        "ims_org_id": credentials.IMS_ORG_ID,
        "ims_token_url": f"{sandbox.url}/ims/token/v3",
    }

    run = run_tap(config, streams=("orders", "credit_memos"))

    assert run.code == 0
    assert len(run.keys("orders")) == 75
    assert len(run.keys("credit_memos")) == 19
    paths = {request["path"].split("/")[1] for request in sandbox.requests(system="adobe")}
    assert paths == {credentials.TENANT, "ims"}


def test_orders_come_before_invoices_and_invoices_before_credit_memos(recorded: Run) -> None:
    streams = [m["stream"] for m in recorded.messages if m["type"] == "SCHEMA"]

    assert streams[:3] == ["orders", "invoices", "credit_memos"]


def test_lines_carry_the_account_that_their_product_names(
    sandbox: SandboxHandle, run_tap: Callable[..., Run]
) -> None:
    """The option's text, which the product itself lacks; asked for once, and only when needed."""
    client = ShopClient(sandbox.url)
    options = "/rest/all/V1/products/attributes/exact_gl_account/options"

    def write(method: str, path: str, **body: Any) -> Any:
        received = client.write(method, path, body)
        assert received.status == 200, received.body
        return received.json()

    run_tap(sandbox.adobe_config(), streams=("orders",))
    assert not sandbox.requests(path=options)
    attribute = {
        "attribute_code": "exact_gl_account",
        "frontend_input": "select",
        "default_frontend_label": "GL account",
        "scope": "global",
    }
    write("POST", "/rest/all/V1/products/attributes", attribute=attribute)
    assign = {"attributeSetId": 4, "attributeGroupId": 7, "attributeCode": "exact_gl_account"}
    write("POST", "/rest/all/V1/products/attribute-sets/attributes", **assign, sortOrder=1)
    number = write("POST", options, option={"label": "8000 Revenue 21 %"})
    value = {"attribute_code": "exact_gl_account", "value": number}
    product = {"custom_attributes": [value]}
    write("PUT", "/rest/all/V1/products/TEA-POT", product=product)
    sandbox.clear_requests()
    run = run_tap(sandbox.adobe_config(), streams=("orders",))
    lines = [line for order in run.records("orders") for line in order["items"]]
    found = {line["sku"]: line.get("product", {}).get("gl_account") for line in lines}
    assert found["TEA-POT"] == "8000 Revenue 21 %"
    assert {label for sku, label in found.items() if not sku.startswith("TEA-POT")} == {None}
    asked = [one for one in sandbox.requests() if one["path"].endswith("exact_gl_account/options")]
    assert [one["method"] for one in asked] == ["GET"]
