"""The scopes that people are told to tick are those of the resources that are called."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from commerce_sandbox.exact.metadata import resources
from exact_online import scopes
from exact_online.cli import cli

ROOT = Path(__file__).parents[2]
READ = {
    "everything": [
        "system/Divisions", "sync/Deleted", "crm/Accounts", "sync/CRM/Accounts", "vat/VATCodes",
        "vat/VatPercentages", "financial/FinancialPeriods", "read/financial/JournalStatusList",
        "sync/Financial/GLAccounts", "financial/Journals", "hrm/Costcenters", "hrm/Costunits",
        "cashflow/PaymentConditions", "general/Currencies", "financial/ExchangeRates",
    ],
    "sales_invoice": ["sync/Logistics/Items", "salesentry/SalesEntries"],
    "sales orders": ["sync/Logistics/Items"],
    "month-end": [
        "read/financial/OutstandingInvoicesOverview", "read/financial/ReceivablesList",
        "read/financial/AgingOverview",
    ],
    "a warehouse": [
        "salesorder/SalesOrders", "sync/SalesInvoice/SalesInvoices", "sync/Logistics/Items",
        "sync/Documents/Documents", "read/financial/ReceivablesList",
    ],
}  # fmt: skip
MANAGED = {
    "sales_entry": ["salesentry/SalesEntries"],
    "daily_journal": ["generaljournalentry/GeneralJournalEntries"],
    "payments": ["generaljournalentry/GeneralJournalEntries"],
    "sales_invoice": ["salesinvoice/SalesInvoices", "salesinvoice/PrintedSalesInvoices"],
    "sales orders": ["salesorder/SalesOrders", "salesorder/SalesOrderLines"],
    "create_accounts": ["crm/Accounts", "crm/Addresses", "crm/Contacts"],
    "create_items": ["logistics/Items"],
    "attach_documents": ["documents/Documents", "documents/DocumentAttachments"],
    "webhooks": ["system/Divisions"],  # of the same scope; the sandbox has subscriptions apart
}


def ticked(needed_for: str) -> dict[str, str]:
    return {one.name.lower(): one.access for one in scopes.SCOPES if one.needed_for == needed_for}


@pytest.mark.parametrize(("access", "called"), [("read", READ), ("manage", MANAGED)])
def test_every_called_resource_has_its_scope(access: str, called: dict[str, list[str]]) -> None:
    for needed_for, paths in called.items():
        for path in paths:
            scope = resources()[path].scope
            assert scope, path
            assert ticked(needed_for).get(scope.lower()) == access, (needed_for, path)


def test_nothing_is_ticked_without_a_reason() -> None:
    for one in scopes.SCOPES:
        called = (READ if one.access == "read" else MANAGED)[one.needed_for]
        assert one.name.lower() in {str(resources()[path].scope).lower() for path in called}


def test_help_and_guide_list_them() -> None:
    shown = CliRunner().invoke(cli, ["authorize", "--help"]).output
    for one in scopes.SCOPES:
        assert f"{one.name}: {one.access}" in shown
    guide = ROOT / "docs" / "data-engineer.md"
    assert scopes.table() in guide.read_text(encoding="utf-8")
