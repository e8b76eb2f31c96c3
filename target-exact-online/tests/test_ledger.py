"""The ledger on real databases: what it promises about documents, runs and the event chain."""

from __future__ import annotations

import dataclasses
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
import time_machine
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet

from connector_program.database import reading
from exact_online.errors import ConfigError
from target_exact_online.desk import documents as desk
from target_exact_online.desk.documents import Search
from target_exact_online.exceptions import RunLostError
from target_exact_online.ledger import chain, database, payload, queries
from target_exact_online.ledger.keys import open_keys
from target_exact_online.ledger.rows import Document
from target_exact_online.ledger.runs import Run, dead_runs
from target_exact_online.ledger.store import Facts, Ledger
from target_exact_online.ledger.tables import documents, events, postings
from target_exact_online.posting.events import (
    Answered,
    Differs,
    Found,
    Intended,
    Refused,
    TakenOver,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIVISION = 123456
LATER = datetime.now(UTC) + timedelta(days=1)


def record(key: str, amount: str = "121.00", **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "document_key": key,
        "your_ref": key.rpartition(":")[2],
        "currency": "EUR",
        "journal": "70",
        "entry_date": "2026-02-10",
        "lines": [
            {
                "gl_account": "8000",
                "amount": Decimal(amount) - 21,
                "vat_code": "21",
                "vat_amount": Decimal("21.00"),
                "supply": "domestic",
                "country": "NL",
                "rule": "default",
            }
        ],
        "totals": {"amount": Decimal(amount), "vat_amount": Decimal("21.00")},
        "source": {"kind": "invoice", "order_increment_id": "000000007"},
    }
    return made | changes


def document(
    key: str, amount: str = "121.00", division: int = DIVISION, **changes: Any
) -> Document:
    return Document.of("sales_entries", record(key, amount, **changes), division)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger.open(ledger_url)
    yield opened
    opened.close()


@pytest.fixture
def run(ledger: Ledger) -> Iterator[Run]:
    begun = Run(ledger.engine)
    yield begun
    begun.finish()


def post(ledger: Ledger, run: Run, *keys: str) -> None:
    """Let documents be sent and answered."""
    for key in keys:
        step = ledger.move(run, key, Intended(run.run_id, datetime.now(UTC)), Facts(sent="{}"))
        assert step is not None
        assert step.row.state == "sending"
        facts = Facts(answered_at=datetime.now(UTC), period=(2026, 2), entry_date="2026-02-10")
        ledger.move(run, key, Answered(run.run_id, f"id-{key}", "1"), facts)


def faults(ledger: Ledger, **options: str) -> tuple[str, ...]:
    return chain.verify(ledger.engine, ledger.keys, **options).faults


def state_of(ledger: Ledger, key: str) -> str | None:
    found = queries.look_up(ledger, key)
    return found and found.row.state


def test_a_document_comes_in_is_sent_and_answered(ledger: Ledger, run: Run) -> None:
    ((kept, step),) = ledger.arrive(run, [document("a")])
    assert (kept.document_key, step.kind) == ("a", "held")
    post(ledger, run, "a")
    found = queries.look_up(ledger, "a")
    assert found is not None
    assert (found.row.state, found.row.exact_id, found.row.attempts) == ("posted", "id-a", 1)
    assert not found.row.may_be_in_exact
    assert faults(ledger) == ()


@pytest.mark.parametrize("sent", [False, True])
def test_a_version_that_a_later_run_overtook_is_not_taken(
    ledger: Ledger, run: Run, *, sent: bool
) -> None:
    """The shop's time alone proves nothing: without another run an earlier one is taken."""

    def version(amount: str, changed: str) -> Document:
        source = {"kind": "invoice", "updated_at": changed}
        return document("a", amount, source=source)

    old, new = version("121.00", "2026-02-10 09:00:00"), version("242.00", "2026-02-10T09:00:01Z")
    ledger.arrive(run, [old])
    if sent:
        post(ledger, run, "a")
    other = Run(ledger.engine)
    for (_, step), kind in zip(
        (*ledger.arrive(other, [new]), *ledger.arrive(run, [old]), *ledger.arrive(other, [old])),
        ("changed_in_shop" if sent else "held", "overtaken", "taken_back" if sent else "held"),
        strict=True,
    ):
        assert step.kind == kind
    other.finish()
    assert not faults(ledger)


def test_two_versions_in_one_group_are_taken_one_after_the_other(ledger: Ledger, run: Run) -> None:
    done = ledger.arrive(run, [document("a"), document("b"), document("a", "242.00")])
    assert [step.kind for _, step in done] == ["held", "held", "held"]
    found = queries.look_up(ledger, "a")
    assert found is not None
    assert found.document.record["totals"]["amount"] == Decimal("242.00")
    assert faults(ledger) == ()


def test_a_document_that_changed_meanwhile_is_not_taken(ledger: Ledger, run: Run) -> None:
    ledger.arrive(run, [document("a")])
    seen = queries.look_up(ledger, "a")
    assert seen is not None
    ledger.arrive(run, [document("a", "242.00")])
    intent = Intended(run.run_id, datetime.now(UTC))
    assert ledger.move(run, "a", intent, expected=seen.row.last_seq) is None
    assert state_of(ledger, "a") == "held"


def test_an_entry_that_two_ask_for_at_once_is_taken_by_one(ledger: Ledger, run: Run) -> None:
    """Each looked whose it is before the other had recorded it."""
    ledger.arrive(run, [document("a"), document("b")])
    for key in ("a", "b"):
        ledger.move(run, key, Intended(run.run_id, datetime.now(UTC)))
    assert ledger.move(run, "a", Found("one", "1")) is not None
    assert ledger.move(run, "b", Found("one", "1")) is None
    assert ledger.move(run, "b", Answered(run.run_id, "one", "1")) is None
    assert state_of(ledger, "b") == "sending"
    assert ledger.move(run, "b", Found("two", "2")) is not None


def test_only_one_of_two_runs_gets_a_document(ledger: Ledger, run: Run) -> None:
    other = Run(ledger.engine)
    ledger.arrive(run, [document("a")])
    first = ledger.move(run, "a", Intended(run.run_id, datetime.now(UTC)))
    second = ledger.move(other, "a", Intended(other.run_id, datetime.now(UTC)))
    assert first is not None
    assert second is not None
    assert (first.kind, second.kind) == ("sending", "")
    other.finish()


def test_store_views_that_count_alike_are_two_documents_in_each_company(
    ledger: Ledger, run: Run
) -> None:
    given = [
        document("shop:nl:invoice:1", source={"store_code": "nl"}),
        document("shop:be:invoice:1", source={"store_code": "be"}),
        document("shop:nl:invoice:1", division=7, source={"store_code": "nl"}),
    ]
    kept = [one.document_key for one, _ in ledger.arrive(run, given)]
    assert kept == ["shop:nl:invoice:1", "shop:be:invoice:1", "shop:nl:invoice:1@7"]
    assert [one.document_key for one, _ in ledger.arrive(run, given)] == kept
    other = desk.find(ledger, Search(division=7))
    assert [row.document_key for row in other] == ["shop:nl:invoice:1@7"]


def test_an_older_key_is_the_same_document_only_in_its_own_store_view(
    ledger: Ledger, run: Run
) -> None:
    def new(store: str, entity: int) -> Document:
        source = {"instance": "shop", "store_code": store, "entity_id": entity}
        return document(f"shop:{store}:invoice:1", source=source)

    ledger.arrive(run, [document("shop:invoice:1", source={"store_code": "nl", "entity_id": 5})])
    kept = [one.document_key for one, _ in ledger.arrive(run, [new("nl", 5), new("be", 501)])]
    assert kept == ["shop:invoice:1", "shop:be:invoice:1"]


def test_what_is_due_and_in_which_order(ledger: Ledger, run: Run) -> None:
    ledger.arrive(run, [document(key) for key in "abcd"])
    now = datetime.now(UTC)
    ledger.move(run, "b", Refused("x", now))
    ledger.move(run, "c", Refused("x", now + timedelta(hours=1)))
    ledger.move(run, "d", Intended(run.run_id, now))
    first = queries.due(ledger, now=now, looked_at=now, after=0, limit=1)
    rest = queries.due(ledger, now=now, looked_at=now, after=first[-1].row.last_seq)
    assert [one.row.document_key for one in (*first, *rest)] == ["a", "b"]


def test_claims_of_dead_runs_are_taken_over_and_of_living_ones_never(
    ledger_url: str, ledger: Ledger, run: Run
) -> None:
    script = _CLAIM + "os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", script, ledger_url, "orphan"], check=False)
    living = Run(ledger.engine)
    ledger.arrive(living, [document("busy")])
    ledger.move(living, "busy", Intended(living.run_id, datetime.now(UTC)))

    assert queries.abandoned(ledger, run.run_id) == ["orphan"]
    ledger.move(run, "orphan", TakenOver(run.run_id, datetime.now(UTC)))

    (found,) = queries.unsettled(ledger, looked_at=LATER)
    assert found.row.document_key == "orphan"
    # Its call may have begun just before its process died.
    assert found.row.sent_at is not None
    assert found.row.sent_at > datetime.now(UTC) - timedelta(seconds=5)
    assert dead_runs(ledger.engine, [living.run_id]) == set()
    living.finish()
    assert dead_runs(ledger.engine, [living.run_id]) == {living.run_id}
    assert faults(ledger) == ()


