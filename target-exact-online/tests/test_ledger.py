"""The ledger on real databases: what it promises about documents, runs and the event chain."""

from __future__ import annotations

import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet

from target_exact_online.exceptions import ConfigError
from target_exact_online.ledger import chain, database, payload
from target_exact_online.ledger.entries import Arrival, Document, Result
from target_exact_online.ledger.runs import Run, dead_runs
from target_exact_online.ledger.store import Ledger
from target_exact_online.ledger.tables import documents, events

if TYPE_CHECKING:
    from collections.abc import Iterator


def document(key: str, amount: str = "121.00", **changes: Any) -> Document:
    record = {
        "document_key": key,
        "your_ref": key,
        "currency": "EUR",
        "lines": [{"gl_account": "8000", "amount": Decimal(amount)}],
        "totals": {"amount": Decimal(amount)},
        "source": {"kind": "invoice", "order_increment_id": "000000007"},
    }
    return Document.of("sales_entries", record | changes)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger.open(ledger_url)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def run(ledger: Ledger) -> Iterator[Run]:
    begun = Run(ledger.engine)
    yield begun
    begun.finish()


LATER = datetime.now(UTC) + timedelta(days=1)


def posted(key: str, attempts: int = 1) -> Result:
    return Result(key, "posted", "posted", attempts, exact_id=f"id-{key}", exact_number="1")


def test_a_claim_and_its_result(ledger: Ledger, run: Run) -> None:
    assert ledger.claim(run, [Arrival(document("a"), "sending")]) == {"a"}
    assert ledger.known(["a"])["a"].state == "sending"

    ledger.record(run, [posted("a")])

    known = ledger.known(["a", "b"])
    assert set(known) == {"a"}
    assert (known["a"].state, known["a"].exact_id, known["a"].attempts) == ("posted", "id-a", 1)
    assert chain.verify(ledger.engine, ledger.keys).faults == ()


def test_only_one_of_two_runs_gets_a_document(ledger: Ledger, run: Run) -> None:
    other = Run(ledger.engine)
    assert ledger.claim(run, [Arrival(document("a"), "sending")]) == {"a"}
    both = [Arrival(document("a"), "sending"), Arrival(document("b"), "sending")]
    assert ledger.claim(other, both) == {"b"}
    other.finish()


def test_a_document_that_changed_hands_meanwhile_is_not_claimed(ledger: Ledger, run: Run) -> None:
    ledger.claim(run, [Arrival(document("a"), "received")])
    seen = ledger.known(["a"])["a"]
    assert ledger.claim(run, [Arrival(document("a"), "sending", seen)]) == {"a"}
    assert ledger.claim(run, [Arrival(document("a"), "sending", seen)]) == set()


def test_a_result_without_its_claim_is_an_error(ledger: Ledger, run: Run) -> None:
    ledger.claim(run, [Arrival(document("a"), "received")])
    with pytest.raises(RuntimeError, match="claim of this run is gone"):
        ledger.record(run, [posted("a")])
    assert ledger.known(["a"])["a"].state == "received"


def test_a_newer_version_replaces_what_is_not_posted(ledger: Ledger, run: Run) -> None:
    ledger.claim(run, [Arrival(document("a"), "parked", error="no GL account")])
    seen = ledger.known(["a"])["a"]
    ledger.claim(run, [Arrival(document("a", "242.00"), "received", seen)])
    (waiting,) = ledger.backlog.due(datetime.now(UTC), limit=10, after=None)
    assert waiting.document.record["totals"]["amount"] == Decimal("242.00")
    assert waiting.known.error is None


def test_what_is_due(ledger: Ledger, run: Run) -> None:
    now = datetime.now(UTC)
    ledger.claim(
        run,
        [
            Arrival(document("held"), "received"),
            Arrival(document("later"), "parked", error="x", next_retry_at=now + timedelta(hours=1)),
            Arrival(document("again"), "parked", error="x", next_retry_at=now),
            Arrival(document("person"), "parked", error="x"),
        ],
    )
    first = ledger.backlog.due(now, limit=1, after=None)
    rest = ledger.backlog.due(now, limit=10, after=first[0].known)
    assert [w.document.document_key for w in first + rest] == ["again", "held"]


