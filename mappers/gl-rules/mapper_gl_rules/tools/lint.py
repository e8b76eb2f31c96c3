"""What is wrong with rules before any document shows it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import msgspec

from mapper_gl_rules.rules.vocabulary import LINE_KINDS, OUTCOMES
from mapper_gl_rules.tools.overlap import covers, overlaps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mapper_gl_rules.rules.model import Outcome, Rule, Rules
    from mapper_gl_rules.tools.master_data import MasterData

__all__ = ["Finding", "lint"]

# Types of GL accounts that Exact books itself in sales entries.
_MADE_BY_EXACT = {20: "a debtors'", 22: "a creditors'", 24: "a VAT"}
_MANDATORY, _FORBIDDEN = 1, 2
_SALES, _GENERAL = 20, 90
# Lists of the master data that hold every code a rule may name; journals are checked by type.
_CHECKED = {
    "accounts": ("GL account", ""),
    "cost_centers": ("cost center", "active "),
    "cost_units": ("cost unit", "active "),
}


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


def lint(rules: Rules, master: MasterData | None = None) -> list[Finding]:
    """Check rules, and against Exact's master data where it is known."""
    findings = [*_order(rules), *_defaults(rules), *_rates(rules)]
    if master is not None:
        findings += _settings(rules, master)
        findings += _vat_codes(rules, master)
        for rule in rules.rules:
            if rule.book is not None:
                findings += _outcome(rule, rule.book, master)
    return sorted(findings)


def _order(rules: Rules) -> Iterator[Finding]:
    """Find rules that never match, and rules that take lines of later ones."""
    lines = [rule for rule in rules.rules if not _is_document(rule)]
    hidden = set()
    for number, rule in enumerate(lines):
        first = next((one for one in lines[:number] if covers(one, rule)), None)
        if first is not None:
            hidden.add(rule.name)
            yield Finding(
                rule.line,
                "error",
                "unreachable",
                f"rule {rule.name!r} never matches: {first.name!r} (line {first.line}) "
                "takes everything before it. Move it up or delete it.",
            )
    for number, rule in enumerate(lines):
        later = [
            other.name
            for other in lines[number + 1 :]
            if other.name not in hidden
            and (rule.book, rule.refuse) != (other.book, other.refuse)
            and not covers(other, rule)
            and overlaps(rule, other, rules.settings.registrations)
        ]
        if later:
            yield Finding(
                rule.line,
                "warning",
                "overlapping",
                f"rule {rule.name!r} also takes lines that would match {', '.join(later)}. "
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


def _settings(rules: Rules, master: MasterData) -> Iterator[Finding]:
    settings = rules.settings
    used = [(settings.journal, _SALES), (settings.general_journal, _GENERAL)]
    used += [(rule.book.journal, _SALES) for rule in rules.rules if rule.book]
    for journal, kind in used:
        if journal is not None and master.journals.get(journal) != kind:
            yield Finding(
                0,
                "error",
                "unknown journal",
                f"journal {journal} is no open {'sales' if kind == _SALES else 'general'} journal "
                "in Exact. Correct the setting or the rule.",
            )
    for gl in (settings.debtor_gl, *(code.gl for code in rules.vat_codes if code.gl)):
        if gl not in master.accounts:
            yield Finding(0, "error", "unknown GL account", f"Exact has no GL account {gl}.")


def _vat_codes(rules: Rules, master: MasterData) -> Iterator[Finding]:
    for code in rules.vat_codes:
        known = master.vat_codes.get(code.code)
        if known is None:
            yield Finding(
                0,
                "error",
                "unknown VAT code",
                f"Exact has no usable VAT code {code.code}. Make it there or remove it.",
            )
        elif known != code.rate and code.valid_until is None:
            yield Finding(
                0,
                "error",
                "wrong VAT rate",
                f"VAT code {code.code} is {known.normalize():f} % in Exact, the rules say "
                f"{code.rate.normalize():f} %.",
            )


def _outcome(rule: Rule, book: Outcome, master: MasterData) -> Iterator[Finding]:
    """Check the accounts and codes of one rule."""
    for kind, text in (*_unknown(book, master), *_account(book, master)):
        yield Finding(rule.line, "error", kind, f"rule {rule.name!r}: {text}")


def _unknown(book: Outcome, master: MasterData) -> Iterator[tuple[str, str]]:
    """Name codes that Exact does not have."""
    for name, word in OUTCOMES.items():
        code = getattr(book, name)
        if code is None or word.master not in _CHECKED:
            continue
        what, how = _CHECKED[word.master]
        if code not in getattr(master, word.master):
            yield f"unknown {what}", f"Exact has no {how}{what} {code}."


def _account(book: Outcome, master: MasterData) -> Iterator[tuple[str, str]]:
    """Compare a rule with what its GL account demands."""
    account = master.accounts.get(book.gl or "")
    if account is None:
        return
    if account.blocked:
        yield "blocked GL account", f"{account.code} ({account.name}) is blocked."
    if account.type in _MADE_BY_EXACT:
        owner = _MADE_BY_EXACT[account.type]
        yield "wrong GL account", f"{account.code} is {owner} account, which Exact books itself."
    for name, use, value in (
        ("cost center", account.cost_center, book.cost_center),
        ("cost unit", account.cost_unit, book.cost_unit),
    ):
        if use == _MANDATORY and value is None:
            yield f"{name} required", f"{account.code} needs a {name}."
        if use == _FORBIDDEN and value is not None:
            yield f"{name} not allowed", f"{account.code} must not have a {name}."
