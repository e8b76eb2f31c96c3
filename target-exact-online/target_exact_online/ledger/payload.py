"""A document as bytes, and what of it counts as its content."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="number", order="sorted")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)

# Where a document came from and which rules made it may change without the document changing.
_NOT_CONTENT = frozenset({"source", "rules_version", "description"})
_NOT_LINE_CONTENT = frozenset({"rule", "description"})


def encode(record: dict[str, Any]) -> bytes:
    """Return the record as JSON, digits of amounts unchanged."""
    return _ENCODER.encode(record)


def decode(payload: bytes) -> dict[str, Any]:
    """Return the record, amounts as ``Decimal``."""
    record: dict[str, Any] = _DECODER.decode(payload)
    return record


def content_hash(record: dict[str, Any]) -> str:
    """Return the SHA-256 (hex) of what would be booked.

    Two versions of a document with the same hash are the same document to an accountant.
    """
    content = {name: value for name, value in record.items() if name not in _NOT_CONTENT}
    lines = record.get("lines")
    if isinstance(lines, list):
        content["lines"] = [
            {name: value for name, value in line.items() if name not in _NOT_LINE_CONTENT}
            for line in lines
            if isinstance(line, dict)
        ]
    debtor = record.get("debtor")
    if isinstance(debtor, dict):
        # How an account would be created matters once; afterwards it may differ freely.
        content["debtor"] = {name: value for name, value in debtor.items() if name != "create"}
    return hashlib.sha256(_ENCODER.encode(content)).hexdigest()
