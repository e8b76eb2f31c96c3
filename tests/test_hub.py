"""The Meltano Hub's definitions: made from the plugins, as the Hub takes them."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
_spec = importlib.util.spec_from_file_location("hub", ROOT / "scripts" / "hub.py")
assert _spec is not None
assert _spec.loader is not None
hub = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hub)

PLUGINS = hub.notes()["plugins"]
PROJECT: dict[str, Any] = YAML(typ="safe").load((ROOT / "meltano.yml").read_text())
STREAMS = {  # and a member of it
    "tap-adobe-commerce": ("invoices", "increment_id"),
    "tap-exact-online": ("transaction_lines", "AmountDC"),
    "mapper-gl-rules": ("sales_entries", "increment_id"),
    "target-exact-online": ("sales_entries", "increment_id"),
    "target-adobe-commerce": ("accounts", "properties"),
}


@cache
def made(name: str) -> dict[str, Any]:
    result: dict[str, Any] = hub.definition(name)
    return result


@pytest.mark.parametrize("name", sorted(PLUGINS))
def test_the_definition_is_the_plugins_and_what_the_hub_takes(name: str) -> None:
    path = hub.place(name, made(name))
    assert path.read_text() == hub.text(made(name)), "run scripts/hub.py"
    assert hub.problems(YAML(typ="safe").load(path.read_text()), PLUGINS[name]["kind"]) == []
    settings = {one["name"] for one in made(name)["settings"]}
    assert {one for group in made(name)["settings_group_validation"] for one in group} <= settings
    logo = made(name)["logo_url"].removeprefix("/assets/logos/")
    assert (ROOT / "hub" / "logos" / logo).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", sorted(PLUGINS))
def test_meltano_yml_has_the_same_settings(name: str) -> None:
    kind = PLUGINS[name]["kind"]
    (project,) = [one for one in PROJECT["plugins"][kind] if one["name"] == name]
    ours = {one["name"]: _short(one) for one in made(name)["settings"]}
    assert {one["name"]: _short(one) for one in project["settings"]} == ours


def _short(setting: dict[str, Any]) -> dict[str, Any]:
    return {key: setting[key] for key in ("kind", "sensitive", "options") if key in setting}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("mappers", {"supported_python_versions": ["3.11"]}),
        ("mappers", {"log_parser": "singer-sdk"}),
        ("loaders", {"capabilities": ["structured-logging"]}),
        ("loaders", {"quality": None}),
        ("extractors", {"settings_group_validation": []}),
        ("extractors", {"settings": [{"name": "a", "label": "A", "kind": "password"}]}),
        ("extractors", {"logo_url": "logo.png"}),
    ],
)
def test_what_the_hub_would_refuse_is_found(kind: str, change: dict[str, Any]) -> None:
    name = next(one for one, note in PLUGINS.items() if note["kind"] == kind)
    assert hub.problems({**deepcopy(made(name)), **change}, kind)


@pytest.mark.parametrize("name", sorted(PLUGINS))
def test_meltano_adds_the_plugin_from_its_definition(name: str, tmp_path: Path) -> None:
    (tmp_path / "meltano.yml").write_text(
        "version: 1\nproject_id: added\nsend_anonymous_usage_stats: false\n"
    )
    ref = shutil.copy(hub.place(name, made(name)), tmp_path / "definition.yml")
    kind = PLUGINS[name]["kind"]
    done = subprocess.run(
        [BIN / "meltano", "add", "--plugin-type", kind, name, "--from-ref", ref, "--no-install"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (added,) = YAML(typ="safe").load((tmp_path / "meltano.yml").read_text())["plugins"][kind]
    assert (added["name"], added["variant"]) == (name, "commerce-to-exact")
    added_settings = {one["name"]: _short(one) for one in added["settings"]}
    assert added_settings == {one["name"]: _short(one) for one in made(name)["settings"]}


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_a_plugin_prints_the_schema_of_a_stream(name: str) -> None:
    stream, member = STREAMS[name]
    done = subprocess.run(
        [BIN / name, "--schema", stream], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["properties"]
    assert member in done.stdout
    assert json.loads(done.stdout)["type"] == "object"
    wrong = subprocess.run(
        [BIN / name, "--schema", "x"], capture_output=True, text=True, check=False
    )
    assert (wrong.returncode, stream in wrong.stderr) == (2, True)
