"""The command line; where the process matters, as the installed program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from connector_credentials import generate_key, open_store
from connector_credentials.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., "Done"]

PROGRAM = Path(sys.executable).with_name("connector-credentials")


@dataclass
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


SECRETS = {"client_id": "the-client-id", "client_secret": "the-client-secret"}


def _checked(code: int, stdout: str, stderr: str) -> Done:
    assert "Traceback" not in stderr
    for secret in SECRETS.values():
        assert secret not in stdout + stderr
    return Done(code, stdout, stderr)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, stdin: str = "", **environment: str) -> Done:
        done = CliRunner().invoke(
            main, arguments, input=stdin, env=environment, catch_exceptions=False
        )
        return _checked(done.exit_code, done.stdout, done.stderr)

    return call


@pytest.fixture
def run_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run it as the installed program, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, stdin: str = "", **environment: str) -> Done:
        done = subprocess.run(
            [PROGRAM, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            timeout=60,
            check=False,
        )
        return _checked(done.returncode, done.stdout, done.stderr)

    return call


def test_a_store_from_nothing(run_program: Run, tmp_path: Path) -> None:
    assert run_program("init", "--key-file", "key").returncode == 0
    environment = {"CONNECTOR_KEY_FILE": "key"}
    assert (
        run_program("set", "exact-online", stdin=json.dumps(SECRETS), **environment).returncode == 0
    )
    listed = run_program("list", **environment)
    assert "exact-online" in listed.stdout
    assert "client_id, client_secret" in listed.stdout
    key = (tmp_path / "key").read_text().strip()
    assert key not in listed.stdout + listed.stderr
    assert open_store("connector.credentials", key).get("exact-online") == SECRETS
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_a_new_key_can_be_used(run: Run) -> None:
    key = run("new-key").stdout.strip()
    assert run("init", CONNECTOR_KEY=key).returncode == 0
    assert run("list", CONNECTOR_KEY=key).returncode == 0


def test_the_database_is_a_store_too(run: Run) -> None:
    key = generate_key()
    environment = {"CONNECTOR_KEY": key, "CONNECTOR_CREDENTIALS": "sqlite:///c.db"}
    assert run("init", **environment).returncode == 0
    assert run("set", "a", stdin='{"x": 1}', **environment).returncode == 0
    assert open_store("sqlite:///c.db", key).get("a") == {"x": 1}


def test_fields_are_merged_and_can_come_from_the_environment(run: Run) -> None:
    environment = {"CONNECTOR_KEY": generate_key(), "MY_SECRET": "the-client-secret"}
    run("init", **environment)
    run("set", "a", "country", stdin='{"country": "NL", "ignored": 1}', **environment)
    done = run("set", "a", "--env", "client_secret=MY_SECRET", **environment)
    assert done.returncode == 0
    stored = open_store("connector.credentials", environment["CONNECTOR_KEY"]).get("a")
    assert stored == {"country": "NL", "client_secret": "the-client-secret"}
    assert run("remove", "a", **environment).returncode == 0
    assert run("remove", "a", **environment).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (("set", "a", "client_secret=x"), "", "do not belong on the command line"),
        (("set", "a"), "not json", "Expected a JSON object"),
        (("set", "a"), "[1]", "Expected a JSON object"),
        (("set", "a", "b"), "{}", "lacks b"),
        (("set", "a", "--env", "b=NOT_THERE"), "", "'NOT_THERE' for b is not set"),
        (("set", "bad name"), "{}", "cannot be a name"),
        (("init",), "", "already"),
        (("init", "--key-file", "k"), "", "already"),
        (("init", "--key-file", "k", "--keyring"), "", "Choose one"),
        (("export", "connector.credentials"), "", "already"),
        (("rotate-key",), "", "NEW,OLD"),
    ],
)
def test_mistakes_end_in_one_line(
    run: Run, arguments: tuple[str, ...], stdin: str, message: str
) -> None:
    environment = {"CONNECTOR_KEY": generate_key()}
    run("init", **environment)
    done = run(*arguments, stdin=stdin, **environment)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.startswith("ERROR: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "No key for the credential store"),
        ({"CONNECTOR_KEY": "nonsense"}, "The key from CONNECTOR_KEY is not a key"),
        ({"CONNECTOR_KEY": generate_key()}, "does not open"),
        ({"CONNECTOR_KEY_FILE": "nowhere"}, "cannot be read"),
    ],
)
def test_a_wrong_or_missing_key_is_an_error(
    run: Run, environment: dict[str, str], message: str
) -> None:
    run("init", CONNECTOR_KEY=generate_key())
    done = run("list", **environment)
    assert done.returncode == 1
    assert message in done.stderr


def test_no_store_is_an_error(run: Run) -> None:
    done = run("list", CONNECTOR_KEY=generate_key())
    assert done.returncode == 1
    assert "connector-credentials init" in done.stderr
    assert not Path("connector.credentials").exists()


def test_rotating_a_key_file(run: Run) -> None:
    run("init", "--key-file", "key")
    environment = {"CONNECTOR_KEY_FILE": "key"}
    run("set", "a", stdin=json.dumps(SECRETS), **environment)
    old = Path("key").read_text().strip()
    done = run("rotate-key", **environment)
    assert done.returncode == 0
    new, kept = Path("key").read_text().replace(",", " ").split()
    assert kept == old != new  # whatever else was sealed with it can still be opened
    assert len(new) == 44
    assert new not in done.stdout
    assert run("list", **environment).returncode == 0
    assert run("list", CONNECTOR_KEY=old).returncode == 1

    assert run("rotate-key", "--forget-old", **environment).returncode == 0
    assert Path("key").read_text().strip() == new
    assert run("list", **environment).returncode == 0


def test_rotating_a_key_in_the_environment(run: Run) -> None:
    old, new = generate_key(), generate_key()
    run("init", CONNECTOR_KEY=old)
    assert run("rotate-key", CONNECTOR_KEY=f"{new},{old}").returncode == 0
    assert run("list", CONNECTOR_KEY=new).returncode == 0
    assert run("list", CONNECTOR_KEY=old).returncode == 1
    assert run("rotate-key", "--forget-old", CONNECTOR_KEY=new).returncode == 1


KEYRING = """
import json, pathlib
from keyring.backend import KeyringBackend
PATH = pathlib.Path("keyring.json")

