"""Through the real target: where the goods of a sales order go."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.testing import SandboxHandle

ORDERS, ADDRESSES = "salesorder/SalesOrders", "crm/Addresses"
WAIT = 2.2  # settle_after_seconds and index_lag_seconds
WAREHOUSE = {
    "address_line1": "Havenkade 7",
    "postcode": "3011 AA",
    "city": "Rotterdam",
    "country": "NL",
}


@pytest.fixture
def order(sales_entry: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return a function that makes orders with a delivery address."""

    def make(number: int, **changes: Any) -> dict[str, Any]:
        record = sales_entry(number) | {"order_date": "2026-02-10", "delivery_address": WAREHOUSE}
        record["document_key"] = f"shop:order:{number:09}"
        for field in ("kind", "journal", "entry_date"):
            del record[field]
        record["lines"] = [record["lines"][0] | {"item": "TEA-POT", "quantity": 2}]
        del record["lines"][0]["gl_account"]
        return record | changes

    return make


def address_calls(sandbox: SandboxHandle) -> int:
    return sum(one["path"].endswith(ADDRESSES) for one in sandbox.requests(system="exact"))


def delivery(sandbox: SandboxHandle) -> dict[str, str]:
    """Return the street that each order goes to, by its reference."""
    streets = {row["ID"]: row["AddressLine1"] for row in sandbox.exact(ADDRESSES)}
    return {row["YourRef"]: streets[row["DeliveryAddress"]] for row in sandbox.exact(ORDERS)}


def test_the_second_order_to_an_address_costs_no_call(
    target: Any, sandbox: SandboxHandle, order: Callable[..., dict[str, Any]]
) -> None:
    assert target.post_here([order(1), order(2)], "sales_orders").exit_code == 0
    assert target.post_here([order(3)], "sales_orders").exit_code == 0  # a run of its own
    assert address_calls(sandbox) == 1
    other = order(4, debtor={"code": "20001"}, payment_condition="14")
    elsewhere = order(5, delivery_address=WAREHOUSE | {"address_line1": "Kade 9"})
    assert target.post_here([other, elsewhere], "sales_orders").exit_code == 0
    assert address_calls(sandbox) == 3, "another relation, another address"
    rows = sandbox.exact(ADDRESSES, filter="AddressLine1 eq 'Havenkade 7'")
    accounts = {row["OrderedBy"]: row["DeliveryAddress"] for row in sandbox.exact(ORDERS)}
    assert {row["Type"] for row in rows} == {4}
    assert len(accounts) == len(rows) == 2
    assert delivery(sandbox)["000000005"] == "Kade 9"


def test_without_an_address_exact_takes_the_debtors_own(
    target: Any, sandbox: SandboxHandle, order: Callable[..., dict[str, Any]]
) -> None:
    assert target.post_here([order(1, delivery_address=None)], "sales_orders").exit_code == 0
    assert address_calls(sandbox) == 0


def test_the_ledger_keeps_no_address_in_plain_text(
    target: Any, order: Callable[..., dict[str, Any]]
) -> None:
    target.post_here([order(1)], "sales_orders")
    engine = sa.create_engine(target.config["ledger_url"])
    with engine.connect() as connection:
        (row,) = connection.execute(sa.text("SELECT * FROM relations")).all()
        cached = connection.execute(sa.text("SELECT * FROM master_rows")).all()
    engine.dispose()
    assert row.payload is None, "what Exact has is not kept here"
    for secret in ("Havenkade", "3011", "Rotterdam"):
        assert secret not in f"{row}{cached}"


@pytest.mark.parametrize("kind", ["error_after", "drop_after", "truncate"])
def test_a_lost_answer_ends_with_one_address(
    kind: str, target: Any, sandbox: SandboxHandle, order: Callable[..., dict[str, Any]]
) -> None:
    sandbox.fault(f"*/{ADDRESSES}", kind, method="POST")
    assert target.post_here([order(1)], "sales_orders").exit_code == 0
    time.sleep(WAIT)
    assert target.call().exit_code == 0
    assert len(sandbox.exact(ADDRESSES, filter="Type eq 4")) == 1
    assert delivery(sandbox) == {"000000001": "Havenkade 7"}


