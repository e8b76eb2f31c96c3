"""When: the dates of a document, three meanings with one name each.

- Booking date: the local day of the company on which the shop made the document. The target
  moves it, and only it, when its period is closed.
- Tax point: the day of the supply, which decides about VAT codes and dated rules. Of a credit
  memo it is that of the invoice it corrects (Directive 2006/112/EC, article 90): a refund takes
  back VAT at the percentage of its sale. Local day of the store view.
- Money date: the day on which money moved. Local day of the company.

The document date is what the shop prints on the document: the local day of the store view.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mapper_gl_rules.exceptions import DocumentRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, tzinfo

    from mapper_gl_rules.source import Document, Order, Source, Transaction

__all__ = [
    "DocumentDates",
    "MoneyDate",
    "PaymentDate",
    "TaxPoint",
    "document_dates",
    "first_capture",
    "local_day",
    "payment_date",
    "prepayment_date",
    "refund_date",
]

PaymentDate = Literal["capture", "paid_seen", "document"]
_PAID_INVOICE, _CANCELED_INVOICE = 2, 3
_CAPTURES = frozenset(("capture", "payment"))
_REFUNDS = frozenset(("refund",))


class TaxPoint(NamedTuple):
    """A day of supply, and of which document of the shop it is the date."""

    day: date
    of: str


class DocumentDates(NamedTuple):
    """Dates of a document.

    Attributes:
        booking_date: Local day of the company.
        document_date: Local day of the store view.
        tax_points: Days of supply that must all give the same entry (one, except where a credit
            memo takes back several invoices).
        order_placed: Day of the order, which holds where the shop charged what was legal then:
            VAT on money paid before the invoice is due when it is paid (article 65).
    """

    booking_date: date
    document_date: date
    tax_points: tuple[TaxPoint, ...]
    order_placed: TaxPoint | None = None

    @property
    def possible_days(self) -> frozenset[date]:
        """Every day that may be the tax point."""
        placed = (self.order_placed,) if self.order_placed else ()
        return frozenset([point.day for point in (*self.tax_points, *placed)])


class MoneyDate(NamedTuple):
    """The day on which money moved, and what says so."""

    day: date
    seen_by: PaymentDate


def document_dates(
    document: Document | Order,
    order: Order,
    company: tzinfo,
    *,
    credit_memo: bool,
) -> DocumentDates:
    """Find booking date, document date and tax point.

    Args:
        document: The order, invoice or credit memo.
        order: The order.
        company: Time zone of the company.
        credit_memo: Whether the document is one.

    Raises:
        DocumentRefusedError: When a date is no timestamp or the store's time zone is unknown.
    """
    store = _zone(document.source or order.source, company)
    document_date = local_day(document.created_at, store)
    placed = TaxPoint(local_day(order.created_at, store), f"order {order.increment_id}")
    if document is order:
        points: tuple[TaxPoint, ...] = (placed,)
    elif credit_memo:
        points = tuple(_corrected(document, order, store)) or (placed,)  # type: ignore[arg-type]
    else:
        points = (TaxPoint(document_date, f"invoice {document.increment_id}"),)
    return DocumentDates(
        local_day(document.created_at, company),
        document_date,
        points,
        None if placed.day in {point.day for point in points} else placed,
    )


def _corrected(memo: Document, order: Order, store: tzinfo) -> Iterable[TaxPoint]:
    """Give the days of the invoices that a credit memo takes back, each day once.

    Its own invoice if it names one that is known, else all of the order that came before it.
    """
    invoices = [one for one in order.invoices or () if one.state != _CANCELED_INVOICE]
    own = [one for one in invoices if one.entity_id == memo.invoice_id]
    made = _moment(memo.created_at)
    before = [one for one in invoices if _moment(one.created_at) <= made]
    days: dict[date, TaxPoint] = {}
    for one in own or before:
        day = local_day(one.created_at, store)
        days.setdefault(day, TaxPoint(day, f"invoice {one.increment_id}"))
    return days.values()


def payment_date(
    invoice: Document, order: Order, company: tzinfo, wanted: PaymentDate
) -> MoneyDate:
    """Find when the money of a paid invoice came.

    The capture; else the first moment that the shop shows it paid. The shop changes an invoice
    again when it is refunded; what it shows then says nothing about the payment.

    Args:
        invoice: A paid invoice.
        order: Lends its transactions.
        company: Time zone of the company.
        wanted: The accountant's choice.
    """
    own = MoneyDate(local_day(invoice.created_at, company), "document")
    if wanted == "document":
        return own
    if wanted == "capture":
        day = _transaction_day(order, invoice.transaction_id, _CAPTURES, company)
        if day is not None:
            return MoneyDate(day, "capture")
    seen = invoice.updated_at
    if invoice.state != _PAID_INVOICE or seen is None or invoice.is_used_for_refund:
        return own
    return MoneyDate(local_day(seen, company), "paid_seen")


def refund_date(memo: Document, order: Order, company: tzinfo, wanted: PaymentDate) -> MoneyDate:
    """Find when the money of a credit memo went back: the refund, else the memo itself."""
    if wanted == "capture":
        day = _transaction_day(order, memo.transaction_id, _REFUNDS, company)
        if day is not None:
            return MoneyDate(day, "capture")
    return MoneyDate(local_day(memo.created_at, company), "document")


def prepayment_date(order: Order, company: tzinfo, wanted: PaymentDate) -> MoneyDate:
    """Find when an order was paid in full: the last capture, else when the shop showed it so."""
    if wanted == "document":
        return MoneyDate(local_day(order.created_at, company), "document")
    captures = [one.created_at for one in _moved(order, _CAPTURES)]
    if wanted == "capture" and captures:
        return MoneyDate(local_day(max(captures, key=_moment), company), "capture")
    # An order changes with every shipment, its paid invoices do not.
    paid = [
        one.updated_at or one.created_at
        for one in order.invoices or ()
        if one.state == _PAID_INVOICE
    ]
    seen = max(paid, key=_moment) if paid else order.updated_at or order.created_at
    return MoneyDate(local_day(seen, company), "paid_seen")


def first_capture(order: Order, company: tzinfo) -> date | None:
    """Find the day of an order's first capture, as far as the shop knows any."""
    captures = [one.created_at for one in _moved(order, _CAPTURES)]
    return local_day(min(captures, key=_moment), company) if captures else None


