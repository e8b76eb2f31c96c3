"""A document as bytes, and what of it counts as its content."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.fernet import InvalidToken

from exact_online.errors import ConfigError

if TYPE_CHECKING:
    from connector_credentials.data_keys import DataKeys

_ENCODER = msgspec.json.Encoder(decimal_format="number", order="sorted")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)

# Where a document came from, how it is named and which rules made it may change without the
# document changing; so may what is only told beside the amounts.
_NOT_CONTENT = frozenset(
    {"document_key", "division", "source", "rules_version", "description", "document_date"}
    | {"tax_point", "payment_reference", "transaction_id", "pays", "includes"}
)
# Two lines that only these tell apart were one line before the mapper knew them.
_TOLD_APART = frozenset({"nature", "dispatch_country"})
_NOT_LINE_CONTENT = _TOLD_APART | {"rule", "description", "supply", "country", "role"}
_OF_ONE_LINE = _TOLD_APART | {"amount", "vat_amount", "quantity", "description"}
_RELATIONS = frozenset({"debtor", "account"})  # of a document, and of a journal line


def encode(record: dict[str, Any]) -> bytes:
    """Return the record as JSON, digits of amounts unchanged."""
    return _ENCODER.encode(record)


def decode(payload: bytes) -> dict[str, Any]:
    """Return the record, amounts as ``Decimal``."""
    record: dict[str, Any] = _DECODER.decode(payload)
    return record


def unsealed(keys: DataKeys, stored: bytes, what: str) -> dict[str, Any]:
    """Return a record that the ledger keeps encrypted.

    Raises:
        ConfigError: It is damaged; ``what`` names it.
    """
    try:
        return decode(keys.decrypt(stored))
    except (InvalidToken, ValueError) as error:
        msg = f"{what} is damaged. Restore the ledger from a backup (setting ledger_url)."
        raise ConfigError(msg) from error


def content_hash(record: dict[str, Any]) -> str:
    """Return the SHA-256 (hex) of what would be booked.

    Two versions of a document with the same hash are the same document to an accountant.
    """
    content = _content(record, _NOT_CONTENT)
    lines = record.get("lines")
    if isinstance(lines, list):
        told = [line for line in lines if isinstance(line, dict)]
        content["lines"] = [_content(line, _NOT_LINE_CONTENT) for line in _as_before(told)]
    return hashlib.sha256(_ENCODER.encode(content)).hexdigest()


def _as_before(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines as they were booked before they were told apart by nature and dispatch.

    So a document that was posted then is the same document when it comes again.
    """
    if not _are_told_apart([line for line in lines if line.get("nature") is not None]):
        return lines
    groups: dict[object, list[dict[str, Any]]] = {}
    for number, line in enumerate(lines):
        key: object = number
        if line.get("nature") is not None and "item" not in line:  # items were never added up
            key = _ENCODER.encode({name: line[name] for name in line if name not in _OF_ONE_LINE})
        groups.setdefault(key, []).append(line)
    return [
        line
        for group in groups.values()
        for line in (_added_up(group) if _are_told_apart(group) else group)
    ]


def _are_told_apart(lines: list[dict[str, Any]]) -> bool:
    return len({tuple([line.get(name) for name in _TOLD_APART]) for line in lines}) > 1


def _added_up(group: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return lines as one, or none where nothing is left of their amounts."""
    sums = {
        name: sum((Decimal(str(line[name])) for line in group), Decimal(0))
        for name in ("amount", "vat_amount")
        if name in group[0]
    }
    rest = {name: value for name, value in group[0].items() if name not in _OF_ONE_LINE}
    return [rest | sums] if any(sums.values()) else []


def _content(record: dict[str, Any], ignored: frozenset[str]) -> dict[str, Any]:
    """Return what counts of a document or a line."""
    content = {name: value for name, value in record.items() if name not in ignored}
    for name in _RELATIONS & content.keys():
        if isinstance(relation := content[name], dict):
            # How a relation would be created matters once; afterwards it may differ freely.
            content[name] = {key: relation[key] for key in relation if key != "create"}
    return content
