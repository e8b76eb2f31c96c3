"""Makes the Meltano Hub definitions in hub/ from `--about` and hub/notes.yml.

uv run scripts/hub.py [--check]
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
HUB = ROOT / "hub"
# Of the SDK; the Hub describes them itself.
_OF_THE_SDK = ("stream_map", "faker_config", "flattening_")
# Meltano 4.4.1 breaks off when it writes a decimal that came from the environment into a config.
_KINDS = {"number": "integer"}
_ABOUT_ONLY_PLUGINS = ("extractors", "loaders")  # the Hub takes no versions of mappers


def notes() -> dict[str, Any]:
    """Read what `--about` does not know."""
    read: dict[str, Any] = YAML(typ="safe").load(HUB / "notes.yml")
    return read


def definition(name: str) -> dict[str, Any]:
    """Make the definition of one plugin."""
    known = notes()
    note = known["plugins"][name]
    done = subprocess.run(  # noqa: S603  # our own program
        [Path(sys.executable).parent / name, "--about", "--format=json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    about = json.loads(done.stdout)
    kind = note["kind"]
    schema = json.loads((HUB / "schema.json").read_text())
    taken = schema["$defs"][kind]["properties"]["capabilities"]["items"]["enum"]
    made = {
        "name": name,
        "namespace": name.replace("-", "_"),
        "variant": known["variant"],
        "label": note["label"],
        "description": " ".join(about["description"].partition("\n")[0].split()),
        "definition": note["definition"],
        "pip_url": note["pip_url"],
        "executable": name,
        "repo": known["repo"],
        "domain_url": note["domain_url"],
        "logo_url": f"/assets/logos/{kind}/{name.partition('-')[2]}.png",
        "maintenance_status": "active",
        "quality": "silver",
        "keywords": note["keywords"],
        "capabilities": [one for one in about["capabilities"] if one in taken],
        "settings_group_validation": note["groups"],
        "settings": [
            setting(key, spec)
            for key, spec in about["settings"]["properties"].items()
            if not key.startswith(_OF_THE_SDK)
        ],
        **{key: note[key] for key in ("prereq", "next_steps", "usage") if key in note},
    }
    if kind in _ABOUT_ONLY_PLUGINS:
        made["supported_python_versions"] = about["supported_python_versions"]
    return made


def setting(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Make a setting as Meltano writes it."""
    of_json = next(one for one in spec["type"] if one != "null")
    kind = _KINDS.get(of_json, of_json)
    made = {"name": name, "label": spec["title"], "kind": kind, "description": spec["description"]}
    if spec.get("format") == "date-time":
        made["kind"] = "date_iso8601"
    if "enum" in spec:
        made["kind"] = "options"
        made["options"] = [{"label": one, "value": one} for one in spec["enum"]]
    if spec.get("secret"):
        made["sensitive"] = True
    if "default" in spec:
        made["value"] = spec["default"]
    return made


def problems(made: dict[str, Any], kind: str) -> list[str]:
    """Tell what the Hub would refuse."""
    schema = json.loads((HUB / "schema.json").read_text())
    checked = Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"})
    return [f"{error.json_path}: {error.message}" for error in checked.iter_errors(made)]


def place(name: str, made: dict[str, Any]) -> Path:
    """Give the file of a definition: as in the Hub's repository, by kind, name and variant."""
    kind = str(notes()["plugins"][name]["kind"])
    return HUB / kind / name / f"{made['variant']}.yml"


def text(made: dict[str, Any]) -> str:
    """Write a definition."""
    yaml = YAML()
    yaml.width = 120
    yaml.default_flow_style = False
    stream = io.StringIO()
    stream.write("# Made by scripts/hub.py.\n")
    yaml.dump(made, stream)
    return stream.getvalue()


def main() -> int:
    """Write the definitions, or say what is out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say what is out of date")
    options = parser.parse_args()
    wrong = []
    for name, note in notes()["plugins"].items():
        made = definition(name)
        wrong += [f"{name}: {one}" for one in problems(made, note["kind"])]
        path, new = place(name, made), text(made)
        if options.check:
            if not path.exists() or path.read_text() != new:
                wrong.append(f"{path.relative_to(ROOT)} is out of date: run scripts/hub.py")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(new)
    for one in wrong:
        print(one, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