def _transaction_day(
    order: Order, transaction_id: str | None, kinds: frozenset[str], company: tzinfo
) -> date | None:
    """Give the day of a document's own transaction, else of all if they are of one day."""
    moved = _moved(order, kinds)
    own = [one for one in moved if transaction_id and one.txn_id == transaction_id]
    days = {local_day(one.created_at, company) for one in own or moved}
    return days.pop() if len(days) == 1 else None


def _moved(order: Order, kinds: frozenset[str]) -> list[Transaction]:
    return [one for one in order.transactions or () if one.txn_type in kinds]


def local_day(moment: str, zone: tzinfo) -> date:
    """Give the local date of a UTC timestamp (`YYYY-MM-DD HH:MM:SS` or ISO 8601).

    Raises:
        DocumentRefusedError: When it is no timestamp.
    """
    try:
        return _moment(moment).astimezone(zone).date()
    except OverflowError as error:  # the first or last day of the calendar
        raise _no_timestamp(moment) from error


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _no_timestamp(text) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _no_timestamp(text: str) -> DocumentRefusedError:
    return DocumentRefusedError(
        reason=f"{text!r} is no timestamp of a document",
        where="created_at",
        what_to_do="Read the document again.",
    )


def _zone(source: Source | None, company: tzinfo) -> tzinfo:
    name = source.timezone if source else None
    return _named_zone(name) if name else company


@lru_cache(maxsize=256)
def _named_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise DocumentRefusedError(
            reason=f"the store view has the time zone {name!r}, which is unknown",
            where="source.timezone",
            what_to_do="Correct the time zone of the store view in the shop, then read it again.",
        ) from error
