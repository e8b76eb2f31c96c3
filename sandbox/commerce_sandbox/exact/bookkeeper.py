"""What people do in Exact on screen, past the API: close periods, block master data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from commerce_sandbox.exact import company, store
from commerce_sandbox.exact.credentials import DIVISION
from commerce_sandbox.exact.writes import timestamp
from commerce_sandbox.exceptions import BookkeeperError

if TYPE_CHECKING:
    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.exact.store import Row

#: What can be blocked: name -> resource, and the property that says so (EndDate: it ends).
BLOCKABLE: dict[str, tuple[str, str]] = {
    "account": ("crm/Accounts", "Blocked"),
    "gl-account": ("financial/GLAccounts", "IsBlocked"),
    "vat-code": ("vat/VATCodes", "IsBlocked"),
    "journal": ("financial/Journals", "IsBlocked"),
    "cost-center": ("hrm/Costcenters", "EndDate"),
    "cost-unit": ("hrm/Costunits", "EndDate"),
    "item": ("logistics/Items", "EndDate"),
}


@dataclass(frozen=True)
class Bookkeeper:
    """A person who works in Exact.

    Attributes:
        context: The sandbox.
        name: Who that is, as Exact shows it beside a change.
        division: Whose books.
    """

    context: SandboxContext
    name: str = "Bookkeeping"
    division: int = DIVISION

    def close_period(self, year: int, period: int, journal: str | None = None) -> None:
        """Close a period, for one journal or for all of them."""
        self._set_period(year, period, journal, company.CLOSED)

    def open_period(self, year: int, period: int, journal: str | None = None) -> None:
        """Open a period again, for one journal or for all of them."""
        self._set_period(year, period, journal, company.OPEN)

    def _set_period(self, year: int, period: int, journal: str | None, status: int) -> None:
        found = company.set_period(
            self.context.database,
            self.division,
            (year, period),
            status,
            journal=journal,
            at=timestamp(self.context.clock.now()),
        )
        if not found:
            message = f"division {self.division} has no period {year}-{period:02}"
            message += f" of journal {journal}" if journal else ""
            raise BookkeeperError(message)

    def block(self, kind: str, code: str) -> None:
        """Block master data: nothing more can be booked on it.

        Cost centers, cost units and items end the day before today.

        Args:
            kind: One of :data:`BLOCKABLE`.
            code: Its code, without padding.

        Raises:
            BookkeeperError: There is no such thing.
        """
        yesterday = self.context.clock.now().date() - timedelta(days=1)
        self._change(kind, code, blocked=True, end=f"{yesterday.isoformat()}T00:00:00")

    def unblock(self, kind: str, code: str) -> None:
        """Let master data be booked on again.

        Raises:
            BookkeeperError: There is no such thing.
        """
        self._change(kind, code, blocked=False, end=None)

    def _change(self, kind: str, code: str, *, blocked: bool, end: str | None) -> None:
        resource, name = BLOCKABLE[kind]
        database = self.context.database
        with database.transaction() as connection:
            found: list[Row] = [
                row
                for row in store.find(connection, resource, self.division)
                if row["Code"].strip() == code
            ]
            if not found:
                message = f"division {self.division} has no {kind} {code!r}"
                raise BookkeeperError(message)
            for row in found:
                row[name] = end if name == "EndDate" else blocked
                if "Active" in row:
                    row["Active"] = not blocked
                store.update(connection, resource, row, timestamp(self.context.clock.now()))
        database.forget()
