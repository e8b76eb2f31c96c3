"""Logging in: a person's consent, and the first pair of tokens that comes of it."""

from __future__ import annotations

import webbrowser
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import click
from authlib.common.security import generate_token
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.parameters import (
    parse_authorization_code_response,
    prepare_grant_uri,
)

from connector_credentials import clean, protect
from exact_online.errors import AuthorizationRequiredError, ConfigError
from exact_online.hosts import LOOPBACK
from exact_online.server_clock import ServerClock
from exact_online.stored_login import save_login
from exact_online.token_endpoint import (
    AnswerLostError,
    ExactApp,
    LoginDeadError,
    TokenEndpoint,
    TokenPair,
    TooEarlyError,
)

if TYPE_CHECKING:
    import requests

CONSENT_SECONDS = 600.0  # how long the listener waits for a person

__all__ = ["TokenEndpoint", "log_in", "save_login"]


def log_in(
    app: ExactApp,
    *,
    browser: bool = False,
    port: int | None = None,
    force_login: bool = False,
    session: requests.Session | None = None,
) -> TokenPair:
    """Let a person give consent and trade the code for the first pair of tokens.

    Exact sends the browser to the app's redirect URI, which is never on this machine. So the person
    copies the address from there, unless that address forwards to a port here.

    Args:
        app: The app registration.
        browser: Open one; else the address is only shown.
        port: Listen here, because the redirect URI forwards to this machine.
        force_login: Let Exact show its login page in any case.
        session: Makes the calls.

    Raises:
        AuthorizationRequiredError: No consent was given, or its code was not accepted.
        TransientApiError: Exact does not answer.
        ConfigError: The app registration is wrong.
    """
    _check_redirect(app)
    state = generate_token(32)
    url = prepare_grant_uri(
        f"{app.base_url}/api/oauth2/auth",
        client_id=app.client_id,
        response_type="code",
        redirect_uri=app.redirect_uri,
        state=state,
        force_login=str(int(force_login)),
    )
    listener = None if port is None else _Listener(port)
    click.echo(f"Open this address and give consent:\n\n  {url}\n", err=True)
    if browser:
        webbrowser.open(url)
    if listener:
        answer = listener.wait()
    else:
        answer = click.prompt(
            "Afterwards the browser shows a page (or an error) of your redirect URI. Paste its "
            "whole address here",
            err=True,
        ).strip()
    return _exchange(app, _code(answer, state), session)


def _code(answer: str, state: str) -> str:
    """The code in the address that the browser was sent back to, if the state is ours."""
    query = parse_qs(urlsplit(answer).query)
    if refusal := (query.get("error_description") or query.get("error")):
        msg = f'Exact did not give consent: "{clean(refusal[0], 500)}". Run authorize again.'
        raise AuthorizationRequiredError(msg)
    try:
        code: str = parse_authorization_code_response(answer, state=state)["code"]
    except OAuth2Error as error:
        what = (
            "belongs to another login attempt (its state differs)"
            if "state" in str(error).lower()
            else "holds no code"
        )
        msg = f"The address {what}. Run authorize again and use the address it leads to."
        raise AuthorizationRequiredError(msg) from None
    protect(code)
    return code


def _check_redirect(app: ExactApp) -> None:
    """Refuse what the App Center refuses, before a person is sent there in vain."""
    redirect = urlsplit(app.redirect_uri or "")
    if redirect.scheme == "https" and redirect.hostname and redirect.hostname not in LOOPBACK:
        return
    found = f"is {app.redirect_uri!r}" if app.redirect_uri else "is missing"
    msg = (
        f"The setting redirect_uri {found}. Exact takes HTTPS addresses only, and none of this "
        "machine. Register any page of yours for the app in the Exact App Center, even one that "
        "does not exist, and set redirect_uri to the same to the letter."
    )
    raise ConfigError(msg)


def _exchange(app: ExactApp, code: str, session: requests.Session | None) -> TokenPair:
    endpoint = TokenEndpoint(app, ServerClock(app.base_url, session), session)
    try:
        return endpoint.exchange(code)
    except LoginDeadError as error:
        msg = (
            "Exact does not accept the code: it is older than three minutes, was used before, or "
            f"was cut off. Run authorize again and be quicker. {error.said}"
        )
        raise AuthorizationRequiredError(msg) from None
    except (AnswerLostError, TooEarlyError) as error:
        msg = f"{error} The code is spent. Run authorize again."
        raise AuthorizationRequiredError(msg) from None


class _Listener:
    """Waits on loopback for the browser to come back with the code."""

    def __init__(self, port: int) -> None:
        answers: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the base class's name
                query = parse_qs(urlsplit(self.path).query)
                found = "code" in query or "error" in query
                if found:
                    answers.append(f"http://127.0.0.1{self.path}")
                text = "You can close this window." if found else "Nothing to see here."
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "text/plain")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing: the address holds the code."""

        self._answers = answers
        try:
            self._server = HTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            msg = f"Port {port} cannot be used ({error.strerror}). Choose another, or paste."
            raise ConfigError(msg) from None
        self._server.timeout = 1.0

    def wait(self) -> str:
        """The address the browser came back to."""
        with self._server:
            for _ in range(int(CONSENT_SECONDS)):
                self._server.handle_request()
                if self._answers:
                    return self._answers[0]
        msg = f"Nobody gave consent within {CONSENT_SECONDS / 60:.0f} minutes. Run authorize again."
        raise AuthorizationRequiredError(msg)
