"""A mistake ends in one clear message that says where and what to do; the rest still arrives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Outcome, Pipe


def assert_one_clear_error(outcome: Outcome, *words: str) -> None:
    """One line that starts with ERROR, names what it is about, and no traceback."""
    assert outcome.code == 1, (outcome.code, outcome.stderr)
    assert "Traceback" not in outcome.stderr
    errors = [line for line in outcome.stderr.splitlines() if line.startswith("ERROR")]
    assert len(errors) == 1, outcome.stderr
    for word in words:
        assert word in errors[0], (word, errors[0])


def test_a_missing_setting_of_the_tap_is_named(pipe: Pipe) -> None:
    del pipe.tap["base_url"]
    outcome = pipe.call(pipe.command("tap-adobe-commerce", pipe.tap))
    assert_one_clear_error(outcome, "base_url")


def test_a_missing_setting_of_the_target_is_named(pipe: Pipe) -> None:
    del pipe.target["division"]
    assert_one_clear_error(pipe.post(""), "division")


def test_a_missing_setting_of_the_mapper_is_named(pipe: Pipe) -> None:
    pipe.mapper.clear()
    assert_one_clear_error(pipe.book(""), "rules_file")


def test_an_unreachable_shop(pipe: Pipe) -> None:
    pipe.tap["base_url"] = "http://127.0.0.1:9"
    outcome = pipe.call(pipe.command("tap-adobe-commerce", pipe.tap))
    assert_one_clear_error(outcome, "127.0.0.1:9")


def test_a_shop_that_does_not_answer_in_time(pipe: Pipe) -> None:
    pipe.sandbox.fault("/rest/*", "latency", times=0, seconds=30)
    pipe.tap |= {"request_timeout_seconds": 0.5, "max_wait_seconds": 2}
    outcome = pipe.call(pipe.command("tap-adobe-commerce", pipe.tap))
    assert_one_clear_error(outcome, pipe.sandbox.url.removeprefix("http://"))


@pytest.mark.parametrize("part", ["consumer_secret", "access_token_secret", "consumer_key"])
def test_a_wrong_key_of_the_shop(pipe: Pipe, part: str) -> None:
    pipe.tap[part] = "x" * 32
    outcome = pipe.call(pipe.command("tap-adobe-commerce", pipe.tap))
    assert_one_clear_error(outcome, "consumer")
    assert pipe.tap["access_token"] not in outcome.stderr


def test_a_wrong_client_secret_of_exact(pipe: Pipe) -> None:
    pipe.target["client_secret"] = "wrong"
    outcome = pipe.run("invoices")
    assert_one_clear_error(outcome, "client")


def test_rules_with_an_error_in_line_7(pipe: Pipe) -> None:
    rules = pipe.folder / "rules.yml"
    rules.write_text(
        "# Rules of the shop.\n"
        'settings: {journal: "70", home_country: NL, time_zone: Europe/Amsterdam,\n'
        '  ledger_currency: EUR, debtor: "10"}\n'
        'vat_codes: {"21": {rate: 21, country: NL, supply: domestic}}\n'
        "rules:\n"
        "  - name: shipping\n"
        "    wen: {line: shipping}\n"
        '    book: {gl: "8100", vat_code: auto}\n'
    )
    pipe.mapper["rules_file"] = str(rules)
    assert_one_clear_error(pipe.book(""), "rules.yml", "line 7", "wen")


def test_an_unknown_gl_code_parks_its_documents_and_names_the_closest(pipe: Pipe) -> None:
    original = (pipe.mapper["rules_file"], (pipe.folder / "rules.yml"))
    with open(original[0], encoding="utf-8") as file:  # noqa: PTH123 -- a plain read
        text = file.read()
    assert text.count('gl: "8010", cost_center: WEB') == 1
    original[1].write_text(
        text.replace('gl: "8010", cost_center: WEB', 'gl: "8011", cost_center: WEB')
    )
    pipe.mapper["rules_file"] = str(original[1])
    outcome = pipe.run("invoices")
    assert outcome.code == 3
    assert "Traceback" not in outcome.stderr
    wrong = [line for line in pipe.report["parked"] if "8011" in line["reason"]]
    assert wrong
    assert all("8010" in line["reason"] for line in wrong)  # what it may have meant
    for line in wrong:
        assert line["document_key"] in outcome.stderr or "more" in outcome.stderr
    assert len(pipe.sandbox.exact("salesentry/SalesEntries")) > 20  # the others arrived
    asked = pipe.sandbox.requests(system="exact", method="POST", status=500)
    assert asked == []  # Exact's error budget was not spent on it


def test_a_document_that_does_not_add_up_is_refused_with_the_arithmetic(pipe: Pipe) -> None:
    connection = pipe.sandbox.database.connection()
    body = connection.execute(
        "SELECT body FROM adobe_invoice WHERE increment_id = '000000001'"
    ).fetchone()["body"]
    invoice = json.loads(body)
    invoice["grand_total"] += 1
    connection.execute(
        "UPDATE adobe_invoice SET body = ? WHERE increment_id = '000000001'", (json.dumps(invoice),)
    )
    outcome = pipe.run("invoices")
    assert outcome.code == 3
    [line] = [row for row in pipe.report["parked"] if row["document_key"].endswith(":000000001")]
    assert "grand_total" in line["reason"]
    assert line["order_number"] == "000000002"
    assert len(pipe.sandbox.exact("salesentry/SalesEntries")) > 50


def test_exact_in_maintenance_loses_nothing(pipe: Pipe) -> None:
    pipe.sandbox.fault("/api/v1/*/salesentry/SalesEntries", "unavailable", method="POST", times=0)
    pipe.run("invoices")
    assert pipe.sandbox.exact("salesentry/SalesEntries") == []
    pipe.sandbox.clear_faults()
    pipe.run("invoices")
    assert len(pipe.sandbox.exact("salesentry/SalesEntries")) > 50
