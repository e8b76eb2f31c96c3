"""Contents that leave the ledger are in a file: encrypted, whole, and named by the chain."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = ["shop:invoice:000000001", "shop:invoice:000000002"]


@pytest.fixture
def posted(target: Any, sales_entry: Callable[..., dict[str, Any]]) -> Any:
    """A target with two posted documents, one of which changed in the shop, and a parked one."""
    bad = sales_entry(3)
    bad["lines"][0]["gl_account"] = "8oo0"
    target.post_here([sales_entry(1), sales_entry(2), bad])
    target.post_here([sales_entry(1, currency="USD")])
    return target


def make(posted: Any, days: int = 0) -> Any:
    return posted.call("archive", "make", "old.archive", "--older-than-days", str(days))


def shown(posted: Any, *keys: str) -> list[dict[str, Any]]:
    done = posted.call("archive", "show", "old.archive", *keys)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_is_archived_is_forgotten_by_the_ledger_and_read_in_the_file(
    posted: Any, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    before = json.loads(posted.call("documents", "show", KEYS[0], "--json").stdout)
    done = make(posted)
    path = posted.folder / "old.archive"
    assert done.exit_code == 0, done.stderr
    assert "2 documents are archived" in done.stderr
    assert done.stdout.split()[0] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for secret in (b"000000001", b"debtor", b"USD"):
        assert secret not in path.read_bytes()

    after = json.loads(posted.call("documents", "show", KEYS[0], "--json").stdout)
    assert after["document"] is None
    assert after["later_version"] is None
    for kept in ("postings", "amount", "exact_id", "state"):
        assert after[kept] == before[kept], kept
    assert posted.call("audit", "verify").exit_code == 0

    first, second = shown(posted)
    assert [first["document_key"], second["document_key"]] == KEYS
    assert first["payload"] == before["document"]
    assert first["newer_payload"]["currency"] == "USD"
    assert any("currency" in words or "changed" in words for words in first["words"].values())
    assert shown(posted, KEYS[1]) == [second]
    assert second["payload"]["lines"] == sales_entry(2)["lines"]
    verified = posted.call("archive", "verify", "old.archive")
    assert (verified.exit_code, verified.stdout) == (0, "The archive is whole: 2 documents\n")


def test_it_is_read_without_the_ledger_by_its_key_alone(
    posted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(posted)
    ledger = Path(posted.config["ledger_url"].removeprefix("sqlite:///"))
    (key,) = posted.folder.glob("*.key")
    monkeypatch.setenv("CONNECTOR_KEY_FILE", str(key.rename(posted.folder / "kept.key")))
    ledger.unlink()
    assert [one["document_key"] for one in shown(posted)] == KEYS
    (posted.folder / "kept.key").write_text("x" * 43 + "=")
    done = posted.call("archive", "show", "old.archive")
    assert done.exit_code == 1
    assert "The key does not open old.archive" in done.stderr


@pytest.mark.parametrize("change", ["bit", "last line", "a line twice", "no archive", "missing"])
def test_a_changed_file_is_found(posted: Any, change: str) -> None:
    make(posted)
    path = posted.folder / "old.archive"
    lines = path.read_bytes().splitlines(keepends=True)
    if change == "bit":
        lines[1] = lines[1][:40] + bytes([lines[1][40] ^ 1]) + lines[1][41:]
    elif change == "last line":
        lines.pop()
    elif change == "a line twice":
        lines.append(lines[1])
    elif change == "no archive":
        lines = [b"{}\n"]
    path.write_bytes(b"".join(lines))
    if change == "missing":
        path.unlink()
    verified = posted.call("archive", "verify", "old.archive")
    assert verified.exit_code == 1
    assert "ERROR: " in verified.stderr


def test_nothing_is_forgotten_that_is_not_in_the_file(posted: Any) -> None:
    (posted.folder / "old.archive").write_text("somebody's")
    done = make(posted)
    assert done.exit_code == 1
    assert "ERROR: The archive cannot be written to old.archive: File exists" in done.stderr
    assert (posted.folder / "old.archive").read_text() == "somebody's"
    shown_ = json.loads(posted.call("documents", "show", KEYS[0], "--json").stdout)
    assert shown_["document"] is not None


def test_without_old_documents_there_is_no_file(posted: Any) -> None:
    done = make(posted, days=1)
    assert (done.exit_code, done.stdout) == (0, "")
    assert not (posted.folder / "old.archive").exists()
    assert make(posted).exit_code == 0
    again = posted.call("archive", "make", "new.archive", "--older-than-days", "0")
    assert "0 documents are archived" in again.stderr
