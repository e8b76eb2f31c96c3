"""What every part of the sandbox shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commerce_sandbox.clock import Clock
    from commerce_sandbox.database import Database
    from commerce_sandbox.request_log import RequestLog


@dataclass(frozen=True)
class SandboxContext:
    """What routes, generators and control calls work on.

    Attributes:
        database: Everything that the two systems keep.
        clock: Their time.
        requests: The calls to them.
    """

    database: Database
    clock: Clock
    requests: RequestLog
