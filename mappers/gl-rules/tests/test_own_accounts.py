"""Products that name their own GL account: ``gl: attribute``."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mapper_gl_rules.booking import Booker
from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.tools.lint import lint
from mapper_gl_rules.tools.master_data import load_master_data

MASTER = Path(__file__).parent / "data" / "master.json"
OWN = "name: own, when: {line: product}, book: {gl: attribute, vat_code: auto}"
NAMED = (
    "name: own, when: {line: product, own_account: named}, book: {gl: attribute, vat_code: auto}"
)


def named(label: str) -> dict[str, Any]:
    return {"product": {"custom_attributes": {"exact_gl_account": "17"}, "gl_account": label}}


def test_each_product_is_booked_on_the_account_that_it_names(
    make_rules: Any, make_document: Any
) -> None:
    document = make_document(
        ("A", 100, 21, named("8005 Revenue 21 %")),
        ("B", 50, 21, named("8010 Other revenue")),
        ("C", 25, 21, named("8005 Revenue 21 %")),
    )
    (booked,) = Booker(make_rules(OWN)).document("invoice", document)
    lines = {line["gl_account"]: line["amount"] for line in booked.record["lines"]}
    assert lines == {"8005": Decimal(125), "8010": Decimal(50)}
    assert {line["rule"] for line in booked.record["lines"]} == {"own"}


def test_a_product_that_names_none_is_refused_with_its_sku(
    make_rules: Any, make_document: Any
) -> None:
    (found,) = Booker(make_rules(OWN)).document("invoice", make_document(("CUP", 10, 21)))
    assert "takes the GL account that the product names" in found.record["reason"]
    assert "CUP" in str(found.record["where"])


@pytest.mark.parametrize("label", ["", "   "])
def test_an_empty_label_is_none(make_rules: Any, make_document: Any, label: str) -> None:
    document = make_document(("CUP", 10, 21, named(label)))
    (found,) = Booker(make_rules(OWN)).document("invoice", document)
    assert "reason" in found.record


def test_a_condition_leaves_products_without_one_to_the_next_rule(
    make_rules: Any, make_document: Any
) -> None:
    document = make_document(("A", 100, 21, named("8005 Revenue")), ("CUP", 10, 21))
    (booked,) = Booker(make_rules(NAMED)).document("invoice", document)
    assert [line["gl_account"] for line in booked.record["lines"]] == ["8005", "8000"]


def test_lint_compares_the_rule_with_every_account_that_a_product_may_name(
    make_rules: Any,
) -> None:
    masters = load_master_data(str(MASTER))
    found = [one for one in lint(make_rules(OWN), masters) if "rule 'own'" in one.text]
    needing = {
        account.key
        for master in masters.values()
        for account in master.accounts.values()
        if account.type == 110 and account.usable and account.use_costcenter == 1
    }
    told = {
        one.text.split(": ")[1].split()[0] for one in found if "needs a cost center" in one.text
    }
    assert needing
    assert told == needing
    assert not any("no GL account attribute" in one.text for one in found)


def test_the_condition_takes_only_its_own_words(make_rules: Any) -> None:
    with pytest.raises(RulesError, match="own_account"):
        make_rules("name: x, when: {line: product, own_account: maybe}, book: {gl: attribute}")
