"""Booking date, tax point and money date: three meanings, none of which follows another."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_gl_rules.booking import Booker
from mapper_gl_rules.dates import (
    document_dates,
    local_day,
    payment_date,
    prepayment_date,
    refund_date,
)
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.source import Document, InvoiceReference, Order, Source, Transaction

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
CODES = """\
  "D16": {rate: 16, gl: "1520", country: DE, supply: oss, from: 2020-07-01, until: 2020-12-31}
  "D19": {rate: 19, gl: "1520", country: DE, supply: oss, from: 2021-01-01}"""
DE = {"billing_address": {"country_id": "DE", "postcode": "10115"}}


def order_of(created_at: str = "2020-12-20 09:00:00", **fields: Any) -> Order:
    return Order(5, "000000005", 1, created_at, [], **fields)  # type: ignore[arg-type]


def document_of(created_at: str, **fields: Any) -> Document:
    return Document(7, "000000007", 1, created_at, [], **fields)  # type: ignore[arg-type]


def invoice(number: int, created_at: str, **fields: Any) -> InvoiceReference:
    return InvoiceReference(number, f"00000{number}", created_at, **{"state": 2, **fields})


def points(document: Any, order: Order, *, credit_memo: bool = True) -> list[tuple[str, str]]:
    found = document_dates(document, order, AMSTERDAM, credit_memo=credit_memo)
    return [(str(point.day), point.of) for point in found.tax_points]


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2026-03-28 22:59:59", "Europe/Amsterdam", "2026-03-28"),
        ("2026-03-28 23:00:00", "Europe/Amsterdam", "2026-03-29"),  # winter, +1
        ("2026-03-29 21:59:59", "Europe/Amsterdam", "2026-03-29"),
        ("2026-03-29 22:00:00", "Europe/Amsterdam", "2026-03-30"),  # summer, +2
        ("2026-03-28T23:30:00Z", "Europe/London", "2026-03-28"),
        ("2026-03-28T23:30:00+02:00", "Europe/London", "2026-03-28"),
        ("2026-01-01 03:00:00", "America/New_York", "2025-12-31"),
    ],
)
def test_a_moment_is_a_day_of_its_zone(moment: str, zone: str, day: str) -> None:
    assert str(local_day(moment, ZoneInfo(zone))) == day


@pytest.mark.parametrize("moment", ["", "yesterday", "2026-13-01", "9999-12-31 23:59:59"])
def test_what_is_no_moment_is_refused(moment: str) -> None:
    with pytest.raises(DocumentRefusedError, match="no timestamp"):
        local_day(moment, AMSTERDAM)


def test_the_company_books_on_its_day_and_the_shop_dates_by_its_own() -> None:
    document = document_of("2026-01-31 23:30:00", source=Source(timezone="Europe/London"))
    found = document_dates(document, order_of(), AMSTERDAM, credit_memo=False)
    assert found.booking_date == date(2026, 2, 1)
    assert found.document_date == date(2026, 1, 31)
    assert found.tax_points == ((date(2026, 1, 31), "invoice 000000007"),)


def test_an_unknown_time_zone_is_refused() -> None:
    document = document_of("2026-01-31 23:30:00", source=Source(timezone="Mars/Olympus"))
    with pytest.raises(DocumentRefusedError, match="Mars/Olympus"):
        document_dates(document, order_of(), AMSTERDAM, credit_memo=False)


def test_a_credit_memo_has_the_tax_point_of_its_invoice() -> None:
    invoices = [invoice(8, "2020-12-22 09:00:00"), invoice(9, "2020-12-28 09:00:00")]
    order = order_of(invoices=invoices)
    memo = document_of("2021-01-12 09:00:00", invoice_id=9)
    assert points(memo, order) == [("2020-12-28", "invoice 000009")]


@pytest.mark.parametrize(
    ("invoices", "expected"),
    [
        (None, [("2020-12-20", "order 000000005")]),
        ([], [("2020-12-20", "order 000000005")]),
        ([invoice(8, "2020-12-22 09:00:00")], [("2020-12-22", "invoice 000008")]),
        (
            [invoice(8, "2020-12-22 09:00:00"), invoice(9, "2020-12-28 09:00:00")],
            [("2020-12-22", "invoice 000008"), ("2020-12-28", "invoice 000009")],
        ),
        (
            [invoice(8, "2020-12-22 09:00:00"), invoice(9, "2020-12-22 22:00:00")],
            [("2020-12-22", "invoice 000008")],
        ),
        (
            [invoice(8, "2020-12-22 09:00:00"), invoice(9, "2021-02-01 09:00:00")],
            [("2020-12-22", "invoice 000008")],  # made after the memo
        ),
        ([invoice(8, "2021-01-12 09:00:00")], [("2021-01-12", "invoice 000008")]),  # same second
        (
            [invoice(8, "2020-12-22 09:00:00", state=3), invoice(9, "2020-12-28 09:00:00")],
            [("2020-12-28", "invoice 000009")],  # the first was cancelled
        ),
    ],
)
def test_a_credit_memo_without_invoice_takes_those_of_the_order(
    invoices: Any, expected: Any
) -> None:
    assert points(document_of("2021-01-12 09:00:00"), order_of(invoices=invoices)) == expected


def test_an_order_is_placed_on_the_day_of_its_store_view() -> None:
    order = order_of("2026-01-31 23:30:00", source=Source(timezone="Europe/London"))
    found = document_dates(document_of("2026-02-03 09:00:00"), order, AMSTERDAM, credit_memo=False)
    assert found.order_placed == (date(2026, 1, 31), "order 000000005")


def test_an_order_is_its_own_tax_point() -> None:
    order = order_of()
    assert points(order, order, credit_memo=False) == [("2020-12-20", "order 000000005")]


def test_tax_point_and_document_date_travel_with_the_document(
    make_rules: Any, make_document: Any
) -> None:
    rules = make_rules(more_codes=CODES)
    memo = make_document(
        ("LAMP", 100, 16),
        order={
            **DE,
            "created_at": "2020-12-20 09:00:00",
            "invoices": [
                {"entity_id": 8, "increment_id": "8", "created_at": "2020-12-28 09:00:00"}
            ],
        },
        created_at="2021-01-12 09:00:00",
        invoice_id=8,
        adjustment=0,
    )
    (booked,) = Booker(rules).document("credit_memo", memo)
    record = booked.record
    assert record["entry_date"] == record["document_date"] == "2021-01-12"
    assert record["tax_point"] == "2020-12-28"
    assert record["source"]["tax_point_of"] == "invoice 8"
    assert record["lines"][0]["vat_code"] == "D16"


def test_a_dated_rule_goes_by_the_tax_point(make_rules: Any, make_document: Any) -> None:
    rule = 'name: old, when: {line: product, until: 2020-12-31}, book: {gl: "8001", vat_code: auto}'
    memo = make_document(
        ("LAMP", 100, 21),
        order={"created_at": "2020-12-20 09:00:00"},
        created_at="2021-01-12 09:00:00",
        adjustment=0,
    )
    (booked,) = Booker(make_rules(rule)).document("credit_memo", memo)
    assert booked.record["lines"][0]["gl_account"] == "8001"
    later = make_document(("LAMP", 100, 21), created_at="2021-01-12 09:00:00")
    (booked,) = Booker(make_rules(rule)).document("invoice", later)
    assert booked.record["lines"][0]["gl_account"] == "8000"


def test_an_invoice_after_the_change_of_what_was_ordered_before(
    make_rules: Any, make_document: Any
) -> None:
    """The shop charged the 16 % of the order's day; no code has it on the invoice's."""
    document = make_document(
        ("LAMP", 100, 16),
        order={**DE, "created_at": "2020-12-30 09:00:00"},
        created_at="2021-01-05 09:00:00",
    )
    (booked,) = Booker(make_rules(more_codes=CODES)).document("invoice", document)
    assert booked.record["lines"][0]["vat_code"] == "D16"
    assert booked.record["source"]["tax_point_of"] == "order 000000005"
    assert (booked.record["entry_date"], booked.record["tax_point"]) == ("2021-01-05", "2020-12-30")
    late = make_document(
        ("LAMP", 100, 16),
        order={**DE, "created_at": "2021-01-02 09:00:00"},
        created_at="2021-01-05 09:00:00",
    )
    (booked,) = Booker(make_rules(more_codes=CODES)).document("invoice", late)
    assert "2021-01-05 (invoice 000000007)" in booked.record["reason"]


def test_a_rule_that_refuses_is_not_asked_about_another_day(
    make_rules: Any, make_document: Any
) -> None:
    rule = "name: no, when: {line: product, rate: 16, from: 2021-01-01}, refuse: too late"
    document = make_document(
        ("LAMP", 100, 16),
        order={**DE, "created_at": "2020-12-30 09:00:00"},
        created_at="2021-01-05 09:00:00",
    )
    (booked,) = Booker(make_rules(rule, more_codes=CODES)).document("invoice", document)
    assert "too late" in booked.record["reason"]


TWO = [
    {"entity_id": 8, "increment_id": "8", "created_at": "2020-12-28 09:00:00"},
    {"entity_id": 9, "increment_id": "9", "created_at": "2021-01-03 09:00:00"},
]


def memo_of_two(make_document: Any, rate: int) -> Any:
    return make_document(
        ("LAMP", 100, rate),
        order={**DE, "created_at": "2020-12-20 09:00:00", "invoices": TWO},
        created_at="2021-01-12 09:00:00",
        adjustment=0,
    )


@pytest.mark.parametrize(("rate", "code", "of"), [(16, "D16", "8"), (19, "D19", "9")])
def test_a_credit_memo_of_two_invoices_is_of_the_one_whose_vat_it_takes_back(
    make_rules: Any, make_document: Any, rate: int, code: str, of: str
) -> None:
    memo = memo_of_two(make_document, rate)
    (booked,) = Booker(make_rules(more_codes=CODES)).document("credit_memo", memo)
    assert booked.record["lines"][0]["vat_code"] == code
    assert booked.record["source"]["tax_point_of"] == f"invoice {of}"


def test_a_credit_memo_that_could_be_of_two_days_is_refused(
    make_rules: Any, make_document: Any
) -> None:
    rule = 'name: new, when: {line: product, from: 2021-01-01}, book: {gl: "8001", vat_code: "0"}'
    memo = memo_of_two(make_document, 0)
    codes = '  "E": {rate: 0, supply: untaxed_eu}'
    (booked,) = Booker(make_rules(rule, more_codes=codes)).document("credit_memo", memo)
    assert "2020-12-28 (invoice 8) and 2021-01-03 (invoice 9)" in booked.record["reason"]
    same = Booker(make_rules(more_codes=codes)).document("credit_memo", memo)
    assert same[0].stream == "sales_entries"


def test_two_tax_points_with_other_vat_codes_or_other_debtors_are_two(
    make_rules: Any, make_document: Any
) -> None:
    memo = memo_of_two(make_document, 19)
    codes = CODES.replace("D16", "D0").replace("rate: 16", "rate: 19")
    (booked,) = Booker(make_rules(more_codes=codes)).document("credit_memo", memo)
    assert "by the invoice it takes back" in booked.record["reason"]
    rule = 'name: new, when: {line: document, from: 2021-01-01}, book: {debtor: "20"}'
    codes = '  "D19": {rate: 19, gl: "1520", country: DE, supply: oss}'
    (booked,) = Booker(make_rules(rule, more_codes=codes)).document("credit_memo", memo)
    assert "by the invoice it takes back" in booked.record["reason"]


days = st.datetimes(datetime(2020, 1, 1), datetime(2029, 12, 31))  # noqa: DTZ001  # UTC by contract


@given(made=days, later=st.timedeltas(timedelta(0), timedelta(days=900)), sold=days)
def test_the_tax_point_of_a_memo_does_not_depend_on_its_booking_date(
    made: datetime, later: timedelta, sold: datetime
) -> None:
    order = order_of(str(sold), invoices=[invoice(8, str(sold))])
    first = document_of(str(made), invoice_id=8)
    second = document_of(str(made + later), invoice_id=8)
    dates = [document_dates(one, order, AMSTERDAM, credit_memo=True) for one in (first, second)]
    assert dates[0].tax_points == dates[1].tax_points
    assert dates[0].tax_points[0].day == sold.replace(tzinfo=UTC).astimezone(AMSTERDAM).date()
    for one, moment in zip(dates, (made, made + later), strict=True):
        assert one.booking_date == moment.replace(tzinfo=UTC).astimezone(AMSTERDAM).date()


CAPTURE = Transaction("capture", "2026-02-10 22:30:00", "tx-1")
OTHER = Transaction("capture", "2026-02-20 09:00:00", "tx-2")
SOLD = Transaction("payment", "2026-02-09 09:00:00")
HELD = Transaction("authorization", "2026-01-30 09:00:00")
PAID = {"state": 2, "updated_at": "2026-02-12 23:30:00"}
OWN = {**PAID, "transaction_id": "tx-2"}


@pytest.mark.parametrize(
    ("wanted", "fields", "transactions", "expected"),
    [
        ("capture", PAID, [CAPTURE], ("2026-02-10", "capture")),
        ("capture", PAID, [CAPTURE, OTHER], ("2026-02-13", "paid_seen")),
        ("capture", OWN, [CAPTURE, OTHER], ("2026-02-20", "capture")),
        ("capture", PAID, [HELD], ("2026-02-13", "paid_seen")),
        ("capture", PAID, [SOLD], ("2026-02-09", "capture")),
        ("capture", {**PAID, "state": 1}, [], ("2026-01-30", "document")),
        ("capture", PAID, None, ("2026-02-13", "paid_seen")),
        ("paid_seen", PAID, [CAPTURE], ("2026-02-13", "paid_seen")),
        ("document", PAID, [CAPTURE], ("2026-01-30", "document")),
        # A refund changes the invoice too: its last change is no payment then.
        ("capture", {**PAID, "is_used_for_refund": 1}, None, ("2026-01-30", "document")),
        ("capture", {"state": 2}, [], ("2026-01-30", "document")),
    ],
)  # fmt: skip
def test_a_payment_is_dated_when_the_money_came(
    wanted: Any, fields: Any, transactions: Any, expected: Any
) -> None:
    paid = document_of("2026-01-30 09:00:00", **fields)
    found = payment_date(paid, order_of(transactions=transactions), AMSTERDAM, wanted)
    assert (str(found.day), found.seen_by) == expected


@pytest.mark.parametrize(
    ("wanted", "transactions", "expected"),
    [
        ("capture", [Transaction("refund", "2026-03-03 09:00:00")], ("2026-03-03", "capture")),
        ("capture", [CAPTURE], ("2026-03-01", "document")),
        ("document", [Transaction("refund", "2026-03-03 09:00:00")], ("2026-03-01", "document")),
    ],
)
def test_a_refund_is_dated_when_the_money_went(
    wanted: Any, transactions: Any, expected: Any
) -> None:
    memo = document_of("2026-03-01 09:00:00", updated_at="2026-03-09 09:00:00", state=2)
    found = refund_date(memo, order_of(transactions=transactions), AMSTERDAM, wanted)
    assert (str(found.day), found.seen_by) == expected


@pytest.mark.parametrize(
    ("wanted", "fields", "expected"),
    [
        ("capture", {"transactions": [CAPTURE, OTHER]}, ("2026-02-20", "capture")),
        ("capture", {"updated_at": "2026-02-11 09:00:00"}, ("2026-02-11", "paid_seen")),
        (
            "paid_seen",
            {
                "transactions": [CAPTURE],
                "updated_at": "2026-05-01 09:00:00",
                "invoices": [invoice(8, "2026-02-14 09:00:00", updated_at="2026-02-15 09:00:00")],
            },
            ("2026-02-15", "paid_seen"),
        ),
        ("document", {"transactions": [CAPTURE]}, ("2026-01-30", "document")),
    ],
)
def test_a_prepayment_is_dated_when_all_was_paid(wanted: Any, fields: Any, expected: Any) -> None:
    found = prepayment_date(order_of("2026-01-30 09:00:00", **fields), AMSTERDAM, wanted)
    assert (str(found.day), found.seen_by) == expected


PAYS = 'name: check, when: {line: document}, book: {clearing_gl: "1245"}'


@pytest.mark.parametrize(
    ("setting", "day", "seen_by"),
    [
        ({}, "2026-02-10", "paid_seen"),
        ({"payment_date": "paid_seen"}, "2026-02-10", "paid_seen"),
        ({"payment_date": "document"}, "2026-01-30", "document"),
    ],
)
def test_an_invoice_of_january_paid_in_february(
    make_rules: Any, make_document: Any, setting: Any, day: str, seen_by: str
) -> None:
    document = make_document(
        ("LAMP", 100, 21),
        created_at="2026-01-30 09:00:00",
        updated_at="2026-02-10 09:00:00",
        state=2,
    )
    entry, payment = Booker(make_rules(PAYS, **setting)).document("invoice", document)
    assert entry.record["entry_date"] == "2026-01-30"
    assert payment.record["entry_date"] == day
    assert payment.record["source"]["money_date_from"] == seen_by


def test_a_refund_of_the_provider_dates_the_refund(make_rules: Any, make_document: Any) -> None:
    moves = [
        {"txn_type": "capture", "created_at": "2026-01-30 09:00:00", "txn_id": "a"},
        {"txn_type": "refund", "created_at": "2026-02-10 09:00:00", "txn_id": "b"},
    ]
    memo = make_document(
        ("LAMP", 100, 21),
        order={"transactions": moves},
        created_at="2026-02-08 09:00:00",
        state=2,
        adjustment=0,
    )
    _, refund = Booker(make_rules(PAYS)).document("credit_memo", memo)
    assert refund.record["entry_date"] == "2026-02-10"
    assert refund.record["source"]["money_date_from"] == "capture"


def test_a_settlement_moves_no_money_and_is_booked_with_its_invoice(
    make_rules: Any, make_document: Any
) -> None:
    rule = 'name: check, when: {line: document}, book: {clearing_gl: "1245", prepayment_gl: "1800"}'
    document = make_document(
        ("LAMP", 100, 21),
        created_at="2026-01-30 09:00:00",
        updated_at="2026-02-10 09:00:00",
        state=2,
    )
    _, settlement = Booker(make_rules(rule)).document("invoice", document)
    assert settlement.record["source"]["kind"] == "settlement"
    assert settlement.record["entry_date"] == "2026-01-30"
