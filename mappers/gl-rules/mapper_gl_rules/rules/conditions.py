"""How a condition is tested against its fact.

Every condition is data: no expression is evaluated, no code runs from a rules file.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fnmatch import translate
from re import compile as compile_pattern
from typing import TYPE_CHECKING, Any

from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.rules.vocabulary import CONDITIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from mapper_gl_rules.rules.goods import Worth

__all__ = ["Predicate", "predicate"]

Predicate = Callable[[Any], bool]


def predicate(name: str, value: Any) -> Predicate:  # noqa: PLR0911  # one return per kind of value
    """Compile the test of one condition against its fact.

    Args:
        name: A name of `CONDITIONS`.
        value: The checked value, or list of values of which one must hold.
    """
    kind = CONDITIONS[name].value
    if kind == "date":
        return _not_before(value) if name == "from" else _not_after(value)
    if kind == "amount":
        return _compared(value)
    if kind == "attributes":
        wanted = {key: _as_set(one) for key, one in value.items()}
        return lambda fact: _has_attributes(fact, wanted)
    values = value if isinstance(value, list) else [value]
    if kind == "number":
        numbers = frozenset(Decimal(str(one)) for one in values)
        return lambda fact: fact is not None and fact in numbers
    texts = frozenset(str(one) for one in values)
    if kind == "ids" or name == "store":  # a store view has a code and an id
        return lambda fact: not texts.isdisjoint(fact)
    if kind == "pattern" and any(set(text) & set("*?[") for text in texts):
        matching = compile_pattern("|".join(translate(text) for text in sorted(texts))).match
        return lambda fact: fact is not None and matching(fact) is not None
    return lambda fact: fact in texts


def _not_before(start: date) -> Predicate:
    return lambda day: bool(day >= start)


def _compared(text: str) -> Predicate:
    """Compare an amount: `over 135 GBP` or `up to 135 GBP`."""
    *words, limit, currency = text.split()
    over, bound = words == ["over"], Decimal(limit)

    def test(worth: Worth | None) -> bool:
        if worth is None:  # no goods
            return False
        found = worth().get(currency)
        if found is None:
            raise DocumentRefusedError(
                reason=f"a rule asks for the value of the goods in {currency}, which the shop "
                "does not state",
                where="order",
                what_to_do="Write the rule in the currency of the order or of the shop.",
            )
        return (found > bound) is over

    return test


def _not_after(end: date) -> Predicate:
    return lambda day: bool(day <= end)


def _as_set(value: Any) -> frozenset[str]:
    return frozenset(str(one) for one in (value if isinstance(value, list) else [value]))


def _has_attributes(
    fact: tuple[tuple[str, frozenset[str]], ...],
    wanted: Mapping[str, frozenset[str]],
) -> bool:
    found = dict(fact)
    return all(not values.isdisjoint(found.get(key, frozenset())) for key, values in wanted.items())
