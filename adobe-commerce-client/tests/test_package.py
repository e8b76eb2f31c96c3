"""The distribution stands alone: it needs neither the plugins nor Singer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def test_no_module_brings_a_plugin_or_singer_in() -> None:
    modules = [f"adobe_commerce.{path.stem}" for path in (PACKAGE / "adobe_commerce").glob("*.py")]
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
    assert "adobe_commerce" in loaded
    for other in ("tap_adobe_commerce", "singer_sdk", "commerce_sandbox"):
        assert f"'{other}'" not in loaded


def test_the_readme_names_every_module_and_error() -> None:
    readme = (PACKAGE / "README.md").read_text(encoding="utf-8")
    for path in (PACKAGE / "adobe_commerce").glob("[a-z]*.py"):
        assert f"`{path.stem}`" in readme, path
    errors = (PACKAGE / "adobe_commerce" / "errors.py").read_text(encoding="utf-8")
    for name in re.findall(r"^class (\w+Error)\(", errors, re.MULTILINE):
        if name not in {"AdobeCommerceError", "RetriableError", "FatalError"}:
            assert f"`{name}`" in readme, name
    assert "](../" not in readme
