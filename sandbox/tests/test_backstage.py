"""What nobody can see by change time: silent changes, imports, records that are gone."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import requests
from click.testing import CliRunner

from commerce_sandbox import shop
from commerce_sandbox.adobe.testing import ShopClient
from commerce_sandbox.cli import main
from commerce_sandbox.data import backstage
from commerce_sandbox.exceptions import NoSuchRecordError

if TYPE_CHECKING:
    from pathlib import Path

    from commerce_sandbox.testing import SandboxHandle

PAID_ORDER = 35
KINDS = ("order", "invoice", "creditmemo", "shipment", "transaction")
OLD = "2026-01-31 10:00:00"


def get(sandbox: SandboxHandle, path: str) -> Any:
    return ShopClient(sandbox.url).get(f"/rest/V1/{path}").json()


def test_an_invoice_changes_without_its_change_time(sandbox: SandboxHandle) -> None:
    before = get(sandbox, "invoices/1")
    body = {"kind": "invoice", "id": 1, "changes": {"grand_total": 1.5, "discount_amount": None}}
    answer = requests.post(f"{sandbox.url}/_sandbox/shop/change", json=body, timeout=10)
    assert answer.status_code == 200
    after = get(sandbox, "invoices/1")
    assert after["grand_total"] == 1.5
    assert "discount_amount" not in after
    assert after["updated_at"] == before["updated_at"]
    assert {**before, "grand_total": 1.5} == {**after, "discount_amount": before["discount_amount"]}


def test_an_imported_credit_memo_carries_an_old_time(sandbox: SandboxHandle) -> None:
    before = get(sandbox, f"orders/{PAID_ORDER}")
    body = {"order_id": PAID_ORDER, "at": OLD}
    url = f"{sandbox.url}/_sandbox/shop/import-credit-memo"
    made = requests.post(url, json=body, timeout=10).json()
    memo = get(sandbox, f"creditmemo/{made['entity_id']}")
    assert (memo["created_at"], memo["updated_at"]) == (OLD, OLD)
    assert memo["entity_id"] == 20
    after = get(sandbox, f"orders/{PAID_ORDER}")
    assert after["updated_at"] == before["updated_at"]
    assert after["total_refunded"] == memo["grand_total"] > 0
    again = requests.post(url, json=body, timeout=10)
    assert again.status_code == 400
    assert "no refundable order with the number 35" in again.json()["error"]


def test_money_moves_later_than_the_invoice(sandbox: SandboxHandle) -> None:
    later = "2026-12-01 08:00:00"
    order = get(sandbox, f"orders/{PAID_ORDER}")
    invoice = get(sandbox, "invoices/32")
    body = {"invoice_id": 32, "at": later}
    made = requests.post(f"{sandbox.url}/_sandbox/shop/capture", json=body, timeout=10).json()
    answer = ShopClient(sandbox.url).get("/rest/V1/transactions", [("searchCriteria", "")])
    listed = answer.json()["items"]
    assert [each["txn_type"] for each in listed] == ["authorization", "capture"]
    assert listed[1] == {**made, "child_transactions": []}
    assert listed[0]["created_at"] == order["created_at"]
    assert (made["created_at"], made["order_id"]) == (later, PAID_ORDER)
    after = get(sandbox, "invoices/32")
    changed = {"updated_at": later, "transaction_id": made["txn_id"]}
    assert after == {**invoice, **changed}
    paid = get(sandbox, f"orders/{PAID_ORDER}")
    assert paid["total_paid"] == order["total_paid"]
    assert paid["payment"]["last_trans_id"] == made["txn_id"]
    assert paid["updated_at"] == later


def test_a_document_is_gone(sandbox: SandboxHandle) -> None:
    body = {"kind": "invoice", "id": 1}
    requests.post(f"{sandbox.url}/_sandbox/shop/remove", json=body, timeout=10)
    assert ShopClient(sandbox.url).get("/rest/V1/invoices/1").status == 404
    with pytest.raises(NoSuchRecordError, match="no invoice with the number 1"):
        backstage.remove(sandbox.database, "invoice", 1)
    with pytest.raises(NoSuchRecordError, match="kinds: order, invoice"):
        backstage.find(sandbox.database, "settings", 1)


def test_the_commands_do_the_same(tmp_path: Path) -> None:
    context = shop.open_context(tmp_path)
    shop.seed(context, "recorded")
    place = ["--data-dir", str(tmp_path)]

    def run(*arguments: str) -> Any:
        done = CliRunner().invoke(main, ["shop", arguments[0], *place, *arguments[1:]])
        assert done.exit_code == 0, done.output
        return json.loads(done.output) if done.output else None

    assert run("change", "invoice", "1", "grand_total=2", "discount_description=Korting") == {
        **backstage.find(context.database, "invoice", 1)
    }
    assert backstage.find(context.database, "invoice", 1)["discount_description"] == "Korting"
    assert run("import-credit-memo", str(PAID_ORDER), "--at", OLD)["updated_at"] == OLD
    run("remove", "invoice", "1")
    done = CliRunner().invoke(main, ["shop", "remove", *place, "invoice", "1"])
    assert done.exit_code == 1
    assert done.stderr == "Error: " + str(NoSuchRecordError("invoice", 1, KINDS)) + "\n"
    context.database.close()


def test_one_web_node_s_clock_is_ahead(sandbox: SandboxHandle) -> None:
    sandbox.set("adobe.node_clocks", [0, 7200])
    dates = [
        parsedate_to_datetime(ShopClient(sandbox.url).get("/rest/V1/orders/1").headers["date"])
        for _ in range(4)
    ]
    gaps = [(later - sooner).total_seconds() for sooner, later in pairwise(dates)]
    ahead = [round(gap / 3600) for gap in gaps]
    assert [abs(hours) for hours in ahead] == [2, 2, 2]
    assert ahead[0] == -ahead[1] == ahead[2]
    sandbox.set("adobe.node_clocks", [])
    shown = ShopClient(sandbox.url).get("/rest/V1/orders/1").headers["date"]
    assert abs((parsedate_to_datetime(shown) - sandbox.now()).total_seconds()) < 60


def test_a_notice_of_php_stands_before_the_answer(sandbox: SandboxHandle) -> None:
    usual = ShopClient(sandbox.url).get("/rest/V1/orders/1")
    sandbox.fault("*/orders/*", "php_notice")
    spoiled = ShopClient(sandbox.url).get("/rest/V1/orders/1")
    assert spoiled.status == 200
    assert spoiled.headers["content-type"].startswith("text/html")
    assert spoiled.body.startswith(b"<br />\n<b>Deprecated</b>")
    assert spoiled.body.endswith(usual.body)
    assert ShopClient(sandbox.url).get("/rest/V1/orders/1").body == usual.body
    sandbox.fault("*/orders/*", "php_notice", text="Warning: x\n")
    assert ShopClient(sandbox.url).get("/rest/V1/orders/1").body == b"Warning: x\n" + usual.body
