"""The control statements of a month."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_exact_online.month_end.model import Result, Statement
    from target_exact_online.month_end.reconcile import Comparison


def build(comparison: Comparison, result: Result) -> tuple[Statement, ...]:
    """Return the control statements, by number.

    Args:
        comparison: What was read.
        result: What was found.
    """
    del comparison, result
    return ()