def test_claims_of_dead_runs_are_taken_over_and_of_living_ones_never(
    ledger_url: str, ledger: Ledger, run: Run
) -> None:
    script = _CLAIM + "os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", script, ledger_url, "orphan", "sending"], check=False)
    living = Run(ledger.engine)
    ledger.claim(living, [Arrival(document("busy"), "sending")])

    assert ledger.take_over(run) == 1

    soon = datetime.now(UTC) + timedelta(seconds=1)
    assert [
        w.document.document_key for w in ledger.backlog.unanswered(run, sent_before=soon, limit=9)
    ] == ["orphan"]
    # Its call may have begun just before its process died.
    assert ledger.backlog.oldest_unanswered(run) > datetime.now(UTC) - timedelta(seconds=5)
    assert dead_runs(ledger.engine, [living.run_id]) == set()
    living.finish()
    assert dead_runs(ledger.engine, [living.run_id]) == {living.run_id}
    assert chain.verify(ledger.engine, ledger.keys).faults == ()


def test_processes_that_start_at_once_agree_on_schema_and_key(ledger_url: str) -> None:
    script = _CLAIM + "run.finish()"
    started = [
        subprocess.Popen([sys.executable, "-c", script, ledger_url, f"d{n}", "received"])
        for n in range(3)
    ]
    assert [process.wait() for process in started] == [0, 0, 0]
    ledger = Ledger.open(ledger_url)
    assert len(ledger.backlog.due(datetime.now(UTC), limit=9, after=None)) == 3
    assert chain.verify(ledger.engine, ledger.keys).faults == ()
    ledger.engine.dispose()


_CLAIM = """
import os, signal, sys
from target_exact_online.ledger.runs import Run
from target_exact_online.ledger.entries import Arrival, Document
from target_exact_online.ledger.store import Ledger
url, key, state = sys.argv[1:]
ledger = Ledger.open(url)
run = Run(ledger.engine)
ledger.claim(run, [Arrival(Document.of("sales_entries", {"document_key": key}), state)])
"""


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE events SET detail = '{}' WHERE seq = 2",
        "UPDATE events SET kind = 'skipped' WHERE seq = 3",
        "UPDATE events SET at = '2020-01-01T00:00:00.000+00:00' WHERE seq = 1",
        "UPDATE events SET document_key = 'b' WHERE seq = 1",
        "DELETE FROM events WHERE seq = 2",
        "DELETE FROM events WHERE seq = 4",
        "DELETE FROM events",
        (
            "UPDATE events SET seq = 9 WHERE seq = 2; UPDATE events SET seq = 2 WHERE seq = 3; "
            "UPDATE events SET seq = 3 WHERE seq = 9"
        ),
        "INSERT INTO events VALUES (5, '2026', 'posted', 'a', '{}', NULL, 'ff')",
        "UPDATE documents SET exact_id = 'other' WHERE document_key = 'a'",
        "UPDATE documents SET state = 'skipped' WHERE document_key = 'b'",
        "UPDATE documents SET payload_hash = 'ff' WHERE document_key = 'a'",
        "DELETE FROM documents WHERE document_key = 'a'",
    ],
)
def test_the_chain_shows_every_change(tmp_path: Path, tamper: str) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    run = Run(ledger.engine)
    ledger.claim(run, [Arrival(document("a"), "sending"), Arrival(document("b"), "sending")])
    ledger.record(run, [posted("a"), posted("b")])
    run.finish()
    assert chain.verify(ledger.engine, ledger.keys).faults == ()
    with ledger.engine.begin() as connection:
        for statement in tamper.split("; "):
            connection.execute(sa.text(statement))
    assert chain.verify(ledger.engine, ledger.keys).faults != ()
    ledger.engine.dispose()


def test_payloads_are_unreadable_without_the_key(ledger: Ledger, run: Run) -> None:
    ledger.claim(run, [Arrival(document("a", description="Jansen, Dorpsstraat 1"), "received")])
    with ledger.engine.connect() as connection:
        stored = connection.execute(sa.select(documents)).one()
        said = connection.execute(sa.select(events)).all()
    assert b"Jansen" not in bytes(stored.payload)
    assert not any("Jansen" in str(value) for value in [*stored, *said])


