"""JSON Schemas of the streams, one file each; their fields are Exact's properties."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def load(stream: str) -> dict[str, Any]:
    """Return a stream's schema."""
    read: dict[str, Any] = json.loads(
        (files(__name__) / f"{stream}.json").read_text(encoding="utf-8")
    )
    return read
