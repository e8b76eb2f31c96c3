"""From YAML text to checked rules; every error says file, line, field and what to do."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from mapper_gl_rules.amounts import Options
from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.rules.model import DeferredAccounts, Outcome, Rule, Rules, Settings
from mapper_gl_rules.rules.shape import Place, check_shape, in_file, line_of
from mapper_gl_rules.rules.vocabulary import OUTCOMES
from mapper_gl_rules.rules.yaml_text import LARGEST, parse_yaml
from mapper_gl_rules.vat import VatCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    from mapper_gl_rules.rules.shape import Locate

__all__ = ["load_rules", "parse_rules", "read_rules"]

_OPTIONS = ("discounts", "rounding_limit", "tax_difference", "adjustments", "surcharges")
_SPECIAL_VAT_CODES = ("auto", "product")


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
        with path.open(encoding="utf-8") as file:
            return file.read(LARGEST + 1)  # parse_yaml says what is too much
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise RulesError(
            what=f"cannot read the rules: {reason}",
            where=str(path),
            what_to_do="Check the setting rules_file.",
        ) from error


def parse_rules(
    text: str, *, origin: str, version: str | None = None, locate: Locate | None = None
) -> Rules:
    """Check the text of a rules file.

    Args:
        text: YAML.
        origin: File name or store, for messages.
        version: Version in the store; default: a hash of the text.
        locate: Says where something stands; default: by line and field.

    Raises:
        RulesError: On the first error, by line.
    """
    tree = parse_yaml(text, origin)
    locate = locate or in_file(tree, origin)
    check_shape(tree, locate)
    try:
        settings = _settings(tree["settings"], locate)
        codes = tuple(_vat_code(code, entry, locate) for code, entry in tree["vat_codes"].items())
        rules = tuple(_rules(tree["rules"], {code.code for code in codes}, locate))
        _check_journal(settings, rules, locate)
    except msgspec.ValidationError as error:  # pragma: no cover - the schema is as strict
        raise RulesError(what=str(error), where=origin, what_to_do="Correct the file.") from error
    digest = sha256(text.encode()).hexdigest()[:12]
    return Rules(settings, codes, rules, version or f"sha256:{digest}", origin)


def _settings(entry: Mapping[str, Any], locate: Locate) -> Settings:
    """Build the settings."""
    values = {key: value for key, value in entry.items() if key not in _OPTIONS}
    try:
        values["time_zone"] = ZoneInfo(entry["time_zone"])
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise RulesError(
            what=f"{entry['time_zone']!r} is no time zone",
            where=locate(("settings", "time_zone")),
            what_to_do="Use an IANA name such as Europe/Amsterdam.",
        ) from error
    values["registrations"] = frozenset(entry.get("registrations", ())) | {entry["home_country"]}
    if "deferred" in entry:
        values["deferred"] = DeferredAccounts(**entry["deferred"])
    adjustments = entry.get("adjustments", {})
    options = Options(
        discounts=entry.get("discounts", "net"),
        rounding_limit=Decimal(str(entry.get("rounding_limit", "0.05"))),
        tax_difference=entry.get("tax_difference", "spread"),
        adjustment_refund=_choice(adjustments.get("refund")),
        adjustment_fee=_choice(adjustments.get("fee")),
        surcharges=dict(entry.get("surcharges", {})),
        ledger_currency=entry["ledger_currency"],
    )
    return Settings(**values, options=options)


def _choice(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else Decimal(str(value))


def _vat_code(code: str, entry: Mapping[str, Any], locate: Locate) -> VatCode:
    place = ("vat_codes", code)
    rate = Decimal(str(entry["rate"]))
    if rate and "gl" not in entry:
        raise RulesError(
            what=f"VAT code {code} has a rate but no GL account",
            where=locate((*place, "gl")),
            what_to_do="Add gl: the account on which Exact books this VAT.",
        )
    return VatCode(
        code=code,
        rate=rate,
        gl=entry.get("gl"),
        country=entry.get("country"),
        supply=entry.get("supply"),
        valid_from=_date(entry, "from", place, locate),
        valid_until=_date(entry, "until", place, locate),
        box=entry.get("box"),
    )


def _date(entry: Mapping[str, Any], key: str, place: Place, locate: Locate) -> date | None:
    if key not in entry:
        return None
    try:
        return date.fromisoformat(entry[key])
    except ValueError as error:
        raise RulesError(
            what=f"{entry[key]!r} is no date",
            where=locate((*place, key), key),
            what_to_do="Write 2026-12-31.",
        ) from error


def _rules(entries: CommentedSeq, codes: set[str], locate: Locate) -> Iterable[Rule]:
    """Build the rules, checking what a schema cannot."""
    seen: dict[str, int] = {}
    for number, entry in enumerate(entries):
        place = ("rules", number)
        line, name = line_of(entries, number), entry["name"]
        if name in seen:
            raise RulesError(
                what=f"rule {name!r} exists twice, first at line {seen[name]}",
                where=locate((*place, "name")),
                what_to_do="Give each rule a name of its own.",
            )
        seen[name] = line
        if ("book" in entry) == ("refuse" in entry):
            raise RulesError(
                what=f"rule {name!r} needs either book or refuse",
                where=locate(place),
                what_to_do="Write what to book, or why documents are refused.",
            )
        when = {key: _plain(value) for key, value in entry["when"].items()}
        if isinstance(when.get("line"), list) and "document" in when["line"]:
            raise RulesError(
                what="a rule is either for documents or for lines",
                where=locate((*place, "when", "line")),
                what_to_do="Write line: document, or only kinds of lines.",
            )
        for key in ("from", "until"):
            if key in when:
                when[key] = _date(when, key, (*place, "when"), locate)
        book = None
        if "book" in entry:
            _check_outcome(entry, codes, place, locate)
            book = Outcome(**entry["book"])
        yield Rule(name, when, book, entry.get("refuse"), "", line)


def _check_journal(settings: Settings, rules: tuple[Rule, ...], locate: Locate) -> None:
    """Ask for the journal of journal entries where there will be some."""
    needed = (
        settings.mode == "daily_journal"
        or settings.deferred
        or any(
            rule.book and (rule.book.mode == "daily_journal" or rule.book.clearing_gl)
            for rule in rules
        )
    )
    if needed and settings.general_journal is None:
        raise RulesError(
            what="daily summaries, payments and deferrals need a general journal",
            where=locate(("settings",), "settings.general_journal"),
            what_to_do='Add general_journal, such as "90".',
        )


def _plain(value: Any) -> Any:
    """Strip the YAML library's types, which are slow to compare."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return Decimal(str(value)) if isinstance(value, float) else value


