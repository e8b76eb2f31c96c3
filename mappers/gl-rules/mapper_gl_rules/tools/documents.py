"""Documents for the tools: Adobe's REST shape, or Singer records as the tap writes them."""

from __future__ import annotations

import sys
from decimal import Decimal  # noqa: TC003  # msgspec looks it up
from typing import TYPE_CHECKING, Literal

import msgspec

from mapper_gl_rules.exceptions import InputError
from mapper_gl_rules.source.decoding import Decoder
from mapper_gl_rules.source.messages import Envelope
from mapper_gl_rules.tools.book import read_documents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mapper_gl_rules.source import Document, Order

__all__ = ["Kind", "read_input", "read_tax_rates", "shop_documents"]

Kind = Literal["order", "invoice", "credit_memo"]
_STREAMS: dict[str, Kind] = {
    "orders": "order",
    "invoices": "invoice",
    "credit_memos": "credit_memo",
}
_envelopes = msgspec.json.Decoder(Envelope)


def read_input(file: Path) -> bytes:
    """Read a file, or standard input for `-`.

    Raises:
        InputError: When it cannot be read.
    """
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(
            what=f"cannot read the documents: {error.strerror}",
            where=str(file),
            what_to_do="Check the option --input.",
        ) from error


def shop_documents(file: Path, *, base: bool = False) -> Iterator[tuple[Kind, Document | Order]]:
    """Give the documents of a file, whichever shape it has.

    Args:
        file: The file, or `-`.
        base: Whether to take the amounts in base currency.

    Raises:
        InputError: When it has neither shape.
    """
    text = read_input(file)
    first = text.lstrip().split(b"\n", 1)[0]
    try:
        _envelopes.decode(first)
    except msgspec.DecodeError:
        documents = read_documents(text, str(file), base=base)
        for order in documents.orders:
            yield "order", order
        for invoice in documents.invoices:
            yield "invoice", invoice
        for memo in documents.creditmemos:
            yield "credit_memo", memo
        return
    decoder = Decoder(base=base)
    for number, line in enumerate(text.splitlines(), 1):
        try:
            envelope = _envelopes.decode(line)
            kind = _STREAMS.get(envelope.stream)
            if envelope.type == "RECORD" and kind is not None:
                read = decoder.order if kind == "order" else decoder.document
                yield kind, read(envelope.record)
        except msgspec.DecodeError as error:
            raise InputError(
                what=f"cannot read the documents: {error}",
                where=f"{file}, line {number}",
                what_to_do="Give what the tap writes, or Adobe's REST documents.",
            ) from error


class _TaxRate(msgspec.Struct):
    """One tax rate of the shop."""

    tax_country_id: str
    rate: Decimal


class _TaxRates(msgspec.Struct):
    items: list[_TaxRate]


_tax_rates = msgspec.json.Decoder(_TaxRates | list[_TaxRate], strict=False)


def read_tax_rates(file: Path) -> list[tuple[str, Decimal]]:
    """Read country and percentage of Adobe's tax rates.

    Raises:
        InputError: When the file has not their shape.
    """
    try:
        found = _tax_rates.decode(read_input(file))
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(
            what=f"these are no tax rates: {error}",
            where=str(file),
            what_to_do="Give Adobe's answer to GET taxRates/search.",
        ) from error
    rates = found if isinstance(found, list) else found.items
    return [(one.tax_country_id, one.rate) for one in rates]
