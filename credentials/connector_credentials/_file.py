"""Store in one file: mode 0600, replaced atomically, durable before a write returns."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from connector_credentials._durable import sync_folder
from connector_credentials.exceptions import (
    LockTimeoutError,
    StoreCorruptError,
    StoreExistsError,
    StoreNotFoundError,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FORMAT = 1
_WRITE_TIMEOUT = 30.0  # seconds; writers hold the file for milliseconds


class FileLease:
    """A lock the operating system gives back when its process dies, so it never runs out."""

    def renew(self) -> None:
        """Nothing to do: the lock lasts as long as the process."""


class FileBackend:
    """Entries of one store in one JSON file; the values are encrypted by the caller."""

    def __init__(self, path: str) -> None:
        """Name the file; nothing is read yet."""
        self.path = Path(path).expanduser().resolve()
        self.label = str(self.path)

    def create(self, entries: dict[str, str]) -> None:
        """Make the file.

        Raises:
            StoreExistsError: There is one already.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unavailable(error) from None
        with self._writing():
            if self.path.exists():
                msg = f"There is a credential store at {self.path} already. Nothing was changed."
                raise StoreExistsError(msg)
            self._replace(entries)

    def read(self) -> dict[str, str]:
        """Every entry, encrypted.

        Raises:
            StoreNotFoundError: There is no file.
            StoreCorruptError: The file is not a store.
            StoreUnavailableError: The file cannot be read.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            msg = (
                f"There is no credential store at {self.path}. "
                "Make one with `connector-credentials init`, or correct the setting."
            )
            raise StoreNotFoundError(msg) from None
        except UnicodeDecodeError:
            raise self._corrupt() from None
        except OSError as error:
            raise self._unavailable(error) from None
        try:
            content = json.loads(text)
            entries: dict[str, Any] = content["entries"]
            texts = [isinstance(one, str) and one.isascii() for one in entries.values()]
            whole = content["format"] == FORMAT and all(texts)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise self._corrupt() from None
        if not whole:
            raise self._corrupt()
        return entries

    def change(self, edit: Callable[[dict[str, str]], None]) -> None:
        """Apply ``edit`` to the entries; when this returns, the result is on the disk."""
        with self._writing():
            entries = self.read()
            edit(entries)
            self._replace(entries)

    @contextmanager
    def lock(self, name: str, timeout: float, lease: float) -> Iterator[FileLease]:
        """Hold the lock of one entry, against threads and processes of this machine."""
        del lease
        with self._locked(name.replace("/", "_"), timeout):
            yield FileLease()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._locked("write", _WRITE_TIMEOUT):
            yield

    @contextmanager
    def _locked(self, suffix: str, timeout: float) -> Iterator[None]:
        path = self.path.with_name(f".{self.path.name}.{suffix}.lock")
        lock = FileLock(path, timeout=timeout, mode=0o600, fallback_to_soft=False)
        try:
            lock.acquire()
        except Timeout:
            msg = (
                f"Another process has held {path} for {timeout:.0f} s. Wait for it, then try again."
            )
            raise LockTimeoutError(msg) from None
        except OSError as error:
            raise self._unavailable(error) from None
        try:
            yield
        finally:
            lock.release()

    def _replace(self, entries: dict[str, str]) -> None:
        """Write a new file beside the old one and swap them; the caller holds the write lock."""
        prefix = f".{self.path.name}."
        content = json.dumps({"format": FORMAT, "entries": entries}, indent=1, sort_keys=True)
        new = self.path.with_name(f"{prefix}{secrets.token_hex(8)}.tmp")
        try:
            for left_over in self.path.parent.glob(f"{prefix}*.tmp"):  # of a writer that was killed
                left_over.unlink(missing_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise self._unavailable(error) from None

    def _unavailable(self, error: OSError) -> StoreUnavailableError:
        reason = error.strerror or type(error).__name__
        return StoreUnavailableError(
            f"The credential store {self.path} cannot be used: {reason}. "
            "Check the path, the permissions and the free space."
        )

    def _corrupt(self) -> StoreCorruptError:
        return StoreCorruptError(
            f"{self.path} is not a credential store, or is damaged. "
            "Correct the setting, or put a backup back. Nothing was changed."
        )
