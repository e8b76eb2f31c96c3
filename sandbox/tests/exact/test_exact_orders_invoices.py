"""Sales orders and sales invoices, up to the entry that printing makes."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_sandbox.exact.company import close_period
from commerce_sandbox.exact.credentials import DIVISION, SECOND_DIVISION, guid

ORDERS = "salesorder/SalesOrders"
ORDER_LINES = "salesorder/SalesOrderLines"
INVOICES = "salesinvoice/SalesInvoices"
INVOICE_LINES = "salesinvoice/SalesInvoiceLines"
PRINT = "salesinvoice/PrintedSalesInvoices"
NOBODY = (
    "Ongeldige referentie: Besteld door\r\n"
    "Ongeldige referentie: Factuur voor\r\nOngeldige referentie: Leveren aan"
)
NOTHING = "00000000-0000-0000-0000-000000000000"


def item_id(code: str, division: int = DIVISION) -> str:
    return guid(division, "logistics/Items", code)


def account_id(code: str) -> str:
    return guid(DIVISION, "crm/Accounts", code)


def line(code: str = "TEA-POT", quantity: float = 2, **more: Any) -> dict[str, Any]:
    return {"Item": item_id(code), "Quantity": quantity, "VATCode": "21"} | more


def order(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "OrderedBy": account_id("10"),
        "OrderDate": "2026-03-02",
        "YourRef": "000000201",
        "SalesOrderLines": list(lines) or [line(NetPrice=10.25, AmountFC=20.5, VATAmount=4.31)],
    } | more


def invoice(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "Journal": "70",
        "OrderedBy": account_id("10"),
        "OrderDate": "2026-03-02",
        "YourRef": "100000201",
        "SalesInvoiceLines": list(lines) or [line(AmountFC=20.5, VATAmountFC=4.31)],
    } | more


def lines_of(exact: Any, path: str, key: str, collection: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = exact.rows(
        f"{path}(guid'{key}')/{collection}",
        select="ID,ItemCode,Quantity,UnitPrice,NetPrice,AmountFC,VATCode,Description,LineNumber",
    )
    return rows


def test_an_order_has_no_effect_on_the_ledger(exact: Any) -> None:
    created = exact.create(ORDERS, order())
    assert (created["AmountFC"], created["AmountFCExclVat"]) == (24.81, 20.5)
    assert (created["Status"], created["DeliveryStatus"], created["InvoiceStatus"]) == (12, 12, 12)
    assert created["OrderedByName"] == "Webshop consumers"
    assert created["InvoiceTo"] == created["DeliverTo"] == created["OrderedBy"]
    rows = lines_of(exact, ORDERS, created["OrderID"], "SalesOrderLines")
    assert (rows[0]["UnitPrice"], rows[0]["NetPrice"]) == (10.25, 10.25)
    assert rows[0]["ItemCode"] == "TEA-POT"
    assert exact.handle.exact("financialtransaction/TransactionLines") == []


def test_prices_make_amounts(exact: Any) -> None:
    created = exact.create(
        ORDERS,
        order(
            line(UnitPrice=10, Discount=0.25),
            line("FABRIC-M", 1.75, UnitPrice=4.33, UnitCode="m"),
            line("SHIPPING", 1, NetPrice=4.95),
        ),
    )
    amounts = [row["AmountFC"] for row in lines_of(
        exact, ORDERS, created["OrderID"], "SalesOrderLines"
    )]  # fmt: skip
    assert amounts == [15, 7.58, 4.95]


def test_order_numbers_are_unique(exact: Any) -> None:
    assert exact.create(ORDERS, order(OrderNumber=201))["OrderNumber"] == 201
    again = exact.refused(ORDERS, order(OrderNumber=201))
    assert again == "Verkoopordernummer: Bestaat reeds"
    automatic = exact.create(ORDERS, order())["OrderNumber"]
    assert exact.create(ORDERS, order(OrderNumber=automatic + 1))["OrderNumber"] == automatic + 1
    assert exact.create(ORDERS, order())["OrderNumber"] == automatic + 2


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (order(OrderedBy=None), "Verplicht: Besteld door"),
        (order(OrderedBy=NOTHING), NOBODY),
        (order(InvoiceTo=account_id("30001")), "Ongeldig: Factuur voor (Type)"),
        (order(DeliverTo=NOTHING), "Ongeldige referentie: Leveren aan"),
        (order(SalesOrderLines=[]), "Verplicht: SalesOrderLines"),
        (order({"Quantity": 1}), "Verplicht: Artikel"),
        (order(line(Item=NOTHING)), "Ongeldige referentie: Artikel"),
        (order(line(Item=item_id("TEA-POT", SECOND_DIVISION))), "Ongeldige referentie: Artikel"),
        (order(line("OLD-ITEM")), "Artikel: Non actief"),
        (order(line("NEXT-ITEM")), "Artikel: Toekomstig"),
        (order(line("RAW-CLAY")), "Ongeldig: Artikel (Verkoop)"),
        (order(line(quantity=0.5)), "Ongeldig: Aantal (Deelbaar artikel)"),
        (order(line(UnitCode="m")), "Ongeldige referentie: Eenheid"),
        (order(line(VATCode="XX")), "Ongeldige referentie: Btw-code"),
        (order(line(CostCenter="NOPE")), "Ongeldige referentie: Kostenplaats"),
        (order(line(CostCenter="OLD")), "Ongeldig: Kostenplaats"),
        (order(line(UnitPrice=10, AmountFC=19)), "Ongeldig: Bedrag"),
        (order(line(UnitPrice=10, NetPrice=8, Discount=0.25)), "Ongeldig: Korting"),
        (order(Discount=5), "Niet toegestaan: Korting"),
        (order(PaymentCondition="99"), "Ongeldige referentie: Betalingsconditie"),
        (order(ShippingMethod=NOTHING), "Ongeldige referentie: ShippingMethod"),
        (order(OrderNumber=-1), "Ongeldig: Verkoopordernummer"),
        (order(Currency="XXX"), "Ongeldige referentie: Valuta"),
    ],
)  # fmt: skip
def test_refused_orders(exact: Any, body: dict[str, Any], text: str) -> None:
    sent = {name: value for name, value in body.items() if value is not None}
    assert exact.refused(ORDERS, sent) == text


def test_goods_go_to_a_delivery_address_of_who_receives_them(exact: Any) -> None:
    def address(code: str, kind: int) -> str:
        body = {"Account": account_id(code), "Type": kind, "City": "Delft", "Country": "NL"}
        key: str = exact.create("crm/Addresses", body)["ID"]
        return key

    own = address("10", 4)
    wrong = [address("20001", 4), address("10", 3), NOTHING]
    for path, name, made in (
        (ORDERS, "DeliveryAddress", order),
        (INVOICES, "DeliverToAddress", invoice),
    ):
        assert exact.create(path, made(**{name: own}))[name] == own
        for key in wrong:
            refusal = exact.refused(path, made(**{name: key}))
            assert refusal == f"Ongeldige referentie: {name}"


def test_orders_change_but_not_their_parties(exact: Any) -> None:
    key = exact.create(ORDERS, order())["OrderID"]
    assert exact.put(ORDERS, key, {"YourRef": "x"}).status_code == 204
    assert exact.put(ORDERS, key, {"OrderedBy": account_id("20001")}).status_code == 500
    added = exact.create(ORDER_LINES, line("BOOK-NL", 1, UnitPrice=5) | {"OrderID": key})
    assert exact.get(f"{ORDERS}(guid'{key}')").json()["d"]["AmountFCExclVat"] == 25.5
    assert exact.put(ORDER_LINES, added["ID"], {"Quantity": 2}).status_code == 204
    assert exact.get(f"{ORDERS}(guid'{key}')").json()["d"]["AmountFCExclVat"] == 30.5
    assert exact.delete(ORDER_LINES, added["ID"]).status_code == 204
    assert exact.delete(ORDERS, key).status_code == 204
    assert exact.delete(ORDERS, key).status_code == 403


def test_order_headers_and_lines_are_in_sync(exact: Any) -> None:
    key = exact.create(ORDERS, order())["OrderID"]
    headers = exact.rows(
        "sync/SalesOrder/SalesOrderHeaders", select="ID,OrderID", filter="Timestamp gt 1"
    )
    assert key in {row["ID"] for row in headers}
    lines = exact.rows("sync/SalesOrder/SalesOrderLines", select="ID,OrderID,Timestamp",
                       filter="Timestamp gt 1")  # fmt: skip
    assert key in {row["OrderID"] for row in lines}


def test_printing_an_invoice_books_it(exact: Any) -> None:
    created = exact.create(
        INVOICES,
        invoice(
            line(AmountFC=20.5, VATAmountFC=4.31, CostCenter="WEB"),
            line("BOOK-NL", 1, AmountFC=10, VATCode="9"),
            line("SVC-GIFTWRAP", 1, AmountFC=3, VATAmountFC=0.63),
        ),
    )
    key = created["InvoiceID"]
    assert (created["Status"], created["InvoiceNumber"], created["AmountFC"]) == (20, None, 39.34)
    text = "YourRef eq '100000201'"
    assert exact.rows("salesentry/SalesEntries", select="EntryID", filter=text) == []

    answer = exact.create(PRINT, {"InvoiceID": key, "InvoiceDate": "2026-03-05"})
    assert answer["DocumentCreationSuccess"]
    assert answer["DocumentCreationError"] is None
    printed = exact.get(f"{INVOICES}(guid'{key}')").json()["d"]
    entry = exact.rows(
        "salesentry/SalesEntries",
        select="EntryID,EntryNumber,AmountFC,Status,EntryDate,InvoiceNumber",
        filter=text,
    )[0]
    assert printed["Status"] == entry["Status"] == 50
    assert printed["InvoiceNumber"] == entry["EntryNumber"] == entry["InvoiceNumber"]
    assert printed["InvoiceDate"] == entry["EntryDate"] == "/Date(1772668800000)/"
    assert entry["AmountFC"] == 39.34
    rows = exact.rows(
        "financialtransaction/TransactionLines",
        select="GLAccountCode,AmountFC,CostCenter",
        filter=f"EntryID eq guid'{entry['EntryID']}'",
    )
    assert {(row["GLAccountCode"], row["AmountFC"], row["CostCenter"]) for row in rows} == {
        ("1300", 39.34, None), ("8000", -20.5, "WEB"), ("8010", -10, None), ("8120", -3, None),
        ("1500", -4.94, None), ("1501", -0.9, None),
    }  # fmt: skip
    document = exact.get(f"documents/Documents(guid'{answer['Document']}')").json()["d"]
    assert (document["Type"], document["SalesInvoiceNumber"]) == (10, entry["EntryNumber"])

    assert exact.refused(PRINT, {"InvoiceID": key}) == "Reeds verwerkt"
    for path, identifier in ((INVOICES, key), ("salesentry/SalesEntries", entry["EntryID"])):
        assert exact.put(path, identifier, {"YourRef": "x"}).status_code == 500
        assert exact.delete(path, identifier).status_code == 500


def test_a_closed_period_keeps_an_invoice_open(exact: Any) -> None:
    close_period(exact.handle.database, DIVISION, 2026, 9)
    key = exact.create(INVOICES, invoice(YourRef="closed"))["InvoiceID"]
    text = exact.refused(PRINT, {"InvoiceID": key, "InvoiceDate": "2026-09-01"})
    assert text == "Periode is afgesloten: 2026-09"
    assert exact.get(f"{INVOICES}(guid'{key}')").json()["d"]["Status"] == 20
    assert exact.delete(INVOICES, key).status_code == 204
    assert exact.refused(PRINT, {"InvoiceID": key}) == "Ongeldige referentie: Factuur"
    assert exact.refused(PRINT, {}) == "Verplicht: Factuur"


def test_mails_are_tried_only_when_asked_for(exact: Any) -> None:
    for account, field in (("10", "EmailCreationError"), ("20001", "EmailCreationSuccess")):
        key = exact.create(INVOICES, invoice(OrderedBy=account_id(account)))["InvoiceID"]
        answer = exact.create(PRINT, {"InvoiceID": key, "SendEmailToCustomer": True})
        assert answer[field]


def credit_line(quantity: float) -> dict[str, Any]:
    sign = 1 if quantity > 0 else -1
    return line(quantity=quantity, AmountFC=sign * 20.5, VATAmountFC=sign * 4.31)


@pytest.mark.parametrize(
    ("company", "quantity", "total"),
    [
        ("positive", 2, -24.81),
        ("positive", -2, 24.81),  # a debit, and nobody says so
        ("negative", -2, -24.81),
        ("negative", 2, 24.81),
    ],
)
def test_a_credit_note_takes_the_sign_that_the_company_has(
    exact: Any, company: str, quantity: float, total: float
) -> None:
    exact.handle.set("exact.credit_note_quantity", company)
    created = exact.create(INVOICES, invoice(credit_line(quantity), Type=8021, YourRef="credit"))
    exact.handle.set("exact.credit_note_quantity", "positive")
    key = created["InvoiceID"]
    assert (created["Type"], created["AmountFC"], created["AmountDC"]) == (8021, total, total)
    stored = lines_of(exact, INVOICES, key, "SalesInvoiceLines")[0]
    assert (stored["Quantity"] < 0) == (total < 0)
    exact.create(PRINT, {"InvoiceID": key, "InvoiceDate": "2026-03-05"})
    number = exact.get(f"{INVOICES}(guid'{key}')").json()["d"]["InvoiceNumber"]
    entry = exact.rows(
        "salesentry/SalesEntries", select="Type,AmountFC", filter=f"EntryNumber eq {number}"
    )[0]
    assert (entry["Type"], entry["AmountFC"]) == (21 if total < 0 else 20, total)


def test_a_strict_company_turns_the_sign_of_a_credit_note(fresh: Any) -> None:
    assert fresh.create(INVOICES, invoice(credit_line(1), Type=8021))["AmountFC"] == -24.81


def test_an_invoice_is_not_negative(exact: Any) -> None:
    assert exact.refused(INVOICES, invoice(credit_line(-2))) == "Ongeldig: Bedrag"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (invoice(Journal=None), "Verplicht: Dagboek"),
        (invoice(Journal="90"), "Ongeldig: Dagboek"),
        (invoice(OrderedBy=account_id("40001")),
         "Ongeldig: Besteld door (Type)\r\nOngeldig: Factuur voor (Type)"),
        (invoice(Type=8023), "Verplicht: Magazijn"),
        (invoice(Warehouse=NOTHING), "Niet toegestaan: Magazijn"),
        (invoice(SalesInvoiceLines=[]), "Verplicht: SalesInvoiceLines"),
        (invoice(line(GLAccount=guid(DIVISION, "financial/GLAccounts", "1300"))),
         "Ongeldig: Grootboekrekeningtype"),
        (invoice(line("ROUNDING", 1, UnitPrice=1, VATCode="0", VATAmountFC=1)),
         "Niet toegestaan: Btw-bedrag"),
    ],
)  # fmt: skip
def test_refused_invoices(exact: Any, body: dict[str, Any], text: str) -> None:
    sent = {name: value for name, value in body.items() if value is not None}
    assert exact.refused(INVOICES, sent) == text


def test_an_invoice_number_cannot_be_posted(exact: Any) -> None:
    text = exact.refused(INVOICES, invoice(InvoiceNumber=1), 400)
    assert "The property name 'InvoiceNumber'" in text


def line_key(exact: Any, key: str) -> str:
    identifier: str = lines_of(exact, INVOICES, key, "SalesInvoiceLines")[0]["ID"]
    return identifier


def test_headers_and_lines_share_one_sync_list(exact: Any) -> None:
    key = exact.create(INVOICES, invoice(YourRef="sync"))["InvoiceID"]
    rows = exact.rows("sync/SalesInvoice/SalesInvoices", filter="Timestamp gt 1",
                      select="ID,InvoiceID,LineNumber,Timestamp")  # fmt: skip
    mine = [row for row in rows if row["InvoiceID"] == key]
    assert sorted(row["LineNumber"] for row in mine) == [0, 1]
    before = max(int(row["Timestamp"]) for row in mine)
    assert exact.put(INVOICES, key, {"Description": "changed"}).status_code == 204
    again = exact.rows("sync/SalesInvoice/SalesInvoices", filter=f"Timestamp gt {before}",
                       select="InvoiceID,LineNumber")  # fmt: skip
    assert [row["LineNumber"] for row in again if row["InvoiceID"] == key] == [0]
    assert exact.put(INVOICE_LINES, line_key(exact, key), {"Quantity": 3}).status_code == 204
    both = exact.rows("sync/SalesInvoice/SalesInvoices", filter=f"Timestamp gt {before}",
                      select="ID,InvoiceID,LineNumber")  # fmt: skip
    assert sorted(row["LineNumber"] for row in both if row["InvoiceID"] == key) == [0, 1]
    assert line_key(exact, key) in {row["ID"] for row in both}  # the line it was
