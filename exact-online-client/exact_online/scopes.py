"""The scopes to tick for the app in the Exact App Center: which, how, and what for.

Exact demands them since autumn 2024: without one its calls end in *Application Scope Violated*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Scope:
    """One line of the App Center's list.

    Attributes:
        needed_for: The booking mode, stream or setting; ``everything`` for all of them.
        name: Area and subject, as the App Center has them.
        access: ``manage`` includes ``read``.
        why: What it is used for.
    """

    needed_for: str
    name: str
    access: Literal["read", "manage"]
    why: str


SCOPES = (
    Scope("everything", "Organization administration", "read", "companies, what was deleted"),
    Scope("everything", "Crm accounts", "read", "debtors"),
    Scope("everything", "Financial accounting", "read", "VAT codes, periods"),
    Scope("everything", "Financial generalledgers", "read", "GL accounts, journals"),
    Scope("everything", "Financial costcenters", "read", "cost centers, cost units"),
    Scope("everything", "Financial cashflow", "read", "payment conditions"),
    Scope("everything", "Financial currencies", "read", "currencies, exchange rates"),
    Scope("sales_entry", "Financial accounting", "manage", "sales entries"),
    Scope("daily_journal", "Financial accounting", "manage", "general journal entries"),
    Scope("payments", "Financial accounting", "manage", "general journal entries"),
    Scope("sales_invoice", "Sales invoices", "manage", "sales invoices"),
    Scope("sales_invoice", "Financial accounting", "read", "the entries that Exact makes"),
    Scope("sales_invoice", "Logistics items", "read", "items"),
    Scope("sales orders", "Sales orders", "manage", "sales orders"),
    Scope("sales orders", "Logistics items", "read", "items"),
    Scope("create_accounts", "Crm accounts", "manage", "new relations, addresses, contacts"),
    Scope("create_items", "Logistics items", "manage", "new items"),
    Scope("attach_documents", "Organization documents", "manage", "PDF copies"),
    Scope("month-end", "Financial receivables", "read", "open items"),
    Scope("month-end", "Financial payables", "read", "debtors by age, left out without it"),
    Scope(
        "a warehouse",
        "Sales orders",
        "read",
        "sales orders (each left out without it)",
    ),
    Scope("a warehouse", "Sales invoices", "read", "sales invoices"),
    Scope("a warehouse", "Logistics items", "read", "items, item groups"),
    Scope("a warehouse", "Organization documents", "read", "documents"),
    Scope("a warehouse", "Financial receivables", "read", "what customers owe"),
    Scope("webhooks", "Organization administration", "manage", "subscriptions"),
)


def table() -> str:
    """Return the scopes as a Markdown table."""
    lines = ["| for | scope | access | used for |", "| --- | --- | --- | --- |"]
    lines += [f"| {one.needed_for} | {one.name} | {one.access} | {one.why} |" for one in SCOPES]
    return "\n".join(lines)


def text() -> str:
    """Return the scopes for a terminal."""
    width = max(len(one.needed_for) for one in SCOPES)
    return "\n".join(
        f"  {one.needed_for:{width}}  {one.name}: {one.access} ({one.why})" for one in SCOPES
    )
