"""What stays the same when a document is written anew: keys, creation, and rows that are as before.

A document is changed by booking it again. Its rows keep their keys and who made them; a row that
comes out as it was is not touched at all, the others name who changed them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from commerce_sandbox.exact import ledger, store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from commerce_sandbox.exact.booking import Posting
    from commerce_sandbox.exact.store import Row

#: Properties that the server makes up, or that say who changed a row.
_MADE_UP = frozenset({"ID", "HID", "Modifier", "ModifierFullName", "Creator", "CreatorFullName"})
_OF_CREATION = ("Creator", "CreatorFullName")


@dataclass(frozen=True)
class _Kept:
    """A stored row as it was."""

    version: int
    key: str
    created: str
    modified: str
    body: Row


@dataclass(frozen=True)
class Before:
    """The rows of a document before it is written anew.

    Attributes:
        key: Of its header.
        rows: By resource.
    """

    key: str
    rows: dict[str, list[_Kept]]


def take_out(posting: Posting, resources: Sequence[str], key: str) -> Before:
    """Take the rows of a document out of the books and remember them.

    Args:
        posting: The write call.
        resources: Header, lines, and what is booked.
        key: Of the header.
    """
    rows = {path: _rows(posting, path, key) for path in resources}
    for path in resources:
        posting.connection.execute(
            f"DELETE FROM {store.TABLES[path].name} WHERE {_column(path)} = ?",  # noqa: S608 -- our own names
            (key,),
        )
    return Before(key, rows)


def restore(posting: Posting, before: Before) -> None:
    """Give the rows of a document that was written anew the identity they had."""
    keys: dict[str, str] = {}
    for path, old in before.rows.items():
        known: defaultdict[Any, list[_Kept]] = defaultdict(list)
        for row in reversed(old):
            known[_label(path, row)].append(row)
        for new in _rows(posting, path, before.key):
            same = known[_label(path, new)]
            if same:
                was = same.pop()
                keys[new.key] = was.key
                _keep(posting, path, was, new, keys)
        gone = [row.key for rows in known.values() for row in rows]
        store.note_deleted(posting.connection, path, posting.division, gone, posting.deleted_by)


def _rows(posting: Posting, path: str, key: str) -> list[_Kept]:
    found: list[sqlite3.Row] = posting.connection.execute(
        f"SELECT * FROM {store.TABLES[path].name} WHERE {_column(path)} = ? ORDER BY version",  # noqa: S608 -- our own names
        (key,),
    ).fetchall()
    return [
        _Kept(row["version"], row["id"], row["created"], row["modified"], orjson.loads(row["body"]))
        for row in found
    ]


def _column(path: str) -> str:
    return "parent" if store.TABLES[path].parent else "id"


def _label(path: str, row: _Kept) -> Any:
    """Return what a row is known by when it is made again."""
    body = row.body
    if path == ledger.RECEIVABLES:
        return body["Account"]  # another customer: another receivable
    if path != ledger.LINES:
        return row.key
    number = body["LineNumber"]
    return (number, body["VATCode"]) if number == ledger.VAT_LINE else number


def _keep(posting: Posting, path: str, was: _Kept, new: _Kept, keys: dict[str, str]) -> None:
    body = dict(new.body)
    for name in ("ID", "TransactionID"):
        if body.get(name) in keys:
            body[name] = keys[body[name]]
    if path == ledger.RECEIVABLES:
        body |= {name: was.body[name] for name in ("HID", "EntryID")}
    version, modified = new.version, posting.at
    if _content(body) == _content(was.body):
        body, version, modified = was.body, was.version, was.modified
    else:
        for name in _OF_CREATION:
            body.pop(name, None)
        body |= {name: was.body[name] for name in _OF_CREATION if name in was.body}
        body |= posting.modified_by
    posting.connection.execute(
        f"UPDATE {store.TABLES[path].name} SET version = ?, id = ?, created = ?, modified = ?, "  # noqa: S608 -- our own name
        "body = ? WHERE id = ?",
        (version, was.key, was.created, modified, orjson.dumps(body).decode(), new.key),
    )


def _content(body: Row) -> Row:
    return {name: value for name, value in body.items() if name not in _MADE_UP}
