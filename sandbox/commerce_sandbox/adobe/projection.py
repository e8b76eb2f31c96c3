"""The ``fields`` parameter: which members of an answer are sent."""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(r"[A-Za-z0-9_]+|[\[\],]")
_PERMITTED = re.compile(r"[A-Za-z0-9_\[\],]+")

Filter = dict[str, "Filter | None"]


def parse(text: str) -> Filter | None:
    """Read ``items[increment_id,items[sku]],total_count``.

    Args:
        text: The parameter's value.

    Returns:
        Names with their own filters, or None when the text is malformed.
    """
    if not _PERMITTED.fullmatch(text):
        return None
    current: Filter = {}
    stack: list[tuple[Filter, str]] = []
    last = ""
    for token in _TOKEN.findall(text):
        if token == "[":  # noqa: S105  (a bracket)
            if not last:
                return None
            stack.append((current, last))
            current, last = {}, ""
        elif token == "]":  # noqa: S105  (a bracket)
            if not stack:
                return None
            outer, name = stack.pop()
            outer[name] = current
            current, last = outer, ""
        elif token == ",":  # noqa: S105  (a comma)
            last = ""
        else:
            current[token] = None
            last = token
    return None if stack else current


def apply(value: Any, wanted: Filter) -> Any:
    """Keep only the wanted members, in the answer's own order.

    A list keeps its elements and filters each; an empty list becomes null, as the shop sends it.
    """
    if isinstance(value, list):
        return [apply(element, wanted) for element in value] or None
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for name, member in value.items():
        if name not in wanted:
            continue
        inner = wanted[name]
        if name == "custom_attributes" and inner is not None and isinstance(member, list):
            kept[name] = [entry for entry in member if entry.get("attribute_code") in inner]
        elif inner is not None and isinstance(member, list | dict):
            kept[name] = apply(member, inner)
        else:
            kept[name] = member
    return kept
