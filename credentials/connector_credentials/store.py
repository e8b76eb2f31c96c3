"""The store: named credentials and documents, encrypted, one writer at a time."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from cryptography.fernet import InvalidToken

from connector_credentials._file import FileBackend
from connector_credentials.exceptions import (
    CredentialNotFoundError,
    InvalidNameError,
    StoreCorruptError,
    StoreExistsError,
    StoreNotFoundError,
    WrongKeyError,
)
from connector_credentials.keys import cipher, find_keys
from connector_credentials.redaction import protect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from cryptography.fernet import MultiFernet

LOCK_TIMEOUT = 300.0  # seconds to wait for a lock; a holder needs two token calls at most
LEASE = 120.0  # seconds a lock in a database survives its holder

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,199}")
_CHECK = "check"
_CREDENTIAL = "credential/"
_BLOB = "blob/"


class Lease(Protocol):
    """A lock that is held."""

    def renew(self) -> None:
        """Make the lock last for a full lease from now on.

        Raises:
            LockLostError: It ran out, and somebody else may have it.
        """


class Backend(Protocol):
    """Where the encrypted entries live."""

    label: str

    def create(self, entries: dict[str, str]) -> None:
        """Make the store with these entries."""

    def read(self) -> Mapping[str, str]:
        """Every entry."""

    def change(self, edit: Callable[[dict[str, str]], None]) -> None:
        """Apply an edit to the entries, durably and alone."""

    def lock(self, name: str, timeout: float, lease: float) -> AbstractContextManager[Lease]:
        """Hold the lock of one name."""


@dataclass(frozen=True, slots=True)
class EntryInfo:
    """What may be shown of an entry.

    Attributes:
        name: The entry's name.
        size: Bytes of the plain value.
        updated_at: When it was written (UTC).
        metadata: What the writer noted beside the value; for documents only.
    """

    name: str
    size: int
    updated_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


class CredentialStore:
    """Named credentials (JSON objects) and documents (bytes), encrypted with MultiFernet."""

    def __init__(self, backend: Backend, keys: MultiFernet) -> None:
        """Use :func:`open_store`, which also checks the key."""
        self._backend = backend
        self._keys = keys

    def __repr__(self) -> str:
        """Where the store is; never what is in it."""
        return f"<CredentialStore {self.label}>"

    @property
    def label(self) -> str:
        """Where the store is, without any password."""
        return self._backend.label

    def create(self) -> None:
        """Make the store.

        Raises:
            StoreExistsError: There is one already.
        """
        self._backend.create({_CHECK: self._seal(_CHECK, b"", {})})

    def check_key(self) -> None:
        """Make sure that the key opens the store, even one without credentials.

        Raises:
            StoreCorruptError: This is not a store.
            WrongKeyError: The key does not open it.
        """
        self._open(_CHECK)

    def get(self, name: str) -> dict[str, Any]:
        """A credential; its text values never appear in this process's logs from now on.

        Raises:
            CredentialNotFoundError: There is none of this name.
            WrongKeyError: The entry was written with a key this process does not have.
        """
        value: dict[str, Any] = json.loads(self._open(_CREDENTIAL + name)[1])
        protect_values(value)
        return value

    def put(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a credential; durable when this returns.

        Raises:
            InvalidNameError: The name has characters that are not allowed, or the value is not
                plain JSON.
        """
        protect_values(value)
        try:
            data = json.dumps(dict(value), ensure_ascii=False).encode()
        except TypeError:
            msg = f"The credential {name!r} has a value that is not text, number or boolean."
            raise InvalidNameError(msg) from None
        self._write(_CREDENTIAL + name, data, {})

    def delete(self, name: str) -> None:
        """Remove a credential.

        Raises:
            CredentialNotFoundError: There is none of this name.
        """
        self._remove(_CREDENTIAL + name)

    def names(self) -> list[str]:
        """The names of the credentials, sorted."""
        return [info.name for info in self.credentials()]

    def credentials(self) -> list[EntryInfo]:
        """What may be shown of each credential, sorted by name."""
        return list(self._list(_CREDENTIAL, ""))

    def put_blob(self, name: str, data: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Write a document with notes beside it; durable when this returns.

        Raises:
            InvalidNameError: The name has characters that are not allowed.
        """
        self._write(_BLOB + name, data, dict(metadata or {}))

    def get_blob(self, name: str) -> bytes:
        """A document.

        Raises:
            CredentialNotFoundError: There is none of this name.
        """
        return self._open(_BLOB + name)[1]

    def delete_blob(self, name: str) -> None:
        """Remove a document.

        Raises:
            CredentialNotFoundError: There is none of this name.
        """
        self._remove(_BLOB + name)

    def blobs(self, prefix: str = "") -> list[EntryInfo]:
        """What may be shown of each document whose name starts with ``prefix``, sorted by name."""
        return list(self._list(_BLOB, prefix))

    def lock(
        self, name: str, *, timeout: float = LOCK_TIMEOUT, lease: float = LEASE
    ) -> AbstractContextManager[Lease]:
        """Be the only one who works on ``name``, across threads and processes.

        In a database also across machines: the lock is then a lease of ``lease`` seconds by the
        database's clock, which outlives a holder that was killed and which a long holder renews.

        Raises:
            LockTimeoutError: Somebody else held it for ``timeout`` seconds.
        """
        _check_name(name)
        return self._backend.lock(name, timeout, lease)

    def rotate(self, keys: str) -> int:
        """Encrypt every entry with the first of ``keys``; returns how many entries.

        Every credential is locked meanwhile, so that no token is being renewed with the old key.
        """
        new = cipher(keys, origin="the new key")
        return self._rotate_locked(self.names(), new)

    def copy_to(self, other: CredentialStore) -> int:
        """Copy every credential and document to another store; returns how many."""
        copied = 0
        for key in self._keys_of(""):
            header, data = self._open(key)
            other._write(key, data, header["metadata"])
            copied += 1
        return copied

    def _rotate_locked(self, names: list[str], new: MultiFernet) -> int:
        if names:
            with self.lock(names[0]):
                return self._rotate_locked(names[1:], new)
        count = 0

        def edit(entries: dict[str, str]) -> None:
            nonlocal count
            for key, token in entries.items():
                entries[key] = new.encrypt(self._decrypt(token)).decode()
            count = len(entries) - 1  # all but the check

        self._backend.change(edit)
        self._keys = new
        return count

    def _keys_of(self, prefix: str) -> list[str]:
        return sorted(
            key for key in self._backend.read() if key != _CHECK and key.startswith(prefix)
        )

    def _list(self, kind: str, prefix: str) -> Iterator[EntryInfo]:
        for key in self._keys_of(kind + prefix):
            header, data = self._open(key)
            updated = datetime.fromisoformat(header["updated_at"])
            yield EntryInfo(key.removeprefix(kind), len(data), updated, header["metadata"])

    def _write(self, key: str, data: bytes, metadata: Mapping[str, str]) -> None:
        token = self._seal(key, data, metadata)

        def edit(entries: dict[str, str]) -> None:
            self._decrypt(entries[_CHECK])  # a key that was rotated away must not write any more
            entries[key] = token

        self._backend.change(edit)

    def _remove(self, key: str) -> None:
        def edit(entries: dict[str, str]) -> None:
            if key not in entries:
                raise self._missing(key)
            del entries[key]

        self._backend.change(edit)

    def _seal(self, key: str, data: bytes, metadata: Mapping[str, str]) -> str:
        _check_name(key if key == _CHECK else key.partition("/")[2])
        # The name is encrypted with the value, so that entries cannot be swapped in the file.
        header = {
            "key": key,
            "updated_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "metadata": metadata,
        }
        return self._keys.encrypt(json.dumps(header).encode() + b"\n" + data).decode()

    def _open(self, key: str) -> tuple[dict[str, Any], bytes]:
        token = self._backend.read().get(key)
        if token is None and key == _CHECK:
            msg = f"{self.label} is not a credential store. Correct the setting."
            raise StoreCorruptError(msg)
        if token is None:
            raise self._missing(key)
        head, _, data = self._decrypt(token).partition(b"\n")
        header: dict[str, Any] = json.loads(head)
        if header["key"] != key:
            msg = f"The entry {key} of {self.label} is another entry's. Put a backup back."
            raise StoreCorruptError(msg)
        return header, data

    def _decrypt(self, token: str) -> bytes:
        try:
            return self._keys.decrypt(token.encode())
        except InvalidToken:
            msg = (
                f"The key does not open the credential store {self.label}. Give the key it was "
                "made with (after a rotation: the new one). Nothing was changed."
            )
            raise WrongKeyError(msg) from None

    def _missing(self, key: str) -> CredentialNotFoundError:
        kind, _, name = key.partition("/")
        return CredentialNotFoundError(
            f"The credential store {self.label} has no {kind} {name!r}. "
            "See `connector-credentials list`."
        )


def open_store(url: str, key: str | None = None, *, create: bool = False) -> CredentialStore:
    """Open the store at a file path (or ``file:`` path), or at a SQLite or PostgreSQL URL.

    Args:
        url: Where the store is.
        key: One key, or several separated by commas; None looks for it in the environment, the
            key file and the keyring.
        create: Make the store when there is none. Never replaces a store.

    Raises:
        StoreNotFoundError: There is no store and ``create`` was not asked.
        MissingKeyError: There is no key, or it is not a key.
        WrongKeyError: The key does not open the store.
    """
    if create and not store_exists(url):
        with suppress(StoreExistsError):  # another process was faster; its key is checked below
            return create_store(url, key)
    store = _closed_store(url, key)
    store.check_key()
    return store


def create_store(url: str, key: str | None = None) -> CredentialStore:
    """Make a store; arguments as for :func:`open_store`.

    Raises:
        StoreExistsError: There is one already.
        MissingKeyError: There is no key, or it is not a key.
    """
    store = _closed_store(url, key)
    store.create()
    return store


def store_exists(url: str) -> bool:
    """Whether there is a store, whatever its key."""
    try:
        _backend(url).read()
    except StoreNotFoundError:
        return False
    return True


def store_label(url: str) -> str:
    """Where a store is, without any password; the keyring keeps its key under this name."""
    return _backend(url).label


def protect_values(value: Mapping[str, Any]) -> None:
    """Protect the secret values of a credential from appearing in logs."""
    protect(*(item for name, item in value.items() if is_secret(name)))


def is_secret(field_name: str) -> bool:
    """Whether a field of a credential is one that must never be shown."""
    words = ("secret", "token", "password", "key")
    return any(word in field_name for word in words) and not field_name.endswith(("_url", "_at"))


def _closed_store(url: str, key: str | None) -> CredentialStore:
    backend = _backend(url)
    keys, origin = (key, "the program") if key else find_keys(backend.label)
    return CredentialStore(backend, cipher(keys, origin=origin))


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        msg = f"{name!r} cannot be a name: use letters, digits and any of . _ / : - ."
        raise InvalidNameError(msg)


def _backend(url: str) -> Backend:
    scheme, separator, rest = url.partition(":")
    if separator and scheme == "file":
        return FileBackend(rest.removeprefix("//"))
    if "://" in url:
        from connector_credentials._sql import SqlBackend  # noqa: PLC0415  # SQL costs start-up time

        return SqlBackend(url)
    return FileBackend(url)
