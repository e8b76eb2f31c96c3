"""The archive: what retention takes out of the ledger, encrypted, in a file with its own hash.

The first line names the form and holds the ledger's key as the ledger keeps it: sealed by the
master key, so that the file can be read when the ledger is gone. Every other line is one document,
encrypted: content, later version, the words of its events. The SHA-256 of the whole file is an
event of the ledger's chain.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
import msgspec
import sqlalchemy as sa

from connector_credentials import CredentialStoreError, clean
from connector_credentials.data_keys import DataKeys, unsealed
from connector_credentials.keys import ciphers, configured_keys, read_key_file
from connector_program.database import reading
from exact_online.errors import ConfigError
from target_exact_online.desk import documents as desk
from target_exact_online.desk.commands import open_ledger
from target_exact_online.ledger import chain, payload
from target_exact_online.ledger.tables import chain as head
from target_exact_online.ledger.tables import documents, events

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cryptography.fernet import Fernet

    from target_exact_online.ledger.store import Ledger

ARCHIVED = "archived"
EXIT_CHANGED = 1
_FORM = 1
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was made.

    Attributes:
        documents: The keys of what is in it.
        sha256: Of all its bytes.
    """

    documents: tuple[str, ...]
    sha256: str


def make(ledger: Ledger, path: Path, before: datetime) -> Made:
    """Move the content of finished documents to a new file; amounts and postings stay.

    Each page is on the disk before the ledger forgets it, so nothing is lost whenever this ends.

    Args:
        ledger: The ledger.
        path: The file.
        before: Only what was finished before.

    Raises:
        ConfigError: The file is there already, or cannot be written.
    """
    with reading(ledger.engine) as connection:
        sealed = bytes(connection.execute(sa.select(head.c.sealed_key)).scalar_one())
    about = {"archive": _FORM, "sealed_key": base64.b64encode(sealed).decode()}
    digest = hashlib.sha256()
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            _write(file, digest, json.dumps(about).encode())

            def keep(keys: list[str]) -> dict[str, int]:
                kept = {}
                for key, last, content in _contents(ledger, keys):
                    kept[key] = last
                    _write(file, digest, ledger.keys.encrypt(_ENCODER.encode(content)))
                file.flush()
                os.fsync(file.fileno())
                return kept

            moved = tuple(desk.anonymise(ledger, before, dry_run=False, keep=keep))
    except OSError as error:
        msg = f"The archive cannot be written to {path}: {error.strerror}. Name a new file."
        raise ConfigError(msg) from error
    if not moved:
        path.unlink()
        return Made((), "")
    detail = {"sha256": digest.hexdigest(), "documents": len(moved), "file": path.name}
    with ledger.engine.begin() as connection:
        chain.append(connection, ledger.keys, [chain.Event(ARCHIVED, None, detail)])
    return Made(moved, digest.hexdigest())


def read(path: Path, masters: list[Fernet]) -> Iterator[dict[str, Any]]:
    """Give the documents of an archive.

    Args:
        path: The file.
        masters: Keys, of which one sealed it.

    Raises:
        ConfigError: It is no archive, damaged, or of another key.
    """
    try:
        with path.open("rb") as file:
            keys = _keys(path, file.readline(), masters)
            for number, line in enumerate(file, start=2):
                yield payload.unsealed(keys, line.rstrip(b"\n"), f"{path}, line {number},")
    except OSError as error:
        msg = f"The archive {path} cannot be read: {error.strerror}."
        raise ConfigError(msg) from error


