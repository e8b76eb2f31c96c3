"""The SDK's own suite, what `--about` says, and the README that repeats it."""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

import fastjsonschema
import pytest
import yaml
from click.testing import CliRunner
from singer_sdk.sinks import RecordSink
from singer_sdk.testing import get_target_test_class

from target_exact_online import schemas
from target_exact_online.cli import cli
from target_exact_online.settings import CONFIG
from target_exact_online.target import TargetExactOnline


class Nothing(RecordSink):
    """The suite's streams are no documents."""

    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Take it."""


class SuiteTarget(TargetExactOnline):
    """The target without Exact: the suite proves the wiring of the framework."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.outbox = self  # type: ignore[assignment]  # the three methods below

    def get_sink_class(self, stream_name: str) -> type[RecordSink]:
        """Take any stream."""
        del stream_name
        return Nothing

    def checkpoint(self, state: dict[str, Any]) -> None:
        """Write STATE at once."""
        self._write_state_message(state)

    def finish(self) -> None:
        """Nothing waits."""


TestSdkSuite = get_target_test_class(SuiteTarget, config={"division": 1})


def about(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["--about", *arguments])
    assert result.exit_code == 0
    return result.stdout


def test_about_is_honest() -> None:
    said = json.loads(about("--format", "json"))
    assert set(said["capabilities"]) == {"about", "structured-logging"}
    assert set(said["settings"]["properties"]) == set(CONFIG["properties"])
    for name, setting in said["settings"]["properties"].items():
        assert setting["description"], name
    secrets = {name for name, setting in CONFIG["properties"].items() if setting.get("secret")}
    assert secrets == {
        *("client_secret", "credentials", "ledger_url", "refresh_token"),
        *("adobe_webhook_secret", "exact_webhook_secret", "exact_webhook_secret_before"),
    }


def test_the_readme_shows_the_settings_as_about_prints_them() -> None:
    readme = (importlib.resources.files("target_exact_online") / "../README.md").read_text()
    rows = [line.strip() for line in about("--format=markdown").splitlines() if line[:1] == "|"]
    assert len(rows) == len(CONFIG["properties"]) + 2
    assert [row for row in rows if row not in readme] == []


def test_the_meltano_project_knows_every_setting() -> None:
    project = importlib.resources.files("target_exact_online") / "../../meltano.yml"
    (loader,) = (
        plugin
        for plugin in yaml.safe_load(project.read_text())["plugins"]["loaders"]
        if plugin["name"] == "target-exact-online"
    )
    declared = {setting["name"]: setting for setting in loader["settings"]}
    assert set(CONFIG["properties"]) - set(declared) == set()
    for name, setting in CONFIG["properties"].items():
        assert bool(setting.get("secret")) == bool(declared[name].get("sensitive")), name


@pytest.mark.parametrize("stream", schemas.STREAMS)
def test_every_schema_compiles_and_refuses_what_it_does_not_know(stream: str) -> None:
    check = fastjsonschema.compile(schemas.load(stream))
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        check({"document_key": "x", "cost_centre": "misspelt"})
