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
_NOT_LINE_CONTENT = frozenset({"rule", "description", "supply", "country", "role"})
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
        content["lines"] = [
            _content(line, _NOT_LINE_CONTENT) for line in lines if isinstance(line, dict)
        ]
    return hashlib.sha256(_ENCODER.encode(content)).hexdigest()


def _content(record: dict[str, Any], ignored: frozenset[str]) -> dict[str, Any]:
    """Return what counts of a document or a line."""
    content = {name: value for name, value in record.items() if name not in ignored}
    for name in _RELATIONS & content.keys():
        if isinstance(relation := content[name], dict):
            # How a relation would be created matters once; afterwards it may differ freely.
            content[name] = {key: relation[key] for key in relation if key != "create"}
    return content
