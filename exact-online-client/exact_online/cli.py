"""The commands that a person runs: log in once, and keep idle logins alive.

Each program that uses Exact Online has them under its own name, which its settings in the
environment begin with: ``target-exact-online authorize`` reads ``TARGET_EXACT_ONLINE_CLIENT_ID``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

import connector_credentials
from connector_credentials import SettingsError, clean, protect, record_failure
from exact_online import scopes
from exact_online.errors import ConfigError, ExactError, FatalError
from exact_online.hosts import HOSTS
from exact_online.login import log_in
from exact_online.settings import LOGIN_SETTINGS
from exact_online.stored_login import app_of, open_login, save_login
from exact_online.tokens import REFRESH_LIFE_DAYS, WARN_FROM_DAY, TokenSource

if TYPE_CHECKING:
    from collections.abc import Mapping

_ONE_CHAIN = (
    "Exact keeps one login per user and app: this one ends any earlier login of the same Exact "
    "user with the same app, wherever that runs."
)
_SCOPES = "\b\nScopes to tick for the app in the Exact App Center:\n" + scopes.text()


def login_commands(program: str) -> tuple[click.Command, click.Command]:
    """Return the commands ``authorize`` and ``keep-alive`` of a program.

    Args:
        program: Its name, such as ``target-exact-online``.
    """
    config_option = click.option(
        "--config", "config_files", multiple=True, type=click.Path(path_type=Path, exists=True),
        help=f"JSON file with settings; {_prefix(program)}* variables count as well.",
    )  # fmt: skip

    @click.command("authorize", epilog=_SCOPES)
    @config_option
    @click.option("--paste", is_flag=True, help="Paste the address afterwards (the default).")
    @click.option("--browser", is_flag=True, help="Open a browser on this machine, too.")
    @click.option(
        "--listen", type=int, metavar="PORT", help="Port to which the redirect URI forwards."
    )
    @click.option("--force-login", is_flag=True, help="Show the login page even when logged in.")
    @click.option("--yes", is_flag=True, help="Do not ask before an earlier login is replaced.")
    def authorize(config_files: tuple[Path, ...], **options: Any) -> None:
        """Log in to Exact Online once; every run renews the login from then on.

        Exact sends the browser to the redirect URI of the app, an HTTPS address that is never on
        this machine. Give consent in any browser, and paste the address it ended at.
        """
        try:
            _authorize(program, read_settings(config_files, program), **options)
        except ExactError as error:
            _fail(program, {"": error})

    @click.command("keep-alive")
    @config_option
    def keep_alive(config_files: tuple[Path, ...]) -> None:
        """Renew idle logins before they die: the one in the settings, or all in the store."""
        try:
            failures = _keep_alive(program, read_settings(config_files, program))
        except ExactError as error:
            _fail(program, {"": error})
        if failures:
            _fail(program, failures)

    return authorize, keep_alive


def read_settings(config_files: tuple[Path, ...], program: str) -> dict[str, Any]:
    """Settings of the whole command line, the environment and JSON files; the later wins.

    Args:
        config_files: JSON files.
        program: Whose environment variables count.

    Raises:
        ConfigError: A file is not a JSON object.
    """
    context = click.get_current_context(silent=True)
    settings: dict[str, Any] = dict(getattr(context and context.obj, "config", None) or {})
    for key in LOGIN_SETTINGS:
        if value := os.environ.get(_prefix(program) + key.upper()):
            settings[key] = value
    try:
        settings |= connector_credentials.read_settings(config_files)[0]
    except SettingsError as error:
        raise ConfigError(str(error)) from error
    protect(settings.get("client_secret"), settings.get("refresh_token"))
    return settings


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


def _authorize(
    program: str,
    given: dict[str, Any],
    *,
    paste: bool,
    browser: bool,
    listen: int | None,
    force_login: bool,
    yes: bool,
) -> None:
    settings = _complete(given)
    store, name, values = open_login(settings)
    click.echo(_ONE_CHAIN, err=True)
    if values.get("access_token") and not yes:
        click.confirm(f"Replace the login {name!r} in {store.label}?", abort=True, err=True)
    pair = log_in(
        app_of(values, program),
        browser=browser,
        port=None if paste else listen,
        force_login=force_login,
    )
    save_login(store, name, values, pair, seed=settings.get("refresh_token"))
    click.echo(
        f"Logged in. The login {name!r} is in {store.label} and renews itself with every run; "
        f"unused, it dies after {REFRESH_LIFE_DAYS} days (see keep-alive)."
    )


def _logins(settings: Mapping[str, Any]) -> list[str]:
    """The names of the Exact logins in the store; without a store the default name."""
    store, name, _ = open_login(settings)
    if not settings.get("credentials"):
        return [name]
    return [found for found in store.names() if "client_id" in store.get(found)]


def _keep_alive(program: str, settings: Mapping[str, Any]) -> dict[str, ExactError]:
    """Renew what can be renewed; return what went wrong, by login."""
    failures = {}
    names = [str(settings["credential"])] if settings.get("credential") else _logins(settings)
    for name in names:
        try:
            click.echo(_renewed(program, {**settings, "credential": name}))
        except ExactError as error:
            failures[f"{name}: "] = error
    return failures


def _renewed(program: str, settings: Mapping[str, Any]) -> str:
    store, name, values = open_login(settings)
    app = app_of(values, program)
    days = TokenSource(store, name, app, settings.get("refresh_token")).keep_alive()
    if days is None:
        return f"{name}: in use, nothing to do."
    if days >= WARN_FROM_DAY:
        return (
            f"{name}: renewed. WARNING: it had not been used for {days:.0f} days and dies after "
            f"{REFRESH_LIFE_DAYS}; run keep-alive weekly."
        )
    return f"{name}: renewed after {days:.1f} days."


def _prefix(program: str) -> str:
    return program.upper().replace("-", "_") + "_"


def _fail(program: str, errors: Mapping[str, ExactError]) -> NoReturn:
    click.echo("ERROR: " + "\n".join(clean(f"{of}{one}") for of, one in errors.items()), err=True)
    for of, one in errors.items():
        record_failure(program, f"{of}{one}", stopped=isinstance(one, FatalError))
    raise click.exceptions.Exit(1)


cli = click.Group("exact-online", help="The login of Exact Online.")
for _command in login_commands("exact-online"):
    cli.add_command(_command)
