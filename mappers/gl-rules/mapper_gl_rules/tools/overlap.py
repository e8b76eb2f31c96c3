"""Which rules hide others: conditions compared as sets of what they let through."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from mapper_gl_rules.rules.vocabulary import CONDITIONS

if TYPE_CHECKING:
    from mapper_gl_rules.rules.model import Rule

__all__ = ["covers", "is_narrower", "overlaps"]

_WILD = frozenset("*?[")
# A condition on one fact may be written in two ways.
_SAME_FACT = {"sku_pattern": "sku"}


def covers(general: Rule, special: Rule) -> bool:
    """Tell whether everything that matches `special` matches `general` too."""
    return all(
        any(
            _within(special.when[other], value, name)
            for other in special.when
            if _fact(other) == _fact(name) and _comparable(other, name)
        )
        for name, value in general.when.items()
    )


def is_narrower(one: Rule, other: Rule) -> bool:
    """Tell whether a rule is an exception to another, so that it may well stand before it.

    It is one when it is as narrow on every fact that both look at, and looks at something
    narrower than whatever else the other looks at: a SKU is narrower than a shop, and a shop
    than a VAT percentage. Kinds of lines are left out: each kind could be a rule of its own.
    """
    mine, others = ({_fact(name) for name in rule.when} - {"line"} for rule in (one, other))
    for name, value in one.when.items():
        for second, values in other.when.items():
            if name == "line" or _fact(name) != _fact(second):
                continue
            if not (_comparable(name, second) and _within(value, values, second)):
                return False
    ranks = [CONDITIONS[name].rank for name in mine - others]
    return covers(other, one) or max(ranks, default=-1) > max(
        (CONDITIONS[name].rank for name in others - mine), default=-1
    )


def overlaps(one: Rule, other: Rule, registrations: frozenset[str] = frozenset()) -> bool:
    """Tell whether a line can match both rules, as far as conditions alone can say.

    Args:
        one: A rule.
        other: Another rule.
        registrations: Countries whose supplies are domestic.
    """
    if _other_supply(one, other, registrations) or _other_supply(other, one, registrations):
        return False
    for name, value in one.when.items():
        for second, values in other.when.items():
            if _fact(name) == _fact(second) and not _may_meet(name, value, second, values):
                return False
    return True


def _other_supply(one: Rule, other: Rule, registrations: frozenset[str]) -> bool:
    """Tell that one rule is for domestic countries only and the other for other supplies."""
    if "country" not in one.when or "supply" not in other.when:
        return False
    countries, supplies = set(_values(one.when["country"])), set(_values(other.when["supply"]))
    return countries <= registrations and "domestic" not in supplies


def _fact(name: str) -> str:
    return _SAME_FACT.get(name, name)


def _comparable(special: str, general: str) -> bool:
    return special == general or (special, general) == ("sku", "sku_pattern")


def _values(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(Decimal(str(one)).normalize()) if _is_number(one) else str(one) for one in values]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _within(special: Any, general: Any, name: str) -> bool:
    """Tell whether the values of `special` are among those of `general`."""
    if name == "from":
        return bool(special >= general)
    if name == "until":
        return bool(special <= general)
    if CONDITIONS[name].value == "amount":
        return _amount_within(special, general)
    if isinstance(general, dict):
        return all(
            key in special and set(_values(special[key])) <= set(_values(values))
            for key, values in general.items()
        )
    if CONDITIONS[name].value == "pattern":
        return all(
            any(one == pattern or fnmatchcase(one, pattern) for pattern in _values(general))
            for one in _values(special)
        )
    return set(_values(special)) <= set(_values(general))


def _amount_within(special: str, general: str) -> bool:
    """Tell whether one comparison, such as `over 150 EUR`, is the narrower of two."""
    (*one, low, unit), (*other, high, other_unit) = special.split(), general.split()
    if one != other or unit != other_unit:
        return False
    return Decimal(low) >= Decimal(high) if one == ["over"] else Decimal(low) <= Decimal(high)


def _may_meet(name: str, value: Any, second: str, values: Any) -> bool:
    """Tell whether two conditions on the same fact can both hold; in doubt they can."""
    if isinstance(value, dict | date) or CONDITIONS[name].value in {"ids", "amount"}:
        return True
    one, other = set(_values(value)), set(_values(values))
    if name == second and CONDITIONS[name].value != "pattern":
        return not one.isdisjoint(other)
    wild = {text for text in one | other if set(text) & _WILD}
    if len(wild) > 1:
        return True
    return not one.isdisjoint(other) or any(
        fnmatchcase(text, pattern) for pattern in wild for text in (one | other) - wild
    )
