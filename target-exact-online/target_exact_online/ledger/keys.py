"""The key that opens the ledger, and the ledger's own key that it seals.

Payloads and the hash chain use a random *data key* that lies in the ledger, sealed by the *master
key*. So a new master key means resealing one row, never rewriting the audit trail.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from connector_credentials import CredentialStoreError
from connector_credentials.keys import (
    KEY_FILE_VARIABLE,
    KEY_VARIABLE,
    ciphers,
    configured_keys,
    read_key_file,
)
from exact_online.errors import ConfigError
from target_exact_online.ledger.database import reading
from target_exact_online.ledger.tables import chain

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine


class LedgerKeys:
    """What encrypts payloads and links events."""

    def __init__(self, data_key: bytes) -> None:
        """Derive one key per purpose from the ledger's own 32 random bytes."""
        self._payloads = Fernet(base64.urlsafe_b64encode(_derive(data_key, b"payload")))
        self._chain_key = _derive(data_key, b"chain")

    def encrypt(self, payload: bytes) -> bytes:
        """Return the payload as it is stored."""
        return self._payloads.encrypt(payload)

    def decrypt(self, stored: bytes) -> bytes:
        """Return the payload as it came in.

        Raises:
            InvalidToken: When somebody changed the stored bytes.
        """
        return self._payloads.decrypt(stored)

    def link(self, previous: str, entry: bytes) -> str:
        """Return the keyed hash (HMAC-SHA256, hex) that ties an event to the one before it."""
        return self.fingerprint(previous.encode() + entry)

    def fingerprint(self, content: bytes) -> str:
        """Return a keyed hash (HMAC-SHA256, hex): without the key nobody can try what fits it."""
        return hmac.digest(self._chain_key, content, "sha256").hex()


def open_keys(engine: Engine) -> LedgerKeys:
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
        beside = _beside(engine, wanted=not found)
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
    data_key = _unseal(configured, sealed)
    if data_key is not None:
        _reseal(engine, configured[0], sealed, data_key)
        return LedgerKeys(data_key)
    data_key = _unseal(beside, sealed)
    if data_key is None:
        msg = (
            f"The key does not open this ledger ({KEY_VARIABLE}, {KEY_FILE_VARIABLE} or the "
            "ledger's key file). Give the key it was written with; "
            "after a change of key put the new one first and keep the old one behind a comma."
        )
        raise ConfigError(msg)
    return LedgerKeys(data_key)


def _unseal(masters: list[Fernet], sealed: bytes) -> bytes | None:
    """Return the data key, or None when none of the master keys fits."""
    try:
        return MultiFernet(masters).decrypt(sealed) if masters else None
    except InvalidToken:
        return None


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
    try:
        master.decrypt(sealed)
    except InvalidToken:
        with engine.begin() as connection:
            connection.execute(chain.update().values(sealed_key=master.encrypt(data_key)))


def _beside(engine: Engine, *, wanted: bool) -> list[Fernet]:
    """Return the key in the file beside a SQLite ledger; made when it is wanted."""
    path = Path(f"{engine.url.database}.key")
    if engine.dialect.name != "sqlite" or not (wanted or path.exists()):
        return []
    if not path.exists():
        # Written aside and linked into place: a second process never reads half a key.
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".key-") as file:  # mode 0600
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was first: its key counts
                os.link(file.name, path)
    return ciphers(read_key_file(path), origin=f"the ledger's key file {path}")


def _derive(data_key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(data_key, purpose, hashlib.sha256)
