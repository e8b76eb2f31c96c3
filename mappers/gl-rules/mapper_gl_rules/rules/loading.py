"""From YAML text to checked rules; every error says file, line, field and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from hashlib import sha256
from io import StringIO
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarfloat import ScalarFloat

from mapper_gl_rules.amounts import Options
from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.rules.model import Outcome, Rule, Rules, Settings
from mapper_gl_rules.rules.schema import RULES_SCHEMA
from mapper_gl_rules.rules.vocabulary import CONDITIONS, OUTCOMES, VALUES
from mapper_gl_rules.vat import VatCode

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load_rules", "parse_rules", "parse_yaml", "read_rules"]

_LONGEST = 60  # of a quoted value in a message
_OPTIONS = ("discounts", "rounding_limit", "adjustments", "surcharges")
_SETTINGS = RULES_SCHEMA["properties"]["settings"]["properties"]
_SPECIAL_VAT_CODES = ("auto", "product")
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


def load_rules(path: Path) -> Rules:
    """Read and check a rules file.

    Raises:
        RulesError: When the file cannot be read or is not right.
    """
    return parse_rules(read_rules(path), origin=str(path))


def read_rules(path: Path) -> str:
    """Read the text of a rules file.

    Raises:
        RulesError: When the file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise RulesError(
            what=f"cannot read the rules: {reason}",
            where=str(path),
            what_to_do="Check the setting rules_file.",
        ) from error


def parse_rules(text: str, *, origin: str, version: str | None = None) -> Rules:
    """Check the text of a rules file.

    Args:
        text: YAML.
        origin: File name or store, for messages.
        version: Version in the store; default: a hash of the text.

    Raises:
        RulesError: On the first error, by line.
    """
    tree = parse_yaml(text, origin)
    _check_shape(tree, origin)
    try:
        settings = _settings(tree["settings"], origin)
        codes = tuple(
            _vat_code(code, entry, _line(tree["vat_codes"], code), origin)
            for code, entry in tree["vat_codes"].items()
        )
        rules = tuple(_rules(tree["rules"], {code.code for code in codes}, origin))
        _check_journal(tree, settings, rules, origin)
    except msgspec.ValidationError as error:  # pragma: no cover - the schema is as strict
        raise RulesError(what=str(error), where=origin, what_to_do="Correct the file.") from error
    digest = sha256(text.encode()).hexdigest()[:12]
    return Rules(settings, codes, rules, version or f"sha256:{digest}", origin)


