"""Control statements of a real comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .conftest import invoice, oss

if TYPE_CHECKING:
    from .conftest import Company, Compared


def rows(found: Compared, number: int) -> list[list[Any]]:
    (one,) = [one for one in found.result["statements"] if one["number"] == number]
    return [list(row) for row in one["rows"]]


def test_all_ten_are_there_and_say_what_they_are(company: Company) -> None:
    company.post(invoice(1))
    found = company.compare("--source", "mirror", "--depth", "full")
    assert [one["number"] for one in found.result["statements"]] == list(range(1, 11))
    for one in found.result["statements"]:
        assert all(len(row) == len(one["columns"]) for row in one["rows"])
    assert rows(found, 1) == [
        ["21", "EUR", "domestic", "", *["100.00"] * 3, *["21.00"] * 3],
    ]
    assert rows(found, 8)[:3] == [
        ["Debtors' accounts", "121.00", None, None],
        ["Open items", "121.00", None, None],
        ["Difference", "0.00", None, None],
    ]
    assert rows(found, 9) == [["EUR", *["121.00"] * 4, "0.00", "1.000000"]]


def test_a_memo_of_an_earlier_quarter_is_a_correction_of_that_quarter(company: Company) -> None:
    company.post(oss(1, day="2026-09-20"), oss(2))
    memo = oss(3, kind="credit_memo")
    memo["source"]["order_increment_id"] = "O000000001"
    company.post(memo)
    found = company.compare()
    assert found.codes == []
    assert rows(found, 2) == [
        ["2026-Q4", "sales", "DE", "19 %", "goods", "NL", "D19", "100.00", "19.00"],
        ["2026-Q3", "correction of 2026-Q3", *SAME, "-100.00", "-19.00"],
    ]
    assert [row[0] for row in rows(found, 7)] == [memo["document_key"]]


SAME = ["DE", "19 %", "goods", "NL", "D19"]
SERVICES = {"nature": "services", "dispatch_country": None}
POLAND = {"dispatch_country": "PL"}
BEFORE = {"nature": None, "dispatch_country": None}


def notes(found: Compared, number: int) -> list[str]:
    (one,) = [one for one in found.result["statements"] if one["number"] == number]
    return list(one["notes"])


def test_goods_are_told_from_services_and_by_where_they_leave_from(company: Company) -> None:
    company.post(oss(1), oss(2), oss(3, line=SERVICES), oss(4, line=POLAND))
    found = company.compare()
    assert found.codes == []
    assert [row[2:] for row in rows(found, 2)] == [
        ["DE", "19 %", "goods", "NL", "D19", "200.00", "38.00"],
        ["DE", "19 %", "goods", "PL", "D19", "100.00", "19.00"],
        ["DE", "19 %", "services", "", "D19", "100.00", "19.00"],
    ]
    _, total, parts = notes(found, 2)
    assert total == (
        "Distance sales of 2026 so far: 400.00 EUR; the threshold is 10000 EUR, not passed."
    )
    assert parts.startswith(
        "Of these: goods from NL 200.00, goods from PL 100.00, services 100.00. Goods that leave"
    )


def test_what_an_older_document_supplied_is_not_guessed(company: Company) -> None:
    company.post(oss(1, line=BEFORE))
    found = company.compare()
    assert [row[2:7] for row in rows(found, 2)] == [["DE", "19 %", *["unknown"] * 2, "D19"]]
    assert [one for one in notes(found, 2) if one.startswith("Unknown: booked before")]
    # Today's mapper tells more of it: it is the same document still.
    company.records = [("sales_entries", oss(1))]
    again = company.compare()
    assert again.codes == []
    assert rows(again, 2) == rows(found, 2)


def test_a_correction_has_the_facts_of_the_memos_own_lines(company: Company) -> None:
    company.post(oss(1, day="2026-09-20", line=BEFORE))
    memo = oss(3, kind="credit_memo", line=SERVICES)
    memo["source"]["order_increment_id"] = "O000000001"
    company.post(memo)
    told = ["2026-Q3", "correction of 2026-Q3", "DE", "19 %", "services", "", "D19"]
    assert rows(company.compare(), 2) == [[*told, "-100.00", "-19.00"]]


def test_an_entry_of_a_day_tells_what_its_documents_supply(company: Company) -> None:
    """Two documents that only differ in that are two lines of the day's entry."""
    documents = []
    for number, more in ((1, {}), (2, SERVICES), (3, POLAND), (4, {})):
        record = oss(number, line=more)
        (line,) = record["lines"]
        line |= {"amount": -100.0, "vat_amount": -19.0, "side": "sale", "role": "revenue"}
        record["lines"].append(
            {"gl_account": "1240", "amount": 119.0, "side": "sale", "role": "clearing"}
        )
        names = ("instance", "store", "day", "time_zone", "closes_at", "journal", "method")
        told = "shop nl 2026-10-10 Europe/Amsterdam 2026-10-10T22:00:00Z 90 ideal"
        record["summary"] = dict(zip(names, told.split(), strict=True))
        for name in ("journal", "entry_date", "payment_reference", "debtor"):
            record.pop(name)
        documents.append(record)
    company.post(*documents, stream="summary_documents")
    found = company.compare()
    assert found.codes == []
    assert [row[4:] for row in rows(found, 2)] == [
        ["goods", "NL", "D19", "200.00", "38.00"],
        ["goods", "PL", "D19", "100.00", "19.00"],
        ["services", "", "D19", "100.00", "19.00"],
    ]


