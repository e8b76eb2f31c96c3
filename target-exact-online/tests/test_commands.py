"""Commands on the ledger, as a person uses them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from target_exact_online.cli import cli
from target_exact_online.ledger.store import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def busy(
    target: Any, sales_entry: Callable[..., dict[str, Any]], messages: Callable[..., str]
) -> Any:
    """A target with a posted, a changed and two parked documents."""
    unknown = sales_entry(2)
    unknown["lines"][0]["gl_account"] = "8oo0"
    refused = {
        "document_key": "shop:invoice:000000003",
        "reason": "No rule for Jansen's sku",
        "what_to_do": "Add a rule.",
        "source": {"order_increment_id": "000000003"},
    }
    given = messages("sales_entries", [sales_entry(1), unknown])
    given += messages("refused_documents", [refused])
    target.call(given=given)
    target.call(given=messages("sales_entries", [sales_entry(1, currency="USD")]))
    return target


def test_list_narrows(busy: Any) -> None:
    parked = busy.call("documents", "list", "--state", "parked", "--json")
    keys = [json.loads(line)["document_key"] for line in parked.stdout.splitlines()]
    assert keys == ["shop:invoice:000000002", "shop:invoice:000000003"]
    by_order = busy.call("documents", "list", "--order", "000000001")
    assert "shop:invoice:000000001" in by_order.stdout
    assert "000000002" not in by_order.stdout
    by_number = busy.call("documents", "list", "--number", "000000002", "--amount", "-121,0")
    assert "shop:invoice:000000002" in by_number.stdout
    assert "000000001" not in by_number.stdout
    assert not busy.call("documents", "list", "--store", "nl", "--json").stdout
    assert "not an amount" in busy.call("documents", "list", "--amount", "x").stderr
    by_reason = busy.call("documents", "list", "--error", "8oo0")
    assert "shop:invoice:000000002" in by_reason.stdout
    limited = busy.call("documents", "list", "--limit", "1")
    assert "more than 1" in limited.stderr


def test_show_tells_the_whole_story(busy: Any) -> None:
    posted = busy.call("documents", "show", "shop:invoice:000000001").stdout
    for expected in ("posted", "changed_in_shop", "Later version", '"USD"', '"EUR"', "exact_id"):
        assert expected in posted
    booked = posted.partition("Booked, in EUR\n")[2].partition("History")[0]
    cells = [
        [cell for cell in re.split("  +", line.strip()) if cell] for line in booked.split("\n")
    ]
    assert ["8000", "Revenue NL 21 %", "line", "21", "100.00", "default"] in cells
    assert ["(booked by Exact)", "debtor", "121.00"] in cells
    assert ["total", "121.00", "121.00"] in cells
    parked = busy.call("documents", "show", "shop:invoice:000000002").stdout
    assert "8oo0" in parked
    unknown = busy.call("documents", "show", "nonsense")
    assert (unknown.exit_code, "ERROR: The ledger knows no document" in unknown.stderr) == (1, True)


def test_replay_and_skip(busy: Any) -> None:
    dry = busy.call("documents", "replay", "--order", "000000002", "--dry-run")
    assert dry.stdout.splitlines() == ["shop:invoice:000000002"]
    assert busy.call("documents", "list", "--state", "held", "--json").stdout == ""

    assert busy.call("documents", "retry-all").stdout.splitlines() == ["shop:invoice:000000002"]
    held = busy.call("documents", "list", "--state", "held", "--json").stdout
    assert json.loads(held)["document_key"] == "shop:invoice:000000002"

    skip = ("documents", "skip", "shop:invoice:000000002", "--reason", "Booked by hand")
    assert busy.call(*skip).exit_code == 0
    assert "Booked by hand" in busy.call("documents", "show", "shop:invoice:000000002").stdout
    posted = busy.call("documents", "skip", "shop:invoice:000000001", "--reason", "x")
    assert (posted.exit_code, posted.stdout) == (1, "")
    assert "shop:invoice:000000001 is posted" in posted.stderr
    unknown = busy.call("documents", "replay", "shop:invoice:9")
    assert (unknown.exit_code, "knows no document" in unknown.stderr) == (1, True)
    again = busy.call("documents", "replay", "shop:invoice:000000001")
    assert (again.exit_code, "documents replay --again" in again.stderr) == (1, True)
    assert busy.call("documents", "replay").exit_code == 2
    assert busy.call("audit", "verify").exit_code == 0


def test_anonymise_forgets_and_the_trail_stays_whole(busy: Any) -> None:
    busy.call("documents", "skip", "shop:invoice:000000003", "--reason", "Ask Jansen")
    nothing = busy.call("anonymise", "--older-than-days", "1")
    assert nothing.stdout == ""

    done = busy.call("anonymise", "--older-than-days", "0")

    assert done.stdout.splitlines() == ["shop:invoice:000000001", "shop:invoice:000000003"]
    for key in done.stdout.split():
        shown = busy.call("documents", "show", key).stdout
        assert "Jansen" not in shown
        assert '"debtor"' not in shown
    assert "121.0" in busy.call("documents", "show", "shop:invoice:000000001").stdout
    verified = busy.call("audit", "verify")
    assert verified.exit_code == 0, verified.stdout


def test_verify_tells_of_a_changed_trail(busy: Any) -> None:
    engine = sa.create_engine(busy.config["ledger_url"])
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE events SET note = NULL WHERE note IS NOT NULL"))
        connection.execute(sa.text("UPDATE events SET detail = '{}' WHERE seq = 2"))
    engine.dispose()
    verified = busy.call("audit", "verify")
    assert verified.exit_code == 1
    assert "Event 2" in verified.stdout
    assert "words were removed" in verified.stdout
    assert "ERROR: The audit trail is broken" in verified.stderr


def test_a_command_never_makes_a_ledger_and_reads_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    missing = CliRunner().invoke(cli, ["documents", "list"])
    assert missing.exit_code == 1
    assert "There is no ledger at exact-ledger.db" in missing.output
    assert list(tmp_path.iterdir()) == []

    url = f"sqlite:///{tmp_path}/named.db"
    Ledger.open(url).close()
    monkeypatch.setenv("TARGET_EXACT_ONLINE_LEDGER_URL", url)
    assert CliRunner().invoke(cli, ["documents", "list"]).exit_code == 0


def test_settings_of_the_environment_make_no_noise(
    busy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TARGET_EXACT_ONLINE_LEDGER_URL", busy.config["ledger_url"])
    busy.write(ledger_url=None)
    listed = busy.run("", "documents", "list", "--state", "posted")
    assert (listed.exit_code, listed.stderr) == (0, "")
    assert "shop:invoice:000000001" in listed.stdout
    monkeypatch.setenv("TARGET_EXACT_ONLINE_LEDGER_URL", "sqlite:///nowhere.db")
    missing = busy.run("", "documents", "list")
    assert missing.stderr.startswith("ERROR: There is no ledger at nowhere.db")


@pytest.mark.parametrize("content", ["", "[]", "{", '{"division": "x"}', "[" * 60_000, "\ud800"])
@pytest.mark.parametrize("arguments", [(), ("status",), ("documents", "list"), ("keep-alive",)])
def test_a_settings_file_of_any_content_is_one_line(
    tmp_path: Path, content: str, arguments: tuple[str, ...]
) -> None:
    config = tmp_path / "config.json"
    config.write_bytes(content.encode("utf-8", "surrogatepass"))
    done = CliRunner().invoke(cli, ["--config", str(config), *arguments], input="")
    assert done.exit_code == 1, done.exception
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
    assert "config" in error
    assert isinstance(done.exception, SystemExit)


def test_a_setting_of_the_wrong_type_is_not_quoted(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"client_secret": ["not-to-be-told"], "division": 1}')
    done = subprocess.run(
        [Path(sys.executable).with_name("target-exact-online"), "--config", str(config)],
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "ERROR: The setting client_secret must be text" in done.stderr
    assert "not-to-be-told" not in done.stdout + done.stderr
