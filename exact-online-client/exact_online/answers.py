"""Exact's answers: read within bounds, and turned into rows, exact numbers and moments.

Verbose JSON of OData 2.0, with padded codes and epoch dates. Nothing that arrives is trusted to
have the promised shape: what differs ends in :class:`UnreadableAnswerError`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from urllib3.response import BaseHTTPResponse

from exact_online._properties import MOMENTS, NUMBERS, TEXTS, WHOLE
from exact_online.errors import ExactError, OutcomeUnknownError, TransientApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import requests

MAX_BYTES = 32 * 1024 * 1024
"""Of an unpacked answer; a page of 1,000 rows has about two million."""
MAX_DEPTH = 20
MAX_ERROR_TEXT = 2_000

PROPERTIES_OF_A_TYPE = MOMENTS | NUMBERS | TEXTS | WHOLE
"""Properties whose values are of the documented type in every row that was read."""

_PIECE = 64 * 1024
_DIVISION = re.compile(r"/api/v1/(?:[a-z]+/)?(\d+)/")
_ENCODINGS = {"", "identity", "gzip", "deflate"}  # one at a time: chains multiply their effect
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)
_DATE = re.compile(r"/Date\((-?\d{1,18})\)/")
_LARGEST_INTEGER = 2**63
_LARGEST_EXPONENT = 30


class UnreadableAnswerError(ValueError):
    """The answer is not what Exact promises: cut off, HTML, too large, or of another shape."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: The HTTP status.
        headers: Case does not matter.
        body: All of it, unpacked.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_json(self) -> bool:
        """Tell whether the body says that it is JSON."""
        return "json" in self.headers.get("Content-Type", "").lower()

    @property
    def is_success(self) -> bool:
        """Tell whether the status is 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_redirect(self) -> bool:
        """Tell whether the status is 3xx."""
        return HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST

    @property
    def is_refusal(self) -> bool:
        """Tell whether the status is 4xx; a time-out is none, it says nothing about the call."""
        return (
            HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR
            and self.status != HTTPStatus.REQUEST_TIMEOUT
        )

    @property
    def is_unauthorized(self) -> bool:
        """Tell whether the token was refused: 401, or a redirect to the login page."""
        to_login = "login" in self.headers.get("Location", "").lower()
        return self.status == HTTPStatus.UNAUTHORIZED or (self.is_redirect and to_login)


class Row(dict[str, Any]):
    """One entity that was read. A property that Exact left out is Exact's error, not the program's.

    ``row["ID"]`` raises `TransientApiError` when the answer has no ``ID``; ``row.get`` does not.
    """

    error: ClassVar[type[ExactError]] = TransientApiError

    def __missing__(self, name: str) -> Any:
        """Tell that the answer lacks a property."""
        msg = f"Exact's answer lacks the property {name}"
        raise self.error(msg)


class StoredRow(Row):
    """The entity in the answer to a write; a missing property raises `OutcomeUnknownError`."""

    error = OutcomeUnknownError


def read(response: requests.Response, *, deadline: float, clock: Callable[[], float]) -> Answer:
    """Read a streamed response to its end.

    Args:
        response: Its head has arrived.
        deadline: When it has to be complete.
        clock: The time the deadline is in.

    Raises:
        UnreadableAnswerError: It is too large, takes too long, or is packed in an unknown way.
    """
    packed = response.headers.get("Content-Encoding", "").strip().lower()
    if packed not in _ENCODINGS:
        msg = f"the answer is packed in a way that was not asked for: {packed[:40]}"
        raise UnreadableAnswerError(msg)
    body = bytearray()
    for piece in _pieces(response):
        body += piece
        if len(body) > MAX_BYTES:
            msg = f"the answer has more than {MAX_BYTES // 1024 // 1024} MB"
            raise UnreadableAnswerError(msg)
        if clock() > deadline:
            msg = "the answer took too long to arrive"
            raise UnreadableAnswerError(msg)
    return Answer(response.status_code, response.headers, bytes(body))


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """What has arrived, as it arrives: `requests` itself would wait for whole pieces."""
    if not isinstance(response.raw, BaseHTTPResponse):  # of somebody's own adapter
        yield from response.iter_content(_PIECE)
        return
    while piece := response.raw.read1(_PIECE, decode_content=True):
        yield piece


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
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
        msg = "too deep" if isinstance(error, RecursionError) else str(error)
        raise UnreadableAnswerError(msg) from None


def rows_and_next(answer: Any) -> tuple[list[Row], str | None]:
    """Return the rows of a list answer and the address of its next page.

    Raises:
        UnreadableAnswerError: When the answer has no list.
    """
    rows, following = _list(answer)
    if following is not None and not isinstance(following, str):
        msg = "the address of the next page is no text"
        raise UnreadableAnswerError(msg)
    return [clean(row) for row in rows], following or None


def of_other_division(answer: Any, division: int) -> bool:
    """Tell whether the address of a row in a list answer names another division.

    Args:
        answer: As Exact wrote it.
        division: The one that was asked.

    Raises:
        UnreadableAnswerError: When the answer has no list.
    """
    about = (row.get("__metadata") for row in _list(answer)[0] if isinstance(row, dict))
    addresses = (str(one.get("uri")) for one in about if isinstance(one, dict))
    named = (_DIVISION.search(address) for address in addresses)
    return any(int(found[1]) != division for found in named if found)


def _list(answer: Any) -> tuple[list[Any], Any]:
    """Return rows and address of the next page, from either shape of ``d`` that exists.

    ``{"results": […], "__next": …}``, or a bare list.
    """
    data = answer.get("d") if isinstance(answer, dict) else None
    if isinstance(data, list):
        return data, answer.get("__next")
    if isinstance(data, dict) and isinstance(data.get("results"), list):
        return data["results"], data.get("__next") or answer.get("__next")
    msg = "the answer has no list in it"
    raise UnreadableAnswerError(msg)


def entity(answer: Any) -> StoredRow:
    """Return the one entity of an answer to a write.

    Raises:
        UnreadableAnswerError: When there is none.
    """
    data = answer.get("d") if isinstance(answer, dict) else None
    if isinstance(data, dict) and isinstance(data.get("results"), list):
        data = data["results"]
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    row = StoredRow(clean(data)) if isinstance(data, dict) else None
    if not row:
        msg = "the answer has no entity in it"
        raise UnreadableAnswerError(msg)
    return row


def error_text(body: bytes) -> str | None:
    """Return ``error.message.value``, or None when the body does not have it."""
    try:
        value = decode(body)["error"]["message"]["value"]
    except (UnreadableAnswerError, LookupError, TypeError):
        return None
    if not isinstance(value, str) or not (said := value.strip()):
        return None
    return said if len(said) <= MAX_ERROR_TEXT else f"{said[:MAX_ERROR_TEXT]} [...]"


def clean(row: Any, depth: int = 0) -> Row:
    """Return a row with trimmed strings, dates as aware UTC datetimes and plain collections.

    Args:
        row: As Exact wrote it.
        depth: In how many other rows it is.

    Raises:
        UnreadableAnswerError: It is no row, or a property is not of its type.
    """
    if not isinstance(row, dict):
        msg = f"a row of the answer is {_shape(row)}"
        raise UnreadableAnswerError(msg)
    return Row(
        (name, _property(name, value, depth))
        for name, value in row.items()
        if name != "__metadata" and not (isinstance(value, dict) and "__deferred" in value)
    )


def _property(name: str, value: Any, depth: int) -> Any:
    value = _value(value, depth)
    if value is not None and not _fits(name, value):
        msg = f"{name[:60]} is {_shape(value)}"
        raise UnreadableAnswerError(msg)
    return value


def _fits(name: str, value: Any) -> bool:
    if name in NUMBERS:
        return isinstance(value, int | Decimal) and not isinstance(value, bool)
    if name in MOMENTS:
        return isinstance(value, datetime)
    if name in WHOLE:
        return isinstance(value, int)
    return name not in TEXTS or isinstance(value, str)


def _shape(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    kinds = {bool: "a flag", dict: "an object", list: "a list", datetime: "a date"}
    return next((said for kind, said in kinds.items() if isinstance(value, kind)), "a number")


def _value(value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        msg = f"the answer is more than {MAX_DEPTH} levels deep"
        raise UnreadableAnswerError(msg)
    if isinstance(value, str):
        return _moment(value) if value.startswith("/Date(") else value.strip()
    if isinstance(value, dict):
        inner = value.get("results")
        if isinstance(inner, list):
            return [clean(row, depth + 1) for row in inner]
        return clean(value, depth + 1)
    if isinstance(value, list):
        return [
            clean(one, depth + 1) if isinstance(one, dict) else _value(one, depth + 1)
            for one in value
        ]
    if isinstance(value, int) and not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
        msg = "a number of the answer is too large"
        raise UnreadableAnswerError(msg)
    if isinstance(value, Decimal) and value and abs(value.adjusted()) > _LARGEST_EXPONENT:
        msg = "a number of the answer is too large or too small"
        raise UnreadableAnswerError(msg)
    return value


def _moment(text: str) -> datetime:
    match = _DATE.fullmatch(text)
    try:
        moment = _EPOCH + timedelta(milliseconds=int(match[1])) if match else None
    except OverflowError:
        moment = None
    if moment is None or moment > _LATEST:
        msg = f"{text[:40]!r} is no date"
        raise UnreadableAnswerError(msg)
    return moment
