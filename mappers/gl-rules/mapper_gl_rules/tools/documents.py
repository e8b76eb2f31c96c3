"""Documents for the tools: Adobe's REST shape, or Singer records as the tap writes them."""

from __future__ import annotations

import sys
from decimal import Decimal  # noqa: TC003  # msgspec looks it up
from typing import TYPE_CHECKING

import msgspec

from mapper_gl_rules.exceptions import InputError
from mapper_gl_rules.source import InvoiceReference, TaxRate
from mapper_gl_rules.source.broken import UNREADABLE
from mapper_gl_rules.source.decoding import Decoder
from mapper_gl_rules.source.messages import Envelope

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mapper_gl_rules.rules.facts import DocumentKind
    from mapper_gl_rules.source import Document, Order

__all__ = ["read_input", "read_tax_rates", "shop_documents"]

_STREAMS: dict[str, DocumentKind] = {
    "orders": "order",
    "invoices": "invoice",
    "credit_memos": "credit_memo",
}
_NONE = msgspec.Raw()
_GIVE = (
    'Give what the tap writes, or {"orders": [...], "invoices": [...], "creditmemos": [...]} '
    "as Adobe's REST API answers them."
)
_envelopes = msgspec.json.Decoder(Envelope)


class _File(msgspec.Struct):
    """A file of documents in REST shape, not decoded yet; one document needs no list."""

    order: msgspec.Raw = _NONE
    orders: list[msgspec.Raw] = []
    invoice: msgspec.Raw = _NONE
    invoices: list[msgspec.Raw] = []
    creditmemo: msgspec.Raw = _NONE
    creditmemos: list[msgspec.Raw] = []
    credit_memos: list[msgspec.Raw] = []
    tax_rates: list[TaxRate] = []

    def raws(self) -> Iterator[tuple[DocumentKind, str, msgspec.Raw]]:
        """Give kind, place and text of each document, orders first."""
        for kind, names in (
            ("order", ("order", "orders")),
            ("invoice", ("invoice", "invoices")),
            ("credit_memo", ("creditmemo", "creditmemos", "credit_memos")),
        ):
            for name in names:
                found = getattr(self, name)
                if isinstance(found, list):
                    for number, raw in enumerate(found):
                        yield kind, f"{name}[{number}]", raw  # type: ignore[misc]
                elif bytes(found):
                    yield kind, name, found  # type: ignore[misc]


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


def shop_documents(
    file: Path, *, base: bool = False
) -> Iterator[tuple[DocumentKind, Document | Order]]:
    """Give the documents of a file, whichever shape it has.

    Args:
        file: The file, or `-`.
        base: Whether to take the amounts in base currency.

    Raises:
        InputError: When it has neither shape, or nothing in it.
    """
    text = read_input(file)
    first = text.lstrip().split(b"\n", 1)[0]
    try:
        _envelopes.decode(first)
    except UNREADABLE:
        yield from _rest(text, file, Decoder(base=base))
    else:
        yield from _singer(text, file, Decoder(base=base))


def _rest(
    text: bytes, file: Path, decoder: Decoder
) -> Iterator[tuple[DocumentKind, Document | Order]]:
    """Read {"order" or "orders", "invoices", "creditmemos"}; each finds its order by its id."""
    place = str(file)
    orders: dict[int, Order] = {}
    found: list[tuple[DocumentKind, Document | Order]] = []
    try:
        given = msgspec.json.decode(text, type=_File)
        for kind, where, raw in given.raws():
            place = f"{file}, {where}"
            if kind == "order":
                order = decoder.order(raw)
                order.tax_rates = order.tax_rates or given.tax_rates
                orders[order.entity_id] = order
                found.append((kind, order))
                continue
            document = decoder.document(raw)
            if document.order is None and document.order_id is not None:
                document.order = orders.get(document.order_id)
            found.append((kind, document))
            if kind == "invoice":
                _name_invoice(document)
    except UNREADABLE as error:
        raise _unreadable(error, place) from error
    if not found:
        raise InputError(what="there are no documents", where=place, what_to_do=_GIVE)
    yield from found


def _name_invoice(invoice: Document) -> None:
    """Tell an order its invoice, as the tap does: credit memos go by its date."""
    order = invoice.order
    if order is None or invoice.entity_id in {one.entity_id for one in order.invoices or ()}:
        return
    known = InvoiceReference(
        invoice.entity_id,
        invoice.increment_id,
        invoice.created_at,
        invoice.updated_at,
        invoice.state,
    )
    order.invoices = [*(order.invoices or ()), known]


def _singer(
    text: bytes, file: Path, decoder: Decoder
) -> Iterator[tuple[DocumentKind, Document | Order]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            envelope = _envelopes.decode(line)
            kind = _STREAMS.get(envelope.stream)
            if envelope.type != "RECORD" or kind is None:
                continue
            read = decoder.order if kind == "order" else decoder.document
            document = read(envelope.record)
        except UNREADABLE as error:
            raise _unreadable(error, f"{file}, line {number}") from error
        yield kind, document


def _unreadable(error: Exception, where: str) -> InputError:
    return InputError(what=f"cannot read the documents: {error}", where=where, what_to_do=_GIVE)


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
    except UNREADABLE as error:
        raise InputError(
            what=f"these are no tax rates: {error}",
            where=str(file),
            what_to_do="Give Adobe's answer to GET taxRates/search.",
        ) from error
    rates = found if isinstance(found, list) else found.items
    return [(one.tax_country_id, one.rate) for one in rates]
