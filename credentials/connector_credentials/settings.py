"""A plugin's settings: read from files, with the values of a stored credential below them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector_credentials.exceptions import CredentialNotFoundError, SettingsError
from connector_credentials.store import CredentialStore, open_store, protect_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST_SETTINGS = 4 * 1024 * 1024
"""Bytes of a settings file; credentials of a shop and a company have two thousand."""


@dataclass(frozen=True, slots=True)
class OpenCredential:
    """A credential as a plugin uses it.

    Attributes:
        name: Its name in the store.
        values: The settings that are filled in, over the stored values.
        store: The store, or None when the settings name none.
    """

    name: str
    values: dict[str, Any]
    store: CredentialStore | None


def open_credential(settings: Mapping[str, Any], default_name: str) -> OpenCredential:
    """Read the settings ``credentials`` (a store) and ``credential`` (a name in it), if given.

    A credential that the store does not have counts as empty: the plugin then says which of its
    settings are missing.

    Raises:
        CredentialStoreError: The store cannot be opened.
    """
    name = str(settings.get("credential") or default_name)
    store = open_store(str(settings["credentials"])) if settings.get("credentials") else None
    stored: dict[str, Any] = {}
    if store:
        try:
            stored = store.get(name)
        except CredentialNotFoundError:
            stored = {}
    given = {key: value for key, value in settings.items() if value not in (None, "")}
    protect_values(given)
    return OpenCredential(name, stored | given, store)


def read_settings(paths: Iterable[str | Path]) -> tuple[dict[str, Any], bool]:
    """Read settings of several JSON files, later ones first in rank.

    Args:
        paths: Files, or ``ENV`` for the environment, as the option ``--config`` has them.

    Returns:
        The settings, and whether the environment is to be read as well.

    Raises:
        SettingsError: A file is missing, or holds something else.
    """
    settings: dict[str, Any] = {}
    with_environment = False
    for path in paths:
        if path == "ENV":
            with_environment = True
        else:
            settings |= _settings_of(path)
    return settings, with_environment


def _settings_of(path: str | Path) -> dict[str, Any]:
    what = f"The settings file {path}"
    try:
        with Path(path).open("rb") as file:
            content = file.read(LARGEST_SETTINGS + 1)
    except (OSError, ValueError) as error:
        msg = f"{what} cannot be read: {getattr(error, 'strerror', None) or error}."
        raise SettingsError(msg) from None
    if len(content) > LARGEST_SETTINGS:
        msg = f"{what} is larger than {LARGEST_SETTINGS // 1024**2} MB. Is it the right one?"
        raise SettingsError(msg)
    try:
        value = json.loads(content.decode("utf-8-sig"))
        # What cannot be written again, such as NaN or half a character, breaks later and elsewhere.
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (RecursionError, ValueError) as error:
        # A text that cannot be decoded or written is quoted by its error, and may be a secret.
        why = "it has text that is no UTF-8" if isinstance(error, UnicodeError) else error
        msg = f"{what} is not JSON: {why}. Correct it."
        raise SettingsError(msg) from None
    if not isinstance(value, dict):
        msg = f'{what} must be an object such as {{"division": 123456}}. Correct it.'
        raise SettingsError(msg)
    return value
