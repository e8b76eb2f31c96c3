"""POST, PUT and DELETE: from a checked body to the code that books it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from commerce_sandbox import settings
from commerce_sandbox.exact import (
    changes,
    convert,
    journal_entries,
    master,
    records,
    sales_entries,
    sales_invoices,
    sales_orders,
    store,
)
from commerce_sandbox.exact.booking import Posting
from commerce_sandbox.exact.errors import ForbiddenError, refuse

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.exact.credentials import User
    from commerce_sandbox.exact.metadata import Resource
    from commerce_sandbox.exact.store import Row

_CREATE: dict[str, Callable[[Posting, Row], Row]] = {
    sales_entries.ENTRIES: sales_entries.create,
    sales_invoices.INVOICES: sales_invoices.create,
    "salesinvoice/PrintedSalesInvoices": sales_invoices.print_invoice,
    sales_orders.ORDERS: sales_orders.create,
    journal_entries.ENTRIES: journal_entries.create,
}
#: Setting: header fields that the server changes in silence, resource -> field -> value.
CHANGED_FIELDS = "exact.changed_fields"
#: Actions that name an existing record: their key is input.
_KEY_IS_INPUT = frozenset({"salesinvoice/PrintedSalesInvoices"})


def timestamp(moment: datetime) -> str:
    """Return a time as rows store it: UTC, no zone, no trailing zeros."""
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return text.rstrip("0").rstrip(".") if text.endswith("0") else text


def posting_of(
    context: SandboxContext,
    connection: sqlite3.Connection,
    division: int,
    moment: datetime,
    user: User,
    faults: Mapping[str, dict[str, Any]] | None = None,
) -> Posting:
    """Return a write call inside a transaction."""
    database = context.database
    return Posting(
        connection=connection,
        division=division,
        data=master.of_division(database, division),
        at=timestamp(moment),
        settings=settings.current(database),
        faults=faults or {},
        user=user,
    )


def post(
    context: SandboxContext,
    resource: Resource,
    division: int,
    body: bytes,
    moment: datetime,
    user: User,
    faults: Mapping[str, dict[str, Any]] | None = None,
) -> Row:
    """Create what a POST asks for and return the stored row.

    Args:
        context: The sandbox.
        resource: What is created.
        division: Whose books.
        body: JSON.
        moment: When it takes effect.
        user: Who does it.
        faults: What goes wrong in the bookkeeping: kind -> parameters.

    Raises:
        StreamError: The body does not have the form of the resource.
        ValidationError: The bookkeeping refuses it.
        ForbiddenError: The header of a line is gone.
    """
    keep_key = resource.path in _KEY_IS_INPUT
    row, found = convert.parse(body, resource, keep_key=keep_key)
    database = context.database
    with database.transaction() as connection:
        posting = posting_of(context, connection, division, moment, user, faults)
        posting.problems.extend(found)
        _change_in_silence(posting, resource, row)
        create = _CREATE.get(resource.path)
        if create is not None:
            return create(posting, row)
        document = changes.BY_LINES.get(resource.path)
        if document is not None:
            refuse(*posting.problems)
            return changes.add_line(posting, document, row)
        created = records.create(posting, resource.path, row)
    _forget(context, resource, division)
    return created


def _change_in_silence(posting: Posting, resource: Resource, row: Row) -> None:
    """Let the server take other values for some header fields than the client sent."""
    changed = posting.settings[CHANGED_FIELDS].get(resource.path, {})
    fault = posting.faults.get("changed_field")
    if fault:
        changed = {**changed, fault["field"]: fault["value"]}
    for name, value in changed.items():
        row[name] = convert.stored_value(resource, name, value)


def put(
    context: SandboxContext,
    resource: Resource,
    division: int,
    key: str,
    body: bytes,
    moment: datetime,
    user: User,
) -> None:
    """Apply a PUT.

    Raises:
        StreamError: The body does not have the form of the resource.
        ValidationError: The change is refused.
        ForbiddenError: The record is gone.
    """
    change, found = convert.parse(body, resource, put=True)
    with context.database.transaction() as connection:
        posting = posting_of(context, connection, division, moment, user)
        posting.problems.extend(found)
        if resource.path in changes.BY_HEADER:
            changes.change_header(posting, changes.BY_HEADER[resource.path], key, change)
        elif resource.path in changes.BY_LINES:
            changes.change_line(posting, changes.BY_LINES[resource.path], key, change)
        else:
            records.change(posting, resource.path, key, change)
    _forget(context, resource, division)


def delete(
    context: SandboxContext,
    resource: Resource,
    division: int,
    key: str,
    moment: datetime,
    user: User,
) -> None:
    """Delete a record.

    Raises:
        ValidationError: It is processed or used.
        ForbiddenError: It is gone already.
    """
    with context.database.transaction() as connection:
        posting = posting_of(context, connection, division, moment, user)
        if resource.path in changes.BY_HEADER:
            changes.delete_header(posting, changes.BY_HEADER[resource.path], key)
        elif resource.path in changes.BY_LINES:
            changes.delete_line(posting, changes.BY_LINES[resource.path], key)
        elif resource.path in records.RECORDS:
            records.delete(posting, resource.path, key)
        else:
            raise ForbiddenError
    _forget(context, resource, division)


def _forget(context: SandboxContext, resource: Resource, division: int) -> None:
    table = store.TABLES.get(resource.path)
    if table is not None and table.master:
        master.forget(context.database, division)
