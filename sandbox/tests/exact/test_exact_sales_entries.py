"""Sales entries: what is refused, what is booked, what can be changed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commerce_sandbox.exact.company import close_period
from commerce_sandbox.exact.credentials import DIVISION, SECOND_DIVISION, guid

if TYPE_CHECKING:
    from collections.abc import Callable

ENTRIES = "salesentry/SalesEntries"
LINES = "salesentry/SalesEntryLines"
NOTHING = "00000000-0000-0000-0000-000000000000"


def gl_id(code: str, division: int = DIVISION) -> str:
    return guid(division, "financial/GLAccounts", code)


def account_id(code: str, division: int = DIVISION) -> str:
    return guid(division, "crm/Accounts", code)


def line(code: str = "8000", amount: float = 100, **more: Any) -> dict[str, Any]:
    return {"GLAccount": gl_id(code), "AmountFC": amount, "VATCode": "21"} | more


def entry(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "Journal": "70",
        "Customer": account_id("10"),
        "EntryDate": "2026-03-02",
        "YourRef": "000000201",
        "SalesEntryLines": list(lines) or [line()],
    } | more


def changed(**more: Any) -> dict[str, Any]:
    """Return an entry with header properties changed; None takes one away."""
    body = entry(**more)
    return {name: value for name, value in body.items() if value is not None}


def ledger(exact: Any, key: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = exact.rows(
        "financialtransaction/TransactionLines",
        select="LineNumber,GLAccountCode,AmountFC,AmountDC,VATCode,CostCenter,Type,Status,Account",
        filter=f"EntryID eq guid'{key}'",
        orderby="LineNumber",
    )
    return rows


def booked(exact: Any, key: str) -> dict[tuple[str, str | None], float]:
    """Return the ledger of an entry by GL account and VAT code, debit positive."""
    sums: dict[tuple[str, str | None], float] = {}
    for row in ledger(exact, key):
        code = (row["GLAccountCode"], row["VATCode"] and row["VATCode"].strip())
        sums[code] = round(sums.get(code, 0) + row["AmountFC"], 2)
    return sums


def test_two_rates_and_shipping(exact: Any) -> None:
    created = exact.create(
        ENTRIES,
        entry(
            line("8000", 100, CostCenter="WEB"),
            line("8010", 20, VATCode="9", CostCenter="WEB"),
            line("8100", 4.95, CostCenter="WEB", VATAmountFC=1.04),
        ),
    )
    assert (created["AmountFC"], created["VATAmountFC"]) == (148.79, 23.84)
    assert (created["Type"], created["Status"], created["Currency"]) == (20, 20, "EUR")
    assert created["InvoiceNumber"] == created["EntryNumber"]
    assert created["PaymentReference"] == f"10/{created['EntryNumber']}"
    assert (created["ReportingYear"], created["ReportingPeriod"]) == (2026, 3)
    assert booked(exact, created["EntryID"]) == {
        ("1300", None): 148.79,
        ("8000", "21"): -100,
        ("8010", "9"): -20,
        ("8100", "21"): -4.95,
        ("1500", "21"): -22.04,
        ("1501", "9"): -1.80,
    }
    numbers = [row["LineNumber"] for row in ledger(exact, created["EntryID"])]
    assert numbers == [0, 1, 2, 3, 9999, 9999]


def test_a_given_vat_amount_replaces_the_computed_one(exact: Any) -> None:
    created = exact.create(ENTRIES, entry(line(amount=24.78, VATAmountFC=5.19)))
    assert created["AmountFC"] == 29.97


def test_negative_lines_make_a_credit_note(exact: Any) -> None:
    created = exact.create(ENTRIES, entry(line(amount=-50, VATAmountFC=-10.5)))
    assert (created["Type"], created["AmountFC"]) == (21, -60.5)
    assert {row["Type"] for row in ledger(exact, created["EntryID"])} == {21}
    assert booked(exact, created["EntryID"])["1300", None] == -60.5


@pytest.mark.parametrize(
    ("code", "amount", "total", "vat_account"),
    [
        ("D19", 54.19, 64.49, "1520"),
        ("7", 250, 250, None),
        ("6", 150, 150, None),
        ("0", 12.34, 12.34, None),
        ("F5", 10, 10.55, "1522"),
        ("21I", 121, 121, "1500"),  # the amount includes the VAT
    ],
)
def test_kinds_of_vat_codes(
    exact: Any, code: str, amount: float, total: float, vat_account: str | None
) -> None:
    created = exact.create(ENTRIES, entry(line(amount=amount, VATCode=code)))
    assert created["AmountFC"] == total
    vat = {key[0] for key in booked(exact, created["EntryID"])} - {"1300", "8000"}
    assert vat == ({vat_account} if vat_account else set())


def test_type_i_books_less_revenue_than_was_sent(exact: Any) -> None:
    created = exact.create(ENTRIES, entry(line(amount=100, VATCode="21I")))
    assert booked(exact, created["EntryID"]) == {
        ("1300", None): 100,
        ("8000", "21I"): -82.64,
        ("1500", "21I"): -17.36,
    }


def test_the_percentage_of_the_day_counts_for_codes_without_amount(exact: Any) -> None:
    row = exact.rows("vat/VATCodes", select="ID", filter="trim(Code) eq '9'")[0]
    periods = exact.rows(
        "vat/VatPercentages",
        select="StartDate,Percentage",
        filter=f"VATCodeID eq guid'{row['ID']}'",
    )
    assert sorted(period["Percentage"] for period in periods) == [0.06, 0.09]
    default = exact.create(ENTRIES, entry({"GLAccount": gl_id("8010"), "AmountFC": 10}))
    assert default["AmountFC"] == 10.9  # the account's own VAT code


@pytest.mark.parametrize(
    ("body", "dutch", "english"),
    [
        (changed(Journal=None), "Verplicht: Dagboek", "Mandatory: Journal"),
        (changed(Customer=None), "Verplicht: Klant", "Mandatory: Customer"),
        (changed(SalesEntryLines=[]), "Verplicht: SalesEntryLines", "Mandatory: SalesEntryLines"),
        (
            entry({"GLAccount": gl_id("8000")}),
            "Verplicht: Bedrag",
            "Mandatory: Amount",
        ),
        (entry({"AmountFC": 1}), "Verplicht: Grootboekrekening", "Mandatory: Ledger account"),
        (changed(Customer=NOTHING), "Ongeldige referentie: Klant", "Invalid reference: Customer"),
        (
            changed(Customer=account_id("10", SECOND_DIVISION)),
            "Ongeldige referentie: Klant",
            "Invalid reference: Customer",
        ),
        (
            changed(Customer=account_id("30001")),
            "Ongeldig: Klant (Type)",
            "Invalid: Customer (Type)",
        ),
        (
            changed(Customer=account_id("40001")),
            "Ongeldig: Klant (Type)",
            "Invalid: Customer (Type)",
        ),
        (changed(Customer=account_id("20004")), "Geblokkeerd: Klant", "Blocked: Customer"),
        (
            changed(Customer=account_id("20005")),
            "De klantenrekening is niet gelijk aan de klantenrekening van het verkoopdagboek",
            "The receivables account of the customer differs from that of the sales journal",
        ),
        (changed(Journal="X"), "Ongeldige referentie: Journals", "Invalid reference: Journals"),
        (
            changed(Journal="90"),
            "Ongeldig: Dagboek",
            "Invalid: Journal (type)",
        ),
        (changed(Journal="79"), "Geblokkeerd: Dagboek", "Blocked: Journal"),
        (changed(PaymentCondition="99"), "Ongeldige referentie: Betalingsconditie",
         "Invalid reference: Payment condition"),
        (changed(EntryDate="2025-12-31"), "Periode is afgesloten: 2025-12",
         "Period is closed: 2025-12"),
        (changed(EntryDate="2028-01-01"), "Verplicht: Boekjaar",
         "Unknown: Financial year (Period-date table)"),
        (changed(Currency="XXX"), "Ongeldige referentie: Valuta", "Invalid reference: Currency"),
        (changed(Currency="GBP", Journal="71"), "Niet toegestaan: Valuta",
         "Not allowed: Currency"),
        (changed(Currency="GBP", Rate=1.2, Journal="72"), "Niet toegestaan: Wisselkoers",
         "Not allowed: Exchange rate"),
        (changed(Rate=1.2), "Niet toegestaan: Wisselkoers", "Not allowed: Exchange rate"),
        (changed(Currency="GBP", Rate=0), "Wisselkoers - Moet groter zijn dan: 0",
         "Exchange rate - Must be greater than: 0"),
        (changed(Currency="GBP"), "Wisselkoers - Moet groter zijn dan: 0",
         "Exchange rate - Must be greater than: 0"),
        (changed(Currency="SEK", Journal="72"), "Verplicht: Wisselkoers",
         "Mandatory: Exchange rate"),
        (changed(Currency="JPY", Journal="72", SalesEntryLines=[line(amount=1.5)]),
         "Ongeldig: Bedrag - JPY", "Invalid: Amount - JPY"),
        (changed(EntryNumber=0), "Ongeldig: Boekstuknummer", "Invalid: Document number"),
        (changed(Document=NOTHING), "Ongeldige referentie: Document",
         "Invalid reference: Document"),
        (changed(Description="x" * 61), "Ongeldig: Omschrijving - max. 60",
         "Invalid: Description - max. 60"),
        (entry(line("1300")), "Ongeldig: Grootboekrekeningtype", "Invalid: Ledger account type"),
        (entry(line("1600")), "Ongeldig: Grootboekrekeningtype", "Invalid: Ledger account type"),
        (entry(line("1500")), "Ongeldig: Grootboekrekeningtype", "Invalid: Ledger account type"),
        (entry(line("8900")), "Geblokkeerd: Grootboekrekening - 8900",
         "Blocked: Ledger account - 8900"),
        (entry(line(GLAccount=NOTHING)), "Ongeldige referentie: Grootboekrekening",
         "Invalid reference: Ledger account"),
        (entry(line(GLAccount=gl_id("8000", SECOND_DIVISION))),
         "Ongeldige referentie: Grootboekrekening", "Invalid reference: Ledger account"),
        (entry(line(VATCode="XX")), "Ongeldige referentie: Btw-code",
         "Invalid reference: VAT code"),
        (entry(line(VATCode="")), "Ongeldige referentie: Btw-code",
         "Invalid reference: VAT code"),
        (entry(line(VATCode="O19")), "Geblokkeerd: Btw-code", "Blocked: VAT code"),
        (entry(line(VATCode="P21")), "Ongeldig: Btw-code", "Invalid: VAT code"),
        (entry(line(VATCode="0", VATAmountFC=1)), "Niet toegestaan: Btw-bedrag",
         "Not allowed: VAT amount"),
        (entry(line(VATCode="7", VATAmountFC=1)), "Niet toegestaan: Btw-bedrag",
         "Not allowed: VAT amount"),
        (entry(line(VATAmountFC=-21)), "Ongeldig: Btw-bedrag", "Invalid: VAT amount"),
        (entry(line(VATPercentage=0)), "Ongeldig: Btw-percentage", "Invalid: VAT percentage"),
        (entry(line(VATPercentage=0.19)), "Ongeldig: Btw-percentage", "Invalid: VAT percentage"),
        (entry(line(CostCenter="NOPE")), "Ongeldige referentie: Kostenplaats",
         "Invalid reference: Cost center"),
        (entry(line(CostCenter="OLD")), "Ongeldig: Kostenplaats", "Invalid: Cost center"),
        (entry(line(CostUnit="NOPE")), "Ongeldige referentie: Kostendrager",
         "Invalid reference: Cost unit"),
        (entry(line("8910")), "Verplicht: Kostenplaats", "Mandatory: Cost center"),
        (entry(line("8920", CostCenter="WEB")), "Niet toegestaan: Kostenplaats",
         "Not allowed: Cost center"),
        (entry(line("8930")), "Verplicht: Kostendrager", "Mandatory: Cost unit"),
        (entry(line("8940", CostUnit="OFFICE")), "Niet toegestaan: Kostendrager",
         "Not allowed: Cost unit"),
        (entry(line(Project=NOTHING)), "Ongeldige referentie: Project",
         "Invalid reference: Project"),
        (entry(line(amount=1.005)), "Ongeldig: Bedrag (decimalen)", "Invalid: Amount (decimals)"),
        (changed(VATAmountFC=21.01), "Ongeldig: Btw-bedrag", "Invalid: VAT amount"),
        (entry(line(VATBaseAmountFC=99)), "Ongeldig: VATBaseAmountFC",
         "Invalid: VATBaseAmountFC"),
        (entry(line(From="2026-04-01", To="2026-03-01")), "Ongeldig: Datum", "Invalid: Date"),
    ],
)  # fmt: skip
def test_refusals(exact: Any, body: dict[str, Any], dutch: str, english: str) -> None:
    before = len(exact.handle.exact(ENTRIES))
    assert exact.refused(ENTRIES, body) == dutch
    exact.handle.set("exact.language", "en")
    assert exact.refused(ENTRIES, body) == english
    exact.handle.set("exact.language", "nl")
    assert len(exact.handle.exact(ENTRIES)) == before  # nothing is stored


def test_several_messages_are_joined(exact: Any) -> None:
    body = entry(line("1300"), line(VATCode="XX"), Journal="90", EntryDate="2025-05-01")
    assert exact.refused(ENTRIES, body).split("\r\n") == [
        "Ongeldig: Dagboek",
        "Periode is afgesloten: 2025-05",
        "Ongeldig: Grootboekrekeningtype",
        "Ongeldige referentie: Btw-code",
    ]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (changed(Nonsense=1), "The property name 'Nonsense' specified for type '{type}' is not"),
        (changed(AmountFC=1), "The property name 'AmountFC' specified for type '{type}' is not"),
        (changed(Type=21), "The property name 'Type' specified for type '{type}' is not valid."),
        (changed(Customer="x"), "Error in converting value for property Customer to type Guid"),
        (changed(EntryNumber="1"), "Error in converting value for property EntryNumber to type"),
        (changed(EntryNumber=2**31), "Error in converting value for property EntryNumber to"),
        (changed(EntryDate="2/3/2026"), "Error in converting value for property EntryDate to"),
        (changed(EntryDate="/Date(1772409600000)/"), "Error in converting value for property Entr"),
        (changed(EntryDate="2026-02-30"), "Error in converting value for property EntryDate to"),
        (changed(Rate=1e308), "Error in converting value for property Rate to type Double"),
        (changed(YourRef=201), "Error in converting value for property YourRef to type String"),
        (changed(Reversal="yes"), "Error in converting value for property Reversal to type Bool"),
        (
            entry(line() | {"AmountFC": "29,37"}),
            "Error in converting value for property AmountFC to type D",
        ),
        (changed(SalesEntryLines=line()), "The request should be a valid top-level resource obj"),
        ([], "The request should be a valid top-level resource object."),
        ("text", "The request should be a valid top-level resource object."),
        (entry(line(GLAccountCode="8000")), "The property name 'GLAccountCode' specified for"),
    ],
)
def test_bodies_that_cannot_be_read(exact: Any, body: Any, text: str) -> None:
    kind = "Exact.Web.Api.Models.Salesentry.SalesEntry"
    found = exact.refused(ENTRIES, body, 400)
    assert found.startswith("Error processing request stream. " + text.format(type=kind))


def test_broken_json_and_other_content_types(exact: Any) -> None:
    url = exact.url(ENTRIES)
    headers = {"Content-Type": "application/json"}
    assert exact.http.post(url, data=b"{", headers=headers, timeout=30).status_code == 400
    assert exact.http.post(url, data={"Journal": "70"}, timeout=30).status_code == 415


def test_numbers_are_unique_and_references_are_not(exact: Any) -> None:
    first = exact.create(ENTRIES, entry(EntryNumber=5001))
    assert first["EntryNumber"] == 5001
    assert exact.refused(ENTRIES, entry(EntryNumber=5001)) == "In gebruik: Boekstuknummer"
    assert exact.create(ENTRIES, entry(EntryNumber=5001, Journal="72"))["EntryNumber"] == 5001
    second = exact.create(ENTRIES, entry())  # the same YourRef once more
    assert second["YourRef"] == first["YourRef"]
    taken = exact.create(ENTRIES, entry(EntryNumber=second["EntryNumber"] + 1))
    free = exact.create(ENTRIES, entry())
    assert free["EntryNumber"] == taken["EntryNumber"] + 1


def test_numbers_follow_the_journal_and_year(exact: Any) -> None:
    created = exact.create(ENTRIES, entry(Journal="71", EntryDate="2027-01-05"))
    assert created["EntryNumber"] == 27710001


def test_foreign_currency(exact: Any) -> None:
    body = entry(line(amount=100.01), Currency="GBP", EntryDate="2026-03-02", Journal="72")
    created = exact.create(ENTRIES, body)
    assert (created["AmountFC"], created["Rate"]) == (121.01, 1.1861)
    rows = ledger(exact, created["EntryID"])
    assert round(sum(row["AmountDC"] for row in rows), 2) == 0
    assert created["AmountDC"] == rows[0]["AmountDC"]
    own = exact.create(ENTRIES, entry(Currency="GBP", Rate=1.25))
    assert own["AmountDC"] == 151.25


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lines=st.lists(
        st.tuples(
            st.integers(-10_000_00, 10_000_00),
            st.sampled_from(["21", "9", "0", "7", "D19", "21I", "F5"]),
        ),
        min_size=1,
        max_size=6,
    ),
    currency=st.sampled_from(["EUR", "GBP", "USD"]),
)
def test_every_entry_adds_up_to_zero(
    exact: Any, lines: list[tuple[int, str]], currency: str
) -> None:
    body = entry(
        *[line(amount=cents / 100, VATCode=code) for cents, code in lines],
        Currency=currency,
        Journal="72",
    )
    created = exact.create(ENTRIES, body)
    rows = ledger(exact, created["EntryID"])
    for name in ("AmountFC", "AmountDC"):
        assert sum(round(row[name] * 100) for row in rows) == 0
        assert rows[0][name] == created[name]


def test_dates_are_calendar_dates(exact: Any) -> None:
    for sent, stored in (
        ("2026-03-02T00:00:00", "/Date(1772409600000)/"),
        ("2026-03-02T00:00:00Z", "/Date(1772409600000)/"),
        ("2026-03-02T00:00:00+02:00", "/Date(1772402400000)/"),  # a day earlier in UTC
    ):
        assert exact.create(ENTRIES, entry(EntryDate=sent))["EntryDate"] == stored


def test_without_prefer_the_answer_is_empty_but_for_the_key(exact: Any) -> None:
    answer = exact.post(ENTRIES, entry(), whole=False)
    assert answer.status_code == 201
    entity = answer.json()["d"]
    assert entity["EntryID"] in answer.headers["Location"]
    assert entity["EntryNumber"] is None
    whole = exact.create(ENTRIES, entry())
    assert whole["Division"] == DIVISION
    assert whole["Created"].startswith("/Date(")


def test_a_due_date_follows_the_payment_condition(exact: Any) -> None:
    created = exact.create(ENTRIES, entry(PaymentCondition="30"))
    assert created["DueDate"] == "/Date(1775001600000)/"  # 1 April 2026
    nobody = exact.create("crm/Accounts", {"Name": "New", "Status": "C"})
    text = exact.refused(ENTRIES, entry(Customer=nobody["ID"]))
    assert text == "Verplicht: Betalingsconditie"


def test_an_open_entry_can_be_changed(exact: Any) -> None:
    created = exact.create(ENTRIES, entry(line(amount=10), line(amount=20)))
    key = created["EntryID"]
    answer = exact.put(ENTRIES, key, {"YourRef": "new", "Customer": account_id("20001")})
    assert (answer.status_code, answer.content) == (204, b"")
    after = exact.get(f"{ENTRIES}(guid'{key}')").json()["d"]
    assert (after["YourRef"], after["CustomerName"]) == ("new", "Testbedrijf B.V.")
    assert after["EntryNumber"] == created["EntryNumber"]
    assert after["PaymentReference"] == f"20001/{created['EntryNumber']}"
    assert {row["Account"] for row in ledger(exact, key)} >= {account_id("20001")}
    assert exact.put(ENTRIES, key, {"SalesEntryLines": []}).status_code == 400
    assert exact.put(ENTRIES, key, {"Journal": "90"}).status_code == 500
    assert exact.put(ENTRIES, NOTHING, {"YourRef": "x"}).status_code == 403
    again = exact.get(f"{ENTRIES}(guid'{key}')").json()["d"]
    assert again["AmountFC"] == created["AmountFC"]  # a refused change leaves all as it was


def test_lines_have_their_own_endpoint(exact: Any, error_text: Callable[..., str]) -> None:
    created = exact.create(ENTRIES, entry(line(amount=10)))
    key = created["EntryID"]
    added = exact.create(LINES, line(amount=100) | {"EntryID": key})
    total = exact.get(f"{ENTRIES}(guid'{key}')").json()["d"]["AmountFC"]
    assert total == 133.1
    assert exact.put(LINES, added["ID"], {"AmountFC": 200}).status_code == 204
    assert booked(exact, key)["1300", None] == 254.1
    assert exact.delete(LINES, added["ID"]).status_code == 204
    assert exact.delete(LINES, added["ID"]).status_code == 403
    assert booked(exact, key)["1300", None] == 12.1
    rest = exact.rows(f"{ENTRIES}(guid'{key}')/SalesEntryLines", select="ID")
    last = exact.delete(LINES, rest[0]["ID"])
    assert last.status_code == 500
    assert error_text(last) == "Onverwacht aantal regels. Er moet ten minste één regel zijn."
    assert booked(exact, key)["1300", None] == 12.1
    assert exact.delete(ENTRIES, key).status_code == 204
    assert ledger(exact, key) == []
    assert exact.refused(LINES, line() | {"EntryID": key}, 403) == "Forbidden"
    assert error_text(exact.post(LINES, line())) == "Verplicht: EntryID"


def test_delete_works_once(exact: Any) -> None:
    created = exact.create(ENTRIES, entry())
    key = created["EntryID"]
    assert exact.delete(ENTRIES, key).status_code == 204
    assert exact.delete(ENTRIES, key).status_code == 403
    assert exact.rows(ENTRIES, select="EntryID", filter=f"EntryID eq guid'{key}'") == []
    text = f"EntryNumber eq {created['EntryNumber']}"
    assert exact.rows("read/financial/ReceivablesList", select="HID", filter=text) == []


def test_a_period_that_closes_keeps_its_entries(exact: Any) -> None:
    body = entry(EntryDate="2026-10-05", Journal="72")
    key = exact.create(ENTRIES, copy.deepcopy(body))["EntryID"]
    close_period(exact.handle.database, DIVISION, 2026, 10, journal="72")
    closed = "Periode is afgesloten: 2026-10"
    assert exact.refused(ENTRIES, body) == closed
    assert exact.delete(ENTRIES, key).status_code == 500
    assert exact.put(ENTRIES, key, {"YourRef": "x"}).status_code == 500
    assert exact.create(ENTRIES, body | {"Journal": "70"})["ReportingPeriod"] == 10