def test_a_run_notices_that_its_lock_is_lost(postgres_ledger: str) -> None:
    ledger = Ledger.open(postgres_ledger)
    run = Run(ledger.engine)
    ledger.arrive(run, [document("a")])
    with ledger.engine.begin() as connection:  # an idle connection ends: a proxy, a restart
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks"
                " WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            )
        )
    with pytest.raises(RunLostError, match="run again"):
        ledger.move(run, "a", Intended(run.run_id, datetime.now(UTC)))
    with pytest.raises(RunLostError):
        ledger.move(run, "a", Intended(run.run_id, datetime.now(UTC)))
    assert state_of(ledger, "a") == "held", "who may be taken for dead claims nothing"
    run.finish()
    ledger.close()


def test_processes_that_start_at_once_agree_on_schema_and_key(ledger_url: str) -> None:
    script = _CLAIM + "run.finish()"
    started = [
        subprocess.Popen([sys.executable, "-c", script, ledger_url, f"d{n}"]) for n in range(3)
    ]
    assert [process.wait() for process in started] == [0, 0, 0]
    ledger = Ledger.open(ledger_url)
    assert {state_of(ledger, f"d{n}") for n in range(3)} == {"sending"}
    assert faults(ledger) == ()
    ledger.close()


_CLAIM = """
import os, signal, sys
from datetime import UTC, datetime
from target_exact_online.ledger.rows import Document
from target_exact_online.ledger.runs import Run
from target_exact_online.ledger.store import Ledger
from target_exact_online.posting.events import Intended
url, key = sys.argv[1:]
ledger = Ledger.open(url)
run = Run(ledger.engine)
ledger.arrive(run, [Document.of("sales_entries", {"document_key": key}, 1)])
ledger.move(run, key, Intended(run.run_id, datetime.now(UTC)))
"""