class Keyring(KeyringBackend):
    priority = 1
    def _all(self): return json.loads(PATH.read_text()) if PATH.exists() else {}
    def get_password(self, service, username): return self._all().get(service + username)
    def set_password(self, service, username, password):
        PATH.write_text(json.dumps({**self._all(), service + username: password}))
"""


def test_the_key_in_a_keyring(run_program: Run) -> None:
    Path("file_keyring.py").write_text(KEYRING)
    environment = {"PYTHON_KEYRING_BACKEND": "file_keyring.Keyring", "PYTHONPATH": "."}
    assert run_program("init", "--keyring", **environment).returncode == 0
    assert run_program("set", "a", stdin=json.dumps(SECRETS), **environment).returncode == 0
    before = Path("keyring.json").read_text()
    assert run_program("rotate-key", **environment).returncode == 0
    assert Path("keyring.json").read_text() != before
    assert "client_id" in run_program("list", **environment).stdout


def test_without_a_keyring_init_says_so(run_program: Run) -> None:
    done = run_program("init", "--keyring")
    assert done.returncode == 1
    assert "The keyring refuses" in done.stderr


def test_export_and_import(run: Run) -> None:
    environment = {"CONNECTOR_KEY": generate_key()}
    run("init", **environment)
    run("set", "a", stdin=json.dumps(SECRETS), **environment)
    done = run("export", "backup", **environment)
    assert done.returncode == 0
    assert "do not use the copy and the original side by side" in done.stdout
    assert "the-client-secret" not in Path("backup").read_text()
    environment["CONNECTOR_CREDENTIALS"] = "sqlite:///other.db"
    run("init", **environment)
    assert run("import", "backup", **environment).returncode == 0
    assert "client_id" in run("list", **environment).stdout


def test_doctor_says_when_no_plugin_knows_a_credential(run: Run) -> None:
    environment = {"CONNECTOR_KEY": generate_key()}
    run("init", **environment)
    assert "no credentials yet" in run("doctor", **environment).stdout
    run("set", "a", stdin='{"something": "else"}', **environment)
    done = run("doctor", **environment)
    assert done.returncode == 0
    assert "No installed plugin knows this credential" in done.stdout
    done = run("doctor", "nobody", **environment)
    assert done.returncode == 1
    assert "no credential 'nobody'" in done.stdout + done.stderr


def test_init_makes_the_folder_of_the_key_file_and_only_its_owner_may_look(
    run_program: Run,
) -> None:
    done = run_program("init", "--key-file", "secrets/shop/key")
    assert done.returncode == 0, done.stderr
    assert Path("secrets/shop").stat().st_mode & 0o777 == 0o700
    assert Path("secrets/shop/key").stat().st_mode & 0o777 == 0o600
    assert "Set CONNECTOR_KEY_FILE=secrets/shop/key" in done.stdout
