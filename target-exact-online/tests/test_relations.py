"""Relations, items and their details through the real target, while calls end badly: each once."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import sqlalchemy as sa

from target_exact_online.exceptions import NotYetError
from target_exact_online.ledger.database import LEDGER, MIGRATIONS
from target_exact_online.ledger.keys import open_keys
from target_exact_online.relations import Relations
from target_exact_online.relations.rows import relations

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.testing import SandboxHandle

ENTRIES, RELATIONS, ITEMS = "salesentry/SalesEntries", "crm/Accounts", "logistics/Items"
CONTACTS, ADDRESSES = "crm/Contacts", "crm/Addresses"
ORDERS = "salesorder/SalesOrders"
WAIT = 2.3  # settle_after_seconds and index_lag_seconds


def bought(sales_entry: Callable[..., Any], number: int, name: str) -> dict[str, Any]:
    """An invoice of somebody new."""
    create = {
        "name": name,
        "country": "NL",
        "city": "Delft",
        "payment_condition": "30",
        "contacts": [{"last_name": name}],
        "addresses": [{"type": "delivery", "city": "Delft", "address_line1": f"Kade {number}"}],
    }
    debtor = {"match": {"email": f"{name.lower()}@new.example"}, "create": create}
    record: dict[str, Any] = sales_entry(number, debtor=debtor)
    return record


def made(sandbox: SandboxHandle, resource: str = RELATIONS) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = sandbox.exact(
        RELATIONS, filter="substringof('@new.example',Email)"
    )
    if resource == RELATIONS:
        return rows
    keys = {row["ID"] for row in rows}
    return [row for row in sandbox.exact(resource) if row["Account"] in keys]


@pytest.mark.parametrize("resource", [RELATIONS, CONTACTS, ADDRESSES])
def test_a_first_call_that_is_carried_out_after_the_client_had_gone_doubles_nothing(
    resource: str,
    make_target: Callable[..., Any],
    sandbox: SandboxHandle,
    sales_entry: Callable[..., Any],
) -> None:
    target = make_target(create_accounts=True)
    sandbox.fault(f"*/{resource}", "late_commit", method="POST", seconds=1.5)
    record = bought(sales_entry, 1, "Jansen")
    for _ in range(3):
        outcome = target.post_here([record])
        assert outcome.exit_code == 0, outcome.stderr
        time.sleep(WAIT / 2)
    assert len(made(sandbox)) == 1
    assert [row["LastName"] for row in made(sandbox, CONTACTS)] == ["Jansen"]
    assert [row["Type"] for row in made(sandbox, ADDRESSES)].count(4) == 1
    (entry,) = sandbox.exact(ENTRIES)
    assert entry["Customer"] == made(sandbox)[0]["ID"]


def test_an_item_whose_first_call_came_late_is_there_once(
    make_target: Callable[..., Any], sandbox: SandboxHandle, sales_entry: Callable[..., Any]
) -> None:
    target = make_target(create_items=True)
    record = sales_entry(1) | {"order_date": "2026-02-10", "document_key": "shop:order:1"}
    record["lines"] = [record["lines"][0] | {"item": "NEW-1", "quantity": 2}]
    for name in ("kind", "journal", "entry_date"):
        del record[name]
    del record["lines"][0]["gl_account"]
    sandbox.fault(f"*/{ITEMS}", "late_commit", method="POST", seconds=1.5)
    for _ in range(3):
        assert target.post_here([record], "sales_orders").exit_code == 0
        time.sleep(WAIT / 2)
    assert len(sandbox.exact(ITEMS, filter="Code eq 'NEW-1'")) == 1
    assert len(sandbox.exact(ORDERS)) == 1


def test_exacts_index_may_lag_behind_what_it_stored(
    make_target: Callable[..., Any], sandbox: SandboxHandle, sales_entry: Callable[..., Any]
) -> None:
    target = make_target(create_accounts=True, index_lag_seconds=3)
    sandbox.set("exact.index_lag_seconds", 2.5)
    sandbox.fault(f"*/{RELATIONS}", "drop_after", method="POST")
    for _ in range(3):
        assert target.post_here([bought(sales_entry, 1, "Jansen")]).exit_code == 0
        time.sleep(1.5)
    sandbox.set("exact.index_lag_seconds", 0)
    assert len(made(sandbox)) == 1
    assert len(sandbox.exact(ENTRIES)) == 1


def test_an_answer_of_another_relation_is_not_believed(
    make_target: Callable[..., Any], sandbox: SandboxHandle, sales_entry: Callable[..., Any]
) -> None:
    """The second relation's answer shows the first one: each invoice is its own customer's."""
    target = make_target(create_accounts=True)
    target.post_here([bought(sales_entry, 1, "Jansen")])
    sandbox.fault(f"*/{RELATIONS}", "swapped_answer", method="POST")
    for _ in range(2):
        assert target.post_here([bought(sales_entry, 2, "Bos")]).exit_code == 0
        time.sleep(WAIT)
    names = {row["ID"]: row["Name"] for row in made(sandbox)}
    assert sorted(names.values()) == ["Bos", "Jansen"]
    booked = {row["YourRef"]: names[row["Customer"]] for row in sandbox.exact(ENTRIES)}
    assert booked == {"000000001": "Jansen", "000000002": "Bos"}


def test_what_may_be_there_is_asked_for_and_waited_for(
    sandbox: SandboxHandle,
    open_exact: Callable[[SandboxHandle], Any],
    sales_entry: Callable[..., Any],
) -> None:
    """Absence counts only when no call can be at work any more; a wrong clock is not believed."""
    company = open_exact(sandbox)
    needs = Relations(
        company.client, company.engine, lambda _: company.master, timedelta(seconds=60)
    )
    prepared = company.prepare(bought(sales_entry, 1, "Jansen"), create_accounts=True)
    sandbox.fault(f"*/{RELATIONS}", "drop_before", method="POST")
    with pytest.raises(NotYetError):
        needs.ensure(prepared)
    for calls in (1, 0):  # too early, however often; and one question is enough
        counted = company.client.call_count
        with pytest.raises(NotYetError, match="does not show yet"):
            needs.ensure(prepared)
        assert company.client.call_count == counted + calls
    assert made(sandbox) == []
    sent_at(company.engine, "2999-01-01T00:00:00+00:00")
    with pytest.raises(NotYetError) as caught:
        needs.ensure(prepared)
    assert caught.value.retry_at.year < 2999
    with company.engine.connect() as connection:
        (row,) = connection.execute(sa.select(relations)).all()
    assert row.sent_at.year < 2999, "corrected: it would never be late enough"
    sent_at(company.engine, "2020-01-01T00:00:00+00:00")
    assert needs.known(prepared).payload.get("Customer") is None
    account_id = needs.ensure(prepared).payload["Customer"]
    assert [row["ID"] for row in made(sandbox)] == [account_id]
    counted = company.client.call_count
    assert needs.ensure(prepared).payload["Customer"] == account_id
    assert needs.known(prepared).payload["Customer"] == account_id
    assert company.client.call_count == counted
    assert needs.complete(prepared) == ()
    assert len(made(sandbox, CONTACTS)) == 1


def sent_at(engine: sa.Engine, moment: str) -> None:
    with engine.begin() as connection:
        connection.execute(relations.update().values(sent_at=datetime.fromisoformat(moment)))


def test_what_an_older_version_left_unfinished_is_finished(
    target: Any, sandbox: SandboxHandle
) -> None:
    """Its notes become rows: one relation was made without its contact, one perhaps not at all."""
    engine = sa.create_engine(target.config["ledger_url"])
    (known,) = sandbox.exact(RELATIONS, filter="Email eq 'aankoop@example.org'")
    person = {"resource": CONTACTS, "payload": {"LastName": "Jansen"}}
    with engine.begin() as connection:
        MIGRATIONS.upgrade(connection, "0005")
    keys = open_keys(engine)
    notes = [
        (known["ID"], "Email eq 'aankoop@example.org'", [person]),
        (None, "Email eq 'never@example.org'", [person]),
    ]
    with engine.begin() as connection:
        for exact_id, question, details in notes:
            content = msgspec.json.encode({"match_filter": question, "details": details})
            connection.execute(
                sa.text(
                    "INSERT INTO unfinished_relations VALUES "
                    "(:division, :key, 'shop:invoice:1', :exact_id, 1, :moment, :payload, :moment)"
                ),
                {
                    "division": target.config["division"],
                    "key": keys.fingerprint(question.encode()),
                    "exact_id": exact_id,
                    "moment": "2026-01-01 00:00:00.000000",
                    "payload": keys.encrypt(content),
                },
            )
    engine.dispose()

    outcome = target.call()

    assert outcome.exit_code == 0, outcome.stderr
    contacts = sandbox.exact(CONTACTS, filter="LastName eq 'Jansen'")
    assert [row["Account"] for row in contacts] == [known["ID"]]
    engine = LEDGER.open(target.config["ledger_url"])
    with engine.connect() as connection:
        rows = connection.execute(sa.select(relations)).all()
    engine.dispose()
    assert sorted(row.what for row in rows) == ["account", "contact"]
    assert all(row.payload is None and row.exact_id for row in rows)
