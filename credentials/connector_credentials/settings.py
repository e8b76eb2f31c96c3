"""A plugin's settings with the values of a stored credential below them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connector_credentials.exceptions import CredentialNotFoundError
from connector_credentials.store import CredentialStore, open_store, protect_values

if TYPE_CHECKING:
    from collections.abc import Mapping


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
