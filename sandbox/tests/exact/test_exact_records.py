"""Relations, items, master data and documents."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from commerce_sandbox.exact.credentials import DIVISION, guid

NOTHING = "00000000-0000-0000-0000-000000000000"


def gl_id(code: str) -> str:
    return guid(DIVISION, "financial/GLAccounts", code)


def test_an_account_gets_the_next_code(exact: Any) -> None:
    first = exact.create("crm/Accounts", {"Name": "One", "Status": "C", "Country": "DE"})
    second = exact.create("crm/Accounts", {"Name": "Two"})
    assert len(first["Code"]) == 18
    assert int(second["Code"]) == int(first["Code"]) + 1
    assert (first["IsSales"], first["Country"]) == (True, "DE ")
    assert (second["IsSales"], second["Status"]) == (False, "A")
    own = exact.create("crm/Accounts", {"Name": "Three", "Code": "777"})
    assert own["Code"] == "777".rjust(18)
    again = {"Name": "Four", "Code": "  777"}
    assert exact.refused("crm/Accounts", again) == "Gegeven bestaat reeds"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"Name": ""}, "Verplicht: Naam"),
        ({"Code": "A12"}, "Ongeldig: Code (numeriek)"),
        ({"Email": "not an address"}, "Ongeldig: E-mail"),
        ({"VATNumber": "12"}, "Ongeldig: Btw-nummer"),
        ({"VATNumber": "DE123456788", "Country": "NL"}, "Ongeldig: Btw-nummer"),
        ({"Country": "Nederland"}, "Ongeldig: Country - max. 2"),
        ({"Name": "x" * 51}, "Ongeldig: Naam - max. 50"),
        ({"SalesVATCode": "XX"}, "Ongeldige referentie: SalesVATCode"),
        ({"PaymentConditionSales": "99"}, "Ongeldige referentie: PaymentConditionSales"),
        ({"GLAR": NOTHING}, "Ongeldige referentie: GLAR"),
        ({"GLAR": gl_id("8000")}, "Ongeldig: Grootboekrekeningtype"),
        ({"Status": "X"}, "Ongeldig: Type"),
        ({"State": "California", "Country": "US"}, "Ongeldige referentie: State"),
    ],
)
def test_refused_accounts(exact: Any, change: dict[str, Any], text: str) -> None:
    found = exact.refused("crm/Accounts", {"Name": "Somebody"} | change)
    assert text in found.split("\r\n")


def test_an_unknown_sales_currency_is_emptied(exact: Any) -> None:
    created = exact.create("crm/Accounts", {"Name": "Currency", "SalesCurrency": "XXX"})
    assert created["SalesCurrency"] is None
    assert exact.refused("crm/Accounts", {"Name": "x", "IsSales": True}, 400)


def test_a_used_account_cannot_be_deleted(exact: Any) -> None:
    key = exact.create(
        "crm/Accounts", {"Name": "Used", "Status": "C", "PaymentConditionSales": "14"}
    )["ID"]
    document = exact.create("documents/Documents", {"Type": 55, "Subject": "About", "Account": key})
    answer = exact.delete("crm/Accounts", key)
    assert answer.status_code == 500
    text = answer.json()["error"]["message"]["value"]
    assert text == "Kan niet verwijderen: Accounts - Gebruikt in: Documents"
    assert exact.delete("documents/Documents", document["ID"]).status_code == 204
    assert exact.delete("crm/Accounts", key).status_code == 204
    assert exact.delete("crm/Accounts", key).status_code == 403
    assert exact.put("crm/Accounts", key, {"Name": "x"}).status_code == 403


def test_the_same_address_twice_is_one_address(exact: Any) -> None:
    key = exact.create("crm/Accounts", {"Name": "Addressed"})["ID"]
    body = {"Account": key, "Type": 3, "AddressLine1": "Kade 1", "City": "Delft", "Country": "NL"}
    first = exact.create("crm/Addresses", body)
    assert exact.create("crm/Addresses", body)["ID"] == first["ID"]
    assert exact.create("crm/Addresses", body | {"Type": 4})["ID"] != first["ID"]
    assert exact.refused("crm/Addresses", body | {"Account": NOTHING}).startswith("Ongeldige ref")
    rows = exact.rows("crm/Addresses", select="ID", filter=f"Account eq guid'{key}'")
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"Country": "xx"}, "Ongeldige referentie: Country"),
        ({"State": "Zuid-Holland"}, "Ongeldige referentie: State"),
        ({"State": "ZH", "Country": ""}, "Ongeldige referentie: State"),
        ({"Type": 5}, "Ongeldig: Type"),
        ({"AddressLine1": "x" * 61}, "Ongeldig: AddressLine1 - max. 60"),
        ({"Phone": "0" * 18}, "Ongeldig: Phone - max. 17"),
    ],
)
def test_refused_addresses(exact: Any, change: dict[str, Any], text: str) -> None:
    body = {"Account": guid(DIVISION, "crm/Accounts", "10"), "Type": 4, "Country": "NL"}
    assert exact.refused("crm/Addresses", body | change) == text


def test_a_contact_needs_one_name(exact: Any) -> None:
    key = exact.create("crm/Accounts", {"Name": "Contacted"})["ID"]
    assert exact.create("crm/Contacts", {"Account": key, "LastName": "Jansen"})["FullName"]
    assert exact.refused("crm/Contacts", {"Account": key}) == "Verplicht: LastName"
    assert exact.refused("crm/Contacts", {"LastName": "x"}) == "Verplicht: Relatie"


def test_items(exact: Any) -> None:
    created = exact.create("logistics/Items", {"Code": "NEW-1", "Description": "New"})
    assert (created["Unit"], created["IsSalesItem"]) == ("pc", False)
    assert created["ItemGroupCode"] == "GOODS"
    again = {"Code": "NEW-1", "Description": "Other"}
    assert exact.refused("logistics/Items", again) == "Gegeven bestaat reeds"
    assert exact.refused("logistics/Items", {"Code": "X"}) == "Verplicht: Omschrijving"
    long = {"Code": "x" * 31, "Description": "Long"}
    assert exact.refused("logistics/Items", long) == "Ongeldig: Code - max. 30"
    price = {"Code": "X", "Description": "X", "StandardSalesPrice": 1}
    assert exact.refused("logistics/Items", price, 400)
    assert exact.put("logistics/Items", created["ID"], {"IsSalesItem": True}).status_code == 204
    rows = exact.rows("logistics/Items", select="IsSalesItem", filter="Code eq 'NEW-1'")
    assert rows[0]["IsSalesItem"] is True


def test_master_data_takes_effect_at_once(exact: Any) -> None:
    center = exact.create("hrm/Costcenters", {"Code": "NEWCC", "Description": "New"})
    assert exact.refused("hrm/Costcenters", {"Code": "NEWCC", "Description": "x"}) == (
        "Gegeven bestaat reeds"
    )
    account = exact.create(
        "financial/GLAccounts", {"Code": "8999", "Description": "New", "Type": 110}
    )
    body = {
        "Journal": "70",
        "Customer": guid(DIVISION, "crm/Accounts", "10"),
        "EntryDate": "2026-03-02",
        "SalesEntryLines": [{"GLAccount": account["ID"], "AmountFC": 1, "CostCenter": "NEWCC"}],
    }
    exact.create("salesentry/SalesEntries", body)
    change = {"EndDate": "2026-01-01"}
    assert exact.put("hrm/Costcenters", center["ID"], change).status_code == 204
    assert exact.refused("salesentry/SalesEntries", body) == "Ongeldig: Kostenplaats"
    assert exact.put("hrm/Costcenters", center["ID"], {"Code": "OTHER"}).status_code == 500
    assert exact.delete("hrm/Costcenters", center["ID"]).status_code == 500
    assert exact.put("financial/GLAccounts", account["ID"], {"IsBlocked": True}).status_code == 204
    assert "Geblokkeerd: Grootboekrekening - 8999" in exact.refused("salesentry/SalesEntries", body)
    long = {"Code": "x" * 9, "Description": "Long"}
    assert exact.refused("hrm/Costunits", long) == "Ongeldig: Code - max. 8"


def test_rates_and_vat_codes(exact: Any) -> None:
    rate = {"SourceCurrency": "SEK", "Rate": 0.09, "StartDate": "2026-01-01"}
    assert exact.create("financial/ExchangeRates", rate)["TargetCurrency"] == "EUR"
    assert exact.refused("financial/ExchangeRates", rate | {"Rate": 0}) == ("Ongeldig: Wisselkoers")
    code = {"Code": "Q", "Description": "New", "GLToPay": gl_id("8000")}
    assert exact.refused("vat/VATCodes", code) == "Ongeldig: Grootboekrekeningtype"
    created = exact.create("vat/VATCodes", code | {"GLToPay": gl_id("1500")})
    assert created["Code"] == "Q  "
    condition = {"Code": "60", "Description": "60 days", "PaymentDays": 60}
    assert exact.create("cashflow/PaymentConditions", condition)["PaymentDays"] == 60


def test_documents_with_attachments(exact: Any) -> None:
    document = exact.create(
        "documents/Documents",
        {"Type": 10, "Subject": "Invoice 1", "DocumentDate": "2026-03-02"},
    )
    body = {
        "Document": document["ID"],
        "FileName": "invoice.pdf",
        "Attachment": base64.b64encode(b"%PDF-1.4").decode(),
    }
    created = exact.create("documents/DocumentAttachments", body)
    assert created["FileSize"] == 8
    assert created["ID"] in created["Url"]
    path = "documents/DocumentAttachments"
    assert exact.refused(path, body | {"FileName": "run.exe"}) == "Niet toegestaan: FileName"
    assert exact.refused(path, body | {"Attachment": "???"}) == "Ongeldig: Bijlage"
    assert exact.refused(path, body | {"Document": NOTHING}) == "Ongeldige referentie: Document"
    assert exact.refused("documents/Documents", {"Type": 10}) == "Verplicht: Onderwerp"
    unknown = {"Type": 9, "Subject": "x"}
    assert exact.refused("documents/Documents", unknown).startswith("Ongeldige referentie")
    entry = {"Type": 10, "Subject": "x", "FinancialTransactionEntryID": NOTHING}
    assert exact.refused("documents/Documents", entry).startswith("Ongeldige referentie")