def test_a_new_debtors_order_goes_to_the_address_that_is_its_own_too(
    target: Any, sandbox: SandboxHandle, order: Callable[..., dict[str, Any]]
) -> None:
    target.write(create_accounts=True)
    own = WAREHOUSE | {"type": "delivery"}
    create = {"name": "New", "country": "NL", "addresses": [own]}
    debtor = {"match": {"email": "new@example.com"}, "create": create}
    record = order(1, debtor=debtor, payment_condition="14")
    assert target.post_here([record], "sales_orders").exit_code == 0
    (relation,) = sandbox.exact("crm/Accounts", filter="Email eq 'new@example.com'")
    (address,) = sandbox.exact(ADDRESSES, filter="Type eq 4")
    assert address["Account"] == relation["ID"]
    assert delivery(sandbox) == {"000000001": "Havenkade 7"}


def test_an_order_that_goes_elsewhere_is_changed(
    target: Any, sandbox: SandboxHandle, order: Callable[..., dict[str, Any]]
) -> None:
    target.post_here([order(1)], "sales_orders")
    moved = order(1, delivery_address=WAREHOUSE | {"address_line1": "Kade 9"})
    outcome = target.post_here([moved], "sales_orders")
    assert outcome.report["updated"] == {"sales_orders": 1}
    assert delivery(sandbox) == {"000000001": "Kade 9"}


def test_an_address_that_was_deleted_in_exact_is_created_again(
    target: Any, sandbox: SandboxHandle, order: Callable[..., dict[str, Any]]
) -> None:
    target.post_here([order(1, delivery_address=WAREHOUSE)], "sales_orders")
    with sandbox.database.transaction() as connection:
        connection.execute("DELETE FROM exact_addresses")
    outcome = target.post_here([order(2)], "sales_orders")
    assert outcome.exit_code == 3
    (parked,) = outcome.report["parked"]
    assert "delivery_address" in parked["reason"]
    target.call("documents", "replay", "shop:order:000000002")
    time.sleep(WAIT)
    assert target.call().exit_code == 0
    rows = sandbox.exact(ORDERS, filter="YourRef eq '000000002'")
    assert rows[0]["DeliveryAddress"] == sandbox.exact(ADDRESSES)[0]["ID"]


def test_a_changed_order_finds_an_address_that_was_deleted_in_exact(
    target: Any, sandbox: SandboxHandle, order: Callable[..., dict[str, Any]]
) -> None:
    elsewhere = WAREHOUSE | {"address_line1": "Kade 9"}
    target.post_here([order(1), order(2, delivery_address=elsewhere)], "sales_orders")
    with sandbox.database.transaction() as connection:
        connection.execute("DELETE FROM exact_addresses")
    moved = order(1, delivery_address=elsewhere)
    (line,) = target.post_here([moved], "sales_orders").report["failed"]
    assert "delivery_address" in line["reason"]
    assert ".." not in line["reason"]
    time.sleep(WAIT)
    outcome = target.post_here([], "sales_orders")
    assert outcome.report["updated"] == {"sales_orders": 1}
    (address,) = sandbox.exact(ADDRESSES)
    (row,) = sandbox.exact(ORDERS, filter="YourRef eq '000000001'")
    assert row["DeliveryAddress"] == address["ID"]


def test_a_bad_address_is_refused_before_any_call(
    target: Any, sandbox: SandboxHandle, order: Callable[..., dict[str, Any]]
) -> None:
    bad = {"country": "Nederland", "phone": "0" * 18}
    outcome = target.post_here([order(1, delivery_address=bad)], "sales_orders")
    (parked,) = outcome.report["parked"]
    for where in ("(delivery_address)", "delivery_address, country"):
        assert where in parked["reason"]
    assert address_calls(sandbox) == 0