def parse_yaml(text: str, origin: str) -> CommentedMap:
    """Parse YAML with its line numbers and comments, and make codes text.

    Raises:
        RulesError: When it is no YAML, has a key twice, or is no mapping.
    """
    yaml = YAML(typ="rt")
    yaml.Constructor = _Constructor
    try:
        tree = yaml.load(StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise RulesError(
            what=f"the rules are no valid YAML: {error.problem or error.context}",
            where=f"{origin}, line {mark.line + 1}" if mark else origin,
            what_to_do="Check indentation, colons and quotes at that line.",
        ) from error
    except YAMLError as error:
        raise RulesError(
            what="the rules are no valid YAML",
            where=origin,
            what_to_do="Save the file as UTF-8 YAML.",
        ) from error
    if not isinstance(tree, CommentedMap):
        raise RulesError(
            what="the rules are empty or no mapping",
            where=origin,
            what_to_do="Start from `mapper-gl-rules rules init`.",
        )
    _codes_to_text(tree)
    return tree


def _codes_to_text(node: Any) -> None:
    """Turn codes that YAML reads as numbers into text, keeping leading zeros (0800)."""
    if isinstance(node, CommentedMap):
        for key in list(node):
            if not isinstance(key, str):
                node.insert(list(node).index(key), str(key), node.pop(key))
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


def _text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return str(value).zfill(getattr(value, "_width", None) or 0)


def _check_shape(tree: CommentedMap, origin: str) -> None:
    """Refuse what the schema does not allow, at the line where it stands."""
    errors = sorted(
        Draft202012Validator(RULES_SCHEMA).iter_errors(tree),
        key=lambda error: _place(tree, error)[0],
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
    line, field = _place(tree, first)
    what, advice = _explain(first)
    raise RulesError(what=what, where=f"{origin}, line {line}, field {field}", what_to_do=advice)


def _place(tree: CommentedMap, error: ValidationError) -> tuple[int, str]:
    """Find line and field of a schema error."""
    node: Any = tree
    line = 1
    path = list(error.absolute_path)
    unknown = _unknown_keys(error)
    if unknown:
        path.append(unknown[0])
    for step in path:
        line = _line(node, step)
        node = node[step]
    names = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return line, "".join(names).removeprefix(".") or "settings"


def _line(node: Any, step: Any) -> int:
    """Give the line of a key or list entry, counted from 1."""
    try:
        position = node.lc.key(step) if isinstance(node, CommentedMap) else node.lc.item(step)
    except (KeyError, AttributeError, TypeError):
        return int(getattr(getattr(node, "lc", None), "line", 0) or 0) + 1
    return int(position[0]) + 1


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
    inner = best_match(error.context) if error.context else None
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
    if cause.validator == "pattern":
        return f"{value} is not right here", f"It must look like {allowed}."
    return f"{value}: {cause.message}", "Correct the value."


def _shown(value: Any) -> str:
    text = repr(str(value) if isinstance(value, ScalarFloat) else value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _settings(entry: Mapping[str, Any], origin: str) -> Settings:
    """Build the settings."""
    values = {key: value for key, value in entry.items() if key not in _OPTIONS}
    try:
        values["time_zone"] = ZoneInfo(entry["time_zone"])
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise RulesError(
            what=f"{entry['time_zone']!r} is no time zone",
            where=f"{origin}, line {_line(entry, 'time_zone')}, field settings.time_zone",
            what_to_do="Use an IANA name such as Europe/Amsterdam.",
        ) from error
    values["registrations"] = frozenset(entry.get("registrations", ())) | {entry["home_country"]}
    adjustments = entry.get("adjustments", {})
    options = Options(
        discounts=entry.get("discounts", "net"),
        rounding_limit=Decimal(str(entry.get("rounding_limit", "0.05"))),
        adjustment_refund=_choice(adjustments.get("refund")),
        adjustment_fee=_choice(adjustments.get("fee")),
        surcharges=dict(entry.get("surcharges", {})),
    )
    return Settings(**values, options=options)


def _choice(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else Decimal(str(value))


def _vat_code(code: str, entry: Mapping[str, Any], line: int, origin: str) -> VatCode:
    rate = Decimal(str(entry["rate"]))
    if rate and "gl" not in entry:
        raise RulesError(
            what=f"VAT code {code} has a rate but no GL account",
            where=f"{origin}, line {line}, field vat_codes.{code}.gl",
            what_to_do="Add gl: the account on which Exact books this VAT.",
        )
    return VatCode(
        code=code,
        rate=rate,
        gl=entry.get("gl"),
        country=entry.get("country"),
        supply=entry.get("supply"),
        valid_from=_date(entry, "from", f"{origin}, line {line}"),
        valid_until=_date(entry, "until", f"{origin}, line {line}"),
    )


def _date(entry: Mapping[str, Any], key: str, where: str) -> date | None:
    if key not in entry:
        return None
    try:
        return date.fromisoformat(entry[key])
    except ValueError as error:
        raise RulesError(
            what=f"{entry[key]!r} is no date",
            where=f"{where}, field {key}",
            what_to_do="Write 2026-12-31.",
        ) from error


def _rules(entries: CommentedSeq, codes: set[str], origin: str) -> Iterable[Rule]:
    """Build the rules, checking what a schema cannot."""
    seen: dict[str, int] = {}
    for number, entry in enumerate(entries):
        line = _line(entries, number)
        place = f"{origin}, line {line}, field rules[{number}]"
        name = entry["name"]
        if name in seen:
            raise RulesError(
                what=f"rule {name!r} exists twice, first at line {seen[name]}",
                where=f"{place}.name",
                what_to_do="Give each rule a name of its own.",
            )
        seen[name] = line
        if ("book" in entry) == ("refuse" in entry):
            raise RulesError(
                what=f"rule {name!r} needs either book or refuse",
                where=place,
                what_to_do="Write what to book, or why documents are refused.",
            )
        when = {key: _plain(value) for key, value in entry["when"].items()}
        for key in ("from", "until"):
            if key in when:
                when[key] = _date(when, key, f"{origin}, line {_line(entry['when'], key)}")
        book = None
        if "book" in entry:
            _check_outcome(entry, codes, origin, place)
            book = Outcome(**entry["book"])
        comment = ""
        yield Rule(name, when, book, entry.get("refuse"), comment, line)


def _check_journal(
    tree: CommentedMap,
    settings: Settings,
    rules: tuple[Rule, ...],
    origin: str,
) -> None:
    """Ask for the journal of journal entries where there will be some."""
    needed = settings.mode == "daily_journal" or any(
        rule.book and (rule.book.mode == "daily_journal" or rule.book.clearing_gl) for rule in rules
    )
    if needed and settings.general_journal is None:
        raise RulesError(
            what="daily summaries and payments need a general journal",
            where=f"{origin}, line {_line(tree, 'settings')}, field settings.general_journal",
            what_to_do='Add general_journal, such as "90".',
        )


def _plain(value: Any) -> Any:
    """Strip the YAML library's types, which are slow to compare."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return Decimal(str(value)) if isinstance(value, float) else value


def _check_outcome(entry: CommentedMap, codes: set[str], origin: str, place: str) -> None:
    """Check a rule's outcome against its kind of line and the VAT codes of the file."""
    book = entry["book"]
    for_document = entry["when"].get("line") == "document"
    for key in book:
        of_document = OUTCOMES[key].scope == "document"
        if of_document != for_document:
            advice = (
                "Use it in a rule with when: {line: document}."
                if of_document
                else "A rule with line: document decides about whole documents only."
            )
            raise RulesError(
                what=f"{key} does not belong to {'a document' if for_document else 'a line'}",
                where=f"{origin}, line {_line(book, key)}, field book.{key}",
                what_to_do=advice,
            )
    if for_document:
        return
    if "gl" not in book:
        raise RulesError(
            what=f"rule {entry['name']!r} books on no GL account",
            where=f"{place}.book.gl",
            what_to_do="Add gl.",
        )
    code = book.get("vat_code")
    if code is not None and code not in codes and code not in _SPECIAL_VAT_CODES:
        raise RulesError(
            what=f"VAT code {code!r} is not under vat_codes",
            where=f"{origin}, line {_line(book, 'vat_code')}, field book.vat_code",
            what_to_do=f"Use one of {', '.join(sorted(codes))}, auto or product, or add it there.",
        )
