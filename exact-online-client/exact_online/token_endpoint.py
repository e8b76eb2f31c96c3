"""Exact's token endpoint: what it may answer, and what each answer means."""

from __future__ import annotations

from dataclasses import dataclass
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

from connector_credentials import protect, redact
from exact_online.errors import (
    AuthorizationRequiredError,
    ConfigError,
    FatalError,
    TransientApiError,
)

if TYPE_CHECKING:
    from exact_online.server_clock import ServerClock

TIMEOUT_SECONDS = (10.0, 60.0)  # a lost answer can cost the login, so be patient
_SERVER_ERROR = 500
_TOO_MANY = 429

AUTHORIZE = "Run `target-exact-online authorize` and log in once."


@dataclass(frozen=True, slots=True)
class ExactApp:
    """One app registration in the Exact App Center, on one site."""

    base_url: str
    client_id: str
    client_secret: str
    redirect_uri: str | None = None


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

    def __init__(self, app: ExactApp, clock: ServerClock) -> None:
        """Prepare; nothing is sent yet."""
        self._app = app
        self._clock = clock
        self._url = f"{app.base_url}/api/oauth2/token"
        protect(app.client_secret)

    def refresh(self, refresh_token: str) -> TokenPair:
        """Trade a refresh token for a new pair.

        Raises:
            AnswerLostError: Whether the token is spent is unknown.
            TooEarlyError: Exact wants the current access token to be used up first.
            OldTokenError: The token was spent before.
            TransientApiError: The call never arrived, or today's calls are used up.
            FatalError: Exact refuses for good; the message says what to do.
        """
        return self._call("refresh_token", refresh_token=refresh_token)

    def exchange(self, code: str) -> TokenPair:
        """Trade the code of a consent for the first pair; raises as :meth:`refresh` does."""
        redirect_uri = self._app.redirect_uri
        return self._call("authorization_code", code=code, redirect_uri=redirect_uri)

    def _call(self, grant_type: str, **fields: Any) -> TokenPair:
        answers: list[requests.Response] = []

        def keep(response: requests.Response) -> requests.Response:
            answers.append(response)
            return response

        session = OAuth2Session(
            self._app.client_id,
            self._app.client_secret,
            # Exact refuses an Authorization header here: id and secret travel in the form only.
            token_endpoint_auth_method="client_secret_post",  # noqa: S106  # the method's name
            default_timeout=TIMEOUT_SECONDS,
        )
        session.register_compliance_hook("access_token_response", keep)
        try:
            token = session.fetch_token(
                self._url, grant_type=grant_type, allow_redirects=False, **fields
            )
        except OAuthError as error:
            raise self._refused(answers[0], error) from None
        except requests.RequestException as error:
            raise self._unanswered(error, answers) from None
        except ValueError:
            # No JSON, or a lifetime authlib cannot read; the pair itself may still be there.
            token = _object(answers[0])
        finally:
            session.close()
        return self._pair(answers[0], token)

    def _pair(self, answer: requests.Response, token: dict[str, Any]) -> TokenPair:
        access, refresh = token.get("access_token"), token.get("refresh_token")
        if not access or not refresh:
            msg = f"Exact's token endpoint answered HTTP {answer.status_code} without a token."
            raise AnswerLostError(msg)
        protect(access, refresh)
        date = self._clock.observe(answer.headers)
        # The header's second had begun when the pair was made, so it is at most one second older.
        issued_at = self._clock.now() if date is None else date + 1
        return TokenPair(str(access), str(refresh), issued_at)

    def _unanswered(
        self, error: requests.RequestException, answers: list[requests.Response]
    ) -> Exception:
        """What it means that there is no readable answer."""
        if answers and answers[0].status_code == _TOO_MANY:
            return TransientApiError(
                "Exact allows 200 token calls a day for one app and user, and they are used up. "
                "Run again after 00:00 UTC; one login shared by all runs needs about 150.",
                status=_TOO_MANY,
            )
        if answers and answers[0].status_code < _SERVER_ERROR:
            return ConfigError(
                f"{self._url} answered HTTP {answers[0].status_code} but not as Exact's token "
                "endpoint does. Check country and base_url, and any proxy between."
            )
        if _never_sent(error):
            return TransientApiError(
                f"Exact Online at {self._app.base_url} cannot be reached "
                f"({type(error).__name__}). Check the network and country, then run again."
            )
        what = f"HTTP {answers[0].status_code}" if answers else type(error).__name__
        return AnswerLostError(f"Exact's token endpoint gave no readable answer ({what}).")

    def _refused(self, answer: requests.Response, error: OAuthError) -> Exception:
        """What it means that the endpoint said no; its texts are in English."""
        self._clock.observe(answer.headers)
        code, text = str(error.error or ""), str(error.description or "")
        reason = answer.headers.get("Reason", "")
        said = f'Exact says: "{redact(text or code)}".'
        lower = f"{text} {reason}".lower()
        if "not expired" in lower or "tooearly" in lower:
            return TooEarlyError(said)
        if answer.status_code == _TOO_MANY:
            return self._unanswered(requests.RequestException(), [answer])
        if answer.status_code >= _SERVER_ERROR:
            return AnswerLostError(said)
        if "old refresh token" in lower:
            return OldTokenError(said)
        return _explain(code, lower, said)


def _explain(code: str, lower: str, said: str) -> FatalError:
    """One message per known refusal; every one of them needs a person."""
    if "expired at" in lower or "refresh token expired" in lower:
        return LoginDeadError(
            f"The login has not been used for 30 days and is dead. {AUTHORIZE} "
            "Schedule `target-exact-online keep-alive` weekly to prevent this.",
            said,
        )
    if "chainid" in lower:
        return LoginDeadError(
            "The login was replaced: the same Exact user connected the same app a second time, "
            "which ends the first connection. Give every installation its own app registration "
            f"or share one credential store. {AUTHORIZE}",
            said,
        )
    if "not active" in lower or "inactiveuser" in lower or "blockeduser" in lower:
        return AuthorizationRequiredError(
            "The Exact user who gave consent is not active any more. Ask the Exact administrator "
            f"to activate the user, or authorise with another one: {AUTHORIZE} {said}"
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
        f"Exact does not accept the login any more. {AUTHORIZE} {said}"
    )


def _object(answer: requests.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _never_sent(error: requests.RequestException) -> bool:
    """Whether the connection was not even made, so that nothing can have been spent."""
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, SSLError):  # other TLS errors can also cut off an answer
        return isinstance(reason.args[0], SSLCertVerificationError)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError | ProxyError)
