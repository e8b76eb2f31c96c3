"""What every part of the sandbox shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commerce_sandbox.clock import Clock
    from commerce_sandbox.database import Database


@dataclass(frozen=True)
class SandboxContext:
    """The database and clock that routes, generators and control calls work on."""

    database: Database
    clock: Clock