def test_an_oss_line_without_a_country_is_found(company: Company) -> None:
    record = oss(1)
    record["lines"][0]["country"] = None
    company.post(record)
    found = company.compare()
    assert (found.codes, found.finding("B5")["document_key"]) == (["B5"], record["document_key"])


def test_an_invoice_made_just_before_midnight_in_utc_is_november_by_local_time(
    company: Company,
) -> None:
    late = invoice(1, day="2026-11-01")
    late["source"]["created_at"] = "2026-10-31T23:30:00Z"
    company.post(late, invoice(2))
    october, november = company.compare(), company.compare(month="2026-11")
    assert (october.codes, november.codes) == ([], [])
    assert october.bridge()["rows"][0]["amount"] == "121.00"
    assert november.bridge()["rows"][0]["amount"] == "121.00"
    for found in (october, november):
        ((key, *_, why),) = rows(found, 7)
        assert key == late["document_key"]
        assert "2026-10-31 23:30 in UTC, 2026-11-01 00:30" in why


def payment(number: int, day: str) -> Any:
    record = invoice(number)
    return {
        "document_key": f"shop:nl:payment:{number:09}",
        "your_ref": f"{number:09}",
        "description": f"Payment {number:09}",
        "journal": "90",
        "entry_date": day,
        "currency": "EUR",
        "pays": record["document_key"],
        "includes": [],
        "lines": [
            {"gl_account": "1240", "amount": 121.0, "rule": "ideal"},
            {"gl_account": "1300", "amount": -121.0, "account": {"code": "10"}, "rule": "ideal"},
        ],
        "totals": {"amount": 121.0, "vat_amount": 0, "net_amount": 0},
        "rules_version": "v1",
        "source": record["source"] | {"kind": "payment"},
    }


def test_money_that_came_after_the_month_is_in_transit_and_no_difference(
    company: Company,
) -> None:
    company.post(invoice(1), invoice(2))
    company.post(
        payment(1, "2026-11-01"), payment(2, "2026-10-12"), stream="general_journal_entries"
    )
    october = company.compare("--source", "mirror")
    assert october.codes == []
    transit = [row for row in rows(october, 5) if row[2] and row[7]]
    assert [(row[0], row[2], row[7], row[8]) for row in transit] == [
        ("shop:nl:invoice:000000001", "121.00", "2026-11-01", "15-30")
    ]
    assert "in transit" in rows(october, 7)[0][5]
    november = company.compare("--source", "mirror", month="2026-11")
    assert november.codes == []


