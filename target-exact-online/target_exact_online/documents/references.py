"""References as Exact keeps them: at most thirty characters, the rest is cut without an error."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 30
_KEPT = 21


def stored_reference(text: str) -> str:
    """Return a reference as Exact will have it, so that it can be looked for.

    A longer one is shortened in one fixed way that keeps two long ones apart.
    """
    text = text.strip()
    if len(text) <= LONGEST:
        return text
    return f"{text[:_KEPT]}~{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def reference_of(record: Mapping[str, Any]) -> str:
    """Return the reference of a record as Exact will have it, or an empty string."""
    return stored_reference(str(record.get("your_ref") or ""))
