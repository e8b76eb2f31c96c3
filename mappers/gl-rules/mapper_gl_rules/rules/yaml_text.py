"""From YAML text to a tree with line numbers and comments; everything odd is our own error.

Only what a rules file needs is read: no anchors, aliases and tags, bounded in size and depth.
"""

from __future__ import annotations

from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent

from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.rules.schema import RULES_SCHEMA
from mapper_gl_rules.rules.vocabulary import CONDITIONS, OUTCOMES, VALUES

__all__ = ["LARGEST", "parse_yaml"]

LARGEST = 2_000_000  # characters; a thousand rules are a tenth of it
_DEEPEST = 12  # levels; a list of attribute values is on the sixth
_SETTINGS = RULES_SCHEMA["properties"]["settings"]["properties"]
# Fields whose values are text, also where YAML reads a number.
_CODES = frozenset(
    [
        "name",
        *(name for name, one in CONDITIONS.items() if VALUES[one.value].code),
        *(name for name, word in OUTCOMES.items() if VALUES[word.value].code),
        *(name for name, one in _SETTINGS.items() if "minLength" in one),
    ]
)


class _Constructor(RoundTripConstructor):
    """Leaves dates as text, so that a wrong one is reported like every other value."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: str(node.value))


class _Composer(Composer):
    """Refuses what lets a few lines stand for gigabytes or for other types."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node that has neither anchor nor tag."""
        event = self.parser.peek_event()
        problem = ""
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
            problem = "anchors (&) and aliases (*) are not used in rules"
        elif getattr(event, "tag", None) is not None:
            problem = f"tags such as {event.tag} are not used in rules"
        if problem:
            raise ComposerError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)


def parse_yaml(text: str, origin: str) -> CommentedMap:
    """Parse YAML with its line numbers and comments, and make codes text.

    Raises:
        RulesError: When it is no YAML, has a key twice, or is no mapping.
    """
    if len(text) > LARGEST:
        raise RulesError(
            what=f"the rules have {len(text)} characters, more than {LARGEST}",
            where=origin,
            what_to_do="Use conditions that take many products, such as category or attributes.",
        )
    yaml = YAML(typ="rt")
    yaml.Constructor, yaml.Composer, yaml.max_depth = _Constructor, _Composer, _DEEPEST
    try:
        tree = yaml.load(StringIO(text))
        _codes_to_text(tree)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _no_yaml(error.problem or error.context, mark, origin) from error
    except YAMLError as error:
        raise RulesError(
            what="the rules are no valid YAML",
            where=origin,
            what_to_do="Save the file as UTF-8 YAML.",
        ) from error
    except Exception as error:  # the parser raises whatever it stumbles over
        raise _no_yaml(str(error), None, origin) from error
    if not isinstance(tree, CommentedMap):
        raise RulesError(
            what="the rules are empty or no mapping",
            where=origin,
            what_to_do="Start from `mapper-gl-rules rules init`.",
        )
    return tree


def _no_yaml(problem: str | None, mark: Any, origin: str) -> RulesError:
    return RulesError(
        what=f"the rules are no valid YAML: {problem}",
        where=f"{origin}, line {mark.line + 1}" if mark else origin,
        what_to_do="Check indentation, colons and quotes at that line.",
    )


def _codes_to_text(node: Any) -> None:
    """Turn codes that YAML reads as numbers into text, keeping leading zeros (0800)."""
    if isinstance(node, CommentedMap):
        for key in list(node):
            if not isinstance(key, str):
                _name(node, key)
        for key, value in node.items():
            if key in _CODES and isinstance(value, list):
                value[:] = [_text(one) for one in value]
            elif key in _CODES:
                node[key] = _text(value)
            else:
                _codes_to_text(value)
    elif isinstance(node, CommentedSeq):
        for one in node:
            _codes_to_text(one)


def _name(node: CommentedMap, key: Any) -> None:
    """Make a key text; its place in the file and its comments stay."""
    name = str(_text(key))
    if name in node:
        msg = f'the key "{name}" stands there twice'
        raise ValueError(msg)
    for places in (node.lc.data, node.ca.items):
        if places and key in places:
            places[name] = places.pop(key)
    node.insert(list(node).index(key), name, node.pop(key))


def _text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return str(value).zfill(getattr(value, "_width", None) or 0)
