r"""JSON text as PHP writes it: no spaces, ``\/`` and ``\u00e9`` escapes, ``5`` for 5.0."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

# The shop's tables use MySQL's three-byte utf8: it stores four marks for such a character.
_OUTSIDE_BMP = re.compile("[\U00010000-\U0010ffff]")


def _plain(value: Any) -> Any:
    """Replace what JSON encoders write differently (decimals, whole floats, emoji)."""
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return _OUTSIDE_BMP.sub("????", value)
    return value


def dumps(value: Any) -> str:
    """Write a value as the shop would.

    Args:
        value: Any JSON value; decimals and floats become numbers without trailing zeros.
    """
    return json.dumps(_plain(value), separators=(",", ":")).replace("/", "\\/")
