"""What the ledger knows of a month as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from connector_program.database import reading
from target_exact_online.ledger.tables import documents, runs
from target_exact_online.month_end import books as ledger_side

if TYPE_CHECKING:
    from datetime import datetime

    from target_exact_online.ledger.store import Ledger
    from target_exact_online.month_end.sides import Month


def last_run(ledger: Ledger) -> datetime | None:
    """Return when the last run that ended had begun, or None."""
    query = sa.select(sa.func.max(runs.c.started_at)).where(runs.c.finished_at.is_not(None))
    with reading(ledger.engine) as connection:
        found: datetime | None = connection.scalar(query)
        return found


def sales(ledger: Ledger, month: Month) -> int:
    """Return how many invoices and credit memos of the month are posted."""
    known = (documents.c.period_year == month.year) & (documents.c.period_no == month.period)
    day = documents.c.entry_date
    within = (day >= month.first.isoformat()) & (day <= month.last.isoformat())
    query = sa.select(sa.func.count()).where(
        documents.c.division == month.division,
        documents.c.state == "posted",
        documents.c.kind.in_(("invoice", "credit_memo")),
        documents.c.stream.in_(ledger_side.COMPARED_STREAMS),
        known | (documents.c.period_year.is_(None) & within),
    )
    with reading(ledger.engine) as connection:
        return int(connection.scalar(query) or 0)


def rules_versions(ledger: Ledger, month: Month) -> tuple[tuple[str, int], ...]:
    """Return how many documents of a month which rules booked."""
    version = documents.c.rules_version
    query = sa.select(version, sa.func.count()).where(ledger_side.posted(month))
    with reading(ledger.engine) as connection:
        rows = connection.execute(query.group_by(version)).tuples().all()
    return tuple(sorted((name or "", count) for name, count in rows))
