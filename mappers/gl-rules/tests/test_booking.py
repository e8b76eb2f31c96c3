"""Modes, debtors and money beside the plain sales entry."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from mapper_gl_rules.booking import Booker

LAMP = ("LAMP", 100, 21)
CLEARING = (
    'name: ideal, when: {line: document, payment_method: checkmo}, book: {clearing_gl: "1240"}'
)
PREPAID = (
    'name: prepaid, when: {line: document}, book: {clearing_gl: "1240", prepayment_gl: "1800"}'
)


def amounts(record: dict[str, Any]) -> dict[str, Decimal]:
    return {line["gl_account"]: line["amount"] for line in record["lines"]}


def test_sales_invoices_have_a_line_per_amount(make_rules: Any, make_document: Any) -> None:
    document = make_document(
        ("LAMP", "100.00", 21, {"qty": 4}),
        ("CUP", "10.00", 21, {"qty": 3, "tax_amount": "2.10"}),
        shipping_amount="4.95",
        shipping_tax_amount="1.04",
    )
    rule = (
        'name: freight, when: {line: shipping}, book: {gl: "8100", vat_code: auto, item: FREIGHT}'
    )
    (booked,) = Booker(make_rules(rule, mode="sales_invoice")).document("invoice", document)
    assert booked.stream == "sales_invoices"
    record = booked.record
    assert record["invoice_date"] == "2026-03-02"
    assert record["ordered_by"] == record["debtor"] == {"code": "10"}
    found = [(one["item"], one["quantity"], one["unit_price"]) for one in record["lines"]]
    # A price of 3.3333 would let Exact multiply to another amount.
    assert found == [
        ("LAMP", Decimal(4), Decimal("25.00")),
        ("CUP", 1, Decimal("10.00")),
        ("FREIGHT", 1, Decimal("4.95")),
    ]
    assert record["totals"]["amount"] == document.grand_total


def test_a_sales_invoice_leaves_the_rate_to_exact(make_rules: Any, make_document: Any) -> None:
    document = make_document(
        LAMP, order_currency_code="GBP", base_currency_code="EUR", base_to_order_rate="0.8"
    )
    (booked,) = Booker(make_rules(mode="sales_invoice")).document("invoice", document)
    assert booked.record["currency"] == "GBP"
    assert "exchange_rate" not in booked.record


def test_a_paid_invoice_closes_its_debtor(make_rules: Any, make_document: Any) -> None:
    booked = Booker(make_rules(CLEARING)).document("invoice", make_document(LAMP))
    entry = booked[1].record
    assert booked[1].stream == "general_journal_entries"
    assert entry["document_key"] == "demo:nl:payment:000000007"
    assert entry["includes"] == ["demo:nl:invoice:000000007"]
    assert amounts(entry) == {"1240": Decimal("121.00"), "1300": Decimal("-121.00")}
    assert entry["lines"][1]["account"] == "10"
    assert entry["journal"] == "90"
    assert entry["your_ref"] == "payment 000000007"


def test_an_open_invoice_is_not_paid(make_rules: Any, make_document: Any) -> None:
    booked = Booker(make_rules(CLEARING)).document("invoice", make_document(LAMP, state=1))
    assert [one.stream for one in booked] == ["sales_entries"]


def test_a_refund_leaves_by_the_same_account(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP, adjustment=0)
    entry = Booker(make_rules(CLEARING)).document("credit_memo", document)[1].record
    assert entry["document_key"] == "demo:nl:refund:000000007"
    assert amounts(entry) == {"1300": Decimal("121.00"), "1240": Decimal("-121.00")}


def test_money_before_the_invoice_waits_on_its_own_account(
    make_rules: Any, make_document: Any
) -> None:
    booker = Booker(make_rules(PREPAID))
    document = make_document(LAMP, order={"total_paid": 121, "subtotal": 100, "tax_amount": 21})
    (prepayment,) = booker.order(document.order)
    assert prepayment.record["document_key"] == "shop:-:prepayment:000000005"
    assert amounts(prepayment.record) == {"1240": Decimal("121.00"), "1800": Decimal("-121.00")}
    settlement = booker.document("invoice", document)[1].record
    assert settlement["document_key"] == "demo:nl:settlement:000000007"
    assert amounts(settlement) == {"1800": Decimal("121.00"), "1300": Decimal("-121.00")}


def test_an_unpaid_order_has_no_prepayment(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP, order={"total_paid": 50})
    assert Booker(make_rules(PREPAID)).order(document.order) == []


def test_journal_entries_need_a_journal(make_rules: Any, make_document: Any) -> None:
    rules = make_rules(CLEARING)
    settings = msgspec.structs.replace(rules.settings, general_journal=None)
    booked = Booker(msgspec.structs.replace(rules, settings=settings)).document(
        "invoice", make_document(LAMP)
    )
    assert booked[0].stream == "sales_entries"
    assert booked[1].record["document_key"] == "demo:nl:payment:000000007"
    assert "no journal for journal entries" in booked[1].record["reason"]


def test_the_payment_of_a_matched_customer_names_them_as_the_invoice_does(
    make_rules: Any, make_document: Any
) -> None:
    rules = make_rules(CLEARING, debtor="customer", create_debtors=True)
    invoice, payment = Booker(rules).document("invoice", make_document(LAMP))
    assert payment.stream == "general_journal_entries"
    assert invoice.record["debtor"]["match"]
    assert payment.record["lines"][1]["account"] == invoice.record["debtor"]
    assert "account" not in payment.record["lines"][0]


def test_a_new_debtor_has_the_payment_condition_whatever_is_posted_first(
    make_rules: Any, make_document: Any
) -> None:
    condition = 'name: condition, when: {line: document}, book: {payment_condition: "30"}'
    rules = make_rules(CLEARING, condition, debtor="customer", create_debtors=True)
    _, payment = Booker(rules).document("invoice", make_document(LAMP))
    assert payment.record["lines"][1]["account"]["create"]["payment_condition"] == "30"


def test_a_whole_document_can_be_refused(make_rules: Any, make_document: Any) -> None:
    rule = "name: no test orders, when: {line: document, store: nl}, refuse: these are tests"
    (booked,) = Booker(make_rules(rule)).document("invoice", make_document(LAMP))
    assert booked.record["reason"] == "rule 'no test orders' refuses it: these are tests"


def test_a_line_can_be_refused(make_rules: Any, make_document: Any) -> None:
    rule = "name: ask first, when: {line: product, sku: LAMP}, refuse: ask the accountant"
    (booked,) = Booker(make_rules(rule)).document("invoice", make_document(LAMP))
    assert "refuses product LAMP of 100.00" in booked.record["reason"]
    assert booked.record["amount"] == 121


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-03-02 09:00:00", 12, "2027-03-01"),
        ("2026-01-31 09:00:00", 1, "2026-02-27"),
        ("2026-12-01 09:00:00", 1, "2026-12-31"),
    ],
)
def test_revenue_of_a_period_is_deferred(
    make_rules: Any, make_document: Any, start: str, months: int, end: str
) -> None:
    rule = (
        "name: subscription, when: {line: product}, "
        f'book: {{gl: "8000", vat_code: auto, deferral_months: {months}}}'
    )
    (booked,) = Booker(make_rules(rule)).document("invoice", make_document(LAMP, created_at=start))
    (line,) = booked.record["lines"]
    assert (line["from"], line["to"]) == (start[:10], end)


def test_journal_debtor_and_condition_come_from_the_first_rule_that_names_them(
    make_rules: Any, make_document: Any
) -> None:
    rules = make_rules(
        'name: one, when: {line: document, currency: EUR}, book: {debtor: "11"}',
        'name: two, when: {line: document}, book: {debtor: "12", journal: "71", '
        'payment_condition: "14"}',
    )
    (booked,) = Booker(rules).document("invoice", make_document(LAMP))
    record = booked.record
    assert (record["debtor"], record["journal"]) == ({"code": "11"}, "71")
    assert record["payment_condition"] == "14"


def test_a_sales_order_has_the_payment_condition_of_its_invoice(
    make_rules: Any, make_document: Any
) -> None:
    rule = 'name: on account, when: {line: document}, book: {payment_condition: "30"}'
    document = make_document(LAMP, order={"subtotal": 100, "tax_amount": 21, "grand_total": 121})
    (booked,) = Booker(make_rules(rule, sales_orders=True)).order(document.order)
    assert booked.stream == "sales_orders"
    assert booked.record["payment_condition"] == "30"


def test_a_customer_is_matched_by_vat_number_or_email(make_rules: Any, make_document: Any) -> None:
    order = {
        "billing_address": {
            "country_id": "NL",
            "vat_id": "nl000099998b57",
            "company": "Theehuis",
            "street": ["Straat", "1"],
            "city": "Utrecht",
            "postcode": "3511AA",
            "telephone": "030",
        },
    }
    rules = make_rules(debtor="customer", create_debtors=True)
    (booked,) = Booker(rules).document("invoice", make_document(LAMP, order=order))
    assert booked.record["debtor"] == {
        "match": {"vat_number": "NL000099998B57", "email": "customer@example.com"},
        "create": {
            "name": "Theehuis",
            "vat_number": "NL000099998B57",
            "email": "customer@example.com",
            "country": "NL",
            "postcode": "3511AA",
            "city": "Utrecht",
            "address_line1": "Straat 1",
            "phone": "030",
        },
    }
    (booked,) = Booker(make_rules(debtor="customer")).document("invoice", make_document(LAMP))
    assert booked.record["debtor"] == {"match": {"email": "customer@example.com"}}


def test_a_customer_nobody_can_match_is_refused(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP, order={"customer_email": None})
    (booked,) = Booker(make_rules(debtor="customer")).document("invoice", document)
    assert "neither a valid VAT number nor an e-mail" in booked.record["reason"]


def test_the_same_account_from_two_rules_stays_two_lines(
    make_rules: Any, make_document: Any
) -> None:
    rule = 'name: lamps, when: {line: product, sku: LAMP}, book: {gl: "8000", vat_code: auto}'
    document = make_document(LAMP, ("CUP", 10, 21), ("MUG", 5, 21))
    (booked,) = Booker(make_rules(rule)).document("invoice", document)
    assert [(one["rule"], str(one["amount"])) for one in booked.record["lines"]] == [
        ("lamps", "100.00"),
        ("products", "15.00"),
    ]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        # 2.4.7 lowers both totals by the discount, with tax inside it
        ({"row_total": "51.87", "row_total_incl_tax": "67.49"}, "55.78"),
        # before 2.3 the stored values came out
        ({"row_total": "74.37", "row_total_incl_tax": "89.99"}, "55.78"),
        # some releases lower row_total only
        ({"row_total": "51.87", "row_total_incl_tax": "89.99"}, "55.78"),
    ],
)
def test_order_lines_are_read_as_each_release_writes_them(
    make_rules: Any, make_document: Any, item: dict[str, str], expected: str
) -> None:
    fields = {"discount_amount": "22.50", "discount_tax_compensation_amount": "3.91"}
    document = make_document(
        ("LAMP", "74.37", 21, {**fields, "tax_amount": "11.71"}),
        order={"subtotal": "74.37", "discount_amount": "-22.50", "tax_amount": "11.71",
               "discount_tax_compensation_amount": "3.91", "grand_total": "67.49"},
    )  # fmt: skip
    line = document.order.items[0]
    line.row_total = Decimal(item["row_total"])
    line.row_total_incl_tax = Decimal(item["row_total_incl_tax"])
    line.tax_amount = Decimal("11.71")
    line.discount_amount = Decimal("22.50")
    line.discount_tax_compensation_amount = Decimal("3.91")
    (booked,) = Booker(make_rules(sales_orders=True)).order(document.order)
    assert str(booked.record["lines"][0]["amount"]) == expected


@pytest.mark.parametrize("state", ["canceled", "holded", "pending_payment", "payment_review"])
def test_orders_that_are_not_delivered_are_skipped(
    make_rules: Any, make_document: Any, state: str
) -> None:
    order = {"state": state, "subtotal": 100, "tax_amount": 21}
    document = make_document(LAMP, order=order)
    (booked,) = Booker(make_rules(sales_orders=True)).order(document.order)
    assert booked.stream == "refused_documents"
    assert booked.record["skip"]


def test_a_refusing_rule_holds_for_orders_too(make_rules: Any, make_document: Any) -> None:
    rule = "name: no test orders, when: {line: document, store: nl}, refuse: these are tests"
    order = {"subtotal": 100, "tax_amount": 21, "source": {"store_code": "nl"}}
    document = make_document(LAMP, order=order)
    (booked,) = Booker(make_rules(rule, sales_orders=True)).order(document.order)
    assert "these are tests" in booked.record["reason"]


def test_an_order_that_does_not_add_up_is_refused(make_rules: Any, make_document: Any) -> None:
    document = make_document(LAMP, order={"subtotal": 100, "tax_amount": 21, "grand_total": 131})
    (booked,) = Booker(make_rules(sales_orders=True)).order(document.order)
    assert "grand_total is 10.00 more than its parts" in booked.record["reason"]


def test_gift_cards_pay_an_order_but_are_no_line_of_it(make_rules: Any, make_document: Any) -> None:
    order = {
        "subtotal": 100,
        "tax_amount": 21,
        "grand_total": 101,
        "extension_attributes": {"gift_cards_amount": 20},
    }
    document = make_document(LAMP, order=order)
    (booked,) = Booker(make_rules(sales_orders=True)).order(document.order)
    assert [line["item"] for line in booked.record["lines"]] == ["LAMP"]
    assert booked.record["totals"]["amount"] == 121


def test_store_views_that_count_alike_have_keys_of_their_own(
    make_rules: Any, make_document: Any
) -> None:
    keys = {
        booked.record["document_key"]
        for store in ("nl", "be")
        for booked in Booker(make_rules(CLEARING)).document(
            "invoice",
            make_document(LAMP, source={"instance": "a:8080", "store_code": store}),
        )
    }
    assert keys == {
        "a:8080:nl:invoice:000000007",
        "a:8080:nl:payment:000000007",
        "a:8080:be:invoice:000000007",
        "a:8080:be:payment:000000007",
    }


def test_a_document_says_where_and_when_it_comes_from(make_rules: Any, make_document: Any) -> None:
    document = make_document(
        LAMP, source={"instance": "demo", "store_code": "nl", "timezone": "Europe/Amsterdam"}
    )
    (booked,) = Booker(make_rules()).document("invoice", document)
    record = booked.record
    assert (record["document_date"], record["tax_point"]) == ("2026-03-02", "2026-03-02")
    assert record["source"]["order_entity_id"] == 5
    assert record["source"]["payment_method"] == "checkmo"
    assert record["source"]["timezone"] == "Europe/Amsterdam"
    assert (record["lines"][0]["supply"], record["lines"][0]["country"]) == ("domestic", "NL")
    assert "division" not in record


def test_a_rule_sends_documents_to_a_division_with_a_prefix(
    make_rules: Any, make_document: Any
) -> None:
    rule = (
        "name: uk, when: {line: document, store: uk}, "
        'book: {division: 123456, reference_prefix: "UK-", clearing_gl: "1240"}'
    )
    document = make_document(LAMP, source={"instance": "demo", "store_code": "uk"})
    invoice, payment = Booker(make_rules(rule)).document("invoice", document)
    for booked in (invoice, payment):
        assert booked.record["division"] == 123456
    assert invoice.record["your_ref"] == "UK-000000007"
    assert payment.record["your_ref"] == "payment UK-000000007"
    assert payment.record["document_key"] == "demo:uk:payment:000000007"
    assert invoice.record["source"]["increment_id"] == "000000007"


@pytest.mark.parametrize(
    ("kind", "own", "last", "expected"),
    [
        ("invoice", None, "tr_1", "tr_1"),
        ("invoice", "tr_2", "tr_1", "tr_2"),
        ("credit_memo", "re_3", "tr_1", "re_3"),
        ("invoice", None, None, None),
    ],
)
def test_a_payment_names_what_it_pays_and_its_transaction(
    make_rules: Any, make_document: Any, kind: Any, own: Any, last: Any, expected: Any
) -> None:
    header = {"adjustment": 0} if kind == "credit_memo" else {}
    order = {"payment": {"method": "checkmo", "last_trans_id": last}}
    document = make_document(LAMP, transaction_id=own, order=order, **header)
    booked, money = Booker(make_rules(CLEARING)).document(kind, document)
    assert money.record["pays"] == booked.record["document_key"]
    assert money.record["transaction_id"] == expected
    text = f"Order 000000005, {expected}" if expected else "Order 000000005"
    assert {line["description"] for line in money.record["lines"]} == {text}


def test_a_prepayment_pays_no_document_yet(make_rules: Any, make_document: Any) -> None:
    order = {
        "total_paid": 121,
        "subtotal": 100,
        "tax_amount": 21,
        "payment": {"method": "checkmo", "last_trans_id": "tr_1"},
    }
    document = make_document(LAMP, order=order)
    (prepayment,) = Booker(make_rules(PREPAID)).order(document.order)
    assert "pays" not in prepayment.record
    assert prepayment.record["transaction_id"] == "tr_1"
