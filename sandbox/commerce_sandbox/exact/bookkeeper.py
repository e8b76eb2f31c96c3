"""What people do in Exact on screen, past the API: entries, periods, master data."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid5

from commerce_sandbox.exact import closing, company, entries_by_hand, store, xaf
from commerce_sandbox.exact.booking import PROCESSED
from commerce_sandbox.exact.credentials import DIVISION, NAMESPACE, USERS, User
from commerce_sandbox.exact.errors import ForbiddenError, StreamError, ValidationError
from commerce_sandbox.exact.writes import posting_of, timestamp
from commerce_sandbox.exceptions import BookkeeperError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.exact.booking import Posting
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

    @property
    def user(self) -> User:
        """The user of Exact behind the name: a known one, or one of its own."""
        for user in USERS.values():
            if user.name == self.name:
                return user
        return User(str(uuid5(NAMESPACE, f"user/{self.name}")), self.name, "")

    def edit(
        self, entry: str, lines: Mapping[int, Mapping[str, Any]] | None = None, **header: Any
    ) -> None:
        """Change an entry. Its rows keep their keys; changed ones name who changed them.

        Args:
            entry: Its key, entry number or reference.
            lines: By line number: ``gl_account``, ``vat_code``, ``cost_center``, ``cost_unit``,
                ``amount``, ``vat_amount`` (without it a changed VAT or amount is computed
                again), ``description``; of a journal entry also ``date`` and ``debtor``.
            **header: ``date``, ``period`` (year and period), ``debtor``, ``reference``,
                ``journal``, ``currency``, ``rate``, ``payment_condition``, ``description``; of a
                journal entry ``entry_type`` (90, or what Exact makes itself, such as 83).

        Raises:
            BookkeeperError: There is no such thing, or the bookkeeping refuses.
        """
        with self._at_work() as posting:
            entries_by_hand.edit(posting, entry, header, lines or {})

    def delete(self, entry: str) -> None:
        """Delete an entry.

        Args:
            entry: Its key, entry number or reference.

        Raises:
            BookkeeperError: There is no such entry, or it cannot be deleted.
        """
        with self._at_work() as posting:
            entries_by_hand.delete(posting, entry)

    def type_entry(
        self,
        lines: Sequence[Mapping[str, Any]] = (),
        *,
        like: str | None = None,
        journal: str | None = None,
        **header: Any,
    ) -> str:
        """Type an entry by hand and return its key.

        Args:
            lines: The fields of :meth:`edit`; in a general journal debit is positive.
            like: Key, number or reference of an entry that is typed once more.
            journal: A sales journal or a general one (default: 90, or as ``like``).
            **header: The fields of :meth:`edit`.

        Raises:
            BookkeeperError: There is no such thing, or the bookkeeping refuses.
        """
        with self._at_work() as posting:
            if like is not None:
                own = {} if journal is None else {"journal": journal}
                return entries_by_hand.copy(posting, like, header | own)
            return entries_by_hand.type_new(posting, header | {"journal": journal or "90"}, lines)

    def file_return(
        self,
        kind: str,
        year: int,
        period: int,
        *,
        frequency: str = "M",
        status: int = PROCESSED,
        book: bool = False,
    ) -> str:
        """File a VAT return or an EC sales list over what is booked now; return its key.

        Args:
            kind: ``vat`` or ``ec``.
            year: Year.
            period: Month; with ``Q`` the quarter.
            frequency: ``M``, ``Q`` or ``Y``.
            status: 10 draft, 20 open, 50 processed.
            book: Also book the entry (Type 50) that empties the VAT accounts.

        Raises:
            BookkeeperError: There is no such period.
        """
        with self._at_work() as posting:
            row = closing.file_return(
                posting, kind, (year, period), frequency=frequency, status=status, book=book
            )
        key: str = row["DocumentID"]
        return key

    def close_year(self, year: int) -> None:
        """Make the entries of a year's end (Types 322 to 328) and the next opening balance."""
        with self._at_work() as posting:
            closing.close_year(posting, year)

    def export_xaf(self, path: Path, year: int, *, first: int = 1, last: int = 12) -> None:
        """Export an audit file (XAF 3.2) of some periods."""
        with self._at_work() as posting, path.open("wb") as stream:
            xaf.write(posting, xaf.Scope(year, first, last), stream)

    @contextmanager
    def _at_work(self) -> Iterator[Posting]:
        """Work in the books; what they refuse is told in the user's language."""
        context = self.context
        moment = context.clock.now()
        try:
            with context.database.transaction() as connection:
                yield posting_of(context, connection, self.division, moment, self.user)
        except ValidationError as error:
            language = context.database.setting("exact.language", "nl")
            raise BookkeeperError(error.in_language(language)) from None
        except (ForbiddenError, StreamError) as error:
            raise BookkeeperError(error.text) from None

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
