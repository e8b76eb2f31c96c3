"""What is wrong with rules before any document shows it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mapper_gl_rules.rules.conditions import predicate
from mapper_gl_rules.rules.vocabulary import LINE_KINDS
from mapper_gl_rules.tools.exact_codes import unusable_codes
from mapper_gl_rules.tools.overlap import Scope
from mapper_gl_rules.tools.rule_index import RuleIndex
from mapper_gl_rules.vat import EU

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mapper_gl_rules.rules.model import Rule, Rules
    from mapper_gl_rules.tools.master_data import MasterData

__all__ = ["Finding", "lint"]

_NAMED = 8  # rules that a warning names


class Finding(msgspec.Struct, frozen=True, order=True):
    """One thing to look at.

    Attributes:
        line: Line in the rules file; 0 for the whole file.
        level: An `error` makes documents wrong or refused, a `warning` may be meant so.
        kind: Short name of the check.
        text: What is wrong and what to do.
    """

    line: int
    level: Literal["error", "warning"]
    kind: str
    text: str


def lint(
    rules: Rules,
    masters: Mapping[int, MasterData] | None = None,
    division: int | None = None,
) -> list[Finding]:
    """Check rules, and against Exact's master data where it is known.

    Args:
        rules: What to check.
        masters: Master data by division.
        division: The target's own division; default: the one that no rule names.

    Raises:
        ConfigError: When the division cannot be told.
    """
    findings = [*_order(rules), *_defaults(rules), *_rates(rules), *_zeros(rules)]
    findings += _dispatch(rules)
    if masters is not None:
        findings += [
            Finding(line, "error", kind, text)
            for line, kind, text in unusable_codes(rules, masters, division)
        ]
    return sorted(set(findings))


def _order(rules: Rules) -> Iterator[Finding]:
    """Find rules that never match, and rules that take lines of later ones."""
    lines = [rule for rule in rules.rules if not _is_document(rule)]
    scopes = [Scope(rule) for rule in lines]
    index = RuleIndex(scopes)
    hidden = set()
    for number, (rule, scope) in enumerate(zip(lines, scopes, strict=True)):
        before = (lines[one] for one in index.wider(number) if scopes[one].covers(scope))
        if first := next(before, None):
            hidden.add(number)
            yield Finding(
                rule.line,
                "error",
                "unreachable",
                f"rule {rule.name!r} never matches: {first.name!r} (line {first.line}) "
                "takes everything before it. Move it up or delete it.",
            )
    for number, (rule, scope) in enumerate(zip(lines, scopes, strict=True)):
        later = [
            lines[other].name
            for other in index.meeting(number)
            if other not in hidden
            and scope.overlaps(scopes[other], rules.settings.registrations)
            and (rule.book, rule.refuse) != (lines[other].book, lines[other].refuse)
            and not scope.is_narrower(scopes[other])
        ]
        if later:
            more = f" and {len(later) - _NAMED} more" if len(later) > _NAMED else ""
            yield Finding(
                rule.line,
                "warning",
                "overlapping",
                f"rule {rule.name!r} also takes lines that would match {', '.join(later[:_NAMED])}"
                f"{more}. "
                "Add a condition if that is not meant.",
            )


def _is_document(rule: Rule) -> bool:
    return rule.when.get("line") == "document"


def _defaults(rules: Rules) -> Iterator[Finding]:
    """Name kinds of lines that some documents have and no rule without conditions takes."""
    options = rules.settings.options
    asked = {
        "always": True,
        "discounts": options.discounts == "separate",
        "surcharges": bool(options.surcharges),
    }
    for kind in (name for name, kind in LINE_KINDS.items() if asked.get(kind.asked)):
        if not any(set(rule.when) <= {"line"} and _takes(rule, kind) for rule in rules.rules):
            some = any(_takes(rule, kind) for rule in rules.rules)
            yield Finding(
                0,
                "warning" if some else "error",
                "missing default",
                f"{kind} lines that no rule matches are refused"
                f"{'' if some else ', and no rule takes any'}. "
                f"Add a last rule with when: {{line: {kind}}} if they should be booked.",
            )


def _takes(rule: Rule, kind: str) -> bool:
    wanted = rule.when.get("line")
    return wanted is None or wanted == kind or (isinstance(wanted, list) and kind in wanted)


def _rates(rules: Rules) -> Iterator[Finding]:
    """Find rules whose VAT code has another percentage than their condition."""
    for rule in rules.rules:
        code = rules.vat_code(rule.book.vat_code) if rule.book and rule.book.vat_code else None
        wanted = rule.when.get("rate")
        if code is None or wanted is None:
            continue
        rates = {Decimal(str(one)) for one in (wanted if isinstance(wanted, list) else [wanted])}
        if rates != {code.rate}:
            shown = ", ".join(f"{rate.normalize():f}" for rate in sorted(rates))
            yield Finding(
                rule.line,
                "error",
                "wrong VAT rate",
                f"rule {rule.name!r} is for {shown} % but its VAT code {code.code} is "
                f"{code.rate.normalize():f} %. Correct one of them.",
            )


def _zeros(rules: Rules) -> Iterator[Finding]:
    """Find where one zero would be taken for another."""
    yield from _reverse_charge(rules)
    supply = "zero_where_registered"
    chosen = {code.country for code in rules.vat_codes if code.supply == supply}
    if None in chosen or any(supply in _listed(rule.when.get("supply")) for rule in rules.rules):
        return
    settings = rules.settings
    for country in sorted(settings.registrations - EU - chosen - {settings.home_country}):
        yield Finding(
            0,
            "warning",
            "zero where registered",
            f"0 % to {country} is refused: it is the local zero rate or an export. Give the VAT "
            f"code of its zero rate supply: {supply}, or add rules for that supply.",
        )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _dispatch(rules: Rules) -> Iterator[Finding]:
    """Find countries of dispatch where the seller cannot have goods without a registration."""
    for rule in rules.rules:
        country = rule.book.dispatch_country if rule.book else None
        if country is None or country in rules.settings.registrations:
            continue
        why = (
            "where the seller is not registered. Who has goods in a member state must be: add it "
            "to registrations."
            if country in EU or country == "XI"
            else "outside the EU: such sales are imports, not part of an OSS return of the Union "
            "scheme."
        )
        yield Finding(
            rule.line,
            "warning",
            "dispatch country",
            f"rule {rule.name!r} has goods dispatched from {country}, {why}",
        )


def _reverse_charge(rules: Rules) -> Iterator[Finding]:
    """Find where 0 % to a business at home would land on the code of zero-rated goods."""
    home = rules.settings.home_country
    zero = [
        code.code
        for code in rules.vat_codes
        if not code.rate and code.supply == "domestic" and code.country in (None, home)
    ]
    if not zero:
        return
    line = {"line": "product", "supply": "domestic", "country": home, "zone": "home"}
    facts: dict[str, Any] = {**line, "rate": Decimal(0), "vat_number": "valid"}
    for rule in rules.rules:
        known = {name: value for name, value in rule.when.items() if name in facts}
        if not all(predicate(name, value)(facts[name]) for name, value in known.items()):
            continue
        if rule.book is not None and rule.book.vat_code in ("auto", *zero):
            if "vat_number" not in rule.when:
                yield Finding(
                    rule.line,
                    "warning",
                    "domestic reverse charge",
                    f"rule {rule.name!r} books 0 % to a business in {home} on VAT code "
                    f"{' or '.join(zero)}. If that is reverse charge, add a rule with rate: 0 and "
                    "vat_number: valid before it, with a VAT code of its own (supply: by_rule).",
                )
            return
        if len(known) == len(rule.when):
            return  # it takes them all
