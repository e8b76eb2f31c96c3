"""What the crash lab feeds, and how it is recognised in Exact: some of all that is written.

Every document has a number. From it follow its kind, its company, its debtor and whether a document
of the other store view has the same reference. A document comes in versions, which differ in their
amount: the shop changes it between runs.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from commerce_sandbox.exact import writes
from commerce_sandbox.exact.credentials import DIVISION, SECOND_DIVISION, USER
from commerce_sandbox.exact.errors import ValidationError
from commerce_sandbox.exact.metadata import resources

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
DIVISIONS = (DIVISION, SECOND_DIVISION)
PAYMENTS, DAYS = "general_journal_entries", "summary_documents"
STREAMS = ("sales_entries", "sales_orders", "sales_invoices", PAYMENTS, DAYS)
_DATES = {
    "sales_entries": "entry_date",
    "sales_orders": "order_date",
    "sales_invoices": "invoice_date",
}
_KEPT = {
    "sales_entries": (ENTRIES, "EntryNumber", "EntryID"),
    "sales_orders": (ORDERS, "OrderNumber", "OrderID"),
    "sales_invoices": (INVOICES, "InvoiceNumber", "InvoiceID"),
}
_LETTERS = {"sales_orders": "O", "sales_invoices": "I", PAYMENTS: "J", DAYS: "D"}
_STORES = ("nl", "be")
_A_DAY = 60  # documents of one daily summary, those that are booked otherwise counted as well


def stream(number: int) -> str:
    """Return the stream of a document: half of them are sales entries; pairs are of one kind."""
    return {0: "sales_orders", 3: "sales_invoices", 5: DAYS, 6: PAYMENTS}.get(
        number // 2 % 8, "sales_entries"
    )


def division(number: int) -> int:
    """Return the company of a document: one in seven pairs is the second one's."""
    return DIVISIONS[number // 2 % 7 == 0]


def is_twin(number: int) -> bool:
    """Tell whether a document has the reference of another store view's document."""
    return number // 2 % 3 == 0 and number > 1


def reference(number: int) -> str:
    """Return what Exact is asked for; store views that count alike have the same."""
    letter = _LETTERS.get(stream(number), "E")
    return f"LAB{letter}T{number // 2:05}" if is_twin(number) else f"LAB{letter}{number:06}"


def is_credit(number: int) -> bool:
    """Tell whether a document is a credit memo: every fifth pair of the sales entries."""
    return stream(number) == "sales_entries" and number // 2 % 5 == 0


def amount(number: int, version: int) -> int:
    """Return the net amount of a version; half of the documents that look alike cost the same."""
    alike = number // 2 * 2 if number // 2 % 6 == 0 else number
    return (alike + (version - 1) * 1_000) * (-1 if is_credit(number) else 1)


def document_key(number: int) -> str:
    """Return the key of a document."""
    return f"lab:{_STORES[number % 2]}:{_kind(number)}:{reference(number)}"


def _kind(number: int) -> str:
    kinds = {"sales_orders": "order", PAYMENTS: "payment"}
    return kinds.get(stream(number)) or ("credit_memo" if is_credit(number) else "invoice")


def record(number: int, version: int) -> dict[str, Any]:
    """Return a document of contract 2; some have a debtor, or an item, that Exact lacks."""
    kind, net = _kind(number), amount(number, version)
    vat = round(net * 0.21, 2)
    ref = reference(number)
    common = {
        "document_key": document_key(number),
        "division": division(number),
        "your_ref": ref,
        "description": "Crash lab",
        "currency": "EUR",
        "source": {
            "instance": "lab",
            "kind": kind,
            "order_increment_id": ref,
            "increment_id": ref,
            "store_code": _STORES[number % 2],
            "entity_id": number,
        },
    }
    totals = {"amount": round(net + vat, 2), "vat_amount": vat, "net_amount": net}
    if stream(number) == PAYMENTS:
        return common | _payment(number, net)
    if stream(number) == DAYS:
        return common | {"totals": totals} | _of_a_day(number, net, vat)
    line = {"amount": net, "vat_code": "21", "vat_amount": vat}
    if stream(number) != "sales_entries":
        line |= {"item": f"LAB-{number // 80}", "quantity": 1}
    if stream(number) == "sales_invoices":
        line["unit_price"] = net
    if stream(number) != "sales_orders":
        line["gl_account"] = "8000"
    booked = {} if kind == "order" else {"kind": kind, "journal": "70"}
    own = {
        _DATES[stream(number)]: "2026-02-10",
        "payment_condition": "30",
        "debtor": _debtor(number),
        "lines": [line],
        "totals": totals,
    }
    return common | booked | own


def has_debtor(number: int) -> bool:
    """Tell whether a document has a debtor that Exact lacks."""
    return number % 4 == 0 and stream(number) not in {PAYMENTS, DAYS}


def _debtor(number: int) -> dict[str, Any]:
    if not has_debtor(number):
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


def _payment(number: int, net: int) -> dict[str, Any]:
    """Return the money received for a sales entry that came before."""
    pays = next((n for n in range(number - 1, 0, -1) if stream(n) == "sales_entries"), None)
    return {
        "journal": "90",
        "entry_date": "2026-02-10",
        "includes": [],
        **({"pays": document_key(pays)} if pays else {}),
        "lines": [
            {"gl_account": "1240", "amount": net},
            {"gl_account": "1300", "amount": -net, "account": "10"},
        ],
        "totals": {"amount": net, "vat_amount": 0, "net_amount": 0},
    }


def _of_a_day(number: int, net: int, vat: float) -> dict[str, Any]:
    """Return a document of a daily summary; the name of its rule tells it in the entry."""
    rule = _told(number)
    return {
        "kind": "invoice",
        "summary": {
            "instance": "lab",
            "store": _STORES[number % 2],
            "day": f"2026-02-{number // _A_DAY % 28 + 1:02}",
            "time_zone": "Europe/Amsterdam",
            "closes_at": "2026-03-01T00:00:00Z",
            "journal": "90",
            "method": "",
        },
        "lines": [
            {"gl_account": "8000", "amount": -net, "vat_code": "21", "vat_amount": -vat,
             "side": "sale", "role": "revenue", "rule": rule},
            {"gl_account": "1240", "amount": round(net + vat, 2), "side": "sale",
             "role": "clearing", "rule": rule},
        ],
    }  # fmt: skip


def _told(number: int) -> str:
    return f"LABD-{number}"


def delete(sandbox: SandboxHandle, where: int, stream: str, name: str) -> bool:
    """Delete what has this number or key in Exact, as a person would.

    Returns:
        Whether Exact has it no more: what is processed cannot be deleted.
    """
    path, number, key = _KEPT.get(stream, (JOURNALS, "EntryNumber", "EntryID"))
    for row in sandbox.exact(path, division=where):
        if name in (str(row.get(number)), row[key]):
            now = sandbox.context.clock.now()
            try:
                writes.delete(sandbox.context, resources()[path], where, row[key], now, USER)
            except ValidationError:
                return False
    return True


def wanted(fed: int) -> Counter[str]:
    """Return all that Exact must have once so many documents were fed, each once."""
    things: list[str] = []
    items = set()
    for number in range(1, fed + 1):
        where, ref = division(number), reference(number)
        if stream(number) == DAYS:
            things.append(f"{where} {_told(number)}")
            continue
        things.append(f"{where} {ref}" + ("-" if is_credit(number) else ""))
        if stream(number) == "sales_invoices":
            things.append(f"{where} printed {ref}")
        if stream(number) == "sales_entries":
            things += [f"{where} copy of {ref}", f"{where} file of {ref}"]
        if has_debtor(number):
            names = ("account", "contact", "address")
            things += [f"{where} {what} lab{number}" for what in names]
        if stream(number) in {"sales_orders", "sales_invoices"}:
            items.add(f"{where} item LAB-{number // 80}")
    return Counter([*things, *items])


def found(sandbox: SandboxHandle) -> Counter[str]:
    """Return all that Exact has of the lab, counted."""
    things: Counter[str] = Counter()
    for where in DIVISIONS:
        books = _Books(sandbox, where)
        things.update(f"{where} {thing}" for thing in books.things())
    return things


class _Books:
    """What one company has."""

    def __init__(self, sandbox: SandboxHandle, where: int) -> None:
        self._sandbox = sandbox
        self._where = where

    def things(self) -> list[str]:
        things: list[str] = []
        entries = {}
        for row in self._of_lab(ENTRIES, "YourRef"):
            ref = row["YourRef"]
            if ref.startswith("LABI"):
                things.append(f"printed {ref}")
            else:
                entries[row["EntryID"]] = ref
                things.append(ref + ("-" if row["AmountDC"] < 0 else ""))
        for resource in (ORDERS, INVOICES):
            things += [row["YourRef"] for row in self._of_lab(resource, "YourRef")]
        things += self._journal_entries()
        things += self._relations()
        things += [f"item {row['Code'].strip()}" for row in self._of_lab(ITEMS, "Code", "LAB-")]
        copies = {}
        for row in self._rows(COPIES):
            if ref := entries.get(row.get("FinancialTransactionEntryID")):
                copies[row["ID"]] = ref
                things.append(f"copy of {ref}")
        files = (row["Document"] for row in self._rows(FILES))
        return things + [f"file of {copies[one]}" for one in files if one in copies]

    def _journal_entries(self) -> list[str]:
        lines = [
            (row, word.strip(":"))
            for row in self._rows(BOOKED)
            for word in str(row.get("Description") or "").split()
        ]
        payments = {(row["EntryID"], word) for row, word in lines if word.startswith("LABJ")}
        days = [
            word
            for row, word in lines
            if word.startswith("LABD-") and str(row["GLAccountCode"]).strip() == "8000"
        ]
        return [word for _, word in payments] + days

    def _relations(self) -> list[str]:
        names = {
            row["ID"]: str(row["Email"]).partition("@")[0]
            for row in self._of_lab(ACCOUNTS, "Email", "lab")
        }
        things = [f"account {name}" for name in names.values()]
        for resource, what in ((CONTACTS, "contact"), (ADDRESSES, "address")):
            things += [
                f"{what} {names[row['Account']]}"
                for row in self._rows(resource)
                if row.get("Account") in names and row.get("Type") in (None, 4)
            ]
        return things

    def _of_lab(self, resource: str, name: str, start: str = "LAB") -> list[dict[str, Any]]:
        return [row for row in self._rows(resource) if str(row.get(name) or "").startswith(start)]

    def _rows(self, resource: str) -> list[dict[str, Any]]:
        return self._sandbox.exact(resource, division=self._where)