def test_amounts_in_the_companys_currency_are_rounded_half_up(ledger: Ledger, run: Run) -> None:
    ledger.arrive(run, [document("a", exchange_rate=Decimal("0.00025"))])
    post(ledger, run, "a")
    with reading(ledger.engine) as connection:
        line = connection.scalar(sa.select(postings.c.amount_dc).where(postings.c.line_no == 1))
    assert line == Decimal("-0.03")  # of -0.025


def test_what_happened_since_it_was_kept_elsewhere_is_not_forgotten(
    ledger: Ledger, run: Run
) -> None:
    ledger.arrive(run, [document("a"), document("b")])
    post(ledger, run, "a")
    post(ledger, run, "b")
    with reading(ledger.engine) as connection:
        key, last = documents.c.document_key, documents.c.last_seq
        kept = {one.document_key: one.last_seq for one in connection.execute(sa.select(key, last))}

    def keep(keys: list[str]) -> dict[str, int]:
        assert keys == ["a", "b"]
        return kept | {"a": kept["a"] - 1}

    assert list(desk.anonymise(ledger, LATER, dry_run=False, keep=keep)) == ["b"]
    assert desk.show(ledger, "a").record is not None


def test_postings_are_kept_without_a_person_and_outlive_the_content(
    ledger: Ledger, run: Run
) -> None:
    given = document(
        "a", debtor={"match": {"email": "jo@example.org"}}, exchange_rate=Decimal("0.5")
    )
    ledger.arrive(run, [given])
    post(ledger, run, "a")
    assert list(desk.anonymise(ledger, LATER, dry_run=False)) == ["a"]
    with reading(ledger.engine) as connection:
        lines = connection.execute(sa.select(postings).order_by(postings.c.line_no)).all()
        (row,) = connection.execute(sa.select(documents)).all()
    told = [(one.gl_account, one.vat_code, one.amount, one.role, one.derived) for one in lines]
    assert told == [
        ("8000", "21", Decimal("-100.00"), "line", False),
        (None, "21", Decimal("-21.00"), "vat", True),
        (None, None, Decimal("121.00"), "debtor", True),
    ]
    assert [one.amount_dc for one in lines] == [Decimal(-50), Decimal("-10.5"), Decimal("60.5")]
    assert (lines[0].supply, lines[0].country, lines[0].rule) == ("domestic", "NL", "default")
    assert {(one.period_year, one.period_no, one.entry_date) for one in lines} == {
        (2026, 2, "2026-02-10")
    }
    assert row.payload is None
    assert (row.amount, row.vat_amount, row.exact_id) == ("121.00", "21.00", "id-a")
    assert faults(ledger) == ()


