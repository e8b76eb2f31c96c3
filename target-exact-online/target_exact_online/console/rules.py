"""The rules of the mapper, as its own commands read, check, explain and simulate them."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exact_online.errors import ConfigError
from mapper_gl_rules.booking.booker import Booker
from mapper_gl_rules.exceptions import MapperError
from mapper_gl_rules.rules.loading import load_rules, parse_rules
from mapper_gl_rules.source import Order
from mapper_gl_rules.tools.cells import text_of
from mapper_gl_rules.tools.compare import compare
from mapper_gl_rules.tools.coverage import Coverage, coverage
from mapper_gl_rules.tools.documents import shop_documents
from mapper_gl_rules.tools.explain import Explanation, explain
from mapper_gl_rules.tools.lint import Finding, lint
from mapper_gl_rules.tools.simulate import Simulation, simulate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mapper_gl_rules.rules.facts import DocumentKind
    from mapper_gl_rules.rules.model import Rule, Rules
    from mapper_gl_rules.source import Document

    Read = tuple[DocumentKind, Document | Order]

LARGEST_DOCUMENTS = 256 << 20  # bytes of the file with the shop's documents


@dataclass(frozen=True, slots=True)
class Row:
    """A rule as an accountant reads it."""

    name: str
    line: int
    when: tuple[tuple[str, str], ...]  # condition and its values
    books: tuple[tuple[str, str], ...]
    refuses: str
    comment: str

    @classmethod
    def of(cls, rule: Rule) -> Row:
        """Return the row of a rule."""
        book = rule.book
        names = book.__struct_fields__ if book is not None else ()
        outcome = {one: getattr(book, one) for one in names if getattr(book, one) is not None}
        return cls(
            rule.name, rule.line, _pairs(rule.when), _pairs(outcome), rule.refuse or "",
            rule.comment,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Changed:
    """What other rules would do."""

    name: str  # of their file
    differences: tuple[str, ...]
    findings: tuple[Finding, ...]
    result: Simulation


@dataclass(slots=True)
class _Cached:
    """Something made of files, for as long as these do not change."""

    stamp: Any = None
    value: Any = None


@dataclass(slots=True)
class RulesDesk:
    """The rules file and the shop's documents; both are read again when they change."""

    rules_file: Path | None
    documents_file: Path | None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _cache: dict[str, _Cached] = field(default_factory=lambda: defaultdict(_Cached), repr=False)

    def rules(self) -> Rules:
        """Return the rules.

        Raises:
            ConfigError: There is no file, or it cannot be used.
        """
        path = self.rules_file
        if path is None:
            msg = "The console was started without --rules FILE: it knows no rules."
            raise ConfigError(msg)
        found: Rules = self._known("rules", _stamp(path), lambda: _ours(lambda: load_rules(path)))
        return found

    def rows(self) -> list[Row]:
        """Return the rules as an accountant reads them."""
        return [Row.of(rule) for rule in self.rules().rules]

    def findings(self) -> list[Finding]:
        """Return what is wrong with the rules."""
        rules = self.rules()
        found: list[Finding] = self._known("lint", rules.version, lambda: lint(rules))
        return found

    def coverage(self) -> Coverage:
        """Return what becomes of the shop's documents.

        Raises:
            ConfigError: They, or the rules, cannot be read.
        """
        rules, documents = self.rules(), self._documents()
        stamp = (rules.version, _stamp(self._file()))
        made = lambda: _ours(lambda: coverage(documents, rules))  # noqa: E731
        found: Coverage = self._known("coverage", stamp, made)
        return found

    def explain(self, number: str) -> list[Explanation]:
        """Explain every document of an order, or the one with this number.

        Raises:
            ConfigError: There is none.
        """
        rules, documents = self.rules(), self._documents()
        booker = Booker(rules)
        found = [
            explain(booker, kind, document)
            for kind, document in documents
            if number in _numbers(document)
        ]
        if not found:
            msg = (
                f"There is no order, invoice or credit memo {number} among the documents "
                f"({self._file().name}). Check the number, or extract its period with the tap."
            )
            raise ConfigError(msg)
        return found

    def simulate(self, text: str, name: str) -> Changed:
        """Say what a changed rules file would do.

        Raises:
            ConfigError: It, the rules or the documents cannot be used.
        """
        old = self.rules()
        new = _ours(lambda: parse_rules(text, origin=name))
        documents = self._documents()
        result = _ours(lambda: simulate(documents, old, new))
        return Changed(name, tuple(compare(old, new)), tuple(lint(new)), result)

    def _file(self) -> Path:
        if self.documents_file is None:
            msg = (
                "The console was started without --documents FILE: it knows no documents of the "
                "shop to try rules with. Give it what the tap writes."
            )
            raise ConfigError(msg)
        return self.documents_file

    def _documents(self) -> list[Read]:
        path = self._file()
        size, stamp = _size(path), _stamp(path)
        if size > LARGEST_DOCUMENTS:
            msg = (
                f"{path} has {size} bytes; the console reads {LARGEST_DOCUMENTS} at most (option "
                "--documents). Use `mapper-gl-rules rules`, or extract a shorter period."
            )
            raise ConfigError(msg)
        base = self.rules().settings.amounts == "base"
        read = lambda: _ours(lambda: list(shop_documents(path, base=base)))  # noqa: E731
        found: list[Read] = self._known("documents", (stamp, base), read)
        return found

    def _known(self, name: str, stamp: Any, make: Any) -> Any:
        with self._lock:
            cached = self._cache[name]
            if cached.value is None or cached.stamp != stamp:
                cached.value, cached.stamp = make(), stamp
            return cached.value


def _ours(make: Any) -> Any:
    """Make something; the mapper's error becomes one of ours, in its words."""
    try:
        return make()
    except MapperError as error:
        raise ConfigError(str(error)) from error


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        told = path.stat()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}. Check how the console was started."
        raise ConfigError(msg) from error
    return str(path), told.st_mtime_ns, told.st_size


def _size(path: Path) -> int:
    return _stamp(path)[2]


def _numbers(document: Document | Order) -> set[str | None]:
    order = document if isinstance(document, Order) else document.order
    return {document.increment_id, order.increment_id if order else None}


def _pairs(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name.replace("_", " "), text_of(value)) for name, value in values.items())
