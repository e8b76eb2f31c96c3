"""The shop's side: the documents of a month, read again and booked by the mapper.

They come as Singer messages, one a line. Where a document comes several times, mapped by several
versions of the rules, the one of the version that booked it is compared.
"""

from __future__ import annotations

from decimal import Decimal
from sys import intern
from typing import TYPE_CHECKING, Any

import msgspec

from exact_online.errors import ConfigError
from target_exact_online.ledger.payload import content_hash
from target_exact_online.month_end import order_facts
from target_exact_online.month_end.books import COMPARED_STREAMS, moment
from target_exact_online.month_end.sides import Sale, cents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from target_exact_online.month_end.order_facts import OrderFacts
    from target_exact_online.month_end.sides import Line

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_UNREADABLE = (
    msgspec.DecodeError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
_DATES = ("entry_date", "invoice_date")


def read(
    messages: Iterable[str | bytes],
    lines: Callable[[str, Mapping[str, Any], str], tuple[Line, ...]],
    facts: OrderFacts,
) -> Iterator[Sale]:
    """Yield the documents in Singer messages; other streams are passed over.

    Args:
        messages: One message each.
        lines: Returns what a record books: stream, record and key.
        facts: Takes what is told of orders.

    Raises:
        ConfigError: A line is no message, or a record lacks what a document must have.
    """
    for number, message in enumerate(messages, 1):
        if not message.strip():
            continue
        try:
            told = _DECODER.decode(message)
            if told["type"] != "RECORD":
                continue
            if told["stream"] == order_facts.STREAM:
                facts.take(told["record"])
            if told["stream"] not in COMPARED_STREAMS:
                continue
            yield _sale(told["stream"], told["record"], lines)
        except _UNREADABLE as error:
            msg = (
                f"The shop's side cannot be read: {type(error).__name__} {error} (line {number}). "
                "Give it the output of the tap and the mapper, as Singer messages."
            )
            raise ConfigError(msg) from error


def _sale(
    stream: str,
    record: Mapping[str, Any],
    lines: Callable[[str, Mapping[str, Any], str], tuple[Line, ...]],
) -> Sale:
    source = record.get("source") or {}
    summary = record.get("summary") or {}
    created = moment(source.get("created_at"))
    day = summary.get("day") or next(filter(None, map(record.get, _DATES)), None)
    totals = record.get("totals") or {}
    refused = stream == "refused_documents"
    rate = record.get("exchange_rate")
    return Sale(
        key=intern(str(record["document_key"])),
        stream=stream,
        kind=str(source.get("kind") or record.get("kind") or ""),
        number=str(record.get("your_ref") or source.get("increment_id") or ""),
        order_number=str(source.get("order_increment_id") or ""),
        store=str(source.get("store_code") or ""),
        entity_id=str(source.get("entity_id") or ""),
        entry_date=str(day or (created.date().isoformat() if created else "")),
        currency=str(record.get("currency") or ""),
        rate=None if rate is None else Decimal(str(rate)),
        amount=cents(totals.get("amount", record.get("amount")) or 0),
        journal=str(record.get("journal") or summary.get("journal") or ""),
        rules_version=str(record.get("rules_version") or ""),
        created_at=created,
        time_zone=str(source.get("timezone") or ""),
        extracted_at=moment(source.get("extracted_at")),
        pays=str(record.get("pays") or ""),
        method=intern(str(source.get("payment_method") or "")),
        refusal=str(record.get("reason") or "refused") if refused else "",
        skip=bool(record.get("skip")) if refused else False,
        content=content_hash(dict(record)),
        division=int(record.get("division") or 0),
        lines=() if refused else lines(stream, record, str(record["document_key"])),
    )
