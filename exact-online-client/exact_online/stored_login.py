"""A login in its store: the app registration and the pair of tokens, under one name."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from connector_credentials import CredentialStoreError, derive_key, open_credential, open_store
from connector_credentials.exceptions import RetriableStoreError
from exact_online.errors import ConfigError, TransientApiError
from exact_online.hosts import base_url
from exact_online.token_endpoint import ExactApp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from connector_credentials import CredentialStore
    from exact_online.token_endpoint import TokenPair

DEFAULT_CREDENTIAL = "exact-online"
APP_SETTINGS = ("base_url", "country", "client_id", "client_secret", "redirect_uri")
_KEY_PURPOSE = "target-exact-online token store"  # files that exist open with it


def open_login(config: Mapping[str, Any]) -> tuple[CredentialStore, str, dict[str, Any]]:
    """The store of the login, its name there, and the settings over the stored values.

    Raises:
        ConfigError: A setting is missing, or the store cannot be opened.
        TransientApiError: The store does not answer.
    """
    with store_errors():
        found = open_credential(config, DEFAULT_CREDENTIAL)
        if config.get("country") and not config.get("base_url"):
            found.values.pop("base_url", None)  # a stored one must not outvote the setting
        if found.store:
            return found.store, found.name, found.values
        secret = str(config.get("client_secret") or "")
        if not secret:
            msg = (
                "The setting client_secret is missing. Set client_id, client_secret and "
                "refresh_token, or set credentials to a store that holds them."
            )
            raise ConfigError(msg)
        key = derive_key(secret, _KEY_PURPOSE)
        store = open_store(f"{found.name}.credentials", key, create=True)
        return store, found.name, found.values


def save_login(
    store: CredentialStore,
    name: str,
    values: Mapping[str, Any],
    pair: TokenPair,
    seed: str | None = None,
) -> None:
    """Store the pair of a new login in place of whatever was there.

    Args:
        store: Where to.
        name: Under which name.
        values: The settings; only those of the app registration are stored.
        pair: The new pair.
        seed: The refresh token in the settings, which is older than this login.

    Raises:
        ConfigError: The store refuses.
        TransientApiError: The store does not answer.
    """
    kept = {key: values[key] for key in APP_SETTINGS if values.get(key)}
    entry: dict[str, Any] = {**kept, **asdict(pair)}
    if seed:
        entry["seed"] = fingerprint(seed)
    with store_errors(), store.lock(name):
        store.put(name, entry)


def app_of(values: Mapping[str, Any], program: str = "exact-online") -> ExactApp:
    """The app registration in the settings.

    Args:
        values: The settings.
        program: What to name in advice.

    Raises:
        ConfigError: A setting is missing.
    """
    missing = [key for key in ("client_id", "client_secret") if not values.get(key)]
    if missing:
        msg = (
            f"The setting {' and '.join(missing)} is missing. Take it from the app in the Exact "
            "App Center (Manage my apps)."
        )
        raise ConfigError(msg)
    return ExactApp(
        base_url(values),
        str(values["client_id"]),
        str(values["client_secret"]),
        str(values.get("redirect_uri") or "") or None,
        program,
    )


def fingerprint(token: str) -> str:
    """A short digest that recognises a token without telling it."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


@contextmanager
def store_errors() -> Iterator[None]:
    """Tell the store's errors in the tree of `exact_online.errors`."""
    try:
        yield
    except RetriableStoreError as error:
        raise TransientApiError(str(error)) from error
    except CredentialStoreError as error:
        raise ConfigError(str(error)) from error
