"""The key that encrypts what is kept, itself sealed by the master key: see `DataKeys`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from adobe_commerce.errors import ConfigError
from connector_credentials import CredentialStoreError
from connector_credentials.data_keys import DataKeys, own_key, unsealed
from connector_credentials.keys import KEY_FILE_VARIABLE, KEY_VARIABLE, ciphers, configured_keys
from target_adobe_commerce.kept.tables import key

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine


def open_keys(engine: Engine) -> DataKeys:
    """Return the database's keys, creating them for a new one.

    The master key is that of the credential store: ``CONNECTOR_KEY``, or the file named by
    ``CONNECTOR_KEY_FILE``. A SQLite database may have a key file beside it instead, that only its
    owner may read.

    Raises:
        ConfigError: There is no master key, or it does not open this database.
    """
    try:
        found = configured_keys()
        configured = ciphers(found[0], origin=found[1]) if found else []
        is_file = engine.dialect.name == "sqlite"
        path = Path(f"{engine.url.database}.key")
        beside = own_key(path, wanted=not found) if is_file else []
    except CredentialStoreError as error:
        raise ConfigError(str(error)) from error
    if not configured and not beside:
        msg = (
            f"A database on a server needs {KEY_VARIABLE} or {KEY_FILE_VARIABLE} to encrypt what "
            "is kept (setting database_url). Create a key with `connector-credentials new-key`."
        )
        raise ConfigError(msg)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":  # two processes may both find no key
            connection.execute(sa.text("LOCK TABLE way_back_key IN EXCLUSIVE MODE"))
        sealed = connection.scalar(sa.select(key.c.sealed_key))
        if sealed is None:
            sealed = (configured or beside)[0].encrypt(os.urandom(32))
            connection.execute(key.insert().values(id=1, sealed_key=sealed))
        data_key = unsealed(configured, bytes(sealed))
        if data_key is not None and unsealed(configured[:1], bytes(sealed)) is None:
            connection.execute(key.update().values(sealed_key=configured[0].encrypt(data_key)))
        # What its key file opens is never sealed with another key, which might be a wrong one.
        data_key = data_key or unsealed(beside, bytes(sealed))
        if data_key is None:
            msg = (
                f"The key does not open this database ({KEY_VARIABLE}, {KEY_FILE_VARIABLE} or "
                "the key file beside it). Give the key it was written with; after a change of key "
                "put the new one first and keep the old one behind a comma."
            )
            raise ConfigError(msg)
    return DataKeys(data_key)
