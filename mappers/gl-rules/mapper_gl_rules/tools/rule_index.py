"""Which rules are worth comparing: thousands of rules, of which few have anything in common.

A candidate may still turn out to be none; a rule that is no candidate never is one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from mapper_gl_rules.tools.overlap import beginning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mapper_gl_rules.tools.overlap import Scope

__all__ = ["RuleIndex"]

_LAST = "\U0010ffff"  # behind every text with the same beginning


class RuleIndex:
    """Finds rules by the values that their conditions name."""

    def __init__(self, scopes: Sequence[Scope]) -> None:
        """Sort rules by their values.

        Args:
            scopes: What each rule lets through.
        """
        self._scopes = scopes
        facts = {fact for scope in scopes for fact in scope.values()}
        self._facts = {fact: _Fact(fact, scopes) for fact in facts}
        self._general = [i for i, scope in enumerate(scopes) if not scope.values()]
        self._wider: dict[tuple[str, str], list[int]] = {}
        for number, scope in enumerate(scopes):
            if values := scope.values():
                crowds = {fact: self._facts[fact].crowd(one) for fact, (one, *_) in values.items()}
                rarest = min(crowds, key=crowds.__getitem__)
                for value in values[rarest][0]:
                    key = rarest, self._facts[rarest].key(value)
                    self._wider.setdefault(key, []).append(number)

    def wider(self, number: int) -> Iterator[int]:
        """Give the rules before one that may take all that it takes, in their order."""
        found = set(self._general)
        for fact, conditions in self._scopes[number].values().items():
            for value in map(min, conditions):  # a wider rule has all values of one of them
                ends = range(len(value) + 1) if self._facts[fact].patterns else (len(value),)
                for end in ends:
                    found.update(self._wider.get((fact, value[:end]), ()))
        return (one for one in sorted(found) if one < number)

    def meeting(self, number: int) -> Iterable[int]:
        """Give the rules behind one that may take some of what it takes, in their order."""
        least: Iterable[int] = range(number + 1, len(self._scopes))
        fewest = len(self._scopes) - number - 1
        for fact, (values, *_) in self._scopes[number].values().items():
            known = self._facts[fact]
            if known.one_value and (crowd := known.crowd(values)) < fewest:
                fewest, least = crowd, known.meeting(values, number)
        return least


class _Fact:
    """Which rules look at one fact, by value; a pattern by its beginning."""

    def __init__(self, fact: str, scopes: Sequence[Scope]) -> None:
        self.patterns = any(scope.has_patterns(fact) for scope in scopes)
        self.one_value = not any(scope.has_many_values(fact) for scope in scopes)
        self._by_key: dict[str, list[int]] = {}
        self._without = []
        for number, scope in enumerate(scopes):
            conditions = scope.values().get(fact)
            if conditions is None:
                self._without.append(number)
            for key in {self.key(value) for value in conditions[0]} if conditions else ():
                self._by_key.setdefault(key, []).append(number)
        self._keys = sorted(self._by_key)

    def key(self, value: str) -> str:
        return beginning(value) if self.patterns else value

    def crowd(self, values: Iterable[str]) -> int:
        """Tell how many rules there are with such values, or without any."""
        return len(self._without) + sum(len(one) for one in self._lists(values))

    def meeting(self, values: Iterable[str], number: int) -> list[int]:
        lists = [self._without, *self._lists(values)]
        return sorted({one for some in lists for one in some[bisect_right(some, number) :]})

    def _lists(self, values: Iterable[str]) -> Iterator[list[int]]:
        for key in {self.key(value) for value in values}:
            if own := self._by_key.get(key):
                yield own
            if self.patterns:
                for end in range(len(key)):
                    if shorter := self._by_key.get(key[:end]):
                        yield shorter
                first = bisect_right(self._keys, key)
                for longer in self._keys[first : bisect_left(self._keys, key + _LAST)]:
                    yield self._by_key[longer]
