"""Resources that are another resource seen differently: sync, bulk, lists with other signs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from commerce_sandbox.exact import store
from commerce_sandbox.exact.store import TABLES

if TYPE_CHECKING:
    from commerce_sandbox.exact.store import Row, Table


@dataclass(frozen=True)
class View:
    """Where a resource's rows come from.

    Attributes:
        sources: Stored resources; several are put one after the other.
        renamed: Property -> property of the source.
        negated: Properties with the opposite sign.
        constants: Properties with one value.
        where: A condition on the stored rows.
        fallbacks: Property -> value of a source that lacks it; ``$X``: the value of property X.
    """

    sources: tuple[str, ...]
    renamed: dict[str, str] = field(default_factory=dict)
    negated: frozenset[str] = frozenset()
    constants: dict[str, Any] = field(default_factory=dict)
    where: str = ""
    fallbacks: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        """The (first) table behind it."""
        return TABLES[self.sources[0]]

    def source_sql(self) -> str:
        """Return what stands after FROM."""
        if len(self.sources) == 1:
            return self.table.name
        parts = " UNION ALL ".join(f"SELECT * FROM {TABLES[name].name}" for name in self.sources)  # noqa: S608 -- our own names
        return f"({parts})"

    def column(self, name: str) -> str:
        """Return the SQL of a property."""
        if name in self.constants:
            return f"({self.constants[name]} + 0)"  # a bare number would be a column's position
        source = self.renamed.get(name, name)
        table = self.table
        own = {"Division": "division", "Created": "created", "Modified": "modified"}
        own["Timestamp"] = "version"
        for maker, default in store.MADE_BY.items():
            own[maker] = f"coalesce({store.field_sql(maker)}, '{default}')"
        if not table.by_code:
            own[table.key] = "id"
        if table.parent and len(self.sources) == 1:
            own[table.parent] = "parent"
        sql = own.get(source) or store.field_sql(source)
        return f"(-{sql})" if name in self.negated else sql

    def show(self, row: Row) -> Row:
        """Return a stored row with the names and signs of this view."""
        if not (self.renamed or self.negated or self.constants or self.fallbacks):
            return row
        shown = row | self.constants
        for name, source in self.renamed.items():
            shown[name] = row.get(source)
        for name in self.negated:
            if shown.get(name) is not None:
                shown[name] = -shown[name]
        for name, default in self.fallbacks.items():
            shown.setdefault(name, row.get(default[1:]) if isinstance(default, str) else default)
        return shown


_VIEWS = {
    "sync/SalesOrder/SalesOrderHeaders": View(("salesorder/SalesOrders",), {"ID": "OrderID"}),
    "sync/SalesOrder/SalesOrderLines": View(("salesorder/SalesOrderLines",)),
    "sync/SalesInvoice/SalesInvoices": View(
        ("salesinvoice/SalesInvoices", "salesinvoice/SalesInvoiceLines"),
        fallbacks={"ID": "$InvoiceID", "LineNumber": 0},  # a header is line 0
    ),
    "sync/Cashflow/PaymentTerms": View(("cashflow/Receivables",), constants={"LineType": 20}),
    "sync/Financial/TransactionLines": View(("financialtransaction/TransactionLines",)),
    "bulk/Financial/TransactionLines": View(("financialtransaction/TransactionLines",)),
    "read/financial/ReceivablesList": View(
        ("cashflow/Receivables",),
        {
            "AccountId": "Account",
            "Amount": "AmountFC",
            "CurrencyCode": "Currency",
            "JournalCode": "Journal",
        },
        negated=frozenset({"Amount"}),
        constants={"AmountInTransit": 0},
        where=f"{store.field_sql('IsFullyPaid')} = 0",
    ),
    "hrm/Divisions": View(("system/Divisions",)),
}


@cache
def view(path: str) -> View | None:
    """Return where the rows of a resource come from, or None if it has no rows."""
    if path in _VIEWS:
        return _VIEWS[path]
    if path in TABLES:
        return View((path,))
    if path.startswith(("sync/", "bulk/")):
        _, service, name = path.split("/")
        twin = f"{service.lower()}/{name}"
        if twin in TABLES:
            return View((twin,))
    return None
