"""The key that opens the ledger, and the ledger's own key that it seals: see `DataKeys`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from connector_credentials import CredentialStoreError
from connector_credentials.data_keys import DataKeys, own_key, unsealed
from connector_credentials.keys import KEY_FILE_VARIABLE, KEY_VARIABLE, ciphers, configured_keys
from connector_program.database import reading
from exact_online.errors import ConfigError
from target_exact_online.ledger.tables import chain

if TYPE_CHECKING:
    from cryptography.fernet import Fernet
    from sqlalchemy.engine import Engine


def open_keys(engine: Engine) -> DataKeys:
    """Return the ledger's keys, creating them for a new ledger.

    The master key is the one of the credential store: ``CONNECTOR_KEY``, or the file named by
    ``CONNECTOR_KEY_FILE``. Of several keys the first one seals, all of them open. A SQLite ledger
    may have a key file beside it instead, that only its owner may read. A ledger that its key file
    opened is never sealed with another key: a wrong key in the environment must not take it over.

    Raises:
        ConfigError: When there is no master key, or it does not open this ledger.
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
            f"A ledger on a server needs {KEY_VARIABLE} or {KEY_FILE_VARIABLE} to encrypt "
            "payloads (setting ledger_url). Create a key with `connector-credentials new-key`."
        )
        raise ConfigError(msg)
    with reading(engine) as connection:
        sealed = connection.scalar(sa.select(chain.c.sealed_key))
    if sealed is None:
        sealed = _create(engine, (configured or beside)[0])
    data_key = unsealed(configured, sealed)
    if data_key is not None:
        _reseal(engine, configured[0], sealed, data_key)
        return DataKeys(data_key)
    data_key = unsealed(beside, sealed)
    if data_key is None:
        msg = (
            f"The key does not open this ledger ({KEY_VARIABLE}, {KEY_FILE_VARIABLE} or the "
            "ledger's key file). Give the key it was written with; "
            "after a change of key put the new one first and keep the old one behind a comma."
        )
        raise ConfigError(msg)
    return DataKeys(data_key)


def _create(engine: Engine, master: Fernet) -> bytes:
    with engine.begin() as connection:
        # Two processes may both find no key; the one that comes second takes the first one's.
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("LOCK TABLE chain IN EXCLUSIVE MODE"))
        sealed = connection.scalar(sa.select(chain.c.sealed_key))
        if sealed is None:
            sealed = master.encrypt(os.urandom(32))
            connection.execute(
                chain.insert().values(
                    id=1, seq=0, hash="", sealed_key=sealed, created_at=datetime.now(UTC)
                )
            )
        return bytes(sealed)


def _reseal(engine: Engine, master: Fernet, sealed: bytes, data_key: bytes) -> None:
    if unsealed([master], sealed) is None:
        with engine.begin() as connection:
            connection.execute(chain.update().values(sealed_key=master.encrypt(data_key)))
