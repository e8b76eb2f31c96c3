"""Master data: read once, kept in the ledger database, refreshed by few calls."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from target_exact_online.company import open_company
from target_exact_online.exceptions import AuthorizationRequiredError
from target_exact_online.ledger.store import Ledger
from target_exact_online.master_data import MasterData, NotUsableError, reading
from target_exact_online.master_data.cache import master_rows
from target_exact_online.master_data.lookup import FRESH_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from commerce_sandbox.testing import SandboxHandle
    from exact_online.client import ExactClient

FEBRUARY = date(2026, 2, 10)
ON_SQLITE = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)


@pytest.fixture
def engine(ledger_url: str) -> Iterator[Engine]:
    engine = Ledger.open(ledger_url).engine
    yield engine
    engine.dispose()


@pytest.fixture
def client(
    sandbox: SandboxHandle, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ExactClient]:
    monkeypatch.chdir(tmp_path)
    sandbox.set("exact.minute_limit", 10_000)
    company = open_company(sandbox.exact_config(), engine)
    yield company.client
    company.close()


def ask_everything(master: MasterData) -> None:
    """Everything that a document may need."""
    assert master.company.currency == "EUR"
    assert master.gl_account("8000").type == 110
    assert master.cost_center("WEB").end_date is None
    assert master.cost_unit("OLDUNIT").end_date == date(2025, 12, 31)
    assert master.vat_code("9", on=date(2018, 12, 31)).percentage == Decimal("0.06")
    assert master.vat_code("9", on=date(2019, 1, 1)).percentage == Decimal("0.09")
    assert master.journal("90").allows_vat
    assert master.payment_condition("14").code == "14"
    assert master.currency("JPY").smallest == 1
    assert master.item("TEA-POT").for_sale
    assert master.account("10").status == "C"
    assert master.has_rate("USD", FEBRUARY)
    master.period_open("70", FEBRUARY)


def test_a_run_reads_each_kind_once_and_the_next_run_nothing(
    client: ExactClient, engine: Engine
) -> None:
    ask_everything(MasterData.load(client, engine))
    first = client.call_count
    assert first <= 15
    master = MasterData.load(client, engine)
    for _ in range(3):
        ask_everything(master)
    assert client.call_count == first


def test_later_runs_read_only_what_changed(
    client: ExactClient, engine: Engine, sandbox: SandboxHandle
) -> None:
    master = MasterData.load(client, engine)
    before = master.account("10")
    gone = client.post("crm/Accounts", {"Name": "Gone", "Status": "C", "SearchCode": "gone"})
    assert master.matching_account({"search_code": "gone"}) is None
    client.put("crm/Accounts", before.id, {"Status": "P"})

    tomorrow = sandbox.now().timestamp() + FRESH_SECONDS + 1
    later = MasterData(client, engine, master.division, clock=lambda: tomorrow)
    assert later.account("10").status == "P"
    assert later.matching_account({"search_code": "GONE"}) is not None

    client.delete("crm/Accounts", str(gone["ID"]))
    counted = client.call_count
    much_later = MasterData(client, engine, master.division, lambda: tomorrow + FRESH_SECONDS + 1)
    assert much_later.matching_account({"search_code": "gone"}) is None
    assert much_later.account("10").status == "P"
    # The division, the changes, and what was deleted.
    assert client.call_count - counted == 3
    last = sandbox.requests(system="exact")[-2:]
    assert "Timestamp" in last[0]["query"]
    assert "gt%201L" not in last[0]["query"]
    assert last[1]["path"].endswith("sync/Deleted")


@ON_SQLITE
def test_a_moved_division_is_read_as_a_whole(
    client: ExactClient, engine: Engine, sandbox: SandboxHandle
) -> None:
    master = MasterData.load(client, engine)
    master.gl_account("8000")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE master_state SET marker = 'moved since'"))
    later = sandbox.now().timestamp() + FRESH_SECONDS + 1
    MasterData(client, engine, master.division, clock=lambda: later).gl_account("8000")
    asked = [call for call in sandbox.requests(system="exact") if "GLAccounts" in call["path"]]
    assert len(asked) == 2
    assert all("gt%201L" in call["query"] for call in asked)


def test_a_new_code_is_found_although_the_cache_is_fresh(
    client: ExactClient, engine: Engine
) -> None:
    master = MasterData.load(client, engine)
    master.cost_center("WEB")
    client.post("hrm/Costcenters", {"Code": "NEW", "Description": "Just made"})
    assert master.cost_center("NEW").name == "Just made"
    counted = client.call_count
    for _ in range(5):
        with pytest.raises(NotUsableError, match="The closest are"):
            master.cost_center("WEP")
    assert client.call_count == counted


@ON_SQLITE
def test_what_exact_refused_is_read_again_by_the_next_run(
    client: ExactClient, engine: Engine
) -> None:
    master = MasterData.load(client, engine)
    master.journal("70")
    master.distrust()
    counted = client.call_count
    MasterData.load(client, engine).journal("70")
    assert client.call_count == counted + 2


@ON_SQLITE
@pytest.mark.parametrize(
    ("match", "code"),
    [
        ({"search_code": "match-1"}, "50001"),
        ({"vat_number": "nl 1234.56.782 b01"}, "50001"),
        ({"email": "Two@Example.com"}, "50002"),
        ({"search_code": "unknown", "vat_number": "NL123456782B01"}, "50001"),
        ({"vat_number": "DE123456789", "email": "one@example.com"}, None),
        ({"email": "three@example.com"}, None),
    ],
)
def test_a_relation_is_matched_by_its_best_key(
    client: ExactClient, engine: Engine, match: dict[str, str], code: str | None
) -> None:
    for number, fields in enumerate(
        (
            {"SearchCode": "MATCH-1", "VATNumber": "NL123456782B01", "Email": "one@example.com"},
            {"Email": "two@example.com"},
        ),
        1,
    ):
        account: dict[str, Any] = {"Name": "A", "Status": "C", "Code": f"5000{number}".rjust(18)}
        client.post("crm/Accounts", account | fields)
    found = MasterData.load(client, engine).matching_account(match)
    assert (found.code if found else None) == code


@ON_SQLITE
def test_an_address_of_two_relations_is_not_guessed(client: ExactClient, engine: Engine) -> None:
    for name in ("A", "B"):
        client.post("crm/Accounts", {"Name": name, "Status": "C", "Email": "both@example.com"})
    with pytest.raises(NotUsableError, match="2 relations have this email"):
        MasterData.load(client, engine).matching_account({"email": "both@example.com"})


@ON_SQLITE
def test_the_cache_holds_no_names_and_no_addresses(client: ExactClient, engine: Engine) -> None:
    client.post(
        "crm/Accounts",
        {"Name": "Jan Jansen", "Status": "C", "Email": "jan@example.com", "SearchCode": "JANSEN"},
    )
    assert MasterData.load(client, engine).matching_account({"email": "jan@example.com"})
    with engine.connect() as connection:
        kept = connection.execute(sa.select(master_rows)).all()
    text = repr(kept).casefold()
    assert "jansen" not in text
    assert "@example" not in text


@ON_SQLITE
def test_a_division_that_is_not_permitted_is_named(client: ExactClient, engine: Engine) -> None:
    with pytest.raises(AuthorizationRequiredError, match="division 4711"):
        MasterData.load(client, engine, 4711)


@ON_SQLITE
def test_a_remembered_relation_is_found_by_what_it_is_now(
    client: ExactClient, engine: Engine, sandbox: SandboxHandle
) -> None:
    master = MasterData.load(client, engine)
    other = master.account("10")
    by_vat, by_email = {"vat_number": "NL000000511B33"}, {"email": "new@example.com"}
    assert master.matching_account(by_vat) is master.matching_account(by_email) is None
    client.post("crm/Accounts", {"Name": "New", "Status": "C", "Email": "new@example.com"})
    (row,) = sandbox.exact("crm/Accounts", filter="Name eq 'New'")
    row = {"ID": row["ID"], "Code": row["Code"].strip(), "Status": "C", "Blocked": False}

    master.remember(reading.ACCOUNTS, row | {"Email": "new@example.com"})
    found = master.matching_account(by_email)
    assert found is not None
    assert (found.id, master.account(found.code), master.account("10")) == (row["ID"], found, other)

    master.remember(reading.ACCOUNTS, row | {"VATNumber": "NL000000511B33"})
    assert master.matching_account(by_email) is None
    assert master.matching_account(by_vat) is not None
