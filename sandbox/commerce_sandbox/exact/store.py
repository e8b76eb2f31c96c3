"""Where the sandbox's Exact keeps its rows: one SQLite table per resource, bodies as JSON."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from commerce_sandbox.exact.credentials import USER

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from commerce_sandbox.database import Database

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """How one resource is stored.

    Attributes:
        name: Table in the database.
        key: Property that identifies a row.
        parent: Property of a line that holds its header's key.
        indexed: Properties that clients look rows up by.
        deleted_type: ``EntityType`` of a deletion in sync/Deleted.
        master: Whether postings refer to its rows.
    """

    name: str
    key: str = "ID"
    parent: str | None = None
    indexed: tuple[str, ...] = ()
    deleted_type: int | None = None
    master: bool = False

    @property
    def by_code(self) -> bool:
        """Whether its key is a code, which every division may have."""
        return self.key in {"Code", "CurrencyCode"}


def _master(name: str, *, key: str = "ID", deleted_type: int | None = None) -> Table:
    return Table(name, key, deleted_type=deleted_type, master=True)


TABLES: dict[str, Table] = {
    "cashflow/PaymentConditions": _master("exact_payment_conditions"),
    "cashflow/Receivables": Table(
        "exact_receivables", parent="TransactionEntryID", deleted_type=10
    ),
    "crm/Accounts": Table(
        "exact_accounts",
        indexed=("Code", "SearchCode", "Email", "VATNumber", "Name"),
        deleted_type=2,
    ),
    "crm/Addresses": Table("exact_addresses", parent="Account", deleted_type=3),
    "crm/Contacts": Table("exact_contacts", parent="Account", deleted_type=5),
    "documents/DocumentAttachments": Table(
        "exact_document_attachments", parent="Document", deleted_type=4
    ),
    "documents/Documents": Table("exact_documents", deleted_type=6),
    "financial/ReportingBalance": Table("exact_reporting_balance"),
    "financial/ExchangeRates": _master("exact_exchange_rates"),
    "financial/FinancialPeriods": _master("exact_financial_periods"),
    "financial/GLAccounts": _master("exact_gl_accounts", deleted_type=7),
    "financial/GLClassifications": Table("exact_gl_classifications", deleted_type=18),
    "financial/Journals": _master("exact_journals"),
    "financialtransaction/TransactionLines": Table(
        "exact_transaction_lines", parent="EntryID", deleted_type=1
    ),
    "general/Currencies": _master("exact_currencies", key="Code"),
    "generaljournalentry/GeneralJournalEntries": Table(
        "exact_general_journal_entries", "EntryID", indexed=("JournalCode,EntryNumber",)
    ),
    "generaljournalentry/GeneralJournalEntryLines": Table(
        "exact_general_journal_entry_lines", parent="EntryID"
    ),
    "hrm/Costcenters": _master("exact_cost_centers"),
    "hrm/Costunits": _master("exact_cost_units"),
    "logistics/ItemGroups": _master("exact_item_groups"),
    "logistics/Items": Table("exact_items", indexed=("Code",), deleted_type=9),
    "logistics/Units": _master("exact_units"),
    "read/financial/AgingOverview": Table("exact_aging_overview", "AgeGroup"),
    "read/financial/AgingReceivablesList": Table("exact_aging", "AccountId"),
    "read/financial/JournalStatusList": _master("exact_journal_status", key="HID"),
    "read/financial/OutstandingInvoicesOverview": Table("exact_outstanding", "CurrencyCode"),
    "read/financial/Returns": Table("exact_returns", "DocumentID"),
    "salesentry/SalesEntries": Table(
        "exact_sales_entries", "EntryID", indexed=("YourRef", "Journal,EntryNumber")
    ),
    "salesentry/SalesEntryLines": Table("exact_sales_entry_lines", parent="EntryID"),
    "salesinvoice/SalesInvoiceLines": Table(
        "exact_sales_invoice_lines", parent="InvoiceID", deleted_type=13
    ),
    "salesinvoice/SalesInvoices": Table(
        "exact_sales_invoices",
        "InvoiceID",
        indexed=("YourRef", "Journal,InvoiceNumber"),
        deleted_type=13,
    ),
    "salesorder/SalesOrderLines": Table(
        "exact_sales_order_lines", parent="OrderID", deleted_type=33
    ),
    "salesorder/SalesOrders": Table(
        "exact_sales_orders", "OrderID", indexed=("YourRef", "OrderNumber"), deleted_type=32
    ),
    "sync/Deleted": Table("exact_deleted", "ID"),
    "system/Divisions": Table("exact_divisions", "Code"),
    "vat/VATCodes": _master("exact_vat_codes"),
    "vat/VatPercentages": Table("exact_vat_percentages", parent="VATCodeID", master=True),
    "webhooks/WebhookSubscriptions": Table("exact_webhook_subscriptions"),
}

#: Who made and changed rows that do not say so: the user who gave the usual consent.
MADE_BY: Row = {
    "Creator": USER.user_id,
    "CreatorFullName": USER.name,
    "Modifier": USER.user_id,
    "ModifierFullName": USER.name,
}
_COLUMNS = frozenset({"Division", "Created", "Modified", "Timestamp"})

_TABLE = """
CREATE TABLE IF NOT EXISTS {name} (
  version INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, division INTEGER NOT NULL, parent TEXT,
  created TEXT NOT NULL, modified TEXT NOT NULL, body TEXT NOT NULL
)
"""

_OTHER_TABLES = """
CREATE TABLE IF NOT EXISTS exact_counters (
  name TEXT PRIMARY KEY, value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT OR IGNORE INTO exact_counters VALUES ('version', 1000000);
CREATE TABLE IF NOT EXISTS exact_derived (
  name TEXT PRIMARY KEY, state TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS exact_chains (
  id INTEGER PRIMARY KEY, client_id TEXT NOT NULL, user_id TEXT NOT NULL, alive INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS exact_tokens (
  token TEXT PRIMARY KEY, kind TEXT NOT NULL, chain INTEGER NOT NULL, issued_at REAL NOT NULL,
  used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS exact_codes (
  code TEXT PRIMARY KEY, client_id TEXT NOT NULL, user_id TEXT NOT NULL,
  redirect_uri TEXT NOT NULL, issued_at REAL NOT NULL, used INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS exact_usage (
  name TEXT PRIMARY KEY, period INTEGER NOT NULL, calls INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS exact_failures (endpoint TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS exact_failures_at ON exact_failures (endpoint, at);
CREATE TABLE IF NOT EXISTS exact_blocks (
  endpoint TEXT PRIMARY KEY, until REAL NOT NULL, times INTEGER NOT NULL
);
"""


def field_sql(name: str) -> str:
    """Return the SQL of a property inside a body, written as the indexes have it."""
    return f"json_extract(body, '$.{name}')"


def create_tables(database: Database) -> None:
    """Create the tables of Exact Online if they are missing."""
    connection = database.connection()
    for table in TABLES.values():
        connection.execute(_TABLE.format(name=table.name))
        if table.parent:
            connection.execute(
                f"CREATE INDEX IF NOT EXISTS {table.name}_parent ON {table.name} (parent)"
            )
        for number, names in enumerate(table.indexed):
            columns = ", ".join(field_sql(name) for name in names.split(","))
            connection.execute(
                f"CREATE INDEX IF NOT EXISTS {table.name}_lookup{number} "
                f"ON {table.name} ({columns}, division)"
            )
    connection.executescript(_OTHER_TABLES)


def new_guids(count: int) -> list[str]:
    """Return GUIDs in the lower-case form of response bodies.

    Those of one call share a random beginning, so that the lines of a document lie side by
    side in the database; between documents the order is random.
    """
    chance = os.urandom(10)
    head, tail = chance[:6].hex(), int.from_bytes(chance[6:], "big") << 16
    start = f"{head[:8]}-{head[8:]}-4{head[1:4]}-a{head[5:8]}-"
    return [f"{start}{tail + number:012x}" for number in range(count)]


def next_counter(connection: sqlite3.Connection, name: str, count: int, start: int = 0) -> int:
    """Raise a counter by ``count`` and return its value before that.

    Args:
        connection: A connection inside a write transaction.
        name: The counter.
        count: By how much.
        start: Its value before its first use.
    """
    # Two statements: RETURNING takes five times as long.
    row = connection.execute("SELECT value FROM exact_counters WHERE name = ?", (name,)).fetchone()
    value = start if row is None else int(row[0])
    connection.execute("REPLACE INTO exact_counters VALUES (?, ?)", (name, value + count))
    return value


def _body(row: Row) -> str:
    """Return what is stored of a row: its properties but those that have their own column."""
    return orjson.dumps(
        {name: value for name, value in row.items() if value is not None and name not in _COLUMNS}
    ).decode()


def last_version(connection: sqlite3.Connection) -> int:
    """Return the highest row version that was given; every change and deletion raises it."""
    row = connection.execute("SELECT value FROM exact_counters WHERE name = 'version'").fetchone()
    return int(row[0])


def take_versions(connection: sqlite3.Connection, count: int) -> int:
    """Reserve row versions and return the first of them."""
    return next_counter(connection, "version", count) + 1


def insert(
    connection: sqlite3.Connection,
    resource: str,
    division: int,
    rows: Sequence[Row],
    at: str,
    version: int | None = None,
) -> None:
    """Insert rows of one resource, each with a new row version.

    Args:
        connection: A connection inside a write transaction.
        resource: Path of the resource, ``crm/Accounts``.
        division: Whose rows these are.
        rows: Properties by name; absent and None are the same. They get the properties that
            the database gives.
        at: ISO 8601 UTC without a zone, for ``Created`` and ``Modified``.
        version: First of as many reserved row versions; None: take new ones.
    """
    table = TABLES[resource]
    if version is None:
        version = take_versions(connection, len(rows))
    key, parent = table.key, table.parent
    connection.executemany(
        f"INSERT INTO {table.name} VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 -- our own name
        [
            (
                version + number,
                f"{division}/{row[key]}" if table.by_code else row[key],
                division,
                row.get(parent) if parent else None,
                at,
                at,
                _body(row),
            )
            for number, row in enumerate(rows)
        ],
    )
    for number, row in enumerate(rows, version):
        for name, value in MADE_BY.items():
            row.setdefault(name, value)
        row.update(Division=division, Created=at, Modified=at, Timestamp=number)


def update(connection: sqlite3.Connection, resource: str, row: Row, at: str) -> None:
    """Store a changed row under a new row version.

    Args:
        connection: A connection inside a write transaction.
        resource: Path of the resource.
        row: The whole row, its key included.
        at: ISO 8601 UTC without a zone, for ``Modified``.
    """
    table = TABLES[resource]
    version = take_versions(connection, 1)
    connection.execute(
        f"UPDATE {table.name} SET version = ?, modified = ?, body = ?, parent = ? "  # noqa: S608 -- our own name
        "WHERE id = ?",
        (
            version,
            at,
            _body(row),
            row.get(table.parent) if table.parent else None,
            row[table.key],
        ),
    )


def delete(
    connection: sqlite3.Connection,
    resource: str,
    division: int,
    keys: Iterable[str],
    deleted_by: Row,
) -> None:
    """Delete rows and note the deletions for sync/Deleted.

    Args:
        connection: A connection inside a write transaction.
        resource: Path of the resource.
        division: Whose rows these are.
        keys: Their keys.
        deleted_by: ``DeletedBy`` and ``DeletedDate``.
    """
    table = TABLES[resource]
    gone = list(keys)
    connection.executemany(
        f"DELETE FROM {table.name} WHERE id = ?",  # noqa: S608 -- our own name
        [(key,) for key in gone],
    )
    note_deleted(connection, resource, division, gone, deleted_by)


def note_deleted(
    connection: sqlite3.Connection,
    resource: str,
    division: int,
    gone: Sequence[str],
    deleted_by: Row,
) -> None:
    """Note for sync/Deleted that rows are no more, if it lists such rows."""
    table = TABLES[resource]
    if table.deleted_type is None or not gone:
        return
    notes = [
        {
            "ID": identifier,
            "Division": division,
            "EntityKey": key,
            "EntityType": table.deleted_type,
        }
        | deleted_by
        for key, identifier in zip(gone, new_guids(len(gone)), strict=True)
    ]
    insert(connection, "sync/Deleted", division, notes, deleted_by["DeletedDate"])


def load(record: sqlite3.Row) -> Row:
    """Return a stored record as a row with all its properties."""
    row: Row = {**MADE_BY, **orjson.loads(record["body"])}
    row["Division"] = record["division"]
    row["Created"] = record["created"]
    row["Modified"] = record["modified"]
    row["Timestamp"] = record["version"]
    return row


def get(connection: sqlite3.Connection, resource: str, division: int, key: str) -> Row | None:
    """Return one row of a division by its key, or None."""
    record = connection.execute(
        f"SELECT * FROM {TABLES[resource].name} WHERE id = ? AND division = ?",  # noqa: S608 -- our own name
        (key, division),
    ).fetchone()
    return None if record is None else load(record)


def find(
    connection: sqlite3.Connection, resource: str, division: int, **properties: Any
) -> list[Row]:
    """Return the rows of a division whose properties have these values."""
    where = "".join(f" AND {field_sql(name)} = ?" for name in properties)
    records = connection.execute(
        f"SELECT * FROM {TABLES[resource].name} WHERE division = ?{where}",  # noqa: S608 -- our own names
        (division, *properties.values()),
    )
    return [load(record) for record in records]


def lines_of(connection: sqlite3.Connection, resource: str, parents: Sequence[str]) -> list[Row]:
    """Return the lines of some headers, by header and line number."""
    marks = ", ".join("?" * len(parents))
    records = connection.execute(
        f"SELECT * FROM {TABLES[resource].name} WHERE parent IN ({marks}) "  # noqa: S608 -- our own name
        f"ORDER BY parent, {field_sql('LineNumber')}, version",
        list(parents),
    )
    return [load(record) for record in records]
