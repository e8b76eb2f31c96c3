"""Every booking mode through the real target: the books stay equal to the shop, and once only."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Pipe

RULES = Path(__file__).resolve().parents[1] / "examples" / "rules.yml"
CLEARING = "1245"
EXIT_NOT_ALL_POSTED = 3
BUSINESS_CHARGED = (
    "a business with a valid VAT number was charged VAT of another country; correct the invoice"
)


def use_rules(pipe: Pipe, *changes: tuple[str, str]) -> None:
    """Give the mapper the example rules with these changes."""
    text = RULES.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = pipe.folder / "rules.yml"
    path.write_text(text)
    pipe.mapper["rules_file"] = str(path)


def balances(pipe: Pipe) -> dict[str, Decimal]:
    """Debit minus credit per GL account, in the ledger's currency."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for line in pipe.sandbox.exact("financialtransaction/TransactionLines"):
        totals[line["GLAccountCode"]] += Decimal(str(line["AmountDC"])).quantize(Decimal("0.01"))
    return {code: amount for code, amount in totals.items() if amount}


@pytest.mark.parametrize("mode", ["sales_invoice", "daily_journal"])
def test_a_mode_books_the_recorded_shop_and_again_nothing(pipe: Pipe, mode: str) -> None:
    pipe.target |= {"create_items": True, "create_accounts": True}
    paid = f"- {{name: paid, when: {{line: document}}, book: {{clearing_gl: '{CLEARING}'}}}}"
    extra = [("\nrules:", f"\nrules:\n  {paid}")] if mode == "daily_journal" else []
    use_rules(pipe, ("  journal:", f"  mode: {mode}\n  journal:"), *extra)
    extracted = pipe.extract("invoices", "credit_memos")
    booked = pipe.book(extracted.stdout)
    assert booked.code == 0, booked.stderr
    outcome = pipe.post(booked.stdout)
    assert "Traceback" not in outcome.stderr
    report = pipe.report
    assert report["failed"] == []
    assert outcome.code == (3 if report["parked"] else 0)
    posted = balances(pipe)
    assert sum(posted.values()) == 0
    assert not [line for line in report["parked"] if "cannot be posted" in line["reason"]]

    pipe.sandbox.clear_requests()
    again = pipe.post(pipe.book(extracted.stdout).stdout)
    assert again.code == outcome.code
    assert balances(pipe) == posted


@pytest.mark.parametrize(
    "modes", [("sales_entry", "daily_journal"), ("daily_journal", "sales_entry")]
)
def test_a_changed_mode_books_no_document_a_second_time(pipe: Pipe, modes: tuple[str, str]) -> None:
    pipe.target["create_accounts"] = True
    pipe.tap["end_date"] = "2026-11-01T00:00:00Z"  # a day that is not over waits for its end
    extracted = pipe.extract("invoices").stdout
    paid = f"- {{name: paid, when: {{line: document}}, book: {{clearing_gl: '{CLEARING}'}}}}"
    extra = ("\nrules:", f"\nrules:\n  {paid}")
    for mode in modes:
        use_rules(pipe, ("  journal:", f"  mode: {mode}\n  journal:"), extra)
        outcome = pipe.post(pipe.book(extracted).stdout)
        assert pipe.report["failed"] == []
        if mode == modes[0]:
            booked = balances(pipe)
    assert outcome.code == EXIT_NOT_ALL_POSTED
    assert balances(pipe) == booked
    assert len(pipe.report["changed"]) > 10


def test_payments_close_the_debtors_of_customers_without_a_code(pipe: Pipe) -> None:
    pipe.target["create_accounts"] = True
    paid = f"- {{name: paid, when: {{line: document}}, book: {{clearing_gl: '{CLEARING}'}}}}"
    use_rules(pipe, ("\nrules:", f"\nrules:\n  {paid}"))
    pipe.run("invoices")
    waiting = [line for line in pipe.report["parked"] if ":payment:" in line["document_key"]]
    assert waiting == []
    lines = pipe.sandbox.exact(
        "financialtransaction/TransactionLines",
        filter="JournalCode eq '90' and GLAccountCode eq '1300'",
    )
    relations = {line["AccountCode"].strip() for line in lines}
    assert {"10", "20001", "20002"} <= relations


def test_orders_go_where_the_shop_ships_them(pipe: Pipe) -> None:
    pipe.target |= {"create_items": True, "create_accounts": True}
    flag = "  sales_orders: true"
    use_rules(pipe, (flag, f"{flag}\n  delivery_addresses: true"))
    extracted = pipe.extract("orders")
    pipe.post(pipe.book(extracted.stdout).stdout)
    assert pipe.report["failed"] == []
    assert not [line for line in pipe.report["parked"] if "address" in line["reason"]]
    wanted = {}
    for order in extracted.records("orders"):
        shipping = order["extension_attributes"]["shipping_assignments"][0]["shipping"]
        if address := shipping.get("address"):
            wanted[order["increment_id"]] = (" ".join(address["street"]), address["city"])
    addresses = {
        row["ID"]: (row["AddressLine1"], row["City"])
        for row in pipe.sandbox.exact("crm/Addresses", filter="Type eq 4")
    }
    orders = pipe.sandbox.exact("salesorder/SalesOrders")
    went = {
        row["YourRef"]: addresses[row["DeliveryAddress"]]
        for row in orders
        if row.get("DeliveryAddress")
    }
    posted = {row["YourRef"] for row in orders}
    assert went == {number: place for number, place in wanted.items() if number in posted}
    assert len(went) > len(set(went.values())) > 1, "the same place twice is one address"


def test_new_companies_come_with_the_person_who_ordered(pipe: Pipe) -> None:
    pipe.target["create_accounts"] = True
    charged = 'book: {gl: "8040", cost_center: WEB, vat_code: B21}'
    use_rules(pipe, (f"refuse: {BUSINESS_CHARGED}", charged))
    pipe.run("invoices")
    assert pipe.report["warnings"] == []
    names = {row["ID"]: row["Name"] for row in pipe.sandbox.exact("crm/Accounts")}
    contacts = {
        names[row["Account"]]: (row["FullName"], row["Email"])
        for row in pipe.sandbox.exact("crm/Contacts")
    }
    (order,) = (
        record["order"]
        for record in pipe.extract("invoices").records("invoices")
        if record["order"]["increment_id"] == "3000000002"
    )
    name = f"{order['customer_firstname']} {order['customer_lastname']}"
    assert contacts["Voorbeeld NV"] == (name, order["customer_email"])
