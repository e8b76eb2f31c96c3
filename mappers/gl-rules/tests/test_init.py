"""First rules: made from a chart of accounts, they book what rules made by hand book."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mapper_gl_rules.booking import Booker
from mapper_gl_rules.rules.loading import load_rules
from mapper_gl_rules.tools.chart import time_zone_of

DATA = Path(__file__).parent / "data"
MASTER = DATA / "master.json"
RATES = DATA / "tax_rates.json"
# A small Dutch company, with the names that its bookkeeper gave.
DUTCH = {
    "Divisions": [{"Code": 12, "Country": "NL ", "Currency": "EUR"}],
    "GLAccounts": [
        {"Code": "1300", "Description": "Debiteuren", "Type": 20},
        {"Code": "1500", "Description": "Af te dragen BTW hoog", "Type": 24},
        {"Code": "1501", "Description": "Af te dragen BTW laag", "Type": 24},
        {"Code": "4900", "Description": "Betalingsverschillen", "Type": 120},
        {"Code": "8000", "Description": "Omzet binnenland hoog", "Type": 110},
        {"Code": "8010", "Description": "Omzet binnenland laag", "Type": 110},
        {"Code": "8020", "Description": "Omzet export buiten EU", "Type": 110},
    ],
    "VATCodes": [
        {"Code": "2  ", "Description": "BTW hoog, exclusief", "Type": "E", "Percentage": 0.21},
        {"Code": "5  ", "Description": "BTW hoog, in prijs", "Type": "I", "Percentage": 0.21},
        {"Code": "1  ", "Description": "BTW laag, exclusief", "Type": "E", "Percentage": 0.09},
        {"Code": "V  ", "Description": "Inkoop 9 %", "Percentage": 0.09, "VATTransactionType": "P"},
        {"Code": "0  ", "Description": "Geen BTW", "Percentage": 0},
        {"Code": "6  ", "Description": "Export buiten EU", "Percentage": 0},
    ],
    "Journals": [{"Code": "70", "Description": "Verkoop", "Type": 20}],
}


@pytest.fixture
def init(rules: Any, tmp_path: Path) -> Any:
    def run(*options: Any, master: Any = MASTER, code: int = 0) -> Any:
        if isinstance(master, dict):
            (tmp_path / "company.json").write_text(json.dumps(master))
            master = tmp_path / "company.json"
        file = tmp_path / "first.yml"
        file.unlink(missing_ok=True)
        given = ("--master", master, "--tax-rates", RATES, *options, file)
        out = rules("init", *given, code=code)
        return out if code else (file, out)

    return run


def booked(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Give what is booked per document: amounts by account, cost center, VAT code; debtor."""
    found = {}
    for message in messages:
        record = message.get("record")
        if record is None or ":order:" in record["document_key"]:
            continue
        sums: Counter[Any] = Counter()
        for line in record.get("lines", ()):
            place = (line["gl_account"], line.get("cost_center"), line.get("vat_code"))
            sums[place, "net"] += line["amount"]
            sums[place, "VAT"] += line.get("vat_amount", 0)
        debtor = record.get("debtor") or {}
        debtor.get("create", {}).pop("payment_condition", None)
        amounts = {place: amount for place, amount in sums.items() if amount}
        found[record["document_key"]] = (message["stream"], amounts, debtor, record.get("reason"))
    return found


def test_first_rules_book_the_recorded_shop_as_the_example_does(
    init: Any, rules: Any, run_mapper: Any, singer_input: str, documents: Path
) -> None:
    file, out = init("--input", documents, "--voucher", "GIFT-VOUCHER")
    assert "not found" not in out
    assert "0 errors" in rules("lint", "--rules", file, "--master", MASTER)
    mine = booked(run_mapper(singer_input, rules_file=str(file)))
    example = booked(run_mapper(singer_input))
    assert len(example) == 84
    assert mine == example
    posted = [one for one in mine.values() if one[0] != "refused_documents"]
    assert len(posted) == 82  # one is 0.00, in one a business was charged
    assert all(debtor.get("code") or "create" in debtor for _, _, debtor, _ in posted)