def test_a_key_file_beside_the_ledger_is_private_and_no_other_key_takes_it_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    Ledger.open(url).engine.dispose()
    beside = tmp_path / "ledger.db.key"
    assert stat.S_IMODE(beside.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600

    other = Fernet.generate_key().decode()
    monkeypatch.setenv("CONNECTOR_KEY", other)
    Ledger.open(url).engine.dispose()  # by its own key, which stays the only one
    monkeypatch.delenv("CONNECTOR_KEY")
    Ledger.open(url).engine.dispose()
    own = beside.read_text()
    beside.unlink()
    monkeypatch.setenv("CONNECTOR_KEY", other)
    with pytest.raises(ConfigError, match="does not open this ledger"):
        Ledger.open(url)
    monkeypatch.setenv("CONNECTOR_KEY", f"{other},{own}")
    Ledger.open(url).engine.dispose()  # asked for: the first key seals from now on
    monkeypatch.setenv("CONNECTOR_KEY", other)
    Ledger.open(url).engine.dispose()


def test_the_key_of_the_credential_store_opens_the_ledger_and_changes_when_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    key_file = tmp_path / "connector.key"
    key_file.write_text(old)
    monkeypatch.setenv("CONNECTOR_KEY_FILE", str(key_file))
    Ledger.open(url).engine.dispose()
    assert not (tmp_path / "ledger.db.key").exists()
    monkeypatch.setenv("CONNECTOR_KEY", f"{new},{old}")
    Ledger.open(url).engine.dispose()
    monkeypatch.setenv("CONNECTOR_KEY", new)
    Ledger.open(url).engine.dispose()
    monkeypatch.setenv("CONNECTOR_KEY", old)
    with pytest.raises(ConfigError, match="does not open this ledger"):
        Ledger.open(url)


def test_what_counts_as_the_same_document() -> None:
    same = document("a", rules_version="2", description="x", source={"updated_at": "later"})
    assert same.payload_hash == document("a").payload_hash
    assert document("a", "121.01").payload_hash != document("a").payload_hash
    assert document("a", currency="USD").payload_hash != document("a").payload_hash


def test_the_newest_migration_is_the_one_alembic_finds() -> None:
    folder = Path(database.__file__).parent / "migrations"
    assert ScriptDirectory(folder).get_current_head() == database.head()


def upgrade_to_0003(engine: sa.Engine) -> None:
    """Make a ledger as it was before there were PDF copies."""
    config = Config()
    config.set_main_option("script_location", str(database._MIGRATIONS))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")


def test_an_older_ledger_keeps_its_documents_and_learns_of_copies(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database, "_migrate", upgrade_to_0003)
        older = Ledger.open(ledger_url)
    assert not sa.inspect(older.engine).has_table("attachments")
    first = Run(older.engine)
    older.claim(first, [Arrival(document("a"), "sending"), Arrival(document("b"), "sending")])
    older.record(first, [posted("a")])
    first.finish()  # with "b" in hand
    older.close()

    ledger = Ledger.open(ledger_url)
    ledger.attachments.wanted = True
    run = Run(ledger.engine)
    ledger.take_over(run)
    ledger.record(run, [posted("b")])

    assert {known.state for known in ledger.known(["a", "b"]).values()} == {"posted"}
    assert ledger.attachments.waiting() == 1, "what was posted before is left as it is"
    assert chain.verify(ledger.engine, ledger.keys).faults == ()
    run.finish()
    ledger.close()


def test_copies_are_remembered_with_the_result(ledger: Ledger, run: Run) -> None:
    ledger.attachments.wanted = True
    credit = {"kind": "credit_memo", "order_increment_id": "000000007"}
    given = {
        "a": document("a"),
        "b": document("b", source=credit),
        "c": document("c", source={"kind": "day"}),
        "d": document("d"),
        "e": document("e"),
    }
    ledger.claim(run, [Arrival(one, "sending") for one in given.values()])
    found = Result("e", "posted", "already_there", 1, exact_id="id-e")
    failed = Result("d", "failed", "failed", 1)

    ledger.record(run, [posted("a"), posted("b"), posted("c"), failed, found])

    due = {one.document.document_key: one for one in ledger.attachments.due(LATER, limit=9)}
    assert {key: one.ask_first for key, one in due.items()} == {"a": False, "b": False, "e": True}
    assert due["a"].document == given["a"]
    assert due["a"].exact_id == "id-a"
    assert ledger.attachments.claim(run, "a")
    assert not ledger.attachments.claim(run, "a")
    ledger.attachments.later("a", "Away", next_retry_at=LATER + timedelta(hours=1))
    assert [one.document.document_key for one in ledger.attachments.due(LATER, limit=9)] == [
        "b",
        "e",
    ]


def test_amounts_keep_their_digits() -> None:
    record = {"amount": Decimal("12345678901234567890.10"), "quantity": 3}
    assert payload.decode(payload.encode(record)) == record
    assert b"12345678901234567890.10" in payload.encode(record)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "cannot live in memory"),
        ("sqlite:////no/such/folder/ledger.db", "unable to open database file"),
        ("mysql://user:secret@host/x", "not a database URL this target knows"),
        ("nonsense", "not a database URL this target knows"),
        ("postgresql://user:secret@127.0.0.1:1/x", "Connection refused"),
    ],
)
def test_a_wrong_url_is_one_clear_message(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        Ledger.open(url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
