"""What an answer that is none means: which error, and what to do about it. No I/O."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from exact_online import answers
from exact_online.error_catalogue import explain
from exact_online.errors import (
    AuthorizationRequiredError,
    DocumentRefusedError,
    NotPermittedError,
    OutcomeUnknownError,
    Problem,
    RequestRefusedError,
    TransientApiError,
)

if TYPE_CHECKING:
    from exact_online.answers import Answer


def which_limit(answer: Answer, resource: str, day_left: int | None) -> str:
    """Say which limit a 429 means, as far as Exact told.

    Args:
        answer: The refusal.
        resource: What was called.
        day_left: The calls of today that Exact last told, or None.
    """
    what = f"it answered HTTP 429 to {resource}"
    if "X-RateLimit-Minutely-Remaining" in answer.headers:
        return f"{what}: the calls of this minute are spent"
    if "X-RateLimit-Remaining" in answer.headers:
        return f"{what}: the calls of today are spent"
    if day_left:
        return f"{what}: the minute's limit, as {day_left} calls of today are left"
    return f"{what} without saying which limit is reached"


def not_authorized(answer: Answer, resource: str, division: int) -> AuthorizationRequiredError:
    """Return what two tokens refused in a row mean.

    Args:
        answer: The second refusal.
        resource: What was called.
        division: In which company.
    """
    reason = answer.headers.get("Reason") or f"HTTP {answer.status}"
    msg = (
        f"Exact does not accept the access token for {resource} in division {division} "
        f"({reason}). Check the division, and connect again if the message stays."
    )
    return AuthorizationRequiredError(msg)


def _forbidden(answer: Answer, asked: str, division: int) -> NotPermittedError:
    said = answers.error_text(answer.body) or answer.headers.get("Reason") or "Forbidden"
    what = f"Exact does not permit {asked} in division {division} ({said[:500]})."
    if "scope violated" in said.lower():
        named = re.search(r"'([\w.]+)' scope", said)
        scope = named[1].replace(".", " ") if named else None
        tick = scope or "the missing one"
        msg = (
            f"{what} Check the app's scopes: tick {tick!r} in the Exact App Center, then give "
            "consent again with authorize."
        )
        return NotPermittedError(msg, scope=scope)
    advice = "Check the app's scopes, the user's rights, the licence and the permitted companies."
    msg = f"{what} {advice}"
    return NotPermittedError(msg)


def raise_for_read(answer: Answer, resource: str, division: int) -> None:
    """Raise what an answer to a question means, unless it is data.

    Args:
        answer: The answer.
        resource: What was asked for.
        division: In which company.
    """
    if answer.status == HTTPStatus.OK and answer.is_json:
        return
    if answer.status == HTTPStatus.FORBIDDEN:
        raise _forbidden(answer, f"to read {resource}", division)
    said = answers.error_text(answer.body)
    if answer.is_refusal or said:
        msg = (
            f"Exact refuses to answer {resource} (HTTP {answer.status}: "
            f"{said or 'no reason given'}). Check the division, and report it if that is right."
        )
        raise RequestRefusedError(msg)
    what = "a page instead of data" if answer.is_success else f"HTTP {answer.status}"
    msg = f"Exact is not available: it answered {what} to {resource}"
    raise TransientApiError(msg, status=answer.status)


def raise_for_write(answer: Answer, asked: str, division: int) -> None:
    """Raise what an answer to a write means, unless it says that it was carried out.

    Args:
        answer: The answer.
        asked: Method and resource.
        division: In which company.
    """
    if answer.is_success:
        if answer.status == HTTPStatus.NO_CONTENT or answer.is_json:
            return
        msg = f"Exact answered a page instead of data to {asked}"
        raise OutcomeUnknownError(msg, status=answer.status)
    if answer.status == HTTPStatus.FORBIDDEN:
        raise _forbidden(answer, asked, division)
    said = answers.error_text(answer.body)
    if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR and said:
        raise _refused(said)
    if answer.is_refusal:
        problem = Problem(
            where="document",
            what=f"Exact does not accept the form of the document (HTTP {answer.status})",
            what_to_do="Report this with the document's key.",
            original=said,
        )
        raise DocumentRefusedError([problem], by_exact=True)
    raise unknown_outcome(answer, asked)


def unknown_outcome(answer: Answer, asked: str) -> OutcomeUnknownError:
    """Return what it means that a gateway answered a write: Exact may have carried it out.

    Args:
        answer: The answer.
        asked: Method and resource.
    """
    msg = f"Exact answered HTTP {answer.status} to {asked} without a reason"
    return OutcomeUnknownError(msg, status=answer.status)


def _refused(said: str) -> DocumentRefusedError | OutcomeUnknownError:
    """Return what a business error of Exact means for the document."""
    explanations = explain(said)
    if any(explanation.retry for explanation in explanations):
        return OutcomeUnknownError(f'Exact could not store it: "{said}"', status=500)
    return DocumentRefusedError(
        [explanation.problem for explanation in explanations],
        by_exact=True,
        duplicate=any(explanation.duplicate for explanation in explanations),
    )