def is_known(ledger: Ledger, path: Path) -> bool:
    """Tell whether the file is, to the byte, one that this ledger's chain names."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    with reading(ledger.engine) as connection:
        details = connection.scalars(sa.select(events.c.detail).where(events.c.kind == ARCHIVED))
        return any(msgspec.json.decode(one)["sha256"] == found for one in details)


def _keys(path: Path, line: bytes, masters: list[Fernet]) -> DataKeys:
    try:
        about = json.loads(line)
        sealed = base64.b64decode(about["sealed_key"])
        form = about["archive"]
    except (ValueError, TypeError, LookupError):
        form = None
    if form != _FORM:
        msg = f"{path} is no archive of this program."
        raise ConfigError(msg)
    data_key = unsealed(masters, sealed)
    if data_key is None:
        msg = (
            f"The key does not open {path}: give the key that the ledger had then (CONNECTOR_KEY, "
            "CONNECTOR_KEY_FILE, or the ledger's key file)."
        )
        raise ConfigError(msg)
    return DataKeys(data_key)


def _write(file: IO[bytes], digest: Any, line: bytes) -> None:
    file.write(line + b"\n")
    digest.update(line + b"\n")


def _contents(ledger: Ledger, keys: list[str]) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    """Give each document's key, last event, and what the ledger would forget of it."""
    columns = (*(documents.c[name] for name in chain.PAYLOADS), documents.c.document_key)
    words = sa.select(events.c.document_key, events.c.seq, events.c.note)
    with reading(ledger.engine) as connection:
        rows = connection.execute(
            sa.select(*columns, documents.c.last_seq)
            .where(documents.c.document_key.in_(keys))
            .order_by(documents.c.document_key)
        ).all()
        noted = connection.execute(
            words.where(events.c.document_key.in_(keys), events.c.note.is_not(None))
        ).all()
    for row in rows:
        key = row.document_key
        sealed = {name: getattr(row, name) for name in chain.PAYLOADS}
        content = {
            name: payload.unsealed(ledger.keys, one, f"The content of {key} ({name})")
            for name, one in sealed.items()
            if one is not None
        }
        said = {
            str(one.seq): ledger.keys.decrypt(one.note).decode()
            for one in noted
            if one.document_key == key
        }
        yield key, row.last_seq, {"document_key": key, **content, "words": said}


@click.group("archive")
def archive() -> None:
    """Move the content of finished documents to an encrypted file, and read it there."""


_file = click.argument("file", type=click.Path(path_type=Path))


@archive.command("make")
@_file
@click.option(
    "--older-than-days",
    type=click.IntRange(min=0),
    required=True,
    help="Only what was finished this many days ago.",
)
@click.pass_obj
def make_archive(obj: Any, /, *, file: Path, older_than_days: int) -> None:
    """Move contents to FILE; amounts, postings, Exact's numbers and the audit trail stay."""
    before = datetime.now(UTC) - timedelta(days=older_than_days)
    made = make(open_ledger(obj), file, before)
    click.echo(f"{len(made.documents)} documents are archived", err=True)
    if made.documents:
        click.echo(f"{made.sha256}  {clean(file)}")


@archive.command("show")
@_file
@click.argument("document_keys", nargs=-1)
@click.pass_obj
def show_archive(obj: Any, /, *, file: Path, document_keys: tuple[str, ...]) -> None:
    """Print documents of FILE, a JSON object each: those that are named, or all."""
    for one in read(file, _masters(obj)):
        if not document_keys or one["document_key"] in document_keys:
            click.echo(_ENCODER.encode(one))


@archive.command("verify")
@_file
@click.pass_obj
def verify_archive(obj: Any, /, *, file: Path) -> None:
    """Read all of FILE, and look whether the ledger's audit trail names it."""
    count = sum(1 for _ in read(file, _masters(obj)))
    if not is_known(open_ledger(obj), file):
        click.echo("ERROR: The audit trail names no archive with these bytes.", err=True)
        click.get_current_context().exit(EXIT_CHANGED)
    click.echo(f"The archive is whole: {count} documents")


def _masters(obj: Any) -> list[Fernet]:
    """Return the keys of the environment, and that of a key file beside the ledger."""
    try:
        found = configured_keys()
        masters = ciphers(found[0], origin=found[1]) if found else []
        beside = Path(str(obj.config.get("ledger_url")).removeprefix("sqlite:///") + ".key")
        if beside.is_file():
            masters += ciphers(read_key_file(beside), origin=f"the key file {beside}")
    except CredentialStoreError as error:
        raise ConfigError(str(error)) from error
    return masters
