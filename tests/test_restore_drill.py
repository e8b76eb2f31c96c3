"""The restore drill: the guide's *Backup and restore*, done as it says, with the three plugins."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from commerce_sandbox.data import backstage
from commerce_sandbox.exact.credentials import APP
from commerce_sandbox.exceptions import NoSuchRecordError

if TYPE_CHECKING:
    from conftest import Outcome, Pipe

pytestmark = pytest.mark.timeout(900)  # four or five runs of three processes each
HOUR = 3600
ENTRIES = "*/salesentry/SalesEntries"


@dataclass
class Drill:
    """A shop that sells on, its pipeline, and the backups of what the pipeline keeps."""

    pipe: Pipe
    state: dict[str, Any] | None = None
    kept: dict[str, Any] = field(default_factory=dict)
    expected: set[str] = field(default_factory=set)
    order_id: int = 0

    @property
    def ledger(self) -> Path:
        return self.pipe.folder / "ledger.db"

    @property
    def login(self) -> Path:
        return self.pipe.folder / "credentials"

    def sell(self) -> None:
        """Let the shop have one more document, an hour later."""
        self.pipe.sandbox.advance(HOUR)
        at = f"{self.pipe.sandbox.now():%Y-%m-%d %H:%M:%S}"
        memo = None
        while memo is None:
            self.order_id += 1
            with contextlib.suppress(NoSuchRecordError):
                memo = backstage.import_credit_memo(self.pipe.sandbox.database, self.order_id, at)
        self.expected.add(memo["increment_id"])
        self.pipe.sandbox.advance(HOUR)

    def run(self, *, full_refresh: bool = False) -> Outcome:
        """Run the pipeline as a schedule does."""
        outcome = self.pipe.run("credit_memos", state=None if full_refresh else self.state)
        if outcome.stdout:
            self.state = outcome.messages_of_target[-1]
        return outcome

    def back_up(self) -> None:
        """Do what the guide's table says."""
        copy = self.pipe.folder / "ledger.backup.db"
        with (
            contextlib.closing(sqlite3.connect(self.ledger)) as live,
            contextlib.closing(sqlite3.connect(copy)) as backup,
        ):
            live.backup(backup)
        self.store("export")
        self.kept = {"bookmarks": json.loads(json.dumps(self.state))}

    def store(self, what: str) -> None:
        """Export the store of credentials, or import the copy."""
        program = Path(sys.executable).with_name("connector-credentials")
        copy = self.pipe.folder / "credentials.backup"
        done = self.pipe.call([str(program), "--store", str(self.login), what, str(copy)])
        assert done.code == 0, done.stderr

    def restore(self, what: str) -> None:
        """Put one backup back."""
        if what == "ledger":
            for path in self.pipe.folder.glob("ledger.db-*"):
                path.unlink()
            shutil.copy(self.pipe.folder / "ledger.backup.db", self.ledger)
        elif what == "login":
            self.store("import")
        else:
            self.state = self.kept["bookmarks"]

    def authorize(self) -> None:
        """Log in again, as a person with a browser does."""
        command = self.pipe.command("target-exact-online", self.pipe.target, "authorize", "--yes")
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, cwd=self.pipe.folder, env=self.pipe.environment,
        ) as process:  # fmt: skip
            assert process.stderr is not None
            said = ""
            while not (found := re.search(r"https?://\S+/api/oauth2/auth\S+", said)):
                line = process.stderr.readline()
                assert line, said
                said += line
            consent = requests.get(found[0], allow_redirects=False, timeout=10)
            _, errors = process.communicate(consent.headers["Location"] + "\n", timeout=60)
        assert process.returncode == 0, errors

    def posted(self) -> int:
        """How many documents the last run posted."""
        return sum(one["documents"] for one in self.pipe.report["posted"])

    def assert_once(self) -> None:
        """Nothing is lost, nothing is doubled."""
        rows = self.pipe.sandbox.exact("salesentry/SalesEntries")
        found = Counter(row["YourRef"] for row in rows)
        assert found == Counter(self.expected)
        verified = self.pipe.call(
            self.pipe.command("target-exact-online", self.pipe.target, "audit", "verify")
        )
        assert verified.code == 0, verified.stderr


@pytest.fixture
def drill(pipe: Pipe) -> Drill:
    """A pipeline that has run, and was backed up, after which the shop sold on."""
    pipe.target |= {"redirect_uri": APP.redirect_uri, "credential": "exact-online"}
    one = Drill(pipe)
    first = one.run()
    assert first.code in {0, 3}, first.stderr
    pipe.target.pop("refresh_token")  # it is used once, and spent
    rows = pipe.sandbox.exact("salesentry/SalesEntries")
    one.expected = {row["YourRef"] for row in rows}
    assert len(rows) == len(one.expected) > 10
    one.back_up()
    one.sell()
    return one


def test_an_older_ledger(drill: Drill) -> None:
    """Also with a document that only the lost part of the ledger knew: it had not left yet."""
    assert drill.run().code in {0, 3}
    drill.sell()
    drill.pipe.sandbox.fault(ENTRIES, "unavailable", method="POST", times=0)
    drill.pipe.target["max_wait_seconds"] = 0
    drill.run()
    drill.pipe.sandbox.clear_faults()
    drill.restore("ledger")
    drill.pipe.sandbox.advance(HOUR)

    outcome = drill.run(full_refresh=True)

    drill.assert_once()
    assert "restored from a backup" in outcome.stderr
    assert drill.pipe.report["already_there"] == {"sales_entries": len(drill.expected) - 1}
    assert drill.posted() == 1


def test_older_bookmarks(drill: Drill) -> None:
    assert drill.run().code in {0, 3}
    drill.restore("bookmarks")
    drill.sell()

    outcome = drill.run()

    assert outcome.code in {0, 3}, outcome.stderr
    drill.assert_once()
    assert drill.posted() == 1
    assert drill.run().code in {0, 3}
    drill.assert_once()


@pytest.mark.parametrize("together", [("login",), ("ledger", "login", "bookmarks")])
def test_an_older_login_alone_and_with_everything_else(
    drill: Drill, together: tuple[str, ...]
) -> None:
    assert drill.run().code in {0, 3}
    for what in together:
        drill.restore(what)
    drill.sell()

    refused = drill.run()

    assert refused.code == 1
    assert "authorize" in refused.stderr.splitlines()[-1]
    assert "Traceback" not in refused.stderr
    drill.authorize()
    outcome = drill.run()
    assert outcome.code in {0, 3}, outcome.stderr
    drill.assert_once()
    assert drill.posted() == 1
    if "ledger" in together:
        assert "restored from a backup" in outcome.stderr
        assert drill.pipe.report["already_there"]["sales_entries"] >= 1