TAMPERING = [
    "UPDATE events SET detail = '{}' WHERE seq = 2",
    "UPDATE events SET kind = 'skipped' WHERE seq = 3",
    "UPDATE events SET at = '2020-01-01T00:00:00.000+00:00' WHERE seq = 1",
    "UPDATE events SET document_key = 'b' WHERE seq = 1",
    "DELETE FROM events WHERE seq = 2",
    "DELETE FROM events WHERE seq = 7",
    "DELETE FROM events",
    (
        "UPDATE events SET seq = 9 WHERE seq = 2; UPDATE events SET seq = 2 WHERE seq = 3; "
        "UPDATE events SET seq = 3 WHERE seq = 9"
    ),
    "INSERT INTO events VALUES (8, '2026', 'posted', 'a', '{}', NULL, 'ff')",
    "UPDATE events SET note = X'00' WHERE seq = 7",
    "UPDATE events SET note = NULL WHERE note IS NOT NULL",
    "DELETE FROM documents WHERE document_key = 'a'",
    "DELETE FROM postings WHERE document_key = 'a' AND line_no = 1",
    "UPDATE postings SET amount = '-1.00' WHERE line_no = 1",
    "UPDATE postings SET gl_account = '9999' WHERE line_no = 1",
    "UPDATE postings SET rule = 'other' WHERE line_no = 1",
    (
        "INSERT INTO postings (document_key, line_no, division, amount, role, derived) "
        "VALUES ('nobody', 1, 1, '1', 'line', 0)"
    ),
    "UPDATE documents SET payload = X'00' WHERE document_key = 'a'",
    (
        "UPDATE documents SET payload = (SELECT payload FROM documents WHERE document_key = 'b') "
        "WHERE document_key = 'a'"
    ),
    "UPDATE documents SET payload = NULL WHERE document_key = 'a'",
    *(
        f"UPDATE documents SET {column} = {value} WHERE document_key = 'a'"  # noqa: S608  # ours
        for column, value in (
            ("exact_id", "'other'"),
            ("exact_number", "'9'"),
            ("state", "'skipped'"),
            ("payload_hash", "'ff'"),
            ("newer_hash", "'ff'"),
            ("division", "1"),
            ("amount", "'1.00'"),
            ("vat_amount", "'1.00'"),
            ("net_amount", "'1.00'"),
            ("currency", "'USD'"),
            ("your_ref", "'other'"),
            ("order_number", "'other'"),
            ("entry_date", "'2026-03-01'"),
            ("period_no", "3"),
            ("rules_version", "'9'"),
            ("may_be_in_exact", "1"),
            ("sent", '\'{"reference":"x"}\''),
            ("attempts", "9"),
            ("error", "'nothing'"),
            ("summary_key", "'x'"),
            ("stream", "'sales_orders'"),
            ("kind", "'order'"),
            ("created_at", "'2020-01-01 00:00:00.000000'"),
            ("postings_hash", "'ff'"),
            ("last_seq", "1"),
        )
    ),
]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with a posted and a parked document, seven events."""
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    run = Run(ledger.engine)
    ledger.arrive(run, [document("a"), document("b", "242.00"), document("c")])
    post(ledger, run, "a")
    ledger.move(run, "b", Refused("Jansen has no VAT number", datetime.now(UTC)))
    ledger.move(run, "c", Refused("Jansen is blocked", datetime.now(UTC)))
    run.finish()
    assert faults(ledger) == ()
    yield ledger
    ledger.close()


@pytest.mark.parametrize("tamper", TAMPERING)
def test_the_chain_shows_every_change(told: Ledger, tamper: str) -> None:
    with told.engine.begin() as connection:
        for statement in tamper.split("; "):
            connection.exec_driver_sql(statement)
    assert faults(told) != ()


def test_a_consistent_cut_is_found_by_a_hash_that_was_kept(told: Ledger) -> None:
    _, last = queries.head(told)
    with told.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM events WHERE seq = 7")
        connection.exec_driver_sql("DELETE FROM documents WHERE document_key = 'c'")
        connection.exec_driver_sql("DELETE FROM events WHERE document_key = 'c'")
        connection.exec_driver_sql(
            "UPDATE chain SET seq = 6, hash = (SELECT hash FROM events WHERE seq = 6)"
        )
    assert any(last in fault for fault in faults(told, head=last))


def test_only_what_came_since_is_recomputed(told: Ledger) -> None:
    with told.engine.connect() as connection:
        fifth = connection.scalar(sa.select(events.c.hash).where(events.c.seq == 5))
    found = chain.verify(told.engine, told.keys, since=fifth)
    assert (found.events, found.faults) == (2, ())
    assert faults(told, since="ff" * 32) != ()


def test_payloads_are_unreadable_without_the_key(ledger: Ledger, run: Run) -> None:
    ledger.arrive(run, [document("a", description="Jansen, Dorpsstraat 1")])
    with ledger.engine.connect() as connection:
        stored = connection.execute(sa.select(documents)).one()
        said = connection.execute(sa.select(events)).all()
    assert b"Jansen" not in bytes(stored.payload)
    assert not any("Jansen" in str(value) for value in [*stored, *said])


def test_a_key_file_beside_the_ledger_is_private_and_no_other_key_takes_it_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    Ledger.open(url).close()
    beside = tmp_path / "ledger.db.key"
    assert stat.S_IMODE(beside.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600

    other = Fernet.generate_key().decode()
    monkeypatch.setenv("CONNECTOR_KEY", other)
    Ledger.open(url).close()  # by its own key, which stays the only one
    monkeypatch.delenv("CONNECTOR_KEY")
    Ledger.open(url).close()
    own = beside.read_text()
    beside.unlink()
    monkeypatch.setenv("CONNECTOR_KEY", other)
    with pytest.raises(ConfigError, match="does not open this ledger"):
        Ledger.open(url)
    monkeypatch.setenv("CONNECTOR_KEY", f"{other},{own}")
    Ledger.open(url).close()  # asked for: the first key seals from now on
    monkeypatch.setenv("CONNECTOR_KEY", other)
    Ledger.open(url).close()


def test_the_key_of_the_credential_store_opens_the_ledger_and_changes_when_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    key_file = tmp_path / "connector.key"
    key_file.write_text(old)
    monkeypatch.setenv("CONNECTOR_KEY_FILE", str(key_file))
    Ledger.open(url).close()
    assert not (tmp_path / "ledger.db.key").exists()
    monkeypatch.setenv("CONNECTOR_KEY", f"{new},{old}")
    Ledger.open(url).close()
    monkeypatch.setenv("CONNECTOR_KEY", new)
    Ledger.open(url).close()
    monkeypatch.setenv("CONNECTOR_KEY", old)
    with pytest.raises(ConfigError, match="does not open this ledger"):
        Ledger.open(url)


def test_what_counts_as_the_same_document() -> None:
    same = document("a", rules_version="2", description="x", source={"updated_at": "later"})
    assert same.payload_hash == document("a").payload_hash
    assert document("a", "121.01").payload_hash != document("a").payload_hash
    assert document("a", currency="USD").payload_hash != document("a").payload_hash


def at_revision(url: str, revision: str) -> sa.Engine:
    """Make a ledger as an older version of the target left it."""
    engine = dataclasses.replace(database.LEDGER, prepare=lambda _: None).open(url)
    with engine.begin() as connection:
        database.MIGRATIONS.upgrade(connection, revision)
    return engine


def older_ledger(url: str, revision: str) -> None:
    """Write four documents in the way of an older version: posted, unanswered, parked, in a day."""
    sqlite = url.startswith("sqlite")
    engine = at_revision(url, revision)
    keys = open_keys(engine)
    now = datetime.now(UTC)
    with engine.begin() as connection:
        old = sa.Table("documents", sa.MetaData(), autoload_with=connection)
        for number, state, exact_id in (
            (1, "posted", "id-1"),
            (2, "sending", None),
            (3, "parked", None),
        ):
            key = f"shop:invoice:{number}"
            source = {
                "instance": "shop",
                "kind": "invoice",
                "store_code": "nl",
                "entity_id": number,
            }
            content = record(key, source=source)
            connection.execute(
                old.insert().values(
                    document_key=key,
                    stream="sales_entries",
                    kind="invoice",
                    your_ref=str(number),
                    currency="EUR",
                    amount="121.00",
                    payload=keys.encrypt(payload.encode(content)),
                    payload_hash=f"old-{number}",
                    state=state,
                    exact_id=exact_id,
                    attempts=0 if exact_id else 1,
                    claimed_by="dead" if state == "sending" else None,
                    sent_at=now.replace(tzinfo=None) if sqlite else now,
                    created_at=now.replace(tzinfo=None) if sqlite else now,
                    updated_at=now.replace(tzinfo=None) if sqlite else now,
                )
            )
        happened = [chain.Event("old", f"shop:invoice:{number}", {}) for number in (1, 2, 3)]
        chain.append(connection, keys, happened)
        if revision >= "0003":
            connection.exec_driver_sql(
                "INSERT INTO day_documents VALUES ('shop:invoice:9', 'shop:invoice:1')"
            )
    engine.dispose()


FOLDER = str(database.MIGRATIONS.folder)
REVISIONS = [
    one.revision for one in ScriptDirectory(FOLDER, version_locations=[FOLDER]).walk_revisions()
]


def test_the_newest_migration_is_the_one_alembic_finds() -> None:
    assert REVISIONS[0] == database.MIGRATIONS.head()


@pytest.mark.parametrize("revision", [one for one in sorted(REVISIONS) if "0001" < one < "0007"])
def test_an_older_ledger_is_brought_up_to_date_and_books_nothing_twice(
    ledger_url: str, revision: str
) -> None:
    older_ledger(ledger_url, revision)
    ledger = Ledger.open(ledger_url, DIVISION)
    run = Run(ledger.engine)
    assert faults(ledger) == ()
    for number, state in ((1, "posted"), (2, "sending"), (3, "parked")):
        found = queries.look_up(ledger, f"shop:invoice:{number}")
        assert found is not None
        assert (found.row.state, found.document.division) == (state, DIVISION)
        assert found.row.may_be_in_exact == (state == "sending")
    assert queries.abandoned(ledger, run.run_id) == ["shop:invoice:2"]
    shown = desk.show(ledger, "shop:invoice:1")
    assert len(shown.postings) == 3
    assert (shown.row.store_code, shown.row.entity_id) == ("nl", "1")

    source = {"instance": "shop", "kind": "invoice", "store_code": "nl"}
    again = [
        document(f"shop:nl:invoice:{number}", source=source | {"entity_id": number})
        for number in (1, 2, 3, 9)
    ]
    kept = dict.fromkeys(one.document_key for one, _ in ledger.arrive(run, again))
    known = ["shop:invoice:1", "shop:invoice:2", "shop:invoice:3"]
    in_a_day = "shop:invoice:9" if revision >= "0003" else "shop:nl:invoice:9"
    assert list(kept) == [*known, in_a_day]
    if revision >= "0003":
        assert state_of(ledger, "shop:invoice:9") == "posted"
    assert list(desk.find(ledger, Search(changed=True))) == [], "the same, under another name"
    run.finish()
    ledger.close()
    Ledger.open(ledger_url, 999).close()  # and nothing is stamped anew


def test_an_older_ledger_needs_to_know_its_company(ledger_url: str) -> None:
    older_ledger(ledger_url, "0005")
    with pytest.raises(ConfigError, match="setting division"):
        Ledger.open(ledger_url)


def test_what_is_forgotten_is_nowhere_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where SQLite was built without overwriting, as it is by default."""
    connect = sqlite3.connect

    def built_otherwise(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*args, **options)
        connection.execute("PRAGMA secure_delete=OFF")
        return connection

    monkeypatch.setattr("sqlite3.dbapi2.connect", built_otherwise)
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    run = Run(ledger.engine)
    ledger.arrive(run, [document(f"d{number}", description="x" * 900) for number in range(40)])
    post(ledger, run, *(f"d{number}" for number in range(40)))
    run.finish()
    with reading(ledger.engine) as connection:
        stored = [bytes(one) for one in connection.scalars(sa.select(documents.c.payload))]
    assert len(list(desk.anonymise(ledger, LATER, dry_run=False))) == 40
    left = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
    assert not [one for one in stored if one[20:120] in left]
    ledger.close()


