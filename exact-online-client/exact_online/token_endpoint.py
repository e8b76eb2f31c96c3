"""Exact's token endpoint: what it may answer, and what each answer means."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from connector_credentials import clean, protect
from exact_online.answers import UnreadableAnswerError, decode
from exact_online.errors import (
    AuthorizationRequiredError,
    ConfigError,
    FatalError,
    TransientApiError,
)
from exact_online.transport import NoAnswerError, NotSentError, exchange, new_session

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from exact_online.answers import Answer
    from exact_online.server_clock import ServerClock


@dataclass(frozen=True, slots=True)
class ExactApp:
    """One app registration in the Exact App Center, on one site.

    Attributes:
        base_url: The site.
        client_id: As the App Center shows it.
        client_secret: As the App Center shows it.
        redirect_uri: As registered; only a login needs it.
        program: Has the commands ``authorize`` and ``keep-alive``; named in advice.
    """

    base_url: str
    client_id: str
    client_secret: str
    redirect_uri: str | None = None
    program: str = "exact-online"

    @property
    def advice(self) -> str:
        """What to do when only a new login helps."""
        return f"Run `{self.program} authorize` and log in once."


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a successful call returns.

    Attributes:
        access_token: Sent with data calls for 600 s.
        refresh_token: Good for one refresh, not before 570 s and not after 30 days.
        issued_at: Unix seconds by Exact's clock, rounded up to the next whole second.
    """

    access_token: str
    refresh_token: str
    issued_at: float


class AnswerLostError(Exception):
    """The call was sent, but no trustworthy answer came: the refresh token may be spent."""


class TooEarlyError(Exception):
    """Exact says that the previous access token is not old enough; nothing was spent."""


class OldTokenError(Exception):
    """Exact says that the refresh token has been used before."""


class LoginDeadError(AuthorizationRequiredError):
    """No refresh token of this login will ever work again.

    Attributes:
        said: Exact's own words.
    """

    def __init__(self, message: str, said: str) -> None:
        """Keep what Exact said."""
        super().__init__(f"{message} {said}")
        self.said = said


