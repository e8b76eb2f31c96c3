"""Master data: read once, kept in the ledger database, refreshed by few calls."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from commerce_sandbox.exact import store
from exact_online.errors import (
    AuthorizationRequiredError,
    ConfigError,
    DocumentRefusedError,
    Problem,
)
from target_exact_online import documents
from target_exact_online.company import open_company
from target_exact_online.documents.prepared import DocumentSettings
from target_exact_online.ledger.store import Ledger
from target_exact_online.master_data import MasterData, NotUsableError, kinds
from target_exact_online.master_data.cache import master_rows
from target_exact_online.master_data.shelf import FRESH_SECONDS, PARKED_AT

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
    assert master.rate("USD", FEBRUARY)
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
def test_what_a_parked_document_lacks_is_looked_for_with_growing_pauses(
    client: ExactClient, engine: Engine
) -> None:
    division, start = MasterData.load(client, engine).division, time.time()

    def reads(hour: float, parked_at: float | None) -> int:
        """Ask for two codes that are not there, as a run at that hour; count its calls."""
        master = MasterData(client, engine, division, clock=lambda: start + hour * 3600)
        master.vat_codes()
        master.gl_accounts()
        counted = client.call_count
        token = PARKED_AT.set(parked_at)
        for ask in (master.gl_account, partial(master.vat_code, on=FEBRUARY)):
            for _ in range(2):
                with pytest.raises(NotUsableError):
                    ask("NONE")
        PARKED_AT.reset(token)
        return client.call_count - counted

    assert reads(0, None) == 2
    looked = [hour for hour in range(1, 80) if reads(hour, start) > 0]
    assert looked == [1, 2, 3, 5, 9, 17, 29, 41, 53, 65, 77]
    assert reads(79, None) == 2, "a document that is not parked is no reason to wait"
    assert reads(84, start) == 0, "what another document had read is known"
    assert reads(84, start + 83.5 * 3600) == 2, "nor is one that is parked for half an hour"
    assert reads(70, start) == 2, "a moment that has not come is not believed"


@ON_SQLITE
def test_what_exact_refused_is_read_again_by_the_next_run(
    client: ExactClient, engine: Engine
) -> None:
    master = MasterData.load(client, engine)
    master.journal("70")
    problem = Problem("journal", "blocked", "Unblock it.")
    master.distrust(DocumentRefusedError([problem], by_exact=True))
    counted = client.call_count
    MasterData.load(client, engine).journal("70")
    assert client.call_count == counted + 1, "only what was refused"


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

    master.remember(kinds.ACCOUNTS, row | {"Email": "new@example.com"})
    found = master.matching_account(by_email)
    assert found is not None
    assert (found.id, master.account(found.code), master.account("10")) == (row["ID"], found, other)

    master.remember(kinds.ACCOUNTS, row | {"VATNumber": "NL000000511B33"})
    assert master.matching_account(by_email) is None
    assert master.matching_account(by_vat) is not None


@ON_SQLITE
def test_a_moment_that_has_not_come_is_not_believed(
    client: ExactClient, engine: Engine, sandbox: SandboxHandle
) -> None:
    """One run with a clock ahead must not make master data fresh until that time."""
    ahead = sandbox.now().timestamp() + 10 * 365 * 86_400
    MasterData(client, engine, client.division, clock=lambda: ahead).journal("70")
    counted = client.call_count
    MasterData.load(client, engine).journal("70")
    assert client.call_count == counted + 2, "the division and its journals"
    MasterData.load(client, engine).journal("70")
    assert client.call_count == counted + 2


@ON_SQLITE
@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE master_rows SET data = x'c1'",
        "UPDATE master_rows SET data = x'90'",
        "UPDATE master_rows SET data = x'80'",
        "UPDATE master_rows SET data = x''",
        "UPDATE master_rows SET data = x'81a1ff01'",
        "UPDATE master_rows SET data = 'text'",
        "UPDATE master_state SET read_at = 'soon'",
        "UPDATE master_state SET timestamp = 'much'",
        "DELETE FROM master_state",
    ],
)
def test_a_damaged_cache_is_read_anew(client: ExactClient, engine: Engine, damage: str) -> None:
    ask_everything(MasterData.load(client, engine))
    with engine.begin() as connection:
        connection.exec_driver_sql(damage)
    ask_everything(MasterData.load(client, engine))


@ON_SQLITE
def test_an_answer_that_is_no_master_data_is_an_error_of_ours(
    client: ExactClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    master = MasterData.load(client, engine)
    row = {"ID": "x", "Code": "70", "Type": "twenty"}
    monkeypatch.setattr(type(client), "get", lambda *_, **__: iter([row]))
    with pytest.raises(ConfigError, match=r"journal .* cannot be understood"):
        master.journal("70")


@ON_SQLITE
def test_nothing_is_refused_by_what_was_read_yesterday(
    client: ExactClient, engine: Engine, sandbox: SandboxHandle, sales_entry: Any
) -> None:
    """What a person mended in Exact counts at once, and only what is lacking is asked for."""
    documents.prepare(
        "sales_entries", sales_entry(1), MasterData.load(client, engine), DocumentSettings()
    )
    (journal,) = sandbox.exact("financial/Journals", filter="Code eq '70'")
    for blocked in (True, False):
        with sandbox.database.transaction() as connection:
            change = journal | {"IsBlocked": blocked}
            store.update(connection, "financial/Journals", change, "2026-03-01T00:00:00.000")
        if blocked:
            with engine.begin() as connection:
                connection.exec_driver_sql(
                    "UPDATE master_state SET read_at = 0 WHERE kind = 'journals'"
                )
        sandbox.clear_requests()
        master = MasterData.load(client, engine)
        if blocked:
            with pytest.raises(DocumentRefusedError, match="is blocked"):
                documents.prepare("sales_entries", sales_entry(2), master, DocumentSettings())
        else:
            documents.prepare("sales_entries", sales_entry(2), master, DocumentSettings())
        asked = [one["path"].rpartition("/")[2] for one in sandbox.requests(system="exact")]
        assert asked == ["Journals"] * (2 if blocked else 1)


@ON_SQLITE
def test_parked_documents_ask_only_for_what_they_lack(
    client: ExactClient, engine: Engine, sales_entry: Any
) -> None:
    line = sales_entry(1)["lines"][0]
    lacking = [sales_entry(n, lines=[line | {"gl_account": f"80{n:02}9"}]) for n in range(10)]

    def hour() -> int:
        before, master = client.call_count, MasterData.load(client, engine)
        for record in lacking:
            with pytest.raises(DocumentRefusedError):
                documents.prepare("sales_entries", record, master, DocumentSettings())
        return client.call_count - before

    hour()
    assert [hour() for _ in range(3)] == [1, 1, 1], "the GL accounts that changed"
