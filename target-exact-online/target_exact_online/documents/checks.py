"""Collect every problem of a document at once, so that a person corrects it in one go."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from exact_online.errors import DocumentRefusedError, Problem
from target_exact_online.master_data import NotUsableError

_CENT = Decimal("0.01")
_MAX_INT32 = 2_147_483_647
LONGEST_EMAIL = 100
_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s.,;]{2,}")
_REPORT = "Report this with the document's key: the record does not follow the contract."


def is_email(text: str) -> bool:
    """Tell whether a text has the form of an e-mail address."""
    return bool(_EMAIL.fullmatch(text))


@dataclass(slots=True)
class Checks:
    """The problems of one document, and readers of its fields that add to them."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, where: str, what: str, what_to_do: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(where, what, what_to_do))

    def at(self, where: str) -> _At:
        """Note what cannot be used inside a ``with`` block as a problem of this field."""
        return _At(self, where)

    def raise_if_any(self) -> None:
        """End with all problems.

        Raises:
            DocumentRefusedError: When there is at least one.
        """
        if self.problems:
            raise DocumentRefusedError(self.problems)

    def amount(self, record: dict[str, Any], name: str, where: str) -> Decimal:
        """Return an amount of at most two decimals; a problem counts as 0."""
        value = self.decimal(record, name, where)
        if value is None:
            self.add(where, f"The {_said(name)} is missing", _REPORT)
            return Decimal(0)
        if value != value.quantize(_CENT):
            self.add(where, f"The {_said(name)} {value} has more than two decimals", _REPORT)
        return value

    def decimal(self, record: dict[str, Any], name: str, where: str) -> Decimal | None:
        """Return a number exactly, or None when it is absent."""
        value = record.get(name)
        if value is None:
            return None
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if isinstance(value, bool) or not number.is_finite():
            self.add(where, f"The {_said(name)} {value!r} is not a number", _REPORT)
            return None
        return number

    def text(
        self, record: dict[str, Any], name: str, where: str, *, longest: int, required: bool = False
    ) -> str:
        """Return a text of limited length, or an empty string."""
        value = record.get(name)
        text = "" if value is None else str(value).strip()
        if required and not text:
            self.add(where, f"The {_said(name)} is missing", _REPORT)
        if len(text) > longest:
            self.add(
                where,
                f"The {_said(name)} has {len(text)} characters, Exact keeps {longest}",
                "Shorten it in the rules or in the shop.",
            )
        return text

    def optional(self, record: dict[str, Any], name: str, where: str, *, longest: int) -> str:
        """Return a text that nobody books by; one that Exact cannot keep is left out."""
        value = record.get(name)
        text = "" if value is None else str(value).strip()
        if len(text) <= longest:
            return text
        self.leave_out(where, name, f"it has {len(text)} characters, Exact keeps {longest}")
        return ""

    def leave_out(self, where: str, name: str, why: str) -> None:
        """Note that an optional text is not sent, because it must not hold up revenue."""
        self.warnings.append(f"The {_said(name)} is left out, because {why} ({where})")

    def optionals(
        self, record: dict[str, Any], fields: dict[str, tuple[str, int]], where: str
    ) -> dict[str, Any]:
        """Return the optional texts that a record has and Exact can keep, under Exact's names.

        For each of our fields are given Exact's property, and the length that Exact keeps.
        """
        texts = {
            target: self.optional(record, name, f"{where}, {name}", longest=longest)
            for name, (target, longest) in fields.items()
        }
        return {target: text for target, text in texts.items() if text}

    def email(self, record: dict[str, Any], where: str) -> str:
        """Return the e-mail address by which a relation is known, if there is one."""
        email = self.text(record, "email", where, longest=LONGEST_EMAIL)
        if email and not is_email(email):
            what = f"{email!r} is not an e-mail address"
            self.add(where, what, "Correct it in the shop.")
        return email

    def day(self, record: dict[str, Any], name: str, where: str) -> date | None:
        """Return a calendar date; the local one, never a moment."""
        value = record.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, date):
            return date(value.year, value.month, value.day)
        match = re.fullmatch(r"(\d{4}-\d{2}-\d{2})(T00:00:00)?", str(value))
        with contextlib.suppress(ValueError):
            if match:
                return date.fromisoformat(match[1])
        self.add(where, f"The {_said(name)} {value!r} is not a date", _REPORT)
        return None

    def number(self, record: dict[str, Any], name: str, where: str) -> int | None:
        """Return a document number that fits Exact's field, or None when it is absent."""
        value = record.get(name)
        if value is None or value == "":
            return None
        text = str(value)
        if not text.isascii() or not text.isdigit() or not 0 < int(text) <= _MAX_INT32:
            self.add(
                where,
                f"The {_said(name)} {value!r} is not a number from 1 to {_MAX_INT32}",
                "Leave it out in the rules: the reference carries the shop's number.",
            )
            return None
        return int(text)


@dataclass(slots=True)
class _At(contextlib.AbstractContextManager["_At", bool]):
    """Turns `NotUsableError` into a problem and goes on after the block."""

    checks: Checks
    where: str

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        """Note the problem."""
        if not isinstance(error, NotUsableError):
            return False
        self.checks.add(self.where, error.what, error.what_to_do)
        return True


def _said(name: str) -> str:
    return name.replace("_", " ")
