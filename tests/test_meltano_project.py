"""``meltano.yml`` knows every setting of the plugins, and which of them are secret."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
# Of the SDK, for stream maps and flattening; a job that needs them names them itself.
SDK_SETTINGS = ("stream_map", "faker_config", "flattening_")

PROJECT: dict[str, Any] = YAML(typ="safe").load((ROOT / "meltano.yml").read_text())
PLUGINS = {
    plugin["name"]: plugin
    for kind in ("extractors", "mappers", "loaders")
    for plugin in PROJECT["plugins"][kind]
    if "executable" in plugin
}


def about(name: str) -> dict[str, Any]:
    done = subprocess.run(
        [BIN / name, "--about", "--format=json"], capture_output=True, text=True, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("name", sorted(PLUGINS))
def test_the_project_knows_every_setting_and_secret(name: str) -> None:
    properties = about(name)["settings"]["properties"]
    ours = {key: spec for key, spec in properties.items() if not key.startswith(SDK_SETTINGS)}
    settings = {setting["name"]: setting for setting in PLUGINS[name]["settings"]}
    assert set(settings) == set(ours)
    secret = {key for key, spec in ours.items() if spec.get("secret")}
    assert {key for key, setting in settings.items() if setting.get("sensitive")} == secret


@pytest.mark.parametrize("name", sorted(PLUGINS))
def test_the_project_promises_no_capability_that_the_plugin_lacks(name: str) -> None:
    promised = PLUGINS[name].get("capabilities", [])
    assert set(promised) <= set(about(name)["capabilities"])


def test_every_schedule_runs_a_job_of_known_plugins() -> None:
    jobs = {job["name"]: job["tasks"] for job in PROJECT["jobs"]}
    known = {plugin["name"] for kind in PROJECT["plugins"].values() for plugin in kind}
    known |= {
        mapping["name"]
        for plugin in PROJECT["plugins"]["mappers"]
        for mapping in plugin["mappings"]
    }
    for schedule in PROJECT["schedules"]:
        for task in jobs[schedule["job"]]:
            assert {block.partition(":")[0] for block in task.split()} <= known


def test_numbers_can_come_from_the_environment() -> None:
    # Meltano makes a Decimal of a decimal, and cannot write that into the plugin's config.
    kinds = {setting["kind"] for plugin in PLUGINS.values() for setting in plugin["settings"]}
    assert "decimal" not in kinds


def test_telemetry_is_off() -> None:
    assert PROJECT["send_anonymous_usage_stats"] is False
