"""What an answer of the shop means: usable JSON, or which error."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from adobe_commerce._auth_errors import explain_auth_error
from adobe_commerce.errors import (
    BrokenAnswerError,
    BusyError,
    GarbledError,
    NotCommerceError,
    PageTooLargeError,
    RecordFormError,
    RedirectedError,
    RequestRefusedError,
    ServerFaultError,
    TooManyCallsError,
)
from connector_credentials import clean

if TYPE_CHECKING:
    import requests

#: Numbers with a point become ``Decimal`` from their text: no binary float ever holds money.
DECODER = msgspec.json.Decoder(float_hook=Decimal)

#: Finds out whether a document is complete without building it.
_WHOLE = msgspec.json.Decoder(msgspec.Raw)

#: What PHP writes where it gives up half way: a smaller page may help.
_OVERSTRAINED = (b"Allowed memory size", b"Maximum execution time", b"Out of memory")

#: Levels of one record: Adobe's have about ten. The interpreter's own bound differs by version,
#: and what this Python can read, the next program of a chain may not.
MAX_DEPTH = 64

BUSY = {
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}

#: A single value: text, a number, true or false.
_SCALAR = re.compile(rb'"[^"\\\x00-\x1f]*"|-?\d+|true|false')
_PLACEHOLDER = re.compile(r"%(\w+)")
_TAG = re.compile(r"<[^<>]{0,300}>")
_QUOTED_AT_MOST = 300
#: Digits of a Retry-After that are read: more of them are longer than anybody waits.
_DIGITS = 12
#: Characters of an answer that are shown where it should be JSON, and bytes they are made from.
_SHOWN = 160
_LOOKED_AT = 4000
#: Bytes before the place where JSON breaks off that are shown with it.
_BEFORE = 20


def raise_for_answer(
    response: requests.Response, body: bytes, where: str, scheme: str, *, scalar: bool = False
) -> None:
    """Raise unless the answer is a success that carries JSON.

    Args:
        response: Status and headers of the answer.
        body: Its body, decompressed.
        where: Method, path and host, for the message.
        scheme: How the request was authenticated.
        scalar: Whether the answer may be a single value, as that of a write.

    Raises:
        AdobeCommerceError: The class says what went wrong.
    """
    status = response.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise TooManyCallsError(_busy_text(response, where), wait=_retry_after(response))
    if status in BUSY:
        raise BusyError(_busy_text(response, where), wait=_retry_after(response))
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        target = response.headers.get("Location", "elsewhere").split("?")[0]
        msg = f"The shop redirects to {target} ({where}). Put the final address in base_url."
        raise RedirectedError(msg)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        msg = f"The shop answers {status}: {_message(body)[0]} ({where})."
        raise ServerFaultError(msg)
    if status >= HTTPStatus.BAD_REQUEST:
        raise _refusal(status, body, where, scheme)
    _check_json(response, body, where, scalar=scalar)


def _check_json(response: requests.Response, body: bytes, where: str, *, scalar: bool) -> None:
    kind = response.headers.get("Content-Type", "something without a type").split(";")[0]
    start = body.lstrip()
    if not start:
        msg = f"The answer is empty ({where})."
        raise BrokenAnswerError(msg)
    if "json" in kind and (start[:1] in b"{[" or (scalar and _SCALAR.fullmatch(start))):
        # PHP that runs out of memory ends in the middle of a document, with status 200.
        decode(body, where, _WHOLE)
        return
    if any(mark in body for mark in _OVERSTRAINED):
        msg = f"The shop gave up half way: {excerpt(start)} ({where})."
        raise BrokenAnswerError(msg)
    if b"{" in start[:_LOOKED_AT] and "json" in kind:
        msg = (
            f"The shop writes something before its answer: {excerpt(start)} ({where}). Usually it "
            "is a notice or warning of an extension: repair that, or switch display_errors off."
        )
        raise NotCommerceError(msg)
    msg = (
        f"Not an Adobe Commerce REST API: {where} answers {kind} that begins {excerpt(start)}. "
        "Check the setting base_url."
    )
    raise NotCommerceError(msg)


def excerpt(body: bytes) -> str:
    """The first characters of what should have been JSON, without markup, in quotes."""
    text = body[:_LOOKED_AT].decode("utf-8", "replace")
    return f'"{clean(" ".join(_TAG.sub(" ", text).split()), _SHOWN)}"'


def decode(
    body: bytes | msgspec.Raw, where: str, decoder: msgspec.json.Decoder[Any] = DECODER
) -> Any:
    """Decode a body.

    Raises:
        BrokenAnswerError: It ends too early.
        NotCommerceError: It is something else than JSON of the expected form.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        msg = f"The answer has an unexpected form: {error} ({where})."
        raise NotCommerceError(msg) from error
    except RecursionError as error:
        msg = f"The answer is nested too deeply ({where})."
        raise GarbledError(msg) from error
    except (ValueError, ArithmeticError) as error:
        content = bytes(body)
        if "truncated" in str(error) or any(mark in content for mark in _OVERSTRAINED):
            msg = f"The answer is truncated: {error} ({where})."
            raise BrokenAnswerError(msg) from error
        found = re.search(r"byte (\d+)", str(error))
        place = max(0, int(found[1]) - _BEFORE) if found else 0
        msg = f"The answer is no JSON: {error}, at {excerpt(content[place:])} ({where})."
        # Behind a whole document something else stands; within one a single record may be ill.
        raise (NotCommerceError if "trailing characters" in msg else GarbledError)(msg) from error


