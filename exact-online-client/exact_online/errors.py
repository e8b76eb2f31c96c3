"""One tree of errors: *retriable* (try again later) and *fatal* (a person has to do something).

Callers decide by type, never by reading messages:

```
ExactError
├── RetriableError
│   ├── TransientApiError          nothing was stored in Exact; send it again later
│   ├── OutcomeUnknownError        sent, but the answer never came: ask Exact before sending again
│   └── NotNowError                Exact takes no calls before ``retry_at``; nothing was stored
└── FatalError
    ├── ConfigError                a setting is missing or wrong
    ├── AuthorizationRequiredError the connection is dead or lacks a right; consent again
    │   └── NotPermittedError      it lives, but lacks the right for one resource
    ├── RequestRefusedError        Exact does not understand a question of ours
    └── DocumentRefusedError       this document cannot be booked as it is; others can
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class ExactError(Exception):
    """Base of every error this package raises on purpose."""


class RetriableError(ExactError):
    """The same call may succeed later without anybody doing anything."""


class TransientApiError(RetriableError):
    """Exact was not reachable or not able, and surely stored nothing."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        """Describe the failure.

        Args:
            message: What happened, in plain English.
            status: The HTTP status, or None when there was no answer.
        """
        super().__init__(message)
        self.status = status


class OutcomeUnknownError(RetriableError):
    """A write was sent and no trustworthy answer came: Exact may or may not have stored it."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        """Describe the failure.

        Args:
            message: What happened, in plain English.
            status: The HTTP status, or None when there was no answer.
        """
        super().__init__(message)
        self.status = status


class NotNowError(RetriableError):
    """Exact takes no calls now: a limit is reached, or it is away. Nothing was stored."""

    def __init__(
        self, message: str, *, retry_at: datetime, endpoint: str | None = None, away: bool = False
    ) -> None:
        """Describe why.

        Args:
            message: Which limit, or what is wrong with Exact, in plain English.
            retry_at: When a call may be made again (UTC).
            endpoint: The endpoint that is left alone, or None when it is all of them.
            away: True when Exact does not answer, False when a limit is reached.
        """
        super().__init__(message)
        self.retry_at = retry_at
        self.endpoint = endpoint
        self.away = away


class FatalError(ExactError):
    """Repeating does not help: a person has to change something."""


class ConfigError(FatalError):
    """A setting is missing, wrong, or does not fit the Exact company."""


class AuthorizationRequiredError(FatalError):
    """Exact does not accept the connection, or the connection lacks a right."""


class NotPermittedError(AuthorizationRequiredError):
    """The connection lives, but Exact does not permit one resource (HTTP 403)."""

    def __init__(self, message: str, *, scope: str | None = None) -> None:
        """Describe what is not permitted.

        Args:
            message: What, where and what to do.
            scope: The scope that Exact says is missing, or None when it names none.
        """
        super().__init__(message)
        self.scope = scope


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a document cannot be booked.

    Attributes:
        where: Line and field, e.g. ``line 2, gl_account``; ``document`` for the whole.
        what: What is wrong, in plain English, with the value.
        what_to_do: The next step for a person.
        original: Exact's own words, when Exact said it.
    """

    where: str
    what: str
    what_to_do: str
    original: str | None = None

    def __str__(self) -> str:
        """Return one readable sentence."""
        said = f' Exact says: "{self.original}".' if self.original else ""
        return f"{self.what} ({self.where}). {self.what_to_do}{said}"


class RequestRefusedError(FatalError):
    """Exact refused a question as such (HTTP 400, 404): its company or its API differs."""


class DocumentRefusedError(FatalError):
    """One document cannot be booked as it is."""

    def __init__(
        self, problems: Iterable[Problem], *, by_exact: bool = False, duplicate: bool = False
    ) -> None:
        """Collect the reasons.

        Args:
            problems: Every reason that is known, at least one.
            by_exact: True when Exact itself answered so, False when it was found before any call.
            duplicate: True when Exact says that the number is taken: ask whether it is ours.
        """
        self.problems: tuple[Problem, ...] = tuple(problems)
        self.by_exact = by_exact
        self.duplicate = duplicate
        super().__init__(" ".join(str(problem) for problem in self.problems))
