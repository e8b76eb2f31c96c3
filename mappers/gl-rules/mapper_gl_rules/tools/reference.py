"""The tables of the documentation, made from the code, so that they cannot drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mapper_gl_rules.mapper import MapperGLRules
from mapper_gl_rules.rules.model import Settings
from mapper_gl_rules.rules.schema import RULES_SCHEMA
from mapper_gl_rules.rules.vocabulary import CONDITIONS, LINE_KINDS, OUTCOMES, SUPPLIES, VALUES

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["TABLES", "with_tables"]

_END = "<!-- end -->"


def with_tables(text: str) -> str:
    """Write the tables of a page anew, each between its comment and `end`."""
    for name, table in TABLES.items():
        mark = f"<!-- {name} -->\n"
        if mark in text:
            before, _, rest = text.partition(mark)
            text = f"{before}{mark}{table()}\n{_END}{rest.partition(_END)[2]}"
    return text


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
    rows = []
    for name, entry in schema["properties"].items():
        needed = "required" if name in schema["required"] else _default(name)
        rows.append((f"`{name}`", needed, entry["description"]))
    return _table(("setting", "default", "meaning"), rows)


def conditions() -> str:
    """The conditions of a rule."""
    rows = []
    for name, condition in CONDITIONS.items():
        values = _names(condition.choices) or VALUES[condition.value].help
        rows.append((f"`{name}`", condition.help, values))
    return _table(("condition", "looks at", "values"), rows)


def outcomes() -> str:
    """The outcomes of a rule."""
    rows = [
        (
            f"`{name}`",
            f"a {word.scope}",
            word.help + (f" {_names(word.choices)}." * bool(word.choices)),
        )
        for name, word in OUTCOMES.items()
    ]
    return _table(("outcome", "of", "meaning"), rows)


def line_kinds() -> str:
    """The kinds of lines."""
    rows = [(f"`{name}`", kind.help) for name, kind in LINE_KINDS.items()]
    return _table(("kind of line", "what it is"), rows)


def supplies() -> str:
    """The kinds of supply."""
    rows = [
        (f"`{name}`", supply.destination, supply.percentage, supply.number)
        for name, supply in SUPPLIES.items()
    ]
    return _table(("supply", "destination", "percentage", "VAT number"), rows)


TABLES = {
    "plugin settings": plugin_settings,
    "rules settings": rules_settings,
    "conditions": conditions,
    "outcomes": outcomes,
    "kinds of lines": line_kinds,
    "supplies": supplies,
}


def _names(choices: Iterable[str]) -> str:
    return ", ".join(f"`{one}`" for one in choices)


def _default(name: str) -> str:
    """Give a setting's default from the types that hold it."""
    for struct in (Settings(*[None] * 5), Settings(*[None] * 5).options):  # type: ignore[arg-type]
        value = getattr(struct, name, None)
        if isinstance(value, bool):
            return str(value).lower()
        if value:
            return "none" if isinstance(value, frozenset | dict) else str(value)
    return "none"


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [titles, tuple("---" for _ in titles), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
