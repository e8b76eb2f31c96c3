"""The tables of the README, made from the code, so that they cannot drift."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from mapper_gl_rules.mapper import MapperGLRules
from mapper_gl_rules.rules.conditions import CONDITIONS
from mapper_gl_rules.rules.model import Outcome, Settings
from mapper_gl_rules.rules.schema import RULES_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TABLES"]


def plugin_settings() -> str:
    """The settings of the Singer plugin."""
    properties: dict[str, Any] = MapperGLRules.config_jsonschema["properties"]
    rows = [
        (f"`{name}`", str(entry.get("default", "")), str(entry.get("description", "")))
        for name, entry in properties.items()
    ]
    return _table(("setting", "default", "meaning"), rows)


def rules_settings() -> str:
    """The settings inside a rules file."""
    schema = RULES_SCHEMA["properties"]["settings"]
    meanings = {**_meanings(Settings.__doc__), **_OPTIONS}
    rows = []
    for name in schema["properties"]:
        needed = "required" if name in schema["required"] else _default(name)
        rows.append((f"`{name}`", needed, meanings[name]))
    return _table(("setting", "default", "meaning"), rows)


def conditions() -> str:
    """The conditions of a rule."""
    rows = []
    for name, condition in CONDITIONS.items():
        values = ", ".join(f"`{one}`" for one in condition.choices) or _VALUES[condition.value]
        rows.append((f"`{name}`", condition.help, values))
    return _table(("condition", "looks at", "values"), rows)


def outcomes() -> str:
    """The outcomes of a rule."""
    meanings = _meanings(Outcome.__doc__)
    return _table(
        ("outcome", "meaning"),
        [(f"`{name}`", meanings[name]) for name in Outcome.__struct_fields__],
    )


TABLES = {
    "plugin settings": plugin_settings,
    "rules settings": rules_settings,
    "conditions": conditions,
    "outcomes": outcomes,
}
_VALUES = {
    "text": "text, or a list",
    "pattern": "text with `*` and `?`, or a list",
    "number": "number, or a list",
    "ids": "id, or a list",
    "attributes": "`{attribute: value}`, all must hold",
    "from": "date, such as 2026-07-01",
    "until": "date, such as 2026-12-31",
}
_OPTIONS = {
    "discounts": "`net` lowers the revenue line, `separate` gives lines of kind `discount`.",
    "rounding_limit": "Largest remainder between lines and total for a rounding line.",
    "adjustments": "VAT in `refund` and `fee` of credit memos: `goods`, `none` or a percentage.",
    "surcharges": "Totals of extensions: path of the amount to the path of its tax, or null.",
}


def _default(name: str) -> str:
    if name in {"adjustments", "surcharges", "registrations", "general_journal"}:
        return "none"
    for struct in (Settings(*[None] * 5), Settings(*[None] * 5).options):  # type: ignore[arg-type]
        if hasattr(struct, name):
            value = getattr(struct, name)
            return str(value).lower() if isinstance(value, bool) else str(value)
    raise KeyError(name)


def _meanings(doc: str | None) -> dict[str, str]:
    """Read the attributes of a docstring."""
    found: dict[str, str] = {}
    name = ""
    # Newer Pythons take the indentation of a docstring away themselves.
    for line in inspect.cleandoc(doc or "").partition("Attributes:")[2].splitlines():
        text = line.strip()
        if line.startswith("    ") and not line.startswith("     ") and ":" in text:
            name, _, meaning = text.partition(": ")
            found[name] = meaning
        elif text and name:
            found[name] += f" {text}"
    return found


def _table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