class TokenEndpoint:
    """Calls the token endpoint of one app, once per method call, never again by itself."""

    def __init__(
        self, app: ExactApp, clock: ServerClock, session: requests.Session | None = None
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            app: The app registration.
            clock: Learns Exact's time from each answer.
            session: Makes the calls; None: one of its own.
        """
        self._app = app
        self._clock = clock
        self._session = session or new_session()
        self._url = f"{app.base_url}/api/oauth2/token"
        protect(app.client_secret)

    def refresh(
        self, refresh_token: str, keep: Callable[[str], None] = lambda _: None
    ) -> TokenPair:
        """Trade a refresh token for a new pair.

        Args:
            refresh_token: Is spent by this, unless the call never arrives or is refused.
            keep: Is given a new refresh token that comes without a pair, even in a refusal.

        Raises:
            AnswerLostError: Whether the token is spent is unknown.
            TooEarlyError: Exact wants the current access token to be used up first.
            OldTokenError: The token was spent before.
            TransientApiError: The call was not processed, or too many were made.
            FatalError: Exact refuses for good; the message says what to do.
        """
        return self._call("refresh_token", keep, refresh_token=refresh_token)

    def exchange(self, code: str) -> TokenPair:
        """Trade the code of a consent for the first pair; raises as :meth:`refresh` does."""
        redirect_uri = self._app.redirect_uri or ""
        return self._call(
            "authorization_code", lambda _: None, code=code, redirect_uri=redirect_uri
        )

    def _call(self, grant_type: str, keep: Callable[[str], None], **fields: str) -> TokenPair:
        form = {
            "grant_type": grant_type,
            **fields,
            # Exact refuses an Authorization header here: id and secret travel in the form only.
            "client_id": self._app.client_id,
            "client_secret": self._app.client_secret,
        }
        try:
            answer = exchange(
                self._session,
                "POST",
                self._url,
                clock=self._clock.elapsed,
                headers={
                    "Accept": "application/json",
                    "Content-Type": "application/x-www-form-urlencoded",
                },
                body=urlencode(form).encode(),
            )
        except NotSentError as error:
            msg = (
                f"Exact Online at {self._app.base_url} cannot be reached ({error}). {error.advice}"
            )
            raise (ConfigError if error.untrusted else TransientApiError)(msg) from None
        except NoAnswerError as error:
            msg = f"Exact's token endpoint gave no readable answer ({error})."
            raise AnswerLostError(msg) from None
        date = self._clock.observe(answer.headers)
        content = _object(answer.body)
        access, renewed = _text(content, "access_token"), _text(content, "refresh_token")
        protect(access, renewed)
        if answer.is_success and access and renewed:
            # The header's second had begun when the pair was made: it is at most a second older.
            issued_at = self._clock.now() if date is None else date + 1
            return TokenPair(access, renewed, issued_at)
        if renewed:
            keep(renewed)
        raise self._refused(answer, content)

    def _refused(self, answer: Answer, content: dict[str, Any]) -> Exception:
        """What it means that there is no pair; Exact's texts here are in English."""
        status = answer.status
        code, text = _text(content, "error"), _text(content, "error_description")
        said = f'Exact says: "{clean(text or code, 500)}".'
        lower = f"{text} {answer.headers.get('Reason', '')}".lower()
        if code and ("not expired" in lower or "tooearly" in lower):
            return TooEarlyError(said)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return TransientApiError(
                "Exact's token endpoint answers HTTP 429. It allows 200 token calls a day for one "
                "app and user; one login shared by all runs needs about 150. Run again later, at "
                "the latest after 00:00 UTC.",
                status=status,
            )
        if answer.is_redirect:
            return TransientApiError(
                f"{self._url} answered HTTP {status}, a redirect: nothing was processed. "
                "Check country and base_url; if they are right, run again later.",
                status=status,
            )
        if not code or not (answer.is_success or answer.is_refusal):
            return self._no_refusal(answer, said if code else "")
        if "old refresh token" in lower:
            return OldTokenError(said)
        return _explain(code, lower, said, self._app)

    def _no_refusal(self, answer: Answer, said: str) -> Exception:
        """What it means that the answer is neither a pair nor a refusal of Exact's."""
        if answer.is_refusal:
            return ConfigError(
                f"{self._url} answered HTTP {answer.status} but not as Exact's token endpoint "
                "does. Check country and base_url, and any proxy between."
            )
        what = "without a token" if answer.is_success else "and gave no reason"
        return AnswerLostError(
            f"Exact's token endpoint answered HTTP {answer.status} {what}. {said}".rstrip()
        )


def _explain(code: str, lower: str, said: str, app: ExactApp) -> FatalError:
    """One message per known refusal; every one of them needs a person."""
    if "expired at" in lower or "refresh token expired" in lower:
        return LoginDeadError(
            f"The login has not been used for 30 days and is dead. {app.advice} "
            f"Schedule `{app.program} keep-alive` weekly to prevent this.",
            said,
        )
    if "chainid" in lower:
        return LoginDeadError(
            "The login was replaced: the same Exact user connected the same app a second time, "
            "which ends the first connection. Give every installation its own app registration "
            f"or share one credential store. {app.advice}",
            said,
        )
    if "not active" in lower or "inactiveuser" in lower or "blockeduser" in lower:
        return AuthorizationRequiredError(
            "The Exact user who gave consent is not active any more. Ask the Exact administrator "
            f"to activate the user, or authorise with another one: {app.advice} {said}"
        )
    if "license" in lower or "blockedcustomer" in lower:
        return AuthorizationRequiredError(
            "The Exact Online subscription is blocked or has expired. Settle it with Exact, then "
            f"run again. {said}"
        )
    if code in {"invalid_client", "unauthorized_client", "invalid_request"}:
        return ConfigError(
            "Exact does not accept client_id and client_secret. Compare them with the app in the "
            f"Exact App Center, and check that country is the one of the subscription. {said}"
        )
    return AuthorizationRequiredError(
        f"Exact does not accept the login any more. {app.advice} {said}"
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = decode(body)
    except UnreadableAnswerError:
        return {}
    return content if isinstance(content, dict) else {}


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    return value if isinstance(value, str) else ""