def money(number: int, day: str, amount: float, kind: str = "payment") -> Any:
    """The money of an invoice, or the refund of a part of it."""
    record = payment(number, day)
    for line, sign in zip(record["lines"], (1, -1), strict=True):
        line["amount"] = sign * amount
    record["totals"] = {"amount": abs(amount), "vat_amount": 0, "net_amount": 0}
    key = record["document_key"].replace(":payment:", f":{kind}:")
    record |= {"document_key": key, "your_ref": f"{kind} {number}", "entry_date": day}
    record["source"] = record["source"] | {"kind": kind, "payment_method": "ideal"}
    return record


def test_clearing_rolls_forward_and_ages_what_is_still_awaited(company: Company) -> None:
    company.post(invoice(1), invoice(2, day="2026-09-20"), invoice(3, day="2026-10-29"))
    moved = [money(1, "2026-10-10", 121), money(2, "2026-09-21", 121)]
    moved += [money(3, "2026-10-29", 121), money(1, "2026-10-30", -21, "refund")]
    company.post(*moved, stream="general_journal_entries")
    bea = company.sandbox.bookkeeper("Bea")
    bank = [{"gl_account": "1240", "amount": -150}, {"gl_account": "1010", "amount": 150}]
    bea.type_entry(bank, date="2026-10-20", entry_type=40)
    bea.type_entry(
        [{"gl_account": "1240", "amount": -2}, {"gl_account": "4700", "amount": 2}],
        date="2026-10-20",
    )
    found = company.compare()
    (title, *amounts), *awaited = [row for row in rows(found, 5) if row[6]]
    assert title == "1240 Clearing, iDEAL via payment provider (ideal)"
    # Opening, captured, refunded, paid out by the bank, fees, closing.
    assert amounts[:6] == ["121.00", "242.00", "-21.00", "-150.00", "-2.00", "190.00"]
    assert [(row[0].split(":")[-1], *row[6:]) for row in awaited] == [
        ("000000003", "121.00", "2026-10-29", "0-2"),
        ("000000001", "69.00", "2026-10-10", "15-30"),
    ]


def test_gift_cards_roll_forward_and_name_what_no_document_booked(company: Company) -> None:
    record = invoice(1)
    record["lines"].append({"gl_account": "1700", "amount": -21.0, "rule": "gift card"})
    record["totals"] = {"amount": 100.0, "vat_amount": 21.0, "net_amount": 79.0}
    sold = invoice(2, lines=[{"gl_account": "1700", "amount": 50.0, "rule": "gift card sold"}])
    sold["totals"] = {"amount": 50.0, "vat_amount": 0, "net_amount": 50.0}
    company.post(record, sold)
    lines = [{"gl_account": "1700", "amount": 30}, {"gl_account": "1990", "amount": -30}]
    bea = company.sandbox.bookkeeper("Bea")
    bea.type_entry(lines, date="2026-10-15")
    (name, *amounts), *behind = rows(company.compare(), 4)
    assert [(row[0], row[2], row[3]) for row in behind] == [
        ("1700 shop:nl:invoice:000000001", None, "-21.00"),
        ("1700 shop:nl:invoice:000000002", "50.00", None),
    ]
    assert name.startswith("1700")
    names = "0.00", "50.00", "-21.00", "0.00", "0.00", "0.00"
    assert amounts == [*names, "0.00", "-1.00", "-30.00"]
    bea.edit("000000001", date="2026-11-01")  # the card was used there, in another month
    october, november = company.compare(), company.compare(month="2026-11")
    assert rows(october, 4)[0][1:] == [*names, "21.00", "20.00", "-30.00"]
    assert rows(november, 4) == []  # no document of November books on it