def _check_outcome(entry: CommentedMap, codes: set[str], place: Place, locate: Locate) -> None:
    """Check a rule's outcome against its kind of line and the VAT codes of the file."""
    book = entry["book"]
    place = (*place, "book")
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
                where=locate((*place, key), f"book.{key}"),
                what_to_do=advice,
            )
    if for_document:
        _check_country(book, place, locate)
        return
    if "gl" not in book:
        raise RulesError(
            what=f"rule {entry['name']!r} books on no GL account",
            where=locate((*place[:-1], "book.gl")),
            what_to_do="Add gl.",
        )
    code = book.get("vat_code")
    if code is not None and code not in codes and code not in _SPECIAL_VAT_CODES:
        raise RulesError(
            what=f"VAT code {code!r} is not under vat_codes",
            where=locate((*place, "vat_code"), "book.vat_code"),
            what_to_do=f"Use one of {', '.join(sorted(codes))}, auto or product, or add it there.",
        )


def _check_country(book: CommentedMap, place: Place, locate: Locate) -> None:
    """Refuse a code of no country."""
    country = book.get("dispatch_country")
    if country is not None and country not in _countries():
        raise RulesError(
            what=f"{country!r} is the code of no country",
            where=locate((*place, "dispatch_country"), "book.dispatch_country"),
            what_to_do="Write its ISO code, such as DE (GR for Greece, XI for Northern Ireland).",
        )


@cache
def _countries() -> frozenset[str]:
    """Give the ISO codes of countries, and Northern Ireland's for goods."""
    table = resources.files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text("utf-8")
    rows = (line.partition("\t") for line in table.splitlines() if not line.startswith("#"))
    return frozenset(code for code, _, _ in rows) | {"XI"}
