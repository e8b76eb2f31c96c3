"""Read Exact's answers: verbose JSON of OData 2.0, padded codes, epoch dates, exact numbers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"/Date\((-?\d+)\)/")


class UnreadableAnswerError(ValueError):
    """The body is not the JSON that Exact promises (truncated, HTML, or empty)."""


def encode(payload: dict[str, Any]) -> bytes:
    """Return the body to send; a ``Decimal`` becomes a JSON number with all its digits."""
    return _ENCODER.encode(payload)


def decode(body: bytes) -> Any:
    """Parse a body; fractions become ``Decimal``.

    Raises:
        UnreadableAnswerError: When it is not JSON.
    """
    try:
        return _DECODER.decode(body)
    except msgspec.DecodeError as error:
        raise UnreadableAnswerError(str(error)) from error


def rows_and_next(answer: Any) -> tuple[list[dict[str, Any]], str | None]:
    """Return the rows of a list answer and the address of its next page.

    Both shapes of ``d`` exist: ``{"results": […], "__next": …}`` and a bare list.

    Raises:
        UnreadableAnswerError: When the answer has neither shape.
    """
    data = answer.get("d") if isinstance(answer, dict) else None
    if isinstance(data, list):
        rows, following = data, answer.get("__next")
    elif isinstance(data, dict) and isinstance(data.get("results"), list):
        rows, following = data["results"], data.get("__next") or answer.get("__next")
    else:
        msg = "the answer has no list in it"
        raise UnreadableAnswerError(msg)
    return [clean(row) for row in rows], following


def entity(answer: Any) -> dict[str, Any]:
    """Return the one entity of an answer.

    Raises:
        UnreadableAnswerError: When there is none.
    """
    data = answer.get("d") if isinstance(answer, dict) else None
    if isinstance(data, dict) and isinstance(data.get("results"), list):
        data = data["results"]
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if not isinstance(data, dict):
        msg = "the answer has no entity in it"
        raise UnreadableAnswerError(msg)
    return clean(data)


def error_text(body: bytes) -> str | None:
    """Return ``error.message.value``, or None when the body does not have it."""
    try:
        answer = decode(body)
        value = answer["error"]["message"]["value"]
    except (UnreadableAnswerError, KeyError, TypeError):
        return None
    return value if isinstance(value, str) and value.strip() else None


def clean(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with trimmed strings, dates as aware UTC datetimes and plain collections."""
    return {
        name: _value(value) if isinstance(value, (str, dict, list)) else value
        for name, value in row.items()
        if name != "__metadata" and not (isinstance(value, dict) and "__deferred" in value)
    }


def _value(value: Any) -> Any:
    if isinstance(value, str):
        if value.startswith("/Date(") and (match := _DATE.fullmatch(value)):
            return _EPOCH + timedelta(milliseconds=int(match[1]))
        return value.strip()
    if isinstance(value, dict):
        inner = value.get("results")
        return [clean(row) for row in inner] if isinstance(inner, list) else clean(value)
    if isinstance(value, list):
        return [clean(row) if isinstance(row, dict) else _value(row) for row in value]
    return value
