"""What can still be told of a record that is no JSON, or not the JSON that is expected."""

from __future__ import annotations

import re

import msgspec

__all__ = ["UNREADABLE", "scalars"]

# What decoding raises for bytes of any shape.
UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_LONGEST = 200


def scalars(text: bytes, deepest: int = 3) -> dict[str, str]:
    """Give texts and numbers of the outer objects by their path, such as `source.instance`.

    Nothing is nested too deep for it, and what is odd between them does no harm.
    """
    found: dict[str, str] = {}
    keys: list[str | None] = [None] * (deepest + 1)
    depth, is_value = 0, False
    for token in (match[0] for match in _TOKEN.finditer(text)):
        if token in (b"{", b"["):
            depth, is_value = depth + 1, False
            if depth <= deepest:
                keys[depth] = None
        elif token in (b"}", b"]"):
            depth, is_value = max(depth - 1, 0), False
        elif token in (b":", b","):
            is_value = token == b":"
        elif 0 < depth <= deepest:
            if not is_value:
                keys[depth] = _text(token)
            elif all(path := keys[1 : depth + 1]):
                found.setdefault(".".join(map(str, path)), _text(token))
    return found


def _text(token: bytes) -> str:
    try:
        return str(msgspec.json.decode(token))[:_LONGEST]
    except UNREADABLE:
        text = token.strip(b'"').decode("utf-8", "replace")
        return "".join(filter(str.isprintable, text))[:_LONGEST]
