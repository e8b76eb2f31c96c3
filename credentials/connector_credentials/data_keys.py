"""Keys for data that outlives a change of the store's key.

Data is encrypted and fingerprinted with a random *data key* that lies beside it, sealed by the
*master key* of the credential store. So a new master key means resealing one value.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import tempfile
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from connector_credentials.keys import ciphers, read_key_file

if TYPE_CHECKING:
    from pathlib import Path


class DataKeys:
    """What encrypts data, and tells by keyed hashes whether it was changed."""

    def __init__(self, data_key: bytes) -> None:
        """Derive one key per purpose from 32 random bytes."""
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
        """Return the keyed hash (HMAC-SHA256, hex) that ties an entry to the one before it."""
        return self.fingerprint(previous.encode() + entry)

    def fingerprint(self, content: bytes) -> str:
        """Return a keyed hash (HMAC-SHA256, hex): without the key nobody can try what fits it."""
        return hmac.digest(self._chain_key, content, "sha256").hex()


def unsealed(masters: list[Fernet], sealed: bytes) -> bytes | None:
    """Return a data key, or None when none of the master keys fits."""
    try:
        return MultiFernet(masters).decrypt(sealed) if masters else None
    except InvalidToken:
        return None


def own_key(path: Path, *, wanted: bool) -> list[Fernet]:
    """Return the master key in a file of its own; made, for its owner alone, when it is wanted.

    Raises:
        MissingKeyError: The file cannot be read, or holds no key.
    """
    if not path.exists():
        if not wanted:
            return []
        # Written aside and linked into place: a second process never reads half a key.
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".key-") as file:  # mode 0600
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was first: its key counts
                os.link(file.name, path)
    return ciphers(read_key_file(path), origin=f"the key file {path}")


def _derive(data_key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(data_key, purpose, hashlib.sha256)