def test_without_the_shops_documents_only_its_own_names_are_missing(
    init: Any, run_mapper: Any, singer_input: str
) -> None:
    file, _ = init()
    mine = booked(run_mapper(singer_input, rules_file=str(file)))
    refused = {key: one[3] for key, one in mine.items() if one[0] == "refused_documents"}
    # A voucher sold is no revenue: nobody but the accountant can say where it goes.
    assert [key for key, reason in refused.items() if "every amount is 0.00" not in reason] == [
        "demo:nl:invoice:000000023",
        "demo:be:invoice:3000000002",
    ]
    assert "GIFT-VOUCHER" in refused["demo:nl:invoice:000000023"]
    assert "business" in refused["demo:be:invoice:3000000002"]


def test_country_currency_and_time_zone_are_the_divisions(init: Any) -> None:
    company = {**DUTCH, "Divisions": [{"Code": 12, "Country": "BE ", "Currency": "GBP"}]}
    settings = load_rules(init("--debtor", "1", master=company)[0]).settings
    assert settings.home_country == "BE"
    assert settings.ledger_currency == "GBP"
    assert settings.time_zone.key == "Europe/Brussels"
    assert time_zone_of("US") is None


def test_a_dutch_chart_is_understood_and_what_is_missing_is_refused_and_named(init: Any) -> None:
    file, out = init("--debtor", "1", master=DUTCH)
    rules = load_rules(file)
    codes = {code.code: (code.rate, code.gl, code.supply) for code in rules.vat_codes}
    assert codes == {
        "2": (Decimal(21), "1500", "domestic"),
        "1": (Decimal(9), "1501", "domestic"),
        "6": (Decimal(0), None, "export"),
        "0": (Decimal(0), None, "none"),
    }
    accounts = {rule.name: rule.book.gl if rule.book else None for rule in rules.rules}
    assert accounts["NL 21 %"] == "8000"
    assert accounts["NL 9 %"] == "8010"
    assert accounts["export"] == "8020"
    assert accounts["rounding"] == "4900"
    assert accounts["oss"] is None
    assert accounts["gift card used"] is None
    assert "not found: a VAT code for DE 19 %\n" in out
    assert "not found: a revenue account for oss\n" in out


def test_the_only_revenue_account_takes_everything(init: Any) -> None:
    accounts = [one for one in DUTCH["GLAccounts"] if one["Code"] not in {"8010", "8020"}]
    rules = load_rules(init("--debtor", "1", master={**DUTCH, "GLAccounts": accounts})[0])
    goods = [rule for rule in rules.rules if "product" in rule.when["line"] and rule.book]
    assert {rule.book.gl for rule in goods} == {"8000"}
    assert {"oss", "NL 9 %", "NL 21 %"} <= {rule.name for rule in goods}


def test_an_account_that_needs_a_cost_center_gets_one_or_is_refused(init: Any) -> None:
    accounts = [{**one, "UseCostcenter": 1} for one in DUTCH["GLAccounts"]]
    company = {**DUTCH, "GLAccounts": accounts}
    (rule,) = (one for one in load_rules(init("--debtor", "1", master=company)[0]).rules
               if one.name == "NL 21 %")  # fmt: skip
    assert rule.refuse == "GL account 8000 needs a cost center; choose one"
    company["Costcenters"] = [{"Code": "A"}, {"Code": "B"}, {"Code": "X", "EndDate": "2020-01-01"}]
    file, _ = init("--debtor", "1", "--cost-center", "A", "--cost-center", "b2b=B", master=company)
    centers = {one.name: one.book.cost_center for one in load_rules(file).rules if one.book}
    assert (centers["NL 21 %"], centers["NL 21 %, b2b"]) == ("A", "B")
    assert "no active cost center X" in init(
        "--debtor", "1", "--cost-center", "X", master=company, code=1
    )


def test_what_only_a_person_can_say_is_asked_for(init: Any, rules: Any, tmp_path: Path) -> None:
    assert "option --debtor" in init(master=DUTCH, code=1)
    nameless = {key: rows for key, rows in DUTCH.items() if key != "Divisions"}
    assert "option --home-country" in init("--debtor", "1", master=nameless, code=1)
    both = {"12": DUTCH, "13": DUTCH}
    assert "Name one of 12, 13" in init("--debtor", "1", master=both, code=1)
    assert "no division 14" in init("--division", "14", "--debtor", "1", master=both, code=1)
    init("--division", "13", "--debtor", "1", master=both)
    again = ("init", "--master", MASTER, "--tax-rates", RATES, tmp_path / "first.yml")
    assert "a file already" in rules(*again, code=1)


