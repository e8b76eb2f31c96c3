"""The mirror of Exact's transaction lines, and what a line of Exact is in it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from connector_credentials import clean
from connector_program.database import reading
from exact_online import changes, local_time
from exact_online.errors import TransientApiError
from target_exact_online.month_end.books import text_hash
from target_exact_online.month_end.sides import cents
from target_exact_online.month_end.tables import exact_lines, exact_mirrors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from sqlalchemy.engine import Engine

_logger = logging.getLogger(__name__)
_UNSEEN = 0
"""The version of a line that has to come again: Exact's own begin at 1."""


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
        read_at: From when on changes are enough (UTC): the last reading to the end began then, or
            the reading of everything that is under way; None: nothing was read yet.
        complete: Whether everything was read to the end.
        moved: What would be another if Exact moved the company; None: it was not recorded.
    """

    timestamp: int = changes.FIRST
    deleted_timestamp: int = changes.FIRST
    read_at: datetime | None = None
    complete: bool = False
    moved: str | None = None


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
    return MirrorState(row.timestamp, row.deleted_timestamp, row.read_at, row.complete, row.moved)


def begun(engine: Engine, division: int, moved: str, now: datetime) -> MirrorState:
    """Return where to go on; at the first version when changes since then are not enough.

    All lines are then taken for unseen until they come again: see :func:`finish`.

    Args:
        engine: The ledger's engine.
        division: The company.
        moved: What would be another if Exact moved the company.
        now: The present moment (UTC).
    """
    state = state_of(engine, division)
    reason = changes.why_anew(
        read_before=None if state.read_at is None else state.read_at.timestamp(),
        now=now.timestamp(),
        moved_before=state.moved,
        moved=moved,
    )
    if reason is None:
        return state
    if state.read_at is not None:
        _logger.warning("The mirror of division %d is read anew: %s.", division, reason)
    anew = MirrorState(read_at=now, moved=moved)
    with engine.begin() as connection:
        connection.execute(_of(division).values(timestamp=_UNSEEN))
        write_state(connection, division, anew)
    return anew


def finish(engine: Engine, division: int, state: MirrorState, began_at: datetime) -> None:
    """Note that a mirror was read to the end; lines that did not come again are gone.

    Who deleted them, and when, Exact does not tell any more.

    Args:
        engine: The ledger's engine.
        division: The company.
        state: How far it was read.
        began_at: When this reading began (UTC).
    """
    with engine.begin() as connection:
        if not state.complete:
            gone = exact_lines.c.deleted_at.is_(None), exact_lines.c.timestamp == _UNSEEN
            connection.execute(_of(division).where(*gone).values(deleted_at=began_at))
        state.complete, state.read_at = True, began_at
        write_state(connection, division, state)


def _of(division: int) -> sa.Update:
    return exact_lines.update().where(exact_lines.c.division == division)


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
            moved=state.moved,
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
