"""A bad rules file gives one clear error: file, line, field, what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.rules.loading import parse_rules

GOOD = """\
settings:
  journal: "70"
  home_country: NL
  time_zone: Europe/Amsterdam
  ledger_currency: EUR
  debtor: "10"
  sales_orders: false
vat_codes:
  "21": {rate: 21, gl: "1500"}
rules:
  - name: goods
    when: {line: product, rate: 21}
    book: {gl: "8000", vat_code: "21"}
"""


@pytest.mark.parametrize(
    ("old", "new", "place", "advice"),
    [
        (
            "sales_orders: false",
            "sales_order: false",
            "line 7, field settings.sales_order",
            "Did you",
        ),
        (
            "sales_orders: false",
            "sales_orders: maybe",
            "line 7, field settings.sales_orders",
            "boolean",
        ),
        ("sales_orders: false", "sales_orders: [", "line 9", "indentation"),
        ("sales_orders: false", "journal: '71'", "line 7", "indentation"),
        ('  journal: "70"\n', "", "line 1, field settings", "Add journal"),
        (
            "home_country: NL",
            "home_country: Holland",
            "line 3, field settings.home_country",
            "look like",
        ),
        ("Europe/Amsterdam", "Europe/Zaandam", "line 4, field settings.time_zone", "IANA"),
        ("    when: {line", "    wen: {line", "line 12, field rules[0].wen", "Did you mean when"),
        ("rate: 21}", "rte: 21}", "line 12, field rules[0].when.rte", "Did you mean rate"),
        (
            "line: product",
            "line: produkt",
            "line 12, field rules[0].when.line",
            "Did you mean product",
        ),
        ('vat_code: "21"', 'vat_code: "22"', "line 13, field book.vat_code", "Use one of 21"),
        ('gl: "8000"', 'journal: "70"', "line 13, field book.journal", "line: document"),
        ('gl: "8000", ', "", "line 11, field rules[0].book.gl", "Add gl"),
        ("rate: 21, gl:", "rate: high, gl:", "line 9, field vat_codes.21.rate", "number"),
        (', gl: "1500"', "", "line 9, field vat_codes.21.gl", "Add gl"),
        ('    book: {gl: "8000", vat_code: "21"}\n', "", "line 11, field rules[0]", "refused"),
        (
            "sales_orders: false",
            "mode: daily_journal",
            "line 1, field settings.general_journal",
            "general_journal",
        ),
        ("rate: 21}\n", "rate: 21, from: 2026-02-30}\n", "line 12, field from", "2026-12-31"),
    ],
)
def test_error_says_line_field_and_what_to_do(old: Any, new: Any, place: Any, advice: Any) -> None:
    assert old in GOOD
    with pytest.raises(RulesError) as caught:
        parse_rules(GOOD.replace(old, new), origin="rules.yml")
    assert f"rules.yml, {place}" in str(caught.value)
    assert advice in str(caught.value)


def test_codes_written_as_numbers_keep_their_leading_zeros() -> None:
    text = GOOD.replace('gl: "8000"', "gl: 0800").replace('  "21":', "  21:")
    rules = parse_rules(text, origin="rules.yml")
    assert rules.rules[0].book.gl == "0800"
    assert rules.vat_codes[0].code == "21"


def test_a_wrong_config_file_is_one_line(run_command: Any, tmp_path: Any) -> None:
    file = tmp_path / "config.json"
    for text, message in ((None, "No such file"), ("{", "is not JSON")):
        if text is not None:
            file.write_text(text)
        done = run_command("--config", file, input="")
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_same_rule_name_twice_is_refused() -> None:
    again = "  - name: goods\n    when: {line: shipping}\n    book: {gl: '8100'}\n"
    with pytest.raises(RulesError, match=r"exists twice, first at line 11 .* line 14"):
        parse_rules(GOOD + again, origin="rules.yml")


@pytest.mark.parametrize("text", ["", "- a\n", "just text\n"])
def test_empty_or_other_yaml_is_refused(text: Any) -> None:
    with pytest.raises(RulesError, match="rules init"):
        parse_rules(text, origin="rules.yml")


def test_the_command_ends_with_one_line_and_code_1(run_command: Any, tmp_path: Any) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(GOOD.replace("sales_orders: false", "sales_orderz: false"))
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"rules_file": str(rules)}))
    done = run_command("--config", config, input="")
    assert done.returncode == 1
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
    where = f"{rules}, line 7, field settings.sales_orderz"
    what = "unknown field sales_orderz"
    assert errors == [f"ERROR: {what} ({where}). Did you mean sales_orders?"]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "setting rules_file or rules_store"),
        ({"rules_file": "nowhere.yml"}, "nowhere.yml"),
        ({"rules_file": "x.yml", "sales_orders": "perhaps"}, "sales_orders"),
    ],
)
def test_wrong_configuration_is_one_line(
    run_command: Any, tmp_path: Any, config: Any, message: Any
) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    done = run_command("--config", file, input="", cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
