"""The doctor finds what would stop a run, and writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from commerce_sandbox.testing import SandboxHandle


def levels(stdout: str) -> dict[str, str]:
    """Level by check."""
    return {line[9:41].strip(): line[:8].strip() for line in stdout.splitlines()}


def test_a_good_connection_is_good(target: Any, sandbox: SandboxHandle) -> None:
    outcome = target.run("", "doctor")
    assert outcome.exit_code == 0, outcome.stderr
    found = levels(outcome.stdout)
    assert found.pop("period: journal 70") == "ok"
    assert set(found.values()) == {"ok"}
    assert "Theehuis Webwinkel B.V." in outcome.stdout
    assert "of 5000 calls left until" in outcome.stdout
    assert {call["method"] for call in sandbox.requests(system="exact")} <= {"GET", "POST", "HEAD"}
    posts = sandbox.requests(system="exact", method="POST")
    assert all("/oauth2/" in call["path"] for call in posts)


def test_a_missing_right_is_named(target: Any, sandbox: SandboxHandle) -> None:
    sandbox.set("exact.missing_scopes", ["sales orders"])
    outcome = target.run("", "doctor")
    assert outcome.exit_code == 0, outcome.stderr
    assert levels(outcome.stdout)["right: sales_orders"] == "warning"
    assert "Check the app's scopes" in outcome.stdout


def test_a_wrong_division_is_an_error(target: Any) -> None:
    target.write(division=4711)
    outcome = target.run("", "doctor")
    assert outcome.exit_code == 1
    assert levels(outcome.stdout) == {"login": "ok", "division": "error"}
    assert "division 4711" in outcome.stdout


def test_wrong_credentials_are_one_line(target: Any) -> None:
    target.write(client_secret="wrong")
    outcome = target.run("", "doctor")
    assert outcome.exit_code == 1
    assert "Traceback" not in outcome.stderr
    assert "wrong" not in outcome.stdout
