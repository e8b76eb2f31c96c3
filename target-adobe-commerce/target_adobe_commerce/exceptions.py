"""The target's own errors, in the tree of `adobe_commerce.errors`: one ``except`` serves both."""

from __future__ import annotations

from adobe_commerce.errors import FatalError


class RefusedStreamError(FatalError):
    """A stream holds what this target never writes, such as orders and invoices."""


class PlanError(FatalError):
    """A plan cannot be read, or is of something else."""


class StalePlanError(FatalError):
    """One of the two sides changed since the plan was made."""


class UnwritableRouteError(FatalError):
    """A route that this target has no business to write to."""


class NotKeptError(FatalError):
    """The shop answered, and does not have what was written: it dropped or lost something."""
