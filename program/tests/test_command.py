"""What the command lines of programs have in common."""

from __future__ import annotations

import io
import logging
import sys
from typing import Any, ClassVar

import click
import pytest
from click.testing import CliRunner
from singer_sdk import Target
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import _ConfigInput

from connector_program.command import (
    read_to_the_end,
    schema_option,
    start_logs,
    use_environment,
    without_secrets,
)


class Notes(Target):
    """A program."""

    name = "target-notes"
    config_jsonschema: ClassVar[dict[str, Any]] = {
        "properties": {
            "token": {"type": "string", "secret": True},
            "size": {"type": "integer"},
        }
    }


def test_a_schema_is_printed_and_nothing_else_is_done() -> None:
    command = click.Command(
        "notes",
        callback=lambda: pytest.fail("it ran"),
        params=[schema_option(["tea"], lambda name: {"title": name})],
    )
    assert CliRunner().invoke(command, ["--schema", "tea"]).output == '{\n  "title": "tea"\n}\n'
    assert CliRunner().invoke(command, ["--schema", "coffee"]).exit_code == 2


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"token": 123456789}, ["The setting token must be text"]),
        ({"size": "many"}, ["'many' is not of type 'integer' in config['size']"]),
    ],
)
def test_a_setting_of_another_type_is_quoted_unless_it_is_secret(
    config: dict[str, Any], said: list[str]
) -> None:
    with pytest.raises(ConfigValidationError) as caught:
        use_environment(Notes, _ConfigInput(config))
    assert without_secrets(Notes, caught.value) == said


def test_a_persons_command_takes_the_environment_below_its_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TARGET_NOTES_TOKEN", "of the environment")
    monkeypatch.setenv("TARGET_NOTES_SIZE", "5")
    config = _ConfigInput({"token": "of the file"})
    use_environment(Notes, config)
    assert (config.config["token"], config.config["size"]) == ("of the file", 5)


@pytest.mark.parametrize(
    ("environment", "level"),
    [
        ({}, logging.INFO),
        ({"LOGLEVEL": "warning"}, logging.WARNING),
        ({"LOGLEVEL": "warning", "TARGET_NOTES_LOGLEVEL": "debug"}, logging.DEBUG),
    ],
)
def test_the_environment_says_how_much_is_logged(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], level: int
) -> None:
    for name in ("LOGLEVEL", "TARGET_NOTES_LOGLEVEL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    asked: list[str] = []
    monkeypatch.setattr(
        "connector_program.command._setup_console_logging",
        lambda *, log_level: asked.append(log_level),
    )
    start_logs("target-notes")
    assert [logging.getLevelName(one) for one in asked] == [level]


class Ended(BaseException):
    """A signal."""


class Stdin(io.BytesIO):
    """What a tap writes; ends as it is told."""

    end: type[BaseException] | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        if not part and self.end:
            raise self.end
        return part


@pytest.mark.parametrize("end", [None, OSError, Ended])
@pytest.mark.parametrize("content", [b"", b"{}\n"])
def test_what_a_tap_still_writes_is_read(
    monkeypatch: pytest.MonkeyPatch, end: type[BaseException] | None, content: bytes
) -> None:
    stdin = Stdin(content)
    stdin.end = end
    monkeypatch.setattr(sys, "stdin", type("T", (), {"buffer": stdin, "isatty": lambda _: False})())
    assert read_to_the_end(Ended) is bool(content)
