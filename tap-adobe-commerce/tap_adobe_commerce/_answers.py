"""What an answer of the shop means: usable JSON, or which error."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from tap_adobe_commerce._auth_errors import explain_auth_error
from tap_adobe_commerce.exceptions import (
    BrokenAnswerError,
    BusyError,
    NotCommerceError,
    PageTooLargeError,
    RequestRefusedError,
    ServerFaultError,
)

if TYPE_CHECKING:
    import requests

#: Numbers with a point become ``Decimal`` from their text: no binary float ever holds money.
DECODER = msgspec.json.Decoder(float_hook=Decimal)

#: Finds out whether a document is complete without building it.
_WHOLE = msgspec.json.Decoder(msgspec.Raw)

BUSY = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}

_PLACEHOLDER = re.compile(r"%(\w+)")
_QUOTED_AT_MOST = 300


def raise_for_answer(response: requests.Response, body: bytes, where: str, scheme: str) -> None:
    """Raise unless the answer is a success that carries JSON.

    Args:
        response: Status and headers of the answer.
        body: Its body, decompressed.
        where: Method, path and host, for the message.
        scheme: How the request was authenticated.

    Raises:
        AdobeCommerceError: The class says what went wrong.
    """
    status = response.status_code
    if status in BUSY:
        raise BusyError(_busy_text(response, where), wait=_retry_after(response))
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        target = response.headers.get("Location", "elsewhere").split("?")[0]
        msg = f"The shop redirects to {target} ({where}). Put the final address in base_url."
        raise NotCommerceError(msg)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        msg = f"The shop answers {status}: {_shop_text(body)} ({where})."
        raise ServerFaultError(msg)
    if status >= HTTPStatus.BAD_REQUEST:
        raise _refusal(status, body, where, scheme)
    _check_json(response, body, where)


def _check_json(response: requests.Response, body: bytes, where: str) -> None:
    if "json" not in response.headers.get("Content-Type", ""):
        kind = response.headers.get("Content-Type", "something without a type").split(";")[0]
        msg = f"Not an Adobe Commerce REST API: {where} answers {kind}. Check the setting base_url."
        raise NotCommerceError(msg)
    if not body.strip():
        msg = f"The answer is empty ({where})."
        raise BrokenAnswerError(msg)
    # PHP that runs out of memory ends in the middle of a document, with status 200.
    decode(body, where, _WHOLE)


def decode(body: bytes, where: str, decoder: msgspec.json.Decoder[Any] = DECODER) -> Any:
    """Decode a body.

    Raises:
        BrokenAnswerError: It is not complete JSON of the expected form.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        msg = f"The answer has an unexpected form: {error} ({where})."
        raise NotCommerceError(msg) from error
    except msgspec.DecodeError as error:
        msg = f"The answer is truncated: {error} ({where})."
        raise BrokenAnswerError(msg) from error


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
    if header.isdigit():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _message(body: bytes) -> tuple[str, Any]:
    """Message with its placeholders filled, and the parameters as sent."""
    try:
        content = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return "no JSON error text", None
    if not isinstance(content, dict) or not isinstance(content.get("message"), str):
        return "no error text", None
    parameters = content.get("parameters")
    return _fill(content["message"], parameters)[:_QUOTED_AT_MOST].rstrip("."), parameters


def _shop_text(body: bytes) -> str:
    return _message(body)[0]


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