def refused(key: str, reason: str) -> Document:
    content = {"document_key": key, "reason": reason, "what_to_do": "Add one.", "source": {}}
    return Document.of("refused_documents", content, DIVISION)


def test_what_waits_for_a_person_is_as_old_as_its_content(ledger: Ledger, run: Run) -> None:
    """Exact's daily refusal does not make it young; a version of the shop does."""
    before = datetime.now(UTC)
    with time_machine.travel(before - timedelta(days=30)):
        ledger.arrive(run, [document(key) for key in ("old", "changed", "asked")])
        ledger.arrive(run, [refused("no rule", "of then"), refused("no rule either", "of then")])
    for key in ("old", "changed"):
        ledger.move(run, key, Intended(run.run_id, datetime.now(UTC)), Facts(sent="{}"))
        ledger.move(run, key, Refused("Exact: no", datetime.now(UTC), by_exact=True))
    ledger.move(run, "asked", Intended(run.run_id, datetime.now(UTC)), Facts(sent="{}"))
    ledger.move(run, "asked", Differs("Exact has 120.00", datetime.now(UTC)))
    ledger.arrive(run, [document("changed", "242.00")])
    ledger.move(run, "changed", Refused("Exact: no", datetime.now(UTC)))
    ledger.arrive(run, [refused("no rule", "of now")])

    assert list(desk.anonymise(ledger, before, parked_too=True, dry_run=False)) == [
        "no rule either",
        "old",
    ]

    assert desk.kept_for_exact(ledger, before) == ["asked"]
    assert not faults(ledger)


