"""The distribution stands alone: it needs neither the target nor Singer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def test_no_module_brings_the_target_or_singer_in() -> None:
    modules = [f"exact_online.{path.stem}" for path in (PACKAGE / "exact_online").glob("*.py")]
    code = f"""
import importlib, sys
for name in {modules!r}:
    importlib.import_module(name.removesuffix(".__init__"))
print(sorted({{name.partition(".")[0] for name in sys.modules}}))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = done.stdout
    assert "exact_online" in loaded
    for other in ("target_exact_online", "singer_sdk", "commerce_sandbox", "alembic"):
        assert f"'{other}'" not in loaded


def test_the_readme_names_every_module_and_error() -> None:
    readme = (PACKAGE / "README.md").read_text(encoding="utf-8")
    for path in (PACKAGE / "exact_online").glob("[a-z]*.py"):
        assert f"`{path.stem}`" in readme, path
    errors = (PACKAGE / "exact_online" / "errors.py").read_text(encoding="utf-8")
    for name in re.findall(r"^class (\w+Error)\(", errors, re.MULTILINE):
        if name not in {"ExactError", "RetriableError", "FatalError"}:
            assert f"`{name}`" in readme, name
    assert "](../" not in readme


def test_time_is_read_in_one_place() -> None:
    """So that a simulator with a clock of its own sees no other time."""
    read = re.compile(r"\b(time\.(time|monotonic|sleep)|datetime\.(now|today|utcnow))\(")
    for path in (PACKAGE / "exact_online").glob("*.py"):
        assert not read.search(path.read_text(encoding="utf-8")), path
