"""The READMEs stand alone: their records are of the schemas, their links lead somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
READMES = {
    "tap-adobe-commerce": ROOT / "tap-adobe-commerce" / "README.md",
    "tap-exact-online": ROOT / "tap-exact-online" / "README.md",
    "mapper-gl-rules": ROOT / "mappers" / "gl-rules" / "README.md",
    "target-exact-online": ROOT / "target-exact-online" / "README.md",
    "target-adobe-commerce": ROOT / "target-adobe-commerce" / "README.md",
}
EXAMPLE = re.compile(r"^`(\w+)`\n\n```json\n(.*?)```", re.MULTILINE | re.DOTALL)


def schema(program: str, stream: str) -> dict[str, Any]:
    printed = subprocess.check_output([BIN / program, "--schema", stream])
    read: dict[str, Any] = json.loads(printed)
    return read


def optional(part: Any) -> Any:
    """A schema in which nothing is required: an example of a tap has only some members."""
    if isinstance(part, dict):
        return {key: optional(value) for key, value in part.items() if key != "required"}
    return [optional(one) for one in part] if isinstance(part, list) else part


def streams(program: str) -> set[str]:
    wrong = subprocess.run(
        [BIN / program, "--schema", "?"], capture_output=True, text=True, check=False
    )
    return set(re.findall(r"'(\w+)'", wrong.stderr))


@pytest.mark.parametrize("program", sorted(READMES))
def test_each_stream_has_a_record_of_its_schema(program: str) -> None:
    examples = dict(EXAMPLE.findall(READMES[program].read_text()))
    known = streams(program)
    assert known
    assert examples.keys() <= known
    if program != "mapper-gl-rules":  # accounts are not written by it
        assert examples.keys() == known
    for stream, text in examples.items():
        wanted = schema(program, stream)
        if program.startswith("tap-"):
            wanted = optional(wanted)
        wrong = list(Draft202012Validator(wanted).iter_errors(json.loads(text)))
        assert [f"{stream}{one.json_path}: {one.message}" for one in wrong] == []


def test_no_readme_links_to_what_only_the_repository_has() -> None:
    pages = [*READMES.values(), *(ROOT / name / "README.md" for name in ("credentials", "sandbox"))]
    clients = [ROOT / f"{name}-client" / "README.md" for name in ("adobe-commerce", "exact-online")]
    for page in [*pages, *clients]:
        links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
        assert [link for link in links if not link.startswith(("https://", "mailto:"))] == []
