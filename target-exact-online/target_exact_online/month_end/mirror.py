"""The mirror of Exact's transaction lines, and what a line of Exact is in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from connector_credentials import clean
from exact_online import local_time
from exact_online.errors import TransientApiError
from target_exact_online.ledger.database import reading
from target_exact_online.month_end.books import text_hash
from target_exact_online.month_end.sides import cents
from target_exact_online.month_end.tables import exact_lines, exact_mirrors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from sqlalchemy.engine import Engine


def utc(moment: datetime | None) -> datetime | None:
    """Return what Exact calls a moment in UTC; see `exact_online.local_time`."""
    return None if moment is None else local_time.utc(moment)


def as_text(value: Any) -> str:
    """Return a value of an answer as text; an empty one when there is none."""
    return "" if value is None else str(value).strip()


def as_whole(value: Any) -> int:
    """Return a whole number of an answer; none is 0.

    Raises:
        TransientApiError: It is something else.
    """
    try:
        return int(value or 0)
    except (TypeError, ValueError, OverflowError):
        raise _no_number(value) from None


def as_amount(value: Any) -> Decimal:
    """Return an amount of an answer.

    Raises:
        TransientApiError: It is something else.
    """
    try:
        return cents(value)
    except (ArithmeticError, TypeError, ValueError):
        raise _no_number(value) from None


def _no_number(value: Any) -> TransientApiError:
    return TransientApiError(f"Exact's answer has {clean(value, 40)!r} where a number belongs")


def as_day(value: Any) -> str:
    """Return a day of an answer (ISO), or an empty string."""
    return value.date().isoformat() if isinstance(value, datetime) else as_text(value)[:10]


@dataclass(slots=True)
class MirrorState:
    """How far the mirror of a company's lines was read.

    Attributes:
        timestamp: Highest row version of a line.
        deleted_timestamp: Highest row version of a deletion.
        read_at: When it was last read to the end (UTC), or None.
        complete: Whether it was ever read to the end.
    """

    timestamp: int = 1
    deleted_timestamp: int = 1
    read_at: datetime | None = None
    complete: bool = False


def state_of(engine: Engine, division: int) -> MirrorState:
    """Return how far a mirror was read.

    Args:
        engine: The ledger's engine.
        division: The company.
    """
    query = sa.select(exact_mirrors).where(exact_mirrors.c.division == division)
    with reading(engine) as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return MirrorState()
    return MirrorState(row.timestamp, row.deleted_timestamp, row.read_at, row.complete)


def write_state(connection: sa.Connection, division: int, state: MirrorState) -> None:
    """Keep how far a mirror was read.

    Args:
        connection: A write transaction.
        division: The company.
        state: How far.
    """
    connection.execute(exact_mirrors.delete().where(exact_mirrors.c.division == division))
    connection.execute(
        exact_mirrors.insert().values(
            division=division,
            timestamp=state.timestamp,
            deleted_timestamp=state.deleted_timestamp,
            read_at=state.read_at,
            complete=state.complete,
        )
    )


def note_deleted(
    engine: Engine, division: int, rows: Sequence[dict[str, Any]], state: MirrorState
) -> None:
    """Note which lines are gone, by whom and when.

    Args:
        engine: The ledger's engine.
        division: The company.
        rows: Exact's notes of deletions.
        state: How far the mirror was read; it is kept, too.
    """
    if not rows:
        return
    gone = (
        exact_lines.update()
        .where(
            exact_lines.c.division == division,
            exact_lines.c.id == sa.bindparam("gone"),
        )
        .values(deleted_at=sa.bindparam("at"), deleted_by=sa.bindparam("by"))
    )
    with engine.begin() as connection:
        connection.execute(
            gone,
            [
                {
                    "gone": as_text(row["EntityKey"]),
                    "at": utc(row.get("DeletedDate")) or datetime.now(UTC),
                    "by": as_text(row.get("DeletedBy")),
                }
                for row in rows
            ],
        )
        write_state(connection, division, state)


def columns(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of `exact_lines` for a transaction line of Exact."""
    return {
        "id": as_text(row["ID"]),
        "entry_id": as_text(row["EntryID"]),
        "entry_number": as_text(row.get("EntryNumber")) or None,
        "journal": as_text(row.get("JournalCode")),
        "line_no": row.get("LineNumber"),
        "type": row.get("Type"),
        "status": row.get("Status"),
        "date": as_day(row.get("Date")) or None,
        "period_year": row.get("FinancialYear"),
        "period_no": row.get("FinancialPeriod"),
        "gl_account": as_text(row["GLAccountCode"]),
        "amount": as_amount(row["AmountFC"]),
        "amount_dc": as_amount(row["AmountDC"]),
        "currency": as_text(row.get("Currency")) or None,
        "rate": as_text(row.get("ExchangeRate")) or None,
        "vat_code": as_text(row.get("VATCode")) or None,
        "vat_amount": None if row.get("AmountVATFC") is None else as_amount(row["AmountVATFC"]),
        "cost_center": as_text(row.get("CostCenter")) or None,
        "cost_unit": as_text(row.get("CostUnit")) or None,
        "reference": as_text(row.get("YourRef"))[:64] or None,
        "text_hash": text_hash(as_text(row.get("Description"))) or None,
        "payment_reference": as_text(row.get("PaymentReference"))[:64] or None,
        "order_number": as_text(row.get("OrderNumber")) or None,
        "invoice_number": as_text(row.get("InvoiceNumber")) or None,
        "relation": as_text(row.get("Account")) or None,
        "creator": as_text(row.get("Creator")) or None,
        "creator_name": as_text(row.get("CreatorFullName"))[:255] or None,
        "created": utc(row.get("Created")),
        "modifier": as_text(row.get("Modifier")) or None,
        "modifier_name": as_text(row.get("ModifierFullName"))[:255] or None,
        "modified": utc(row.get("Modified")),
        "timestamp": as_whole(row.get("Timestamp") or 0),
        "deleted_at": None,
        "deleted_by": None,
    }
