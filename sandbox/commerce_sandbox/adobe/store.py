"""The shop's tables: one per kind, each row the JSON the shop would answer.

Columns to search by are computed from the JSON by the database, so that a row can never disagree
with its own body. Writers (the recorded shop, the generator, the concurrent writer) only hand over
bodies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from commerce_sandbox.adobe.php_json import dumps

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

    from commerce_sandbox.database import Database


@dataclass(frozen=True)
class Table:
    """How one kind of record is stored.

    Attributes:
        name: The table's name in SQLite.
        key: Name of the integer key in the JSON; absent: rows are numbered as they come.
        columns: Columns computed from JSON members of the same name, with their SQLite type.
        indexes: Column lists to index.
    """

    name: str
    key: str | None
    columns: Mapping[str, str] = field(default_factory=dict)
    indexes: tuple[str, ...] = ()

    def statements(self) -> Iterator[str]:
        """Yield the statements that create the table and its indexes."""
        columns = [
            f"{name} {kind} GENERATED ALWAYS AS (json_extract(body, '$.{name}')) STORED"
            for name, kind in self.columns.items()
        ]
        # The body comes last: a scan over the columns need not read its overflow pages.
        definition = ", ".join(["entity_id INTEGER PRIMARY KEY", *columns, "body TEXT NOT NULL"])
        yield f"CREATE TABLE IF NOT EXISTS {self.name} ({definition})"
        for columns_of_index in self.indexes:
            suffix = columns_of_index.replace(", ", "_")
            yield (
                f"CREATE INDEX IF NOT EXISTS {self.name}_{suffix} "
                f"ON {self.name} ({columns_of_index})"
            )


_INT = "INTEGER"
_TEXT = "TEXT COLLATE NOCASE"  # the shop's database compares text without regard to case
_TIME = "TEXT"

_DOCUMENT = {
    "updated_at": _TIME,
    "created_at": _TIME,
    "increment_id": _TEXT,
    "store_id": _INT,
    "order_id": _INT,
    "state": _INT,
}
_DOCUMENT_INDEXES = ("updated_at, entity_id", "created_at", "increment_id", "order_id")

TABLES: Mapping[str, Table] = {
    "order": Table(
        "adobe_order",
        "entity_id",
        {
            "updated_at": _TIME,
            "created_at": _TIME,
            "increment_id": _TEXT,
            "store_id": _INT,
            "state": _TEXT,
            "status": _TEXT,
            "customer_id": _INT,
            "customer_email": _TEXT,
            "quote_id": _INT,
        },
        ("updated_at, entity_id", "created_at", "increment_id", "store_id", "customer_id"),
    ),
    "invoice": Table("adobe_invoice", "entity_id", _DOCUMENT, _DOCUMENT_INDEXES),
    "creditmemo": Table("adobe_creditmemo", "entity_id", _DOCUMENT, _DOCUMENT_INDEXES),
    "shipment": Table(
        "adobe_shipment",
        "entity_id",
        {name: kind for name, kind in _DOCUMENT.items() if name != "state"},
        _DOCUMENT_INDEXES,
    ),
    "transaction": Table("adobe_transaction", "transaction_id"),
    "customer": Table(
        "adobe_customer",
        "id",
        {"updated_at": _TIME, "created_at": _TIME, "email": _TEXT, "store_id": _INT},
        ("updated_at, entity_id", "email"),
    ),
    "customer_group": Table("adobe_customer_group", "id"),
    "product": Table(
        "adobe_product",
        "id",
        {"updated_at": _TIME, "created_at": _TIME, "sku": _TEXT, "type_id": _TEXT},
        ("updated_at, entity_id", "sku"),
    ),
    "product_attribute": Table(
        "adobe_product_attribute",
        "attribute_id",
        {"attribute_code": _TEXT, "frontend_input": _TEXT, "is_user_defined": _INT},
        ("attribute_code",),
    ),
    "product_override": Table("adobe_product_override", None),
    "category": Table("adobe_category", "id"),
    "tax_rate": Table("adobe_tax_rate", "id"),
    "tax_rule": Table("adobe_tax_rule", "id"),
    "tax_class": Table("adobe_tax_class", "class_id"),
    "store_config": Table("adobe_store_config", "id"),
    "store_view": Table("adobe_store_view", "id", {"code": "TEXT"}, ("code",)),
    "store_group": Table("adobe_store_group", "id"),
    "website": Table("adobe_website", "id"),
    "sales_rule": Table("adobe_sales_rule", "rule_id"),
    "coupon": Table("adobe_coupon", "coupon_id"),
    "inventory_source": Table("adobe_inventory_source", None),
    "module": Table("adobe_module", None),
    "currency": Table("adobe_currency", None),
}

# Order lines are part of their order; the list of lines leaves their tax breakdown out.
_ORDER_ITEM_VIEW = """
CREATE VIEW IF NOT EXISTS adobe_order_item AS
SELECT CAST(json_extract(line.value, '$.item_id') AS INTEGER) AS entity_id,
       json_remove(
           line.value, '$.extension_attributes', '$.parent_item.extension_attributes'
       ) AS body
FROM adobe_order, json_each(adobe_order.body, '$.items') AS line
"""


def create_tables(database: Database) -> None:
    """Create the shop's tables, if absent.

    Args:
        database: The sandbox's database.
    """
    connection = database.connection()
    for table in TABLES.values():
        for statement in table.statements():
            connection.execute(statement)
    connection.execute(_ORDER_ITEM_VIEW)


def insert_many(database: Database, kind: str, records: Iterable[Mapping[str, Any] | str]) -> None:
    """Write records, replacing those with the same key.

    Joins the transaction of the calling thread, or runs in one of its own.

    Args:
        database: The sandbox's database.
        kind: A key of ``TABLES``, such as ``order``.
        records: Records in the shop's own shape (keys with null left out), or their JSON text as
            the shop writes it. Timestamps are ``YYYY-MM-DD HH:MM:SS`` in UTC.

    Raises:
        KeyError: The kind is unknown.
    """
    table = TABLES[kind]
    key = "NULL" if table.key is None else f"json_extract(:body, '$.{table.key}')"
    statement = f"INSERT OR REPLACE INTO {table.name} (entity_id, body) VALUES ({key}, :body)"  # noqa: S608  (own names)
    bodies = (record if isinstance(record, str) else dumps(record) for record in records)

    def write(connection: sqlite3.Connection) -> None:
        connection.executemany(statement, ({"body": body} for body in bodies))

    connection = database.connection()
    if connection.in_transaction:
        write(connection)
    else:
        with database.transaction() as own:
            write(own)
    database.forget()


def delete(database: Database, kind: str, key: int) -> None:
    """Remove one record without trace, as the shop does.

    Args:
        database: The sandbox's database.
        kind: A key of ``TABLES``.
        key: The record's ``entity_id``.
    """
    database.connection().execute(
        f"DELETE FROM {TABLES[kind].name} WHERE entity_id = ?",  # noqa: S608  (own names)
        (key,),
    )
    database.forget()