def record(raw: msgspec.Raw) -> dict[str, Any]:
    """Decode one row of a list.

    Raises:
        RecordFormError: It is no object, or holds a number, text or depth that cannot be.
    """
    try:
        value = DECODER.decode(raw)
    except (ValueError, ArithmeticError, RecursionError) as error:
        reason = str(error) or type(error).__name__
        msg = f"it holds what cannot be decoded: {reason}"
        raise RecordFormError(msg) from error
    if not isinstance(value, dict):
        msg = f"it is no object, but {type(value).__name__}"
        raise RecordFormError(msg)
    check_depth(value)
    return value


def check_depth(value: dict[str, Any]) -> None:
    """Refuse what is nested deeper than a record can be.

    Args:
        value: A record, or a part of one.

    Raises:
        RecordFormError: It has more than :data:`MAX_DEPTH` levels.
    """
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [one for many in inner for one in many if isinstance(one, (dict, list))]
        if not level:
            return
    msg = f"it is nested deeper than {MAX_DEPTH} levels"
    raise RecordFormError(msg)


def _refusal(status: int, body: bytes, where: str, scheme: str) -> Exception:
    text, parameters = _message(body)
    about_credentials = explain_auth_error(status, text, parameters, where, scheme)
    if about_credentials:
        return about_credentials
    if "SearchCriteria pageSize" in text and isinstance(parameters, dict):
        maximum = parameters.get("max")
        if isinstance(maximum, int) and maximum > 0:
            return PageTooLargeError(f"The shop's largest page is {maximum} ({where}).", maximum)
    hint = ""
    if "request cannot be processed" in text.lower():
        hint = " Check the setting store: the shop may not know this store code."
    if "does not match any route" in text.lower():
        hint = " Check the setting base_url."
    return RequestRefusedError(f"The shop answers {status}: {text} ({where}).{hint}", status)


def _busy_text(response: requests.Response, where: str) -> str:
    status = response.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return f"The shop asks to slow down (429, {where})."
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return f"The shop is in maintenance or overloaded (503, {where})."
    return f"A proxy before the shop answers {status} ({where})."


def _retry_after(response: requests.Response) -> float | None:
    """Seconds of ``Retry-After``, which is a number or a date."""
    header = response.headers.get("Retry-After", "").strip()
    if header.isascii() and header.isdigit():
        return float(header[:_DIGITS])
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _message(body: bytes) -> tuple[str, Any]:
    """Message with its placeholders filled, and the parameters as sent."""
    try:
        content = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return f"no JSON, but {excerpt(body)}" if body.strip() else "nothing", None
    message, parameters = _error_text(content)
    if message is None:
        return "no error text", None
    # The cleaner masks secrets, which a cut could leave half of.
    return clean(_fill(message, parameters), _QUOTED_AT_MOST).rstrip("."), parameters


def _error_text(content: Any) -> tuple[str | None, Any]:
    """Text and parameters of the shop's error, or of what PHP leaves of it after a fatal one."""
    if not isinstance(content, dict):
        return None, None
    if isinstance(content.get("message"), str):
        return content["message"], content.get("parameters")
    match content.get("messages"):
        case {"error": [{"message": str(text)}, *_]}:
            return text, None
    return None, None


def _fill(message: str, parameters: Any) -> str:
    """The shop leaves ``%1`` and ``%fieldName`` in its texts and sends the values beside."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if isinstance(parameters, dict) and name in parameters:
            return str(parameters[name])
        if isinstance(parameters, list) and name.isdigit() and 0 < int(name) <= len(parameters):
            return str(parameters[int(name) - 1])
        return match[0]

    return _PLACEHOLDER.sub(value, message)