@pytest.mark.parametrize(
    ("master", "problem"),
    [
        ({}, "no GL accounts"),
        ({"GLAccounts": [1]}, "Expected `object`"),
        ({"GLAccounts": [{"Description": "x"}]}, "missing required field `Code`"),
        ({"GLAccounts": [{"Code": "8", "Type": "x"}]}, "Expected `int"),
        ({**DUTCH, "Journals": []}, "no open sales journal"),
        ({**DUTCH, "GLAccounts": [{"Code": "8", "Type": 24}]}, "no revenue account"),
        ({**DUTCH, "GLAccounts": [{"Code": "8", "Type": 110}]}, "no VAT account"),
    ],
)
def test_unusable_master_data_is_one_line(init: Any, master: Any, problem: str) -> None:
    assert problem in init("--debtor", "1", master=master, code=1)


REVERSED = {"Code": "R  ", "Description": "BTW verlegd binnenland", "Percentage": 0}


def at_home(make_document: Any, rate: int, number: str | None) -> Any:
    address = {"country_id": "NL", "vat_id": number}
    return make_document(("LAMP", 100, rate), order={"billing_address": address})


@pytest.mark.parametrize(
    ("codes", "number", "expected"),
    [
        ([REVERSED], "NL000099998B57", "R"),
        ([REVERSED], None, "no rule matches"),  # the shop has no zero rate at home
        ([], "NL000099998B57", "no rule matches"),
    ],
)
def test_zero_to_a_business_at_home_is_reverse_charge(
    init: Any, make_document: Any, codes: Any, number: str | None, expected: str
) -> None:
    accounts = [*DUTCH["GLAccounts"], {"Code": "8030", "Description": "Omzet verlegd", "Type": 110}]
    company = {**DUTCH, "GLAccounts": accounts, "VATCodes": [*DUTCH["VATCodes"], *codes]}
    rules = load_rules(init("--debtor", "1", master=company)[0])
    assert {code.code: code.supply for code in rules.vat_codes}.get("R") == (
        "by_rule" if codes else None
    )
    (entry,) = Booker(rules).document("invoice", at_home(make_document, 0, number))
    if expected == "R":
        (line,) = entry.record["lines"]
        assert (line["gl_account"], line["vat_code"]) == ("8030", "R")
    else:
        assert expected in entry.record["reason"]


def test_zero_to_a_business_is_a_choice_where_the_shop_has_a_zero_rate_too(
    init: Any, make_document: Any, tmp_path: Path
) -> None:
    rates = tmp_path / "rates.json"
    items = [{"tax_country_id": "NL", "rate": rate, "code": f"NL-{rate}"} for rate in (21, 0)]
    rates.write_text(json.dumps({"items": items}))
    zero = {"Code": "Z  ", "Description": "Nederland 0 %", "Percentage": 0}
    accounts = [{"Code": "8010", "Description": "Omzet 0 %", "Type": 110}]
    company = {
        **DUTCH,
        "VATCodes": [*DUTCH["VATCodes"], zero],
        "GLAccounts": [one for one in DUTCH["GLAccounts"] if one["Code"] != "8010"] + accounts,
    }
    file, out = init("--debtor", "1", "--tax-rates", rates, master=company)
    assert "a VAT code for domestic reverse charge" in out
    booker = Booker(load_rules(file))
    (entry,) = booker.document("invoice", at_home(make_document, 0, "NL000099998B57"))
    assert "reverse charge, or goods at 0 %" in entry.record["reason"]
    (entry,) = booker.document("invoice", at_home(make_document, 0, None))
    assert entry.record["lines"][0]["vat_code"] == "Z"


def test_a_custom_fee_is_refused_with_what_to_choose(init: Any, make_document: Any) -> None:
    fee = {"custom_fee_code": "carbon", "custom_fee_label": "Carbon", "custom_fee_amount": "1.21",
           "invoice_id": 7}  # fmt: skip
    order = {"extension_attributes": {"custom_fees": [fee]}}
    document = make_document(("LAMP", 100, 21), order=order, grand_total="122.21")
    (entry,) = Booker(load_rules(init()[0])).document("invoice", document)
    assert "choose a GL account and a VAT code for this fee" in entry.record["reason"]
