"""Whether a rules file has the right shape; the first error by line, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarfloat import ScalarFloat

from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.rules.schema import RULES_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema.exceptions import ValidationError

__all__ = ["Locate", "Place", "check_shape", "in_file", "line_of"]

_LONGEST = 60  # of a quoted value in a message
_MOST = 500  # errors that are sorted by line
Place = tuple[str | int, ...]
# Says where something stands, from its path in the tree; with a field name of its own, if given.
Locate = Callable[..., str]


def in_file(tree: CommentedMap, origin: str) -> Locate:
    """Locate by line and field of a file."""

    def locate(path: Place, field: str = "") -> str:
        return f"{origin}, line {_line_at(tree, path)}, field {field or _field(path)}"

    return locate


def _line_at(tree: CommentedMap, path: Place) -> int:
    node: Any = tree
    line = 1
    for step in path:
        line = line_of(node, step)
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            break
    return line


def _field(path: Place) -> str:
    names = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(names).removeprefix(".") or "settings"


def line_of(node: Any, step: Any) -> int:
    """Give the line of a key or list entry, counted from 1."""
    try:
        position = node.lc.key(step) if isinstance(node, CommentedMap) else node.lc.item(step)
        return int(position[0]) + 1
    except (KeyError, AttributeError, TypeError):  # what a merge brought has no place
        return int(getattr(getattr(node, "lc", None), "line", 0) or 0) + 1


def check_shape(tree: CommentedMap, locate: Locate) -> None:
    """Refuse what the schema does not allow, at the line where it stands.

    Raises:
        RulesError: On the first error, by line.
    """
    for path, value in _numbers(tree, ()):
        if not isfinite(value):
            raise RulesError(
                what=f"{value} is no percentage or amount",
                where=locate(path),
                what_to_do="Write a number.",
            )
    errors = sorted(
        islice(Draft202012Validator(RULES_SCHEMA).iter_errors(tree), _MOST),
        key=lambda error: _line_at(tree, _path(error)),
    )
    if not errors:
        return
    # A field that is missing was perhaps only misspelt: then the misspelt one is the error.
    first = next(
        (
            error
            for error in errors
            if _unknown_keys(error) and error.absolute_path == errors[0].absolute_path
        ),
        errors[0],
    )
    what, advice = _explain(first)
    raise RulesError(what=what, where=locate(_path(first)), what_to_do=advice)


def _numbers(node: Any, path: Place) -> Iterator[tuple[Place, float]]:
    """Give every number with a fraction, and where it stands."""
    if isinstance(node, float):
        yield path, node
    elif isinstance(node, dict | list):
        for step, one in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _numbers(one, (*path, step))


def _path(error: ValidationError) -> Place:
    return (*error.absolute_path, *_unknown_keys(error)[:1])


def _unknown_keys(error: ValidationError) -> list[str]:
    if error.validator != "additionalProperties" or not isinstance(error.instance, Mapping):
        return []
    known = _known_keys(error)
    return [key for key in error.instance if key not in known]


def _known_keys(error: ValidationError) -> list[str]:
    schema = error.schema
    return list(schema.get("properties", {})) if isinstance(schema, Mapping) else []


def _explain(error: ValidationError) -> tuple[str, str]:
    """Say what is wrong and what to do, in the words of the file."""
    unknown = _unknown_keys(error)
    if unknown:
        known = _known_keys(error)
        near = get_close_matches(unknown[0], known, n=1)
        advice = f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(known)}."
        return f"unknown field {unknown[0]}", advice
    if error.validator == "required":
        required: Any = error.validator_value
        present: Any = error.instance
        missing = [name for name in required if name not in present]
        return f"{missing[0]} is missing", f"Add {missing[0]}."
    context = error.context or []
    # Of "one value or a list" the branch counts whose type is right.
    inner = best_match([one for one in context if one.validator != "type"] or context)
    cause = inner or error
    allowed: Any = cause.validator_value
    value = _shown(error.instance)
    if cause.validator == "enum":
        choices = [str(one) for one in allowed]
        near = get_close_matches(str(error.instance), choices, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        return f"{value} is not allowed", f"{hint}Use one of: {', '.join(choices)}."
    if cause.validator == "type":
        name = allowed if isinstance(allowed, str) else " or ".join(allowed)
        hint = {"string": "text, in quotes"}.get(name, f"a value of type {name}")
        return f"{value} is not right here", f"Write {hint}."
    problem, advice = {
        "pattern": ("is not right here", f"It must look like {allowed}."),
        "maxLength": ("is too long", f"It may have {allowed} characters."),
    }.get(str(cause.validator), (f"is not right: {cause.message[:_LONGEST]}", "Correct the value."))
    return f"{value} {problem}", advice


def _shown(value: Any) -> str:
    text = repr(str(value) if isinstance(value, ScalarFloat) else value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
