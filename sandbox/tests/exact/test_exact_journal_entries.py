"""General journal entries: balance, VAT in journals, open items."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_sandbox.exact.credentials import DIVISION, guid

ENTRIES = "generaljournalentry/GeneralJournalEntries"
LINES = "generaljournalentry/GeneralJournalEntryLines"
MISSING_AND_UNBALANCED = (
    "Verplicht: Grootboekrekening\r\n"
    "Deze boeking is niet in evenwicht op: {now} (Type: Overig) - Verschil: EUR 1,00"
)
NOTHING = "00000000-0000-0000-0000-000000000000"


def line(code: str, amount: float, **more: Any) -> dict[str, Any]:
    account = guid(DIVISION, "financial/GLAccounts", code)
    return {"GLAccount": account, "AmountFC": amount, "Date": "2026-03-10"} | more


def entry(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    default = [line("1240", 96.8), line("8000", -80, VATCode="21")]
    return {"JournalCode": "90", "GeneralJournalEntryLines": list(lines) or default} | more


def ledger(exact: Any, key: str) -> set[tuple[int, str, float]]:
    rows = exact.rows(
        "financialtransaction/TransactionLines",
        select="LineNumber,GLAccountCode,AmountFC,Type",
        filter=f"EntryID eq guid'{key}'",
    )
    assert {row["Type"] for row in rows} == {90}
    return {(row["LineNumber"], row["GLAccountCode"], row["AmountFC"]) for row in rows}


def test_exact_adds_the_vat_line(exact: Any) -> None:
    created = exact.create(ENTRIES, entry())
    assert (created["Status"], created["Type"]) == (20, 90)
    assert (created["FinancialYear"], created["FinancialPeriod"]) == (2026, 3)
    assert created["EntryNumber"] == 26900001
    assert ledger(exact, created["EntryID"]) == {
        (1, "1240", 96.8), (2, "8000", -80), (9999, "1500", -16.8),
    }  # fmt: skip


def test_a_given_vat_amount_and_a_code_that_includes_vat(exact: Any) -> None:
    given = entry(line("1240", 29.97), line("8000", -24.78, VATCode="21", AmountVATFC=-5.19))
    assert (9999, "1500", -5.19) in ledger(exact, exact.create(ENTRIES, given)["EntryID"])
    including = entry(line("1240", 121), line("8000", -121, VATCode="21I"))
    assert ledger(exact, exact.create(ENTRIES, including)["EntryID"]) == {
        (1, "1240", 121), (2, "8000", -100), (9999, "1500", -21),
    }  # fmt: skip


def test_a_receivable_line_makes_an_open_item(exact: Any) -> None:
    customer = guid(DIVISION, "crm/Accounts", "20003")
    created = exact.create(
        ENTRIES, entry(line("1240", 96.8), line("1300", -96.8, Account=customer))
    )
    items = exact.rows(
        "read/financial/ReceivablesList",
        select="HID,Amount,AccountId",
        filter=f"EntryNumber eq {created['EntryNumber']} and JournalCode eq '90'",
    )
    assert [(item["Amount"], item["AccountId"]) for item in items] == [(-96.8, customer)]


def test_foreign_currency_is_in_balance_in_euro_too(exact: Any) -> None:
    body = entry(line("1240", 0.03), line("8000", -0.01), line("8010", -0.01),
                 line("8100", -0.01), Currency="GBP", ExchangeRate=1.1861)  # fmt: skip
    key = exact.create(ENTRIES, body)["EntryID"]
    rows = exact.rows("financialtransaction/TransactionLines", select="AmountDC",
                      filter=f"EntryID eq guid'{key}'")  # fmt: skip
    assert round(sum(row["AmountDC"] for row in rows), 2) == 0


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (entry(line("1240", 100), line("8000", -99.99)),
         "Deze boeking is niet in evenwicht op: 2026 / 3 (Type: Overig) - Verschil: EUR 0,01"),
        (entry(line("1240", 100), line("8000", -100, VATCode="21")),
         "Deze boeking is niet in evenwicht op: 2026 / 3 (Type: Overig) - Verschil: EUR -21,00"),
        (entry(JournalCode="70"), "Ongeldig: Dagboek"),
        (entry(JournalCode="91"), "Niet toegestaan: Btw-code"),
        (entry(line("1240", 1), line("1300", -1)), "Verplicht: Relatie"),
        (entry(line("1240", 1), line("1600", -1)), "Verplicht: Relatie"),
        (entry(line("1240", 1), line("8000", -1, Account=NOTHING)),
         "Ongeldige referentie: Relatie"),
        (entry(line("1240", 1), line("8000", -1, Date="2026-04-01")), "Ongeldig: Datum"),
        (entry(line("1240", 1, Date="2025-04-01"), line("8000", -1, Date="2025-04-01")),
         "Periode is afgesloten: 2025-04"),
        (entry(line("1240", 1), line("8000", -1, AmountVATFC=-0.21)), "Verplicht: Btw-code"),
        (entry(line("1240", 1), line("8000", -1, VATCode="")), "Ongeldige referentie: Btw-code"),
        (entry(line("1240", 1), line("8900", -1)), "Geblokkeerd: Grootboekrekening - 8900"),
        (entry(line("1240", 1), line("8910", -1)), "Verplicht: Kostenplaats"),
        (entry(GeneralJournalEntryLines=[]), "Verplicht: GeneralJournalEntryLines"),
        (entry({"AmountFC": 1}), MISSING_AND_UNBALANCED),
    ],
)  # fmt: skip
def test_refusals(exact: Any, body: dict[str, Any], text: str) -> None:
    now = exact.handle.now()
    assert exact.refused(ENTRIES, body) == text.format(now=f"{now.year} / {now.month}")


@pytest.mark.parametrize("name", ["Description", "EntryDate", "Journal", "Status"])
def test_the_header_has_no_such_property(exact: Any, name: str) -> None:
    text = exact.refused(ENTRIES, entry(**{name: "x"}), 400)
    assert f"The property name '{name}' specified for type" in text


def test_amounts_in_division_currency_cannot_be_posted(exact: Any) -> None:
    bad = entry(line("1240", 1, AmountDC=1), line("8000", -1))
    assert "'AmountDC'" in exact.refused(ENTRIES, bad, 400)


def test_entries_are_deleted_never_changed(exact: Any) -> None:
    key = exact.create(ENTRIES, entry(EntryNumber=77))["EntryID"]
    assert exact.refused(ENTRIES, entry(EntryNumber=77)) == "In gebruik: Boekstuknummer"
    assert exact.put(ENTRIES, key, {"Reversal": True}).status_code == 403
    extra = line("1240", 1) | {"EntryID": key}
    assert "niet in evenwicht" in exact.refused(LINES, extra)
    assert exact.delete(ENTRIES, key).status_code == 204
    assert exact.delete(ENTRIES, key).status_code == 403
    assert exact.create(ENTRIES, entry(EntryNumber=77))["EntryNumber"] == 77
