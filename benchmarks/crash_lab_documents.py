"""What the crash lab feeds, and how it is recognised in Exact: some of all that is written."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from commerce_sandbox.testing import SandboxHandle

ENTRIES, ORDERS = "salesentry/SalesEntries", "salesorder/SalesOrders"
INVOICES, PRINTED = "salesinvoice/SalesInvoices", "salesinvoice/PrintedSalesInvoices"
JOURNALS, BOOKED = (
    "generaljournalentry/GeneralJournalEntries",
    "financialtransaction/TransactionLines",
)
ACCOUNTS, CONTACTS, ADDRESSES = "crm/Accounts", "crm/Contacts", "crm/Addresses"
ITEMS = "logistics/Items"
COPIES, FILES = "documents/Documents", "documents/DocumentAttachments"
STREAMS = ("sales_entries", "sales_orders", "sales_invoices", "general_journal_entries")
_DATES = {
    "sales_entries": "entry_date",
    "sales_orders": "order_date",
    "sales_invoices": "invoice_date",
}
_LETTERS = {"sales_orders": "O", "sales_invoices": "I", "general_journal_entries": "J"}


def stream(number: int) -> str:
    """Return the stream of a document: half of them are sales entries."""
    return {0: "sales_orders", 3: "sales_invoices", 6: "general_journal_entries"}.get(
        number % 8, "sales_entries"
    )


def reference(number: int) -> str:
    """Return what Exact is asked for."""
    return f"LAB{_LETTERS.get(stream(number), 'E')}{number:06}"


def is_credit(number: int) -> bool:
    """Tell whether a document is a credit memo: every fifth of the sales entries."""
    return stream(number) == "sales_entries" and number % 5 == 0


def record(number: int) -> dict[str, Any]:
    """Return a document of contract 2; some have a debtor, or an item, that Exact lacks."""
    kind = {"sales_orders": "order", "general_journal_entries": "day"}.get(stream(number))
    kind = kind or ("credit_memo" if is_credit(number) else "invoice")
    net = -number if is_credit(number) else number
    vat = round(net * 0.21, 2)
    ref = reference(number)
    common = {
        "document_key": f"lab:{kind}:{ref}",
        "your_ref": ref,
        "description": "Crash lab",
        "currency": "EUR",
        "source": {"kind": kind, "order_increment_id": ref, "increment_id": ref},
    }
    if kind == "day":
        return common | _day(net)
    line = {"amount": net, "vat_code": "21", "vat_amount": vat}
    if stream(number) != "sales_entries":
        line |= {"item": f"LAB-{number // 40}", "quantity": 1}
    if stream(number) == "sales_invoices":
        line["unit_price"] = net
    if stream(number) != "sales_orders":
        line["gl_account"] = "8000"
    booked = {} if kind == "order" else {"kind": kind, "journal": "70"}
    return (
        common
        | booked
        | {
            _DATES[stream(number)]: "2026-02-10",
            "payment_condition": "30",
            "debtor": _debtor(number),
            "lines": [line],
            "totals": {"amount": round(net + vat, 2), "vat_amount": vat, "net_amount": net},
        }
    )


def _debtor(number: int) -> dict[str, Any]:
    if number % 4:
        return {"code": "10"}
    email = f"lab{number}@example.com"
    new = {
        "name": email,
        "country": "NL",
        "contacts": [{"first_name": "Lab", "last_name": f"Person {number}", "email": email}],
        "addresses": [
            {"type": "delivery", "address_line1": f"Lab {number}", "postcode": "1011 AB",
             "city": "Amsterdam", "country": "NL"}
        ],
    }  # fmt: skip
    return {"match": {"email": email}, "create": new}


def _day(amount: int) -> dict[str, Any]:
    return {
        "journal": "90",
        "entry_date": "2026-02-10",
        "includes": [],
        "lines": [
            {"gl_account": "1240", "amount": amount},
            {"gl_account": "8000", "amount": -amount, "cost_center": "WEB"},
        ],
        "totals": {"amount": amount, "vat_amount": 0, "net_amount": 0},
    }


def wanted(fed: int) -> Counter[str]:
    """Return all that Exact must have once so many documents were fed, each once."""
    things: list[str] = []
    for number in range(1, fed + 1):
        ref = reference(number)
        things.append(ref + ("-" if is_credit(number) else ""))
        if stream(number) == "sales_invoices":
            things.append(f"printed {ref}")
        if stream(number) == "sales_entries":
            things += [f"copy of {ref}", f"file of {ref}"]
        if number % 4 == 0:
            things += [f"{what} lab{number}" for what in ("account", "contact", "address")]
    things += sorted({f"item LAB-{n // 40}" for n in range(1, fed + 1) if _has_item(n)})
    return Counter(things)


def found(sandbox: SandboxHandle) -> Counter[str]:
    """Return all that Exact has of the lab, counted."""
    things: Counter[str] = Counter()
    entries = {}
    for row in _of_lab(sandbox, ENTRIES, "YourRef"):
        ref = row["YourRef"]
        if ref.startswith("LABI"):
            things[f"printed {ref}"] += 1
        else:
            entries[row["EntryID"]] = ref
            things[ref + ("-" if row["AmountDC"] < 0 else "")] += 1
    for resource in (ORDERS, INVOICES):
        things.update(row["YourRef"] for row in _of_lab(sandbox, resource, "YourRef"))
    booked = {
        (row["EntryID"], word)
        for row in sandbox.exact(BOOKED)
        for word in str(row.get("Description") or "").split()
        if word.startswith("LABJ")
    }
    things.update(ref for _, ref in booked)
    _count_relations(sandbox, things)
    things.update(f"item {row['Code']}" for row in _of_lab(sandbox, ITEMS, "Code", "LAB-"))
    copies = {}
    for row in sandbox.exact(COPIES):
        if ref := entries.get(row.get("FinancialTransactionEntryID")):
            copies[row["ID"]] = ref
            things[f"copy of {ref}"] += 1
    things.update(
        f"file of {copies[row['Document']]}"
        for row in sandbox.exact(FILES)
        if row["Document"] in copies
    )
    return things


def _count_relations(sandbox: SandboxHandle, things: Counter[str]) -> None:
    names = {
        row["ID"]: str(row["Email"]).partition("@")[0]
        for row in _of_lab(sandbox, ACCOUNTS, "Email", "lab")
    }
    things.update(f"account {name}" for name in names.values())
    for resource, what in ((CONTACTS, "contact"), (ADDRESSES, "address")):
        things.update(
            f"{what} {names[row['Account']]}"
            for row in sandbox.exact(resource)
            if row.get("Account") in names and row.get("Type") in (None, 4)
        )


def _has_item(number: int) -> bool:
    return stream(number) in {"sales_orders", "sales_invoices"}


def _of_lab(
    sandbox: SandboxHandle, resource: str, name: str, start: str = "LAB"
) -> list[dict[str, Any]]:
    return [row for row in sandbox.exact(resource) if str(row.get(name) or "").startswith(start)]
