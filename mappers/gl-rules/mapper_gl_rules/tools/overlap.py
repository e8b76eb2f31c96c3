"""Which rules hide others: conditions compared as sets of what they let through."""

from __future__ import annotations

import re
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mapper_gl_rules.rules.vocabulary import CONDITIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mapper_gl_rules.rules.model import Rule

__all__ = ["Scope", "beginning"]

_WILD = re.compile(r"[*?\[]")
# A condition on one fact may be written in two ways.
_SAME_FACT = {"sku_pattern": "sku"}
# Conditions that compare otherwise than by the values they name.
_NO_VALUES = frozenset({"date", "amount", "attributes"})


class Scope:
    """What the conditions of a rule let through, made once and compared often."""

    __slots__ = ("_conditions", "_ranks", "_values")

    def __init__(self, rule: Rule, *, document: bool = False) -> None:
        """Take the conditions of a rule.

        Args:
            rule: The rule.
            document: Only the conditions on documents.
        """
        self._conditions: dict[str, list[tuple[str, Any]]] = {}
        self._ranks: dict[str, int] = {}
        # The kind of line tells most rules apart, so it is compared first.
        for name in sorted(rule.when, key=lambda name: name != "line"):
            condition = CONDITIONS[name]
            if document and condition.scope != "document":
                continue
            fact = _SAME_FACT.get(name, name)
            self._conditions.setdefault(fact, []).append((name, _prepared(name, rule.when[name])))
            self._ranks[fact] = max(condition.rank, self._ranks.get(fact, 0))
        self._values: dict[str, list[frozenset[str]]] = {
            fact: [values for _, values in conditions]
            for fact, conditions in self._conditions.items()
            if CONDITIONS[conditions[0][0]].value not in _NO_VALUES
        }

    def values(self) -> Mapping[str, Sequence[frozenset[str]]]:
        """Give the values that are let through, by fact, of each condition on it."""
        return self._values

    def has_patterns(self, fact: str) -> bool:
        """Tell whether a fact is compared with patterns."""
        return any(
            CONDITIONS[name].value == "pattern" for name, _ in self._conditions.get(fact, ())
        )

    def has_many_values(self, fact: str) -> bool:
        """Tell whether a fact has several values at once, as categories of a product."""
        return "ids" in self._kinds(fact)

    def _kinds(self, fact: str) -> set[str]:
        return {CONDITIONS[name].value for name, _ in self._conditions.get(fact, ())}

    def covers(self, special: Scope) -> bool:
        """Tell whether everything that `special` lets through is let through here, too."""
        if not self._conditions.keys() <= special._conditions.keys():
            return False
        for fact, conditions in self._conditions.items():
            others = special._conditions[fact]
            for name, value in conditions:
                if not any(_within(other, one, name, value) for other, one in others):
                    return False
        return True

    def is_narrower(self, other: Scope) -> bool:
        """Tell whether this is an exception to another rule, so that it may well stand before it.

        It is one when it is as narrow on every fact that both look at, and looks at something
        narrower than whatever else the other looks at: a SKU is narrower than a shop, and a shop
        than a VAT percentage. Kinds of lines are left out: each kind could be a rule of its own.
        """
        for fact, conditions in self._conditions.items():
            for name, value in other._conditions.get(fact, ()):
                if fact == "line":
                    continue
                if not any(_within(mine, one, name, value) for mine, one in conditions):
                    return False
        mine = (rank for fact, rank in self._ranks.items() if fact not in other._ranks)
        others = (rank for fact, rank in other._ranks.items() if fact not in self._ranks)
        return other.covers(self) or max(mine, default=-1) > max(others, default=-1)

    def overlaps(self, other: Scope, registrations: frozenset[str] = frozenset()) -> bool:
        """Tell whether a line can match both rules, as far as conditions alone can say.

        Args:
            other: Another rule.
            registrations: Countries whose supplies are domestic.
        """
        for fact, conditions in self._conditions.items():
            for second, values in other._conditions.get(fact, ()):
                for name, value in conditions:
                    if not _may_meet(name, value, second, values):
                        return False
        return not (
            self._is_elsewhere(other, registrations) or other._is_elsewhere(self, registrations)
        )

    def _is_elsewhere(self, other: Scope, registrations: frozenset[str]) -> bool:
        """Tell that one rule is for domestic countries only and the other for other supplies."""
        countries, supplies = self._conditions.get("country"), other._conditions.get("supply")
        if not countries or not supplies:
            return False
        return countries[0][1] <= registrations and "domestic" not in supplies[0][1]


def _prepared(name: str, value: Any) -> Any:
    """Make sets of values; what is no list of values stays as it is."""
    if CONDITIONS[name].value in {"date", "amount"}:
        return value
    if isinstance(value, dict):
        return {key: _texts(one) for key, one in value.items()}
    return _texts(value)


def _texts(value: Any) -> frozenset[str]:
    values = value if isinstance(value, list) else [value]
    return frozenset(
        f"{Decimal(str(one)).normalize()}" if _is_number(one) else str(one) for one in values
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _within(name: str, special: Any, second: str, general: Any) -> bool:
    """Tell whether the values of one condition are among those of another on the same fact."""
    if name != second and (name, second) != ("sku", "sku_pattern"):
        return False
    kind = CONDITIONS[second].value
    if kind == "date":
        return bool(special >= general if second == "from" else special <= general)
    if kind == "amount":
        return _amount_within(special, general)
    if kind == "attributes":
        return all(key in special and special[key] <= values for key, values in general.items())
    if kind == "pattern":
        return all(
            any(one == pattern or fnmatchcase(one, pattern) for pattern in general)
            for one in special
        )
    return bool(special <= general)


def _amount_within(special: str, general: str) -> bool:
    """Tell whether one comparison, such as `over 150 EUR`, is the narrower of two."""
    (*one, low, unit), (*other, high, other_unit) = special.split(), general.split()
    if one != other or unit != other_unit:
        return False
    return Decimal(low) >= Decimal(high) if one == ["over"] else Decimal(low) <= Decimal(high)


def _may_meet(name: str, value: Any, second: str, values: Any) -> bool:
    """Tell whether two conditions on the same fact can both hold; in doubt they can."""
    kind = CONDITIONS[name].value
    if kind in {"ids", "amount", "date", "attributes"}:
        return True
    if name == second and kind != "pattern":
        return not value.isdisjoint(values)
    return any(_patterns_meet(one, other) for one in value for other in values)


def _patterns_meet(one: str, other: str) -> bool:
    """Tell whether a text can match both patterns; of two patterns only the beginnings count."""
    first, second = beginning(one), beginning(other)
    shorter = min(len(first), len(second))
    if first[:shorter] != second[:shorter]:
        return False
    if len(first) == len(one) or len(second) == len(other):  # one of them is no pattern
        return one == other or fnmatchcase(one, other) or fnmatchcase(other, one)
    return True


@lru_cache(maxsize=10_000)
def beginning(pattern: str) -> str:
    """Give what stands before the first sign of a pattern."""
    return _WILD.split(pattern, maxsplit=1)[0]
