r"""What stands in one cell of a spreadsheet: a value, several, or attributes; as text and back.

Several values are separated by ` | `, attributes are written `color=red | blue; size=L`. A
backslash takes the meaning off a sign, a space at an end, and another backslash.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["attributes_in", "flow", "text_of", "value_in"]

_NUMBER = re.compile(r"([0-9]{1,12}([.,][0-9]{1,6})?) ?%?")
_ESCAPED = re.compile(r"\\([\\|;=\s])")
_SPECIAL = re.compile(r"([\\|]|^\s|\s\Z)")
_SPECIAL_IN_ATTRIBUTES = re.compile(r"([\\|;=]|^\s|\s\Z)")
_BACKSLASH = r"\\\1"
_PIECES = {
    sign: re.compile(rf"(?:\\[\\|;=\s]|[^{sign}\\]|\\(?![\\|;=\s]))*") for sign in ("|", ";", "=")
}


def text_of(value: Any) -> str:
    """Write a value of a rules file into a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        special = _SPECIAL_IN_ATTRIBUTES
        pairs = ((special.sub(_BACKSLASH, str(key)), one) for key, one in value.items())
        return "; ".join(f"{key}={_values(one, special)}" for key, one in pairs)
    return _values(value, _SPECIAL)


def _values(value: Any, special: re.Pattern[str]) -> str:
    values = value if isinstance(value, list) else [value]
    return " | ".join(special.sub(_BACKSLASH, str(one)) for one in values)


def _plain(text: str) -> str:
    """Take spaces around a piece and its backslashes away."""
    kept = text.lstrip()
    while kept[-1:].isspace() and not re.search(r"(?<!\\)(\\\\)*\\\s$", kept):
        kept = kept[:-1]
    return _ESCAPED.sub(r"\1", kept)


def _split(text: str, sign: str) -> list[str]:
    """Split at a sign that has no backslash before it."""
    pieces, place = [], 0
    while True:
        found = _PIECES[sign].match(text, place)
        end = found.end() if found else len(text)
        pieces.append(text[place:end])
        if end >= len(text):
            return pieces
        place = end + 1


def value_in(schema: Mapping[str, Any], cell: str) -> Any:
    """Read a cell as its schema says: one value or several, a number only where one may be."""
    types = _types(schema)
    values = [_one(types, _plain(piece)) for piece in _split(cell, "|")]
    return values if schema.get("type") == "array" or len(values) > 1 else values[0]


def _one(types: set[str], text: str) -> Any:
    number = _NUMBER.fullmatch(text)
    if number and not types.isdisjoint(("number", "integer")):
        value = float(number[1].replace(",", "."))
        return int(value) if value.is_integer() else value
    if "boolean" in types and text.casefold() in {"yes", "no", "true", "false"}:
        return text.casefold() in {"yes", "true"}
    return DoubleQuotedScalarString(text)  # the schema says what is wrong with it


def _types(schema: Mapping[str, Any]) -> set[str]:
    """Give the JSON types of one value: of a list its entries'."""
    if "anyOf" in schema or "items" in schema:
        return set().union(*map(_types, schema.get("anyOf") or [schema["items"]]))
    types = schema.get("type", ())
    return {types} if isinstance(types, str) else set(types)


def attributes_in(cell: str) -> CommentedMap:
    """Read `color=red | blue; size=L`; a piece without `=` has an empty value."""
    found = {}
    for piece in _split(cell, ";"):
        name, *rest = _split(piece, "=")
        values = [DoubleQuotedScalarString(_plain(one)) for one in _split("=".join(rest), "|")]
        found[_plain(name)] = values if len(values) > 1 else values[0]
    return flow(found)


def flow(values: Mapping[str, Any]) -> CommentedMap:
    """Make a mapping that is written on one line."""
    mapping = CommentedMap(values)
    mapping.fa.set_flow_style()
    return mapping
