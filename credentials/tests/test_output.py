"""Whatever somebody else wrote is shown as one bounded line that tells no secret."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_credentials import clean, protect, record_failure, redact

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2-of-the-shop/with+signs"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, é and 中", "plain text, é and 中"),
        ("\x1b[2J\x1b[31mred", "\\x1b[2J\\x1b[31mred"),
        ("two\r\nlines\there", "two\\r\\nlines\\there"),
        ("right \u202eot tfel", "right \\u202eot tfel"),
        ("half \ud800 pair", "half \\ud800 pair"),
        ("next\x85line\u2028and\u2029so", "next\\x85line\\u2028and\\u2029so"),
        ("nul\x00 bell\x07 csi\x9b", "nul\\x00 bell\\x07 csi\\x9b"),
        ("[/b] [link=x]y[/link]", "[/b] [link=x]y[/link]"),
    ],
)
def test_control_characters_are_shown(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text(), st.integers(40, 200))
def test_every_text_becomes_one_bounded_line(text: str, limit: int) -> None:
    line = clean(text, limit)

    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not any(unicodedata.category(character) in hidden for character in line)
    line.encode()


def test_a_long_text_is_cut_and_says_so() -> None:
    line = clean("x" * 300_000)

    assert len(line) == 1000
    assert line.endswith("... (300000 characters)")


@pytest.mark.parametrize(
    "text",
    [
        f"it was {SECRET}.",
        f"it was {'x' * 985} {SECRET}",
        "it was hunter2-of-the-shop%2Fwith%2Bsigns",
        r"it was hunter2-of-the-shop\/with+signs",
    ],
)
def test_protected_secrets_are_masked_however_they_are_written(text: str) -> None:
    protect(SECRET)

    assert "hunter2" not in clean(text)
    assert "hunter2" not in clean(text, 40)


@pytest.mark.parametrize(
    "text",
    [
        'Authorization: OAuth oauth_consumer_key="SECRETSECRETS", oauth_token="SECRETSECRET"',
        r'{"message":"OAuth oauth_token=\"SECRETSECRET\",oauth_signature=\"SECRET%2Fabcdef%3D\""}',
        "Authorization: Bearer SECRETSECRETSECRETSECRET",
        "Authorization: Basic SECRETSECRETSECRETSECRET==",
        "bearer%20SECRETSECRETSECRETSECRET",
        "token eyJSECRETSECRET.SECRETSECRET.SECRETSECRET expired",
        '"refresh_token": "SECRETSECRETSECRET"',
        "client_secret=SECRETSECRETSECRET&code=1",
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    assert "SECRET" not in clean(text)
    assert "***" in clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "consumer_secret or access_token_secret is wrong.",
        "client_secret: Expected text",
        "Basic authentication is off; bearer tokens are not accepted here.",
        "Set access_token and access_token_secret of an integration",
    ],
)
def test_ordinary_advice_is_not_masked(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("piece", ["oauth_", "bearer ", "eyJ", "access_token=", "\x1b", "a"])
def test_no_text_takes_long(piece: str) -> None:
    began = time.process_time()

    clean(piece * 500_000)

    assert time.process_time() - began < 2


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stderr


def test_every_log_record_is_cleaned() -> None:
    errors = run(
        "import logging, sys\n"
        "from connector_credentials import clean_logs\n"
        "logging.basicConfig()\n"
        "clean_logs(); clean_logs()\n"
        "logging.warning('said: %s', '\\x1b[2J\\nERROR:root:forged')\n"
        "logging.warning('said: %s', 'x' * 300000)\n"
        "logging.warning('Bearer ' + 'S' * 30)\n"
    )

    first, second, third = errors.splitlines()
    assert first == "WARNING:root:said: \\x1b[2J\\nERROR:root:forged"
    assert len(second) < 5000
    assert third == "WARNING:root:Bearer ***"


def test_a_traceback_in_a_log_forges_no_line_and_tells_no_secret() -> None:
    errors = run(
        "import logging\n"
        "from connector_credentials import clean_logs\n"
        "logging.basicConfig()\n"
        "clean_logs()\n"
        "try:\n"
        "    raise ValueError('\\x1b[1m\\nERROR:root:forged Bearer ' + 'S' * 30)\n"
        "except ValueError:\n"
        "    logging.exception('failed')\n"
    )

    assert "\nERROR:root:forged" not in errors
    assert "SSSS" not in errors
    assert "ValueError: \\x1b[1m" in errors


def test_the_numbers_of_a_record_stay_where_nothing_had_to_be_cleaned() -> None:
    protect(SECRET)
    record = logging.getLogger("x").makeRecord("x", 20, "f", 1, "%d of %s", (3, "me"), None)

    assert record.args == (3, "me")
    assert redact("3 of me") == "3 of me"


def test_how_each_program_failed_is_a_line_of_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_failure("tap", "nobody asks", stopped=True)
    path = tmp_path / "failures"
    monkeypatch.setenv("CONNECTOR_FAILURES_FILE", str(path))
    protect(SECRET)
    record_failure("tap", f"not with\n{SECRET}", stopped=True)
    record_failure("target", "away", stopped=False)
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"program": "tap", "outcome": "stopped", "error": "not with\\n***"},
        {"program": "target", "outcome": "retry", "error": "away"},
    ]


def test_a_file_that_cannot_be_written_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CONNECTOR_FAILURES_FILE", str(tmp_path / "none" / "failures"))
    record_failure("tap", "no", stopped=True)
    assert "cannot be written: No such file" in caplog.text
