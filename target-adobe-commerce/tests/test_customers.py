"""Accounts as customers: how they are found, what is written, and what never is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_adobe_commerce.applying import Applying
from target_adobe_commerce.planning import decide, gather
from target_adobe_commerce.work import open_bench

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.handle import SandboxHandle

CODE = "exact_account_code"
ADDRESS = {
    "firstname": "Karin",
    "lastname": "Klant",
    "street": ["Kade 1"],
    "postcode": "2611AA",
    "city": "Delft",
    "country_id": "NL",
    "telephone": "0150000000",
}
EXACT_ADDRESS = {
    "AddressLine1": "Nieuwe Kade 2",
    "Postcode": "2612 BB",
    "City": "Delft",
    "Country": "NL",
    "Phone": "0151111111",
}


def code_of(customer: dict[str, Any]) -> str | None:
    values = {one["attribute_code"]: one["value"] for one in customer.get("custom_attributes", ())}
    return values.get(CODE)


def without(customer: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in customer.items() if name not in {"updated_at", *names}}


def test_nothing_is_created_unless_the_settings_say_so(world: Any) -> None:
    world.exact("accounts", world.account(1))
    before = world.customers()
    plan, _, writes = world.apply()
    (entry,) = plan.entries
    assert (writes, entry.action) == (0, "skip")
    assert "create_customers" in entry.reason
    assert world.customers() == before


def test_accounts_are_created_once_and_with_all_that_exact_owns(world: Any) -> None:
    world.exact(
        "accounts",
        world.account(1, Classification1="wholesale"),
        world.account(2, Name="Solo"),
        world.account(3, Email=""),
        world.account(4, Status="P"),
        world.account(5, Blocked=True),
    )
    settings = {"create_customers": True, "customer_groups": {"wholesale": 2, "default": 1}}
    plan, outcome, writes = world.apply(**settings)
    assert (outcome.written, writes) == ({"customers": 2}, 2)
    reasons = {one.code: one.reason for one in plan.entries if one.action == "skip"}
    assert "no e-mail" in reasons["10003"]
    assert "blocked" in reasons["10005"]
    assert "10004" not in reasons
    made = {one["email"]: one for one in world.customers()}
    first, second = made["klant1@example.com"], made["klant2@example.com"]
    assert (first["firstname"], first["lastname"]) == ("Klant", "1 BV")
    assert (second["firstname"], second["lastname"]) == ("Solo", "Solo")
    assert (first["taxvat"], code_of(first), first["group_id"]) == ("NL000000001B01", "10001", 2)
    assert second["group_id"] == 1
    plan, outcome, writes = world.apply(**settings)
    assert (writes, plan.writes, plan.conflicts) == (0, 0, 0)


@pytest.mark.parametrize(
    ("fields", "action"),
    [
        ({"custom_attributes": [{"attribute_code": CODE, "value": "10001"}]}, "update"),
        ({"taxvat": "NL 0000.00001 b01"}, "update"),
        ({}, "update"),
        ({"custom_attributes": [{"attribute_code": CODE, "value": "10999"}]}, "conflict"),
    ],
)
def test_a_customer_is_found_by_code_or_vat_number_or_its_only_e_mail(
    world: Any, fields: dict[str, Any], action: str
) -> None:
    customer = world.customer(1, **fields)
    world.exact("accounts", world.account(1))
    (entry,) = world.plan(create_customers=True).entries
    assert entry.shop_id == str(customer["id"])
    assert entry.action == action
    if action == "conflict":
        assert "10999" in entry.reason


def test_an_e_mail_that_several_have_finds_nobody(
    make_world: Callable[..., Any], handle: SandboxHandle
) -> None:
    handle.set("adobe.customer_attributes", [CODE])
    world = make_world(website_id=None)
    world.customer(1)
    other = world.customer(1, website_id=2)
    world.exact("accounts", world.account(1))
    plan, _, writes = world.apply()
    assert (writes, plan.entries[0].action) == (0, "conflict")
    assert "2 customers have its e-mail" in plan.entries[0].reason
    world.put(f"customers/{other['id']}", customer={"taxvat": "NL000000001B01"})
    (entry,) = world.plan().entries
    assert (entry.action, entry.shop_id) == ("update", str(other["id"]))


def test_two_accounts_of_one_customer_are_a_conflict_and_the_surer_one_wins(world: Any) -> None:
    world.customer(1)
    world.exact("accounts", world.account(1), world.account(2, Email="KLANT1@example.com"))
    plan, _, writes = world.apply()
    assert (writes, {one.action for one in plan.entries}) == (0, {"conflict"})
    (customer,) = [one for one in world.customers() if one["email"] == "klant1@example.com"]
    world.put(
        f"customers/{customer['id']}",
        customer={"custom_attributes": [{"attribute_code": CODE, "value": "10002"}]},
    )
    actions = {one.code: one.action for one in world.plan().entries}
    assert actions == {"10001": "conflict", "10002": "update"}


def test_only_what_exact_owns_is_written(world: Any) -> None:
    customer = world.customer(
        1,
        addresses=[{**ADDRESS, "default_billing": True}],
        custom_attributes=[{"attribute_code": "tier", "value": "gold"}],
        middlename="van",
    )
    world.exact("accounts", world.account(1, Name="Other name", **EXACT_ADDRESS))
    _, outcome, writes = world.apply()
    assert (outcome.written, writes) == ({"customers": 1}, 1)
    after = world.get(f"customers/{customer['id']}")
    own = ("taxvat", "custom_attributes")
    assert without(after, *own) == without(customer, *own)
    assert after["taxvat"] == "NL000000001B01"
    values = {one["attribute_code"]: one["value"] for one in after["custom_attributes"]}
    assert values == {"tier": "gold", CODE: "10001"}


def test_old_releases_that_lose_what_is_not_sent_lose_nothing(
    world: Any, handle: SandboxHandle
) -> None:
    customer = world.customer(
        1,
        group_id=3,
        addresses=[{**ADDRESS, "default_billing": True, "default_shipping": True}, ADDRESS],
        custom_attributes=[{"attribute_code": "tier", "value": "gold"}],
    )
    handle.set("adobe.old_customer_updates", value=True)
    world.exact("accounts", world.account(1))
    _, outcome, _ = world.apply()
    assert (outcome.written, outcome.failed) == ({"customers": 1}, {})
    after = world.get(f"customers/{customer['id']}")
    own = ("taxvat", "custom_attributes")
    assert without(after, *own) == without(customer, *own)
    assert (after["group_id"], len(after["addresses"])) == (3, 2)


def test_addresses_are_added_with_none_lost(world: Any, handle: SandboxHandle) -> None:
    customer = world.customer(1, addresses=[{**ADDRESS, "default_billing": True}])
    world.exact("accounts", world.account(1, **EXACT_ADDRESS), world.account(2, **EXACT_ADDRESS))
    world.apply()
    assert len(world.get(f"customers/{customer['id']}")["addresses"]) == 1  # never, by default
    handle.set("adobe.old_customer_updates", value=True)
    settings = {"addresses": "add_only", "create_customers": True}
    _, outcome, _ = world.apply(**settings)
    assert outcome.written == {"customers": 2}
    after = world.get(f"customers/{customer['id']}")
    assert after["addresses"][0] == customer["addresses"][0]
    assert after["addresses"][1]["street"] == ["Nieuwe Kade 2"]
    assert after["default_billing"] == str(customer["addresses"][0]["id"])
    assert world.apply(**settings)[2] == 0
    # One that the customer deleted does not come back.
    handle.set("adobe.old_customer_updates", value=False)
    world.put(f"customers/{customer['id']}", customer={"addresses": after["addresses"][:1]})
    assert world.apply(**settings)[2] == 0


def test_fields_are_decided_by_who_changed_them(world: Any) -> None:
    customer = world.customer(1)
    world.exact("accounts", world.account(1))
    world.apply()
    route = f"customers/{customer['id']}"
    world.put(route, customer={"taxvat": "NL999999999B99"})
    plan, _, writes = world.apply()
    assert (writes, plan.entries[0].action) == (0, "skip")
    assert plan.entries[0].changes[0].verdict == "keep"
    world.exact("accounts", world.account(1, VATNumber="NL000000001B02"))
    plan, _, writes = world.apply()
    assert (writes, plan.entries[0].action, plan.conflicts) == (0, "conflict", 1)
    _, _, writes = world.apply(conflicts="shop")
    assert (writes, world.get(route)["taxvat"]) == (0, "NL999999999B99")
    plan, _, writes = world.apply()
    assert (writes, plan.conflicts, plan.entries[0].changes[0].verdict) == (0, 0, "agreed")
    world.exact("accounts", world.account(1, VATNumber="NL000000001B03"))
    _, _, writes = world.apply()
    assert (writes, world.get(route)["taxvat"]) == (1, "NL000000001B03")


def test_a_shop_without_the_attribute_is_told_and_serves_the_rest(
    make_world: Callable[..., Any],
) -> None:
    world = make_world()
    world.customer(1)
    world.exact("accounts", world.account(1))
    plan, outcome, writes = world.apply()
    assert (outcome.written, writes) == ({"customers": 1}, 1)
    assert CODE in plan.notes[0]
    assert world.apply()[2] == 0


def test_what_the_shop_does_not_keep_is_an_error_and_ends_soon(
    make_world: Callable[..., Any], handle: SandboxHandle
) -> None:
    handle.set("adobe.customer_attributes", [CODE])
    world = make_world()
    for number in range(1, 9):
        world.customer(number)
    world.exact("accounts", *(world.account(number) for number in range(1, 9)))
    with open_bench(world.config) as bench:
        gathered = gather(bench.settings, bench.shop, bench.keeping)
        plan = decide(gathered, bench.settings, bench.keeping)
        handle.set("adobe.customer_attributes", [])  # an extension was switched off meanwhile
        outcome = Applying(gathered, plan, bench.shop, bench.keeping).run()
        writes = bench.shop.writes
    assert (outcome.total, len(outcome.failed), writes) == (0, 3, 3)
    assert "did not keep exact_account_code" in next(iter(outcome.failed.values()))


def test_a_customer_who_is_gone_is_not_made_again_by_itself(
    world: Any, handle: SandboxHandle
) -> None:
    customer = world.customer(1)
    world.exact("accounts", world.account(1))
    world.apply()
    handle.database.connection().execute(
        "DELETE FROM adobe_customer WHERE entity_id = ?", (customer["id"],)
    )
    plan, _, writes = world.apply(create_customers=True)
    assert (writes, plan.entries[0].action) == (0, "conflict")
    assert "pairs forget customers:10001" in plan.entries[0].reason


def test_an_account_that_is_no_customer_any_more_leaves_the_shop_alone(world: Any) -> None:
    customer = world.customer(1)
    world.exact("accounts", world.account(1))
    world.apply()
    before = world.get(f"customers/{customer['id']}")
    world.exact("accounts", world.account(1, Status="P", VATNumber="X"))
    assert world.apply()[2] == 0
    gone = {"Division": 999001, "ID": world.guid(1), "_sdc_deleted_at": "2026-11-01T00:00:00Z"}
    world.exact("accounts", gone)
    plan, _, writes = world.apply()
    assert (writes, plan.entries[0].action) == (0, "skip")
    assert world.get(f"customers/{customer['id']}") == before


@pytest.mark.parametrize("kind", ["error_after", "drop_after", "truncate", "error_before"])
def test_lost_answers_are_settled_by_reading(world: Any, kind: str) -> None:
    customer = world.customer(1)
    world.exact("accounts", world.account(1), world.account(2))
    world.sandbox.fault("*/customers*", kind, method="POST")
    world.sandbox.fault("*/customers/*", kind, method="PUT")
    _, outcome, writes = world.apply(create_customers=True)
    assert writes == 2
    if kind == "error_before":
        assert sorted(outcome.unsettled) == ["customers:10001", "customers:10002"]
        plan, outcome, _ = world.apply(create_customers=True, settle_after_seconds=3600)
        assert outcome.written == {"customers": 1}
        assert "answer was lost" in {one.code: one.reason for one in plan.entries}["10002"]
        _, outcome, writes = world.apply(create_customers=True)
        assert writes == 1
    emails = [one["email"] for one in world.customers()]
    assert emails.count("klant2@example.com") == 1
    assert world.get(f"customers/{customer['id']}")["taxvat"] == "NL000000001B01"
    assert world.apply(create_customers=True)[2] == 0


def test_only_accounts_of_a_classification_are_brought(world: Any) -> None:
    world.customer(1)
    world.customer(2)
    world.exact("accounts", world.account(1, Classification3="web"), world.account(2))
    _, outcome, _ = world.apply(customer_classifications=["web"])
    assert outcome.written == {"customers": 1}
