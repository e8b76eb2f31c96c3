"""How many API calls does a document cost, master data included?

Posts documents of 300 customers through the installed target into a fresh sandbox and counts what
the sandbox's request log says. Every kind starts with an empty ledger, so that all master data is
read; token calls are not API calls and are counted apart. Targets: 1.02 calls for a sales entry,
1.02 for a sales order, 2.05 for a printed sales invoice whose entry is read back and compared; 2.05
more for the PDF copy of a sales entry.

    uv run benchmarks/calls_per_document.py [--documents 1000] [--customers 300] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from commerce_sandbox.testing import SandboxHandle
from target_exact_online.company import open_company
from target_exact_online.ledger.store import Ledger

TARGET = Path(sys.executable).with_name("target-exact-online")
API = "/api/v1/"
DAYS = 28
MOST_COPIES = 200  # making one takes longer than posting a document
SCHEMA = {"type": "object", "properties": {"document_key": {"type": "string"}}}


def record(kind: str, number: int, customers: int) -> dict[str, Any]:
    """Make one invoice or order of 150.99 with three lines, for one of the customers."""
    reference = f"{number:09}"
    day = f"2026-02-{number % DAYS + 1:02}"
    lines: list[dict[str, Any]] = [
        {"amount": 100.0, "vat_code": "21", "vat_amount": 21.0, "item": "TEA-POT"},
        {"amount": 20.0, "vat_code": "9", "vat_amount": 1.8, "item": "TEA-BAGS"},
        {"amount": 6.77, "vat_code": "21", "vat_amount": 1.42, "item": "SHIPPING"},
    ]
    for line, account in zip(lines, ("8000", "8010", "8100"), strict=True):
        if kind == "sales_entries":
            del line["item"]
        else:
            line["quantity"] = 1
        if kind == "sales_invoices":
            line["unit_price"] = line["amount"]
        if kind != "sales_orders":
            line |= {"gl_account": account, "cost_center": "WEB"}
    made: dict[str, Any] = {
        "document_key": f"shop:{'order' if kind == 'sales_orders' else 'invoice'}:{reference}",
        "your_ref": reference,
        "description": f"Order {reference}",
        "currency": "EUR",
        "debtor": {"match": {"email": f"customer{number % customers}@example.com"}},
        "lines": lines,
        "totals": {"amount": 150.99, "vat_amount": 24.22, "net_amount": 126.77},
        "rules_version": "1",
        "source": {"instance": "shop", "increment_id": reference},
    }
    if kind == "sales_orders":
        return made | {"order_date": day}
    date = "entry_date" if kind == "sales_entries" else "invoice_date"
    return made | {"kind": "invoice", "journal": "70", date: day}


def messages(kind: str, documents: int, customers: int) -> str:
    """Write the documents as Singer messages."""
    schema = {"type": "SCHEMA", "stream": kind, "schema": SCHEMA, "key_properties": []}
    lines = [schema]
    lines += [
        {"type": "RECORD", "stream": kind, "record": record(kind, number, customers)}
        for number in range(1, documents + 1)
    ]
    lines.append({"type": "STATE", "value": {"records": documents}})
    return "\n".join(map(json.dumps, lines)) + "\n"


def create_customers(sandbox: SandboxHandle, folder: Path, customers: int) -> None:
    """Make the shop's customers known to Exact, as they are after some time."""
    engine = Ledger.open(f"sqlite:///{folder}/customers.db").engine
    company = open_company(sandbox.exact_config(), engine)
    for number in range(customers):
        account = {"Name": f"Customer {number}", "Status": "C", "PaymentConditionSales": "14"}
        email = {"Email": f"customer{number}@example.com"}
        company.client.post("crm/Accounts", account | email)
    company.close()
    engine.dispose()


def calls_per_document(
    kind: str, documents: int, customers: int, *, attach: bool = False
) -> Counter[str]:
    """Post the documents, with a PDF copy of each or without, and return the calls by resource.

    Raises:
        SystemExit: When not every document arrived.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sandbox = SandboxHandle(folder / "sandbox", "empty")
        try:
            os.chdir(folder)
            sandbox.set("exact.minute_limit", None)
            sandbox.set("exact.day_limit", None)
            create_customers(sandbox, folder, customers)
            config = sandbox.exact_config() | {
                "ledger_url": f"sqlite:///{folder}/ledger.db",
                "attach_documents": attach,
            }
            (folder / "config.json").write_text(json.dumps(config))
            sandbox.clear_requests()
            done = subprocess.run(
                [TARGET, "--config", str(folder / "config.json")],
                input=messages(kind, documents, customers),
                capture_output=True,
                text=True,
                check=False,
            )
            calls = sandbox.requests(system="exact")
            resource = {
                "sales_entries": "salesentry/SalesEntries",
                "sales_orders": "salesorder/SalesOrders",
                "sales_invoices": "salesentry/SalesEntries",
            }[kind]
            arrived = len(sandbox.exact(resource))
            copies = len(sandbox.exact("documents/DocumentAttachments"))
        finally:
            os.chdir("/")
            sandbox.stop()
    if done.returncode or arrived != documents or copies != documents * attach:
        sys.exit(f"{arrived} of {documents} {kind}, {copies} copies:\n{done.stderr[-2000:]}")
    return Counter(
        f"{call['method']} {call['path'].partition(API)[2].partition('/')[2]}"
        for call in calls
        if API in call["path"]
    )


def main() -> None:
    """Measure the three kinds and the PDF copies, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--customers", type=int, default=300)
    parser.add_argument("--json", action="store_true", help="figures as JSON on the last line")
    options = parser.parse_args()
    figures = {}
    for name, kind in (
        ("sales_entry", "sales_entries"),
        ("sales_order", "sales_orders"),
        ("sales_invoice_printed", "sales_invoices"),
    ):
        calls = calls_per_document(kind, options.documents, options.customers)
        figures[name] = round(calls.total() / options.documents, 4)
        print(f"{name}: {figures[name]} calls per document")
        for resource, count in calls.most_common():
            print(f"  {count:6} {resource}")
    copied = min(options.documents, MOST_COPIES)
    few = ("sales_entries", copied, options.customers)
    more = calls_per_document(*few, attach=True) - calls_per_document(*few)
    figures["attachment"] = round(more.total() / copied, 4)
    print(f"attachment: {figures['attachment']} calls per document")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
