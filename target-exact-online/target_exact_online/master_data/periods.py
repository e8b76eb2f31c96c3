"""Financial periods, and in which of them a journal is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exact_online import odata
from target_exact_online.master_data import kinds
from target_exact_online.master_data.shelf import NotUsableError, Shelf

if TYPE_CHECKING:
    from datetime import date

    from target_exact_online.master_data.models import Period


class Periods(Shelf):
    """When documents can be booked."""

    def period(self, on: date) -> Period:
        """Return the financial period of a day."""
        for period in self._periods():
            if period.start <= on <= period.end:
                return period
        what = f"Exact has no financial year for {on.isoformat()}"
        raise NotUsableError(what, "Create it in Exact (Financial, Periods).")

    def is_open(self, journal: str, period: Period) -> bool:
        """Tell whether a journal is open in a period."""
        name = f"{kinds.JOURNAL_STATUS.name}:{journal}:{period.year}"
        where = f"Journal eq {odata.text(journal)} and Year eq {period.year}"
        table = self._table(kinds.JOURNAL_STATUS, name=name, where=where)
        return not any(status.closed for status in table.rows if status.period == period.period)

    def period_open(self, journal: str, on: date) -> None:
        """Check that a document may be booked on a day.

        Raises:
            NotUsableError: The period is closed, or there is none.
        """
        period = self.period(on)
        if not self.is_open(journal, period):
            what = (
                f"Period {period.year}-{period.period:02} is closed in journal {journal} "
                f"for {on.isoformat()}"
            )
            raise NotUsableError(what, "Reopen it in Exact, or set closed_period to next_open_day.")

    def next_open_day(self, journal: str, on: date) -> date:
        """Return this day, or the first day of the first open period after it.

        Raises:
            NotUsableError: No later period is open.
        """
        if self.is_open(journal, self.period(on)):
            return on
        for period in self._periods():
            if period.start > on and self.is_open(journal, period):
                return period.start
        what = f"No period after {on.isoformat()} is open in journal {journal}"
        raise NotUsableError(what, "Open a period in Exact.")

    def _periods(self) -> list[Period]:
        return sorted(self._table(kinds.PERIODS).rows, key=lambda period: period.start)
