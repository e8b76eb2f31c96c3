"""The target's errors: the tree of `exact_online.errors`, so that one ``except`` serves both.

Callers decide by type, never by reading messages.
"""

from __future__ import annotations

from exact_online.errors import (
    AuthorizationRequiredError,
    ConfigError,
    DocumentRefusedError,
    ExactError,
    FatalError,
    NotNowError,
    OutcomeUnknownError,
    Problem,
    RequestRefusedError,
    RetriableError,
    TransientApiError,
)

TargetError = ExactError
"""Base of every error this target raises on purpose."""

__all__ = [
    "AuthorizationRequiredError",
    "ConfigError",
    "DocumentRefusedError",
    "FatalError",
    "NotNowError",
    "OutcomeUnknownError",
    "Problem",
    "RequestRefusedError",
    "RetriableError",
    "TargetError",
    "TransientApiError",
]