def test_amounts_keep_their_digits() -> None:
    record = {"amount": Decimal("12345678901234567890.10"), "quantity": 3}
    assert payload.decode(payload.encode(record)) == record
    assert b"12345678901234567890.10" in payload.encode(record)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "cannot live in memory"),
        ("sqlite:////no/such/folder/ledger.db", "unable to open database file"),
        ("mysql://user:secret@host/x", "not a database URL this program knows"),
        ("nonsense", "not a database URL this program knows"),
        ("postgresql://user:secret@127.0.0.1:1/x", "Connection refused"),
    ],
)
def test_a_wrong_url_is_one_clear_message(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        Ledger.open(url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def supplied(key: str, *lines: dict[str, Any]) -> Document:
    """A document of lines that are told apart by what they supply."""
    line = record(key)["lines"][0] | {"supply": "oss", "country": "DE"}
    return document(key, lines=[line | one for one in lines])


GOODS = {"nature": "goods", "dispatch_country": "NL"}
SERVICES = {"nature": "services", "dispatch_country": None}


def parts(goods: str, services: str, vat: tuple[str, str] = ("14.00", "7.00")) -> list[Any]:
    """Two lines that an older version of the mapper added up to one."""
    return [
        GOODS | {"amount": Decimal(goods), "vat_amount": Decimal(vat[0]), "quantity": 1},
        SERVICES | {"amount": Decimal(services), "vat_amount": Decimal(vat[1]), "quantity": 2},
    ]


def test_what_is_supplied_is_no_content_so_that_what_was_posted_before_is_the_same() -> None:
    before = supplied("a", {"amount": Decimal("100.00")})
    assert supplied("a", {"amount": Decimal("100.00")} | GOODS).payload_hash == before.payload_hash
    assert supplied("a", *parts("60.00", "40.00")).payload_hash == before.payload_hash
    assert supplied("a", *parts("60.01", "40.00")).payload_hash != before.payload_hash
    other_vat = supplied("a", *parts("60.00", "40.00", ("14.00", "7.01")))
    assert other_vat.payload_hash != before.payload_hash
    # Only lines that are alike but for that were one line.
    for name, value in (("rule", "x"), ("gl_account", "1"), ("country", "BE"), ("item", "A")):
        goods, services = parts("60.00", "40.00")
        assert supplied("a", goods, services | {name: value}).payload_hash != before.payload_hash
    others = [{"amount": Decimal("5.00"), "rule": "shipping"} | GOODS, *parts("60.00", "-60.00")]
    none_left = supplied("a", others[0] | {"vat_amount": Decimal(0)}, others[1] | {"vat_amount": 0},
                         others[2] | {"vat_amount": 0})  # fmt: skip
    alone = supplied("a", others[0] | {"vat_amount": Decimal(0)})
    assert none_left.payload_hash == alone.payload_hash


def test_a_document_that_was_posted_before_is_not_changed_when_it_tells_more(
    ledger: Ledger, run: Run
) -> None:
    ledger.arrive(run, [supplied("a", {"amount": Decimal("100.00")})])
    post(ledger, run, "a")
    ledger.arrive(run, [supplied("a", *parts("60.00", "40.00"))])
    assert list(desk.find(ledger, Search(changed=True))) == []
    assert state_of(ledger, "a") == "posted"


def test_postings_tell_what_is_supplied(ledger: Ledger, run: Run) -> None:
    ledger.arrive(run, [supplied("a", *parts("60.00", "40.00"))])
    post(ledger, run, "a")
    told = [
        (one.nature, one.dispatch_country, one.derived) for one in desk.show(ledger, "a").postings
    ]
    assert told == [("goods", "NL", False), ("services", None, False), *[(None, None, True)] * 2]
    assert faults(ledger) == ()
    for name, value in (("nature", "services"), ("dispatch_country", "DE"), ("nature", None)):
        with ledger.engine.begin() as connection:
            here = postings.c.line_no == 1
            was = connection.scalar(sa.select(postings.c[name]).where(here))
            connection.execute(postings.update().where(here).values({name: value}))
        assert faults(ledger) == ("Document a: its postings are not those that were written.",)
        with ledger.engine.begin() as connection:
            connection.execute(postings.update().where(here).values({name: was}))


class PlainKeys:
    """Fingerprints that can be written down in a test."""

    def fingerprint(self, content: bytes) -> str:
        return content.decode()


def test_the_fingerprint_of_older_postings_holds(ledger: Ledger, run: Run) -> None:
    """As the version before wrote it: columns that came later are not in it."""
    ledger.arrive(run, [document("a")])
    post(ledger, run, "a")
    rows = [one._asdict() for one in desk.show(ledger, "a").postings]
    keys: Any = PlainKeys()
    assert chain.postings_hash(keys, rows[:1]) == (
        f'[["a",1,{DIVISION},"2026-02-10",2026,2,"EUR","8000",null,null,"21",null,"domestic","NL",'
        '"-100.0000","-21.0000",null,"default","line",false]]'
    )


@pytest.mark.parametrize("revision", [one for one in sorted(REVISIONS) if "0007" <= one < "0016"])
def test_what_older_postings_supplied_is_not_known(ledger_url: str, revision: str) -> None:
    engine = at_revision(ledger_url, revision)
    open_keys(engine)
    with engine.begin() as connection:
        old = sa.Table("postings", sa.MetaData(), autoload_with=connection)
        assert "nature" not in old.c
        values = {"document_key": "a", "line_no": 1, "division": DIVISION, "role": "line"}
        amounts = {"supply": "oss", "country": "DE", "amount": "-100.00", "derived": False}
        connection.execute(old.insert().values(values | amounts))
        connection.exec_driver_sql("UPDATE chain SET facts_from = 1")
    engine.dispose()
    ledger = Ledger.open(ledger_url, DIVISION)
    with reading(ledger.engine) as connection:
        (row,) = connection.execute(sa.select(postings)).all()
    assert (row.supply, row.nature, row.dispatch_country) == ("oss", None, None)
    ledger.close()


def test_the_trail_of_a_ledger_of_the_version_before_is_whole(ledger_url: str) -> None:
    ledger = Ledger.open(ledger_url, DIVISION)
    run = Run(ledger.engine)
    ledger.arrive(run, [document("a")])
    post(ledger, run, "a")
    run.finish()
    with ledger.engine.begin() as connection:
        for name in ("postings.nature", "postings.dispatch_country", "exact_mirrors.moved"):
            table, _, column = name.partition(".")
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {column}")
        version = sa.table(database.MIGRATIONS.version_table, sa.column("version_num"))
        connection.execute(version.update().values(version_num="0015"))
    ledger.close()
    ledger = Ledger.open(ledger_url, DIVISION)
    assert faults(ledger) == ()
    ledger.close()
