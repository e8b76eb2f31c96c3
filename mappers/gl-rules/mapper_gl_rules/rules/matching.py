"""First match wins, fast: the same facts are decided once.

Rules are compiled to predicates; a document narrows them to the few whose document
conditions hold, and the rules of a line are remembered by the facts that any rule looks at.
Amounts are as many as documents: they are asked last, and only where all else holds.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from mapper_gl_rules.money import show
from mapper_gl_rules.rules.conditions import Predicate, predicate
from mapper_gl_rules.rules.vocabulary import CONDITIONS, DOCUMENT_OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mapper_gl_rules.rules.facts import DocumentFacts, LineFacts
    from mapper_gl_rules.rules.goods import Worth
    from mapper_gl_rules.rules.model import Rule, Rules

__all__ = ["Decision", "Matcher"]

_MOST = 20_000  # remembered decisions; forgotten all at once beyond it, so that memory is flat

_Tests = list[tuple[str, Callable[[Any], Any], Predicate]]


class Decision:
    """What the rules say about documents with the same facts.

    Attributes:
        candidates: Numbers of the rules whose document conditions hold.
        refusal: The first `line: document` rule that refuses the document.
        lines: Remembered rules of lines: the first that matches, and before it those that match
            if their amounts do.
    """

    __slots__ = ("_outcomes", "candidates", "lines", "refusal")

    def __init__(self, candidates: list[int], rules: tuple[Rule, ...]) -> None:
        """Take the outcomes of whole documents: for each, the first rule that names it."""
        self.candidates = candidates
        self.lines: dict[Any, tuple[int, ...]] = {}
        self.refusal: Rule | None = None
        self._outcomes: dict[str, Any] = {}
        for rule in (rules[number] for number in candidates):
            if rule.when.get("line") != "document":
                continue
            if rule.book is None:
                self.refusal = self.refusal or rule
                continue
            for field in DOCUMENT_OUTCOMES:
                value = getattr(rule.book, field)
                if value is not None:
                    self._outcomes.setdefault(field, value)

    def outcome(self, field: str) -> Any:
        """Give an outcome of the whole document."""
        return self._outcomes.get(field)


class Matcher:
    """Finds the first rule whose conditions all hold."""

    def __init__(self, rules: Rules) -> None:
        """Compile the conditions of all rules."""
        self._rules = rules.rules
        self._document_tests: list[_Tests] = []
        self._line_tests: list[_Tests] = []
        self._amount_tests: list[_Tests] = []
        self._by_amount: list[int] = []  # rules for whole documents that ask for an amount
        used: dict[str, set[str]] = {"document": set(), "line": {"line"}}
        for number, rule in enumerate(self._rules):
            tests: dict[str, _Tests] = {"document": [], "line": [], "amount": []}
            for name, value in rule.when.items():
                condition = CONDITIONS[name]
                kind = "amount" if condition.value == "amount" else condition.scope
                if kind != "amount":
                    used[condition.scope].add(name)
                tests[kind].append((name, attrgetter(condition.fact), predicate(name, value)))
            self._document_tests.append(tests["document"])
            self._line_tests.append(tests["line"])
            self._amount_tests.append(tests["amount"])
            if tests["amount"] and rule.when.get("line") == "document":
                self._by_amount.append(number)
        self._document_key = _key(used["document"], "kind")
        self._line_key = _key(used["line"], "kind")
        self._decisions: dict[Any, Decision] = {}
        self._remembered = 0
        self._last: tuple[DocumentFacts | None, Decision] = (None, Decision([], ()))

    def decide(self, document: DocumentFacts) -> Decision:
        """Give what the rules say about a document."""
        if document is self._last[0]:
            return self._last[1]
        exceeded = tuple(
            [
                number
                for number in self._by_amount
                if _all_hold(self._document_tests[number], document)
                and not _all_hold(self._amount_tests[number], document)
            ]
        )
        key = (self._document_key(document), exceeded)
        found = self._decisions.get(key)
        if found is None:
            self._forget_when_full()
            candidates = [
                number
                for number, tests in enumerate(self._document_tests)
                if _all_hold(tests, document) and number not in exceeded
            ]
            found = self._decisions[key] = Decision(candidates, self._rules)
        self._last = document, found
        return found

    def match(self, document: DocumentFacts, line: LineFacts) -> Rule | None:
        """Find the rule of a line, None when no rule matches.

        Raises:
            DocumentRefusedError: When a rule asks for an amount that the shop does not state.
        """
        decision = self.decide(document)
        key = self._line_key(line)
        numbers = decision.lines.get(key)
        if numbers is None:
            self._forget_when_full()
            numbers = decision.lines[key] = tuple(self._matching(decision.candidates, line))
        for number in numbers:
            if all(
                test(read(document if CONDITIONS[name].scope == "document" else line))
                for name, read, test in self._amount_tests[number]
            ):
                return self._rules[number]
        return None

    def _matching(self, candidates: list[int], line: LineFacts) -> Iterator[int]:
        """Give the rules that match but for their amounts, up to the first without any."""
        for number in candidates:
            if _all_hold(self._line_tests[number], line):
                yield number
                if not self._amount_tests[number]:
                    return

    def _forget_when_full(self) -> None:
        self._remembered += 1
        if self._remembered > _MOST:
            self._decisions.clear()
            self._last[1].lines.clear()
            self._remembered = 0

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
        for name, read, test in self._amount_tests[number]:
            worth = read(document if CONDITIONS[name].scope == "document" else line)
            if not test(worth):
                return f"{name} is {_amounts(worth)}"
        return None


def _all_hold(tests: _Tests, facts: DocumentFacts | LineFacts) -> bool:
    return all(test(read(facts)) for _, read, test in tests)


def _key(conditions: set[str], always: str) -> Callable[[Any], Any]:
    """Give what takes the facts out that conditions look at, for remembering decisions."""
    return attrgetter(always, *sorted({CONDITIONS[name].fact for name in conditions}))


def _shown(fact: Any) -> str:
    if fact is None or fact == ():
        return "not known"
    if isinstance(fact, frozenset | tuple):
        return " / ".join(sorted(map(str, fact)))
    return str(fact)


def _amounts(worth: Worth | None) -> str:
    return (
        " / ".join(f"{show(amount)} {name}" for name, amount in worth().items())
        if worth
        else "not known"
    )
