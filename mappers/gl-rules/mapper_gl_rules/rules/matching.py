"""First match wins, fast: the same facts are decided once.

Rules are compiled to predicates; a document narrows them to the few whose document
conditions hold, and the rule of a line is remembered by the facts that any rule looks at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mapper_gl_rules.rules.conditions import CONDITIONS, Predicate, predicate

if TYPE_CHECKING:
    from mapper_gl_rules.rules.facts import DocumentFacts, LineFacts
    from mapper_gl_rules.rules.model import Rule, Rules

__all__ = ["Matcher"]

_MOST = 20_000  # remembered decisions; forgotten all at once beyond it, so that memory is flat

_Tests = list[tuple[str, Callable[[Any], Any], Predicate]]


class Matcher:
    """Finds the first rule whose conditions all hold."""

    def __init__(self, rules: Rules) -> None:
        """Compile the conditions of all rules."""
        self._rules = rules.rules
        self._document_tests: list[_Tests] = []
        self._line_tests: list[_Tests] = []
        used: dict[str, set[str]] = {"document": set(), "line": {"line"}}
        for rule in self._rules:
            tests: dict[str, _Tests] = {"document": [], "line": []}
            for name, value in rule.when.items():
                condition = CONDITIONS[name]
                used[condition.scope].add(name)
                tests[condition.scope].append((name, condition.read, predicate(name, value)))
            self._document_tests.append(tests["document"])
            self._line_tests.append(tests["line"])
        self._document_reads = [CONDITIONS[name].read for name in sorted(used["document"])]
        self._line_reads = [CONDITIONS[name].read for name in sorted(used["line"])]
        self._document_seen: dict[tuple[Any, ...], list[int]] = {}
        self._line_seen: dict[tuple[Any, ...], Rule | None] = {}

    def document_key(self, document: DocumentFacts) -> tuple[Any, ...]:
        """Give the facts of a document that any rule looks at."""
        return tuple([read(document) for read in self._document_reads])

    def candidates(self, document: DocumentFacts) -> list[int]:
        """Narrow the rules to those whose document conditions hold."""
        key = self.document_key(document)
        found = self._document_seen.get(key)
        if found is None:
            if len(self._document_seen) >= _MOST:
                self._document_seen.clear()
            found = [
                number
                for number, tests in enumerate(self._document_tests)
                if all(test(read(document)) for _, read, test in tests)
            ]
            self._document_seen[key] = found
        return found

    def match(self, document: DocumentFacts, line: LineFacts) -> Rule | None:
        """Find the rule of a line, None when no rule matches."""
        key = (self.document_key(document), *[read(line) for read in self._line_reads])
        if key in self._line_seen:
            return self._line_seen[key]
        if len(self._line_seen) >= _MOST:
            self._line_seen.clear()
        found = next(
            (
                self._rules[number]
                for number in self.candidates(document)
                if all(test(read(line)) for _, read, test in self._line_tests[number])
            ),
            None,
        )
        self._line_seen[key] = found
        return found

    def outcome(self, document: DocumentFacts, field: str) -> str | None:
        """Find a document outcome: the first matching `line: document` rule that names it."""
        for number in self.candidates(document):
            rule = self._rules[number]
            if rule.book is not None and rule.when.get("line") == "document":
                value: str | None = getattr(rule.book, field)
                if value is not None:
                    return value
        return None

    def refusal(self, document: DocumentFacts) -> Rule | None:
        """Find the first `line: document` rule that refuses the document."""
        for number in self.candidates(document):
            rule = self._rules[number]
            if rule.refuse is not None and rule.when.get("line") == "document":
                return rule
        return None

    def why_not(self, number: int, document: DocumentFacts, line: LineFacts) -> str | None:
        """Name the first condition of a rule that does not hold, with the fact; None: it holds."""
        for facts, tests in (
            (line, self._line_tests[number]),
            (document, self._document_tests[number]),
        ):
            for name, read, test in tests:
                fact = read(facts)
                if not test(fact):
                    return f"{name} is {_shown(fact)}"
        return None


def _shown(fact: Any) -> str:
    if fact is None or fact == ():
        return "not known"
    if isinstance(fact, frozenset | tuple):
        return " / ".join(sorted(map(str, fact)))
    return str(fact)
