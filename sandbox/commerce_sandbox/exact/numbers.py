"""Document numbers: own ones are checked for uniqueness, others are the next free one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commerce_sandbox.exact import messages, store

if TYPE_CHECKING:
    import sqlite3

    from commerce_sandbox.exact.booking import Posting
    from commerce_sandbox.exact.store import Row

#: Entries per journal and year before the pattern YYJJ0001 spills over.
_SERIES = 10000


def entry_number_is_used(
    connection: sqlite3.Connection,
    division: int,
    resource: str,
    journal: tuple[str, str],
    year: int,
    number: int,
) -> bool:
    """Tell whether a number stands in a journal's year already.

    Args:
        connection: The database.
        division: Whose books.
        resource: The documents of the journal.
        journal: Property and code of the journal.
        year: Financial year.
        number: The number asked for.
    """
    years = {"Journal": "ReportingYear", "JournalCode": "FinancialYear"}
    name, code = journal
    where = f"{store.field_sql(name)} = ? AND {store.field_sql('EntryNumber')} = ?"
    row = connection.execute(
        f"SELECT 1 FROM {store.TABLES[resource].name} WHERE division = ? AND {where} "  # noqa: S608 -- our own names
        f"AND {store.field_sql(years[name])} = ?",
        (division, code, number, year),
    ).fetchone()
    return row is not None


def check_entry_number(
    posting: Posting, header: Row, resource: str, journal: str, year: int
) -> None:
    """Note an own entry number that is not positive or is taken.

    Args:
        posting: The write call.
        header: The header as sent.
        resource: The documents of the journal.
        journal: Property with the journal's code.
        year: Financial year.
    """
    number = header.get("EntryNumber")
    if number is None or journal not in header:
        return
    if number <= 0:
        posting.problems.append(messages.invalid("EntryNumber"))
    elif entry_number_is_used(
        posting.connection, posting.division, resource, (journal, header[journal]), year, number
    ):
        posting.problems.append(messages.in_use("EntryNumber"))


def next_entry_number(posting: Posting, resource: str, journal: tuple[str, str], year: int) -> int:
    """Return the next free number of a journal's year, by the pattern YYJJ0001."""
    name, code = journal
    digits = code if code.isdecimal() else "0"
    start = (year % 100 * 100 + int(digits) % 100) * _SERIES
    while True:
        number = (
            store.next_counter(
                posting.connection, f"{posting.division}/{name}/{code}/{year}", 1, start
            )
            + 1
        )
        if not entry_number_is_used(
            posting.connection, posting.division, resource, journal, year, number
        ):
            return number


def next_number(posting: Posting, series: str, start: int) -> int:
    """Return the next number of a simple series of the division."""
    return store.next_counter(posting.connection, f"{posting.division}/{series}", 1, start) + 1
