"""What the target accepts: one JSON Schema per stream, with human codes and never a GUID."""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any

_FOLDER = resources.files(__name__)
STREAMS = sorted(one.name.removesuffix(".json") for one in _FOLDER.iterdir() if ".json" in one.name)


@functools.cache
def load(stream: str) -> dict[str, Any]:
    """Return the schema of one of `STREAMS`."""
    schema: dict[str, Any] = json.loads(_FOLDER.joinpath(f"{stream}.json").read_text("utf-8"))
    return schema