def test_debtors_that_do_not_agree_with_open_items(company: Company) -> None:
    company.post(invoice(1))
    row = company.sandbox.exact("cashflow/Receivables")[0]
    company.sandbox.set("exact.language", "en")
    with company.sandbox.database.transaction() as connection:
        connection.execute("DELETE FROM exact_receivables WHERE id = ?", (row["ID"],))
    company.sandbox.database.forget()
    found = company.compare()
    assert (found.codes, found.finding("B1")["ours"]) == (["B1"], "121.00")


def owing(number: int, due: float, **changes: Any) -> Any:
    """What the mapper tells of an invoice of 121.00 whose order is of 151.25."""
    fact = {"document_key": f"shop:nl:invoice:{number:09}", "kind": "invoice", "order": number}
    fact |= {"ordered": 151.25, "invoiced": 121.0, "due": due, "currency": "EUR"}
    source = {"instance": "shop", "order_increment_id": f"O{number:09}"}
    return "order_facts", fact | {"source": source} | changes


def test_open_items_beside_what_the_shop_is_owed(company: Company) -> None:
    company.post(invoice(1), invoice(2), invoice(3))
    # The first owes all, the second was paid and the third in part; 30.25 is not invoiced yet.
    company.records += [owing(1, 151.25), owing(2, 30.25), owing(3, 80.25)]
    found = company.compare("--depth", "full", "--source", "mirror")
    told = [row for row in rows(found, 8) if row[2] is not None]
    assert told == [
        ["Open items of 3 orders that were read, EUR", "363.00", "171.00", "192.00"],
        ["Order O000000002, EUR", "121.00", "0.00", "121.00"],
        ["Order O000000003, EUR", "121.00", "50.00", "71.00"],
    ]
    quick = company.compare()
    assert [row for row in rows(quick, 8) if row[2] is not None] == [
        ["Open items of 3 orders that were read, EUR", None, "171.00", None]
    ]
    without = company.compare(with_shop=False).result["statements"][7]
    assert "The shop told no total_due" in " ".join(without["notes"])


def test_what_customers_owe_is_told_by_age_without_reading_each_of_them(company: Company) -> None:
    company.post(invoice(1, day="2026-11-01"), invoice(2, day="2026-09-20", net="200.00"))
    found = company.compare("--depth", "sums")
    ages = [row[1] for row in rows(found, 8) if row[0].startswith("Age ")]
    assert ages == ["121.00", "242.00", "0.00", "0.00"]
    assert found.result["calls"]["total"] <= 15
    company.sandbox.set("exact.missing_scopes", ["financial payables"])
    refused = company.compare()
    assert refused.exit_code == 0, refused.stderr
    assert [row for row in rows(refused, 8) if row[0].startswith("Age ")] == []


def test_a_debtor_who_owes_nothing_may_have_items_that_nobody_matched(company: Company) -> None:
    company.post(invoice(1), invoice(2))
    lines = [{"gl_account": "1300", "amount": -242}, {"gl_account": "1240", "amount": 242}]
    company.sandbox.bookkeeper("Bea").type_entry(lines, date="2026-10-15", debtor="10")
    assert "B2" not in company.compare().codes
    found = company.compare("--depth", "full", "--source", "mirror").finding("B2")
    assert (found["theirs"], found["severity"]) == ("3 items open", "warning")
    assert "debtor 10" in found["proposal"]
    assert rows(company.compare("--depth", "full", "--source", "mirror"), 8)[-1] == [
        "Debtor 10 balances, 3 items open",
        "0.00",
        None,
        None,
    ]


def test_rounding_above_the_limit(company: Company) -> None:
    record = invoice(1)
    record["lines"].append({"gl_account": "4990", "amount": 0.05, "rule": "rounding"})
    record["totals"] = {"amount": 121.05, "vat_amount": 21.0, "net_amount": 100.05}
    company.post(record)
    assert company.compare().codes == []
    found = company.compare("--rounding-account", "4990")
    assert found.codes == ["B4"]
    assert rows(found, 10) == [["v1", 1, "0.05", "0.05", record["document_key"]]]
