"""Documents at the edge of a month, which an auditor looks at first. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from decimal import Decimal

    from target_exact_online.month_end.sides import Month, Sale

NEAR = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Edge:
    """A document at the edge.

    Attributes:
        key: Its document key.
        number: The number that the shop prints.
        kind: Its kind.
        entry_date: Its booking date (ISO).
        amount: Its amount.
        currency: ISO 4217.
        reason: Why it is named.
        pays: Key of the document that it pays, or an empty string.
        created_at: When the shop made it (UTC), or None.
    """

    key: str
    number: str
    kind: str
    entry_date: str
    amount: Decimal
    currency: str
    reason: str
    pays: str = ""
    created_at: datetime | None = None


def edge(sale: Sale, month: Month) -> Edge | None:
    """Return a document when it lies at the edge of a month, else None.

    Args:
        sale: The document as the shop has it.
        month: The month.
    """
    reason = _money(sale, month) if sale.pays else _near_midnight(sale, month)
    if not reason:
        return None
    return Edge(
        sale.key,
        sale.number,
        sale.kind,
        sale.entry_date,
        sale.amount,
        sale.currency,
        reason,
        sale.pays,
        sale.created_at,
    )


def _money(sale: Sale, month: Month) -> str:
    """Tell that the money of a document moved in another month than the shop made it."""
    if sale.created_at is None:
        return ""
    made = local(sale.created_at, sale.time_zone).date().isoformat()
    if month.holds(made) and not month.holds(sale.entry_date):
        return f"in transit: the document is of {made}, its money moved on {sale.entry_date}"
    if month.holds(sale.entry_date) and not month.holds(made):
        return f"the money moved on {sale.entry_date}, the document is of {made}"
    return ""


def _near_midnight(sale: Sale, month: Month) -> str:
    if sale.created_at is None:
        return ""
    here = local(sale.created_at, sale.time_zone)
    zone = here.tzinfo
    edges = (
        datetime.combine(month.first, time(), zone),
        datetime.combine(month.last + timedelta(days=1), time(), zone),
    )
    utc = sale.created_at.astimezone(UTC)
    in_utc = month.holds(utc.date().isoformat())
    in_local = month.holds(here.date().isoformat())
    if in_utc != in_local:
        return f"{utc:%Y-%m-%d %H:%M} in UTC, {here:%Y-%m-%d %H:%M} in the shop's time"
    if any(abs(here - one) <= NEAR for one in edges):
        return f"made at {here:%Y-%m-%d %H:%M} in the shop's time, near the month's end"
    return ""


def local(moment: datetime, zone: str) -> datetime:
    """Return a moment in a store view's time; an unknown zone is UTC.

    Args:
        moment: The moment, aware.
        zone: IANA name, or an empty string.
    """
    try:
        return moment.astimezone(ZoneInfo(zone or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        return moment.astimezone(UTC)
