"""Codes of rules that Exact does not have, or does not take there; per division."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mapper_gl_rules.rules.vocabulary import OUTCOMES, OWN_ACCOUNT
from mapper_gl_rules.tools.master_data import division_of
from mapper_gl_rules.tools.overlap import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mapper_gl_rules.rules.model import Outcome, Rule, Rules
    from mapper_gl_rules.tools.master_data import MasterData

__all__ = ["unusable_codes"]

Problem = tuple[int, str, str]  # line in the file, short name, text
# Types of GL accounts that Exact books itself in sales entries.
_MADE_BY_EXACT = {20: "a debtors'", 22: "a creditors'", 24: "a VAT"}
_MANDATORY, _FORBIDDEN = 1, 2
_REVENUE = 110  # the type of the accounts that products may name
_SALES, _GENERAL = 20, 90
# Lists of the master data that hold every code a rule may name; the others are checked apart.
_CHECKED = {
    "accounts": ("GL account", ""),
    "cost_centers": ("cost center", "active "),
    "cost_units": ("cost unit", "active "),
}


def unusable_codes(
    rules: Rules, masters: Mapping[int, MasterData], division: int | None
) -> Iterator[Problem]:
    """Give line, name and text of each problem.

    Args:
        rules: What to check.
        masters: Master data by division.
        division: The target's own division; default: the one that no rule names.

    Raises:
        ConfigError: When the division cannot be told.
    """
    named = {
        rule.book.division: rule
        for rule in reversed(rules.rules)
        if rule.book and rule.book.division is not None
    }
    rest = [number for number in masters if number not in named]
    if division is None and len(rest) == 1:
        division = rest[0]
    own = division_of(masters, division)
    yield from _in_division(rules, own, "", [rule for rule in rules.rules if _is_own(rule, rules)])
    for number, rule in sorted(named.items()):
        if number not in masters:
            text = f"rule {rule.name!r} books in division {number}, which the master data lacks."
            advice = "Correct the number, or let the target read that division."
            yield rule.line, "unknown division", f"{text} {advice}"
            continue
        those = [one for one in rules.rules if _is_for(one, rules, number)]
        yield from _in_division(rules, masters[number], f"division {number}: ", those)


def _sends(rules: Rules) -> Iterator[tuple[int, Scope]]:
    """Give the rules that choose a division, and for which documents."""
    for rule in rules.rules:
        if rule.book and rule.book.division is not None:
            yield rule.book.division, Scope(rule, document=True)


def _is_own(rule: Rule, rules: Rules) -> bool:
    """Tell whether documents of the target's own division may come to a rule."""
    if rule.book and rule.book.division is not None:
        return False
    return not any(chosen.covers(Scope(rule, document=True)) for _, chosen in _sends(rules))


def _is_for(rule: Rule, rules: Rules, division: int) -> bool:
    """Tell whether documents of another division may come to a rule."""
    return any(
        number == division
        and chosen.overlaps(Scope(rule, document=True), rules.settings.registrations)
        for number, chosen in _sends(rules)
    )


def _in_division(
    rules: Rules, master: MasterData, label: str, those: list[Rule]
) -> Iterator[Problem]:
    for kind, text in (*_settings(rules, master, those), *_vat_codes(rules, master)):
        yield 0, kind, label + text
    for rule in those:
        if rule.book is not None:
            for kind, text in (*_unknown(rule.book, master), *_account(rule.book, master)):
                yield rule.line, kind, f"{label}rule {rule.name!r}: {text}"


def _settings(rules: Rules, master: MasterData, those: list[Rule]) -> Iterator[tuple[str, str]]:
    settings = rules.settings
    used = [(settings.journal, _SALES), (settings.general_journal, _GENERAL)]
    used += [(rule.book.journal, _SALES) for rule in those if rule.book]
    for journal, kind in used:
        found = master.journals.get(journal) if journal is not None else None
        if journal is not None and (found is None or found.type != kind):
            text = f"{journal} is no open {'sales' if kind == _SALES else 'general'} journal"
            yield "unknown journal", f"{text} in Exact. Correct the setting or the rule."
    deferred = msgspec.structs.astuple(settings.deferred) if settings.deferred else ()
    for gl in (settings.debtor_gl, *deferred, *(code.gl for code in rules.vat_codes if code.gl)):
        if gl not in master.accounts:
            yield "unknown GL account", f"Exact has no GL account {gl}."


def _vat_codes(rules: Rules, master: MasterData) -> Iterator[tuple[str, str]]:
    for code in rules.vat_codes:
        known = master.vat_codes.get(code.code)
        if known is None:
            yield (
                "unknown VAT code",
                f"Exact has no usable VAT code {code.code}. Make it there or remove it.",
            )
        elif known.rate != code.rate and code.valid_until is None:
            rates = (
                f"{known.rate.normalize():f} % in Exact, in the rules {code.rate.normalize():f} %"
            )
            yield "wrong VAT rate", f"VAT code {code.code} is {rates}. Correct one of them."


def _unknown(book: Outcome, master: MasterData) -> Iterator[tuple[str, str]]:
    """Name codes that Exact does not have."""
    for name, word in OUTCOMES.items():
        code = getattr(book, name)
        if code is None or word.master not in _CHECKED:
            continue
        if name == "gl" and code == OWN_ACCOUNT:
            continue
        what, how = _CHECKED[word.master]
        if code not in getattr(master, word.master):
            yield f"unknown {what}", f"Exact has no {how}{what} {code}."


def _account(book: Outcome, master: MasterData) -> Iterator[tuple[str, str]]:
    """Compare a rule with what its GL account demands."""
    if book.gl == OWN_ACCOUNT:
        yield from _own_accounts(book, master)
        return
    account = master.accounts.get(book.gl or "")
    if account is None:
        return
    if not account.usable:
        yield "blocked GL account", f"{account.key} ({account.name}) is blocked."
    if account.type in _MADE_BY_EXACT:
        owner = _MADE_BY_EXACT[account.type]
        yield "wrong GL account", f"{account.key} is {owner} account, which Exact books itself."
    for name, use, value in (
        ("cost center", account.use_costcenter, book.cost_center),
        ("cost unit", account.use_costunit, book.cost_unit),
    ):
        if use == _MANDATORY and value is None:
            yield f"{name} required", f"{account.key} needs a {name}."
        if use == _FORBIDDEN and value is not None:
            yield f"{name} not allowed", f"{account.key} must not have a {name}."


def _own_accounts(book: Outcome, master: MasterData) -> Iterator[tuple[str, str]]:
    """Compare a rule with what the accounts demand that products may name: revenue, not blocked."""
    offered = [one for one in master.accounts.values() if one.type == _REVENUE and one.usable]
    if not offered:
        yield "unknown GL account", "Exact has no revenue account that a product could name."
    for account in offered:
        yield from _account(msgspec.structs.replace(book, gl=account.key), master)
