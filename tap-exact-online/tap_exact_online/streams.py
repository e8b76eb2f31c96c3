"""The streams: which list of Exact each reads, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from tap_exact_online.reading import (
    ChangeStream,
    ExactStream,
    ModifiedStream,
    SnapshotStream,
    WholeStream,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_ID = ("Division", "ID")


class GLAccountsStream(ChangeStream):
    """GL accounts."""

    name = "gl_accounts"
    resource = "sync/Financial/GLAccounts"


class GLClassificationsStream(ChangeStream):
    """Classifications of GL accounts."""

    name = "gl_classifications"
    resource = "sync/Financial/GLClassifications"


class AccountsStream(ChangeStream):
    """Relations: customers, suppliers, prospects."""

    name = "accounts"
    resource = "sync/CRM/Accounts"


class AddressesStream(ChangeStream):
    """Addresses of relations."""

    name = "addresses"
    resource = "sync/CRM/Addresses"


class ContactsStream(ChangeStream):
    """People at relations."""

    name = "contacts"
    resource = "sync/CRM/Contacts"


class ItemsStream(ChangeStream):
    """Items."""

    name = "items"
    resource = "sync/Logistics/Items"


class SalesOrderHeadersStream(ChangeStream):
    """Sales orders."""

    name = "sales_order_headers"
    resource = "sync/SalesOrder/SalesOrderHeaders"


class SalesOrderLinesStream(ChangeStream):
    """Lines of sales orders."""

    name = "sales_order_lines"
    resource = "sync/SalesOrder/SalesOrderLines"


class SalesInvoicesStream(ChangeStream):
    """Sales invoices: headers (``LineNumber`` 0) and lines."""

    name = "sales_invoices"
    resource = "sync/SalesInvoice/SalesInvoices"


class TransactionLinesStream(ChangeStream):
    """Everything that is booked, line by line; debit is positive."""

    name = "transaction_lines"
    resource = "sync/Financial/TransactionLines"


class DocumentsStream(ChangeStream):
    """Documents, without their files."""

    name = "documents"
    resource = "sync/Documents/Documents"


class PaymentTermsStream(ChangeStream):
    """What is to be received (``LineType`` 20) and paid (22), and whether it was."""

    name = "payment_terms"
    resource = "sync/Cashflow/PaymentTerms"


class SalesEntriesStream(ModifiedStream):
    """Headers of sales entries; their lines are among the transaction lines."""

    name = "sales_entries"
    resource = "salesentry/SalesEntries"
    primary_keys: ClassVar[tuple[str, ...]] = ("Division", "EntryID")


class GeneralJournalEntriesStream(ModifiedStream):
    """Headers of general journal entries; their lines are among the transaction lines."""

    name = "general_journal_entries"
    resource = "generaljournalentry/GeneralJournalEntries"
    primary_keys: ClassVar[tuple[str, ...]] = ("Division", "EntryID")


class ExchangeRatesStream(ModifiedStream):
    """Exchange rates."""

    name = "exchange_rates"
    resource = "financial/ExchangeRates"
    primary_keys: ClassVar[tuple[str, ...]] = _ID


class JournalsStream(WholeStream):
    """Journals."""

    name = "journals"
    resource = "financial/Journals"
    primary_keys: ClassVar[tuple[str, ...]] = _ID


class VatCodesStream(WholeStream):
    """VAT codes."""

    name = "vat_codes"
    resource = "vat/VATCodes"
    primary_keys: ClassVar[tuple[str, ...]] = _ID


class VatPercentagesStream(WholeStream):
    """Percentages of VAT codes, and the days on which they count."""

    name = "vat_percentages"
    resource = "vat/VatPercentages"
    primary_keys: ClassVar[tuple[str, ...]] = _ID


class CostCentersStream(WholeStream):
    """Cost centers."""

    name = "cost_centers"
    resource = "hrm/Costcenters"
    primary_keys: ClassVar[tuple[str, ...]] = _ID


class CostUnitsStream(WholeStream):
    """Cost units."""

    name = "cost_units"
    resource = "hrm/Costunits"
    primary_keys: ClassVar[tuple[str, ...]] = _ID


class PaymentConditionsStream(WholeStream):
    """Payment conditions."""

    name = "payment_conditions"
    resource = "cashflow/PaymentConditions"
    primary_keys: ClassVar[tuple[str, ...]] = _ID


class ItemGroupsStream(WholeStream):
    """Item groups."""

    name = "item_groups"
    resource = "logistics/ItemGroups"
    primary_keys: ClassVar[tuple[str, ...]] = _ID


class FinancialPeriodsStream(WholeStream):
    """Financial periods."""

    name = "financial_periods"
    resource = "financial/FinancialPeriods"
    primary_keys: ClassVar[tuple[str, ...]] = _ID


class JournalStatusStream(WholeStream):
    """Whether each journal is open in each period."""

    name = "journal_status"
    resource = "read/financial/JournalStatusList"
    primary_keys: ClassVar[tuple[str, ...]] = ("Division", "Journal", "Year", "Period")


class DivisionsStream(WholeStream):
    """The companies that the user may see."""

    name = "divisions"
    resource = "system/Divisions"
    primary_keys: ClassVar[tuple[str, ...]] = ("Code",)
    by_division = False


class ReportingBalanceStream(SnapshotStream):
    """Sums of the ledger per period, GL account, cost center, cost unit, type and status."""

    name = "reporting_balance"
    resource = "financial/ReportingBalance"
    primary_keys: ClassVar[tuple[str, ...]] = ("Division", "as_of", "ID")

    def parts(self, division: int) -> Iterator[str | None]:
        """Yield a filter for each year: Exact gives no balances without one."""
        del division
        present = self.site.began_at.year
        for year in self.site.settings.years or (present - 1, present):
            yield f"ReportingYear eq {year}"

    def some(self, division: int) -> str | None:
        """Return the filter of the first year."""
        return next(self.parts(division))


class ReceivablesListStream(SnapshotStream):
    """What customers owe, item by item."""

    name = "receivables_list"
    resource = "read/financial/ReceivablesList"
    primary_keys: ClassVar[tuple[str, ...]] = ("Division", "as_of", "HID")


class AgingReceivablesStream(SnapshotStream):
    """What customers owe, by age."""

    name = "aging_receivables"
    resource = "read/financial/AgingReceivablesList"
    primary_keys: ClassVar[tuple[str, ...]] = ("Division", "as_of", "AccountId")


class ReturnsStream(SnapshotStream):
    """VAT returns (``Type`` 31) and EC sales lists (32)."""

    name = "returns"
    resource = "read/financial/Returns"
    primary_keys: ClassVar[tuple[str, ...]] = ("Division", "as_of", "DocumentID")


class DeletedStream(ChangeStream):
    """What was deleted, of everything Exact keeps it of; also folded into each stream above."""

    name = "deleted"
    resource = "sync/Deleted"


STREAMS: tuple[type[ExactStream], ...] = (
    DivisionsStream,
    GLAccountsStream,
    GLClassificationsStream,
    JournalsStream,
    VatCodesStream,
    VatPercentagesStream,
    CostCentersStream,
    CostUnitsStream,
    FinancialPeriodsStream,
    JournalStatusStream,
    PaymentConditionsStream,
    ExchangeRatesStream,
    AccountsStream,
    AddressesStream,
    ContactsStream,
    ItemsStream,
    ItemGroupsStream,
    SalesOrderHeadersStream,
    SalesOrderLinesStream,
    SalesInvoicesStream,
    SalesEntriesStream,
    GeneralJournalEntriesStream,
    TransactionLinesStream,
    PaymentTermsStream,
    DocumentsStream,
    ReportingBalanceStream,
    ReceivablesListStream,
    AgingReceivablesStream,
    ReturnsStream,
    DeletedStream,
)
