"""The commands that a person runs: log in once, and keep idle logins alive."""

from __future__ import annotations

import json
import os
import webbrowser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import click
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749.parameters import parse_authorization_code_response

from connector_credentials import protect, redact
from exact_online.errors import AuthorizationRequiredError, ConfigError, ExactError
from exact_online.hosts import HOSTS, LOOPBACK
from exact_online.server_clock import ServerClock
from exact_online.token_endpoint import (
    AnswerLostError,
    ExactApp,
    LoginDeadError,
    TokenEndpoint,
    TokenPair,
    TooEarlyError,
)
from exact_online.tokens import (
    REFRESH_LIFE_DAYS,
    WARN_FROM_DAY,
    TokenSource,
    app_of,
    open_login,
    save_login,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

CONSENT_SECONDS = 600.0  # how long the listener waits for a person
ENVIRONMENT_PREFIX = "TARGET_EXACT_ONLINE_"

_SETTINGS = (
    "country", "base_url", "client_id", "client_secret", "redirect_uri", "refresh_token",
    "credentials", "credential",
)  # fmt: skip

_ONE_CHAIN = (
    "Exact keeps one login per user and app: this one ends any earlier login of the same Exact "
    "user with the same app, wherever that runs."
)


@click.command("authorize")
@click.option(
    "--config", "config_files", multiple=True, type=click.Path(path_type=Path, exists=True),
    help="JSON file with settings; TARGET_EXACT_ONLINE_* variables count as well.",
)  # fmt: skip
@click.option("--paste", is_flag=True, help="For servers: paste the address instead of a browser.")
@click.option("--listen", type=int, metavar="PORT", help="Port to which the redirect URI forwards.")
@click.option("--force-login", is_flag=True, help="Show the login page even when logged in.")
@click.option("--yes", is_flag=True, help="Do not ask before an earlier login is replaced.")
def authorize_command(
    config_files: tuple[Path, ...],
    *,
    paste: bool,
    listen: int | None,
    force_login: bool,
    yes: bool,
) -> None:
    """Log in to Exact Online once; every run renews the login from then on."""
    try:
        settings = _complete(read_settings(config_files))
        store, name, values = open_login(settings)
        app = app_of(values)
        if not app.redirect_uri:
            msg = "The setting redirect_uri is missing: the one registered in the Exact App Center."
            raise ConfigError(msg)
        click.echo(_ONE_CHAIN, err=True)
        if values.get("access_token") and not yes:
            click.confirm(f"Replace the login {name!r} in {store.label}?", abort=True, err=True)
        pair = log_in(app, paste=paste, port=listen, force_login=force_login)
        save_login(store, name, values, pair, seed=settings.get("refresh_token"))
    except ExactError as error:
        _fail(error)
    click.echo(
        f"Logged in. The login {name!r} is in {store.label} and renews itself with every run; "
        f"unused, it dies after {REFRESH_LIFE_DAYS} days (see keep-alive)."
    )


@click.command("keep-alive")
@click.option(
    "--config", "config_files", multiple=True, type=click.Path(path_type=Path, exists=True),
    help="JSON file with settings; TARGET_EXACT_ONLINE_* variables count as well.",
)  # fmt: skip
def keep_alive_command(config_files: tuple[Path, ...]) -> None:
    """Renew idle logins before they die: the one in the settings, or all in the store."""
    failures = []
    try:
        settings = read_settings(config_files)
        names = [str(settings["credential"])] if settings.get("credential") else _logins(settings)
    except ExactError as error:
        _fail(error)
    for name in names:
        try:
            click.echo(_keep_alive({**settings, "credential": name}))
        except ExactError as error:
            failures.append(f"{name}: {error}")
    if failures:
        _fail("\n".join(failures))


def read_settings(config_files: tuple[Path, ...]) -> dict[str, Any]:
    """Settings of the whole command line, the environment and JSON files; the later wins.

    Raises:
        ConfigError: A file is not a JSON object.
    """
    context = click.get_current_context(silent=True)
    settings: dict[str, Any] = dict(getattr(context and context.obj, "config", None) or {})
    for key in _SETTINGS:
        if value := os.environ.get(ENVIRONMENT_PREFIX + key.upper()):
            settings[key] = value
    for path in config_files:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = None
        if not isinstance(content, dict):
            msg = f"The settings file {path} is not a JSON object. Correct it."
            raise ConfigError(msg)
        settings |= content
    protect(settings.get("client_secret"), settings.get("refresh_token"))
    return settings


def log_in(
    app: ExactApp, *, paste: bool = False, port: int | None = None, force_login: bool = False
) -> TokenPair:
    """Let a person give consent and trade the code for the first pair of tokens.

    Args:
        app: The app registration; its redirect URI decides how the code comes back.
        paste: Never listen; ask for the address the browser ended at.
        port: Listen here although the redirect URI is elsewhere and forwards to this machine.
        force_login: Let Exact show its login page in any case.

    Raises:
        AuthorizationRequiredError: No consent was given, or its code was not accepted.
        TransientApiError: Exact does not answer.
        ConfigError: The app registration is wrong.
    """
    state = generate_token(32)
    session = OAuth2Session(app.client_id, redirect_uri=app.redirect_uri)
    url, _ = session.create_authorization_url(
        f"{app.base_url}/api/oauth2/auth", state=state, force_login=str(int(force_login))
    )
    redirect = urlsplit(app.redirect_uri or "")
    if redirect.hostname in LOOPBACK and port is None:
        port = redirect.port or 80
    listener = None if paste or port is None else _Listener(port)
    click.echo(f"Open this address and give consent:\n\n  {url}\n", err=True)
    if not paste:
        webbrowser.open(url)
    if listener:
        answer = listener.wait()
    else:
        answer = click.prompt(
            "Afterwards the browser shows a page (or an error) of your redirect URI. Paste its "
            "whole address here",
            err=True,
        ).strip()
    return _exchange(app, _code(answer, state))


def _code(answer: str, state: str) -> str:
    """The code in the address that the browser was sent back to, if the state is ours."""
    query = parse_qs(urlsplit(answer).query)
    if refusal := (query.get("error_description") or query.get("error")):
        msg = f'Exact did not give consent: "{redact(refusal[0])}". Run authorize again.'
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


def _exchange(app: ExactApp, code: str) -> TokenPair:
    endpoint = TokenEndpoint(app, ServerClock(app.base_url))
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
            msg = f"Port {port} cannot be used ({error.strerror}). Choose another, or use --paste."
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


def _complete(settings: dict[str, Any]) -> dict[str, Any]:
    """Ask a person for what neither the settings nor the store know."""
    known: Mapping[str, Any] = settings
    if settings.get("credentials"):
        known = open_login(settings)[2]
    asked = dict(settings)
    if not known.get("country") and not known.get("base_url"):
        choice = click.Choice(list(HOSTS), case_sensitive=False)
        asked["country"] = click.prompt("Country of the Exact subscription", type=choice, err=True)
    for key in ("client_id", "client_secret", "redirect_uri"):
        if not known.get(key):
            asked[key] = click.prompt(key, hide_input=key == "client_secret", err=True)
    return asked


def _logins(settings: Mapping[str, Any]) -> list[str]:
    """The names of the Exact logins in the store; without a store the default name."""
    store, name, _ = open_login(settings)
    if not settings.get("credentials"):
        return [name]
    return [found for found in store.names() if "client_id" in store.get(found)]


def _keep_alive(settings: Mapping[str, Any]) -> str:
    store, name, values = open_login(settings)
    days = TokenSource(store, name, app_of(values), settings.get("refresh_token")).keep_alive()
    if days is None:
        return f"{name}: in use, nothing to do."
    if days >= WARN_FROM_DAY:
        return (
            f"{name}: renewed. WARNING: it had not been used for {days:.0f} days and dies after "
            f"{REFRESH_LIFE_DAYS}; run keep-alive weekly."
        )
    return f"{name}: renewed after {days:.1f} days."


def _fail(error: object) -> None:
    click.echo(f"ERROR: {redact(str(error))}", err=True)
    raise click.exceptions.Exit(1)
