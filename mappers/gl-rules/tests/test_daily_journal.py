"""Days add up, stay as they are, and survive being run again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

import mapper_gl_rules.day_store as module
from mapper_gl_rules.booking import Booker
from mapper_gl_rules.day_store import DayStore
from mapper_gl_rules.exceptions import ConfigError, StoreUnavailableError
from mapper_gl_rules.rules.loading import parse_rules
from mapper_gl_rules.source import Document

GOLDEN = Path(__file__).parent / "data" / "golden"


@pytest.fixture
def daily(tmp_path: Any, singer_records: Any) -> Any:
    """Run the mapper over documents of P12 with a day book that stays."""
    rules = GOLDEN / "P12.rules.yml"

    def run(run_mapper: Any, keep: Any = lambda _: True) -> list[dict[str, Any]]:
        lines = [json.dumps(one) for one in singer_records("P12") if keep(one)]
        lines.append(json.dumps({"type": "STATE", "value": {"n": 1}}))
        lines.append(json.dumps({"type": "STATE", "value": {"n": 2}}))
        return run_mapper(
            "\n".join(lines) + "\n",
            rules_file=str(rules),
            days_file=str(tmp_path / "days.db"),
        )

    return run


@pytest.fixture
def singer_records() -> Any:
    def read(case: str) -> list[dict[str, Any]]:
        source = json.loads((GOLDEN / f"{case}.json").read_text())["source"]
        orders = {order["entity_id"]: order for order in source["orders"]}
        return [
            {
                "type": "RECORD",
                "stream": stream,
                "record": {
                    **one,
                    "order": orders[one["order_id"]],
                    "source": {"instance": "demo", "store_code": "nl"},
                },
            }
            for stream, name in (("invoices", "invoices"), ("credit_memos", "creditmemos"))
            for one in source[name]
        ]

    return read


def entries(messages: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        one["record"]["document_key"]: one["record"]
        for one in messages
        if one.get("stream") == "general_journal_entries" and one["type"] == "RECORD"
    }


def number(one: dict[str, Any]) -> str:
    return str(one["record"]["increment_id"])


def test_a_day_is_one_balanced_entry_and_the_state_comes_last(daily: Any, run_mapper: Any) -> None:
    messages = daily(run_mapper)
    found = entries(messages)
    assert set(found) == {"demo:day:2026-04-07-nl-EUR", "demo:day:2026-04-08-nl-EUR"}
    entry = found["demo:day:2026-04-07-nl-EUR"]
    assert sum(line["amount"] + line.get("vat_amount", 0) for line in entry["lines"]) == 0
    assert entry["totals"]["amount"] == Decimal("386.35")
    assert entry["includes"] == [
        "demo:credit_memo:000000323",
        "demo:invoice:000000221",
        "demo:invoice:000000222",
        "demo:invoice:000000223",
        "demo:invoice:000000225",
    ]
    assert [one["value"] for one in messages if one["type"] == "STATE"] == [{"n": 2}]
    assert messages[-1]["type"] == "STATE"


def test_the_same_documents_again_give_the_same_entries(daily: Any, run_mapper: Any) -> None:
    first = entries(daily(run_mapper))
    assert entries(daily(run_mapper)) == first


def test_nothing_new_still_repeats_the_entries_for_the_target(daily: Any, run_mapper: Any) -> None:
    first = entries(daily(run_mapper))
    assert entries(daily(run_mapper, lambda _: False)) == first


def test_a_late_document_gets_an_entry_of_its_own(daily: Any, run_mapper: Any) -> None:
    before = entries(daily(run_mapper, lambda one: number(one) != "000000222"))
    after = entries(daily(run_mapper))
    assert {key: after[key] for key in before} == before
    late = after["demo:day:2026-04-07-nl-EUR-2"]
    assert late["includes"] == ["demo:invoice:000000222"]
    assert late["entry_date"] == "2026-04-07"
    assert late["totals"]["amount"] == Decimal("32.70")


def rules_of(case: str) -> Any:
    return parse_rules((GOLDEN / f"{case}.rules.yml").read_text(), origin=case)


def documents(singer_records: Any) -> Any:

    return [
        (one["stream"], msgspec.convert(one["record"], Document, strict=False))
        for one in singer_records("P12")
    ]


def test_a_day_that_is_not_over_waits(tmp_path: Any, singer_records: Any) -> None:

    rules = rules_of("P12")

    def run(today: Any, wanted: Any) -> Any:
        store = DayStore(tmp_path / "days.db", rules, today)
        booker = Booker(rules, store)
        for stream, document in wanted:
            kind = "invoice" if stream == "invoices" else "credit_memo"
            assert booker.document(kind, document) == []  # type: ignore[arg-type]
        return [one.record["document_key"] for one in store.close_days()]

    wanted = documents(singer_records)
    before_noon, in_the_evening = date(2026, 4, 7), date(2026, 4, 8)
    assert run(before_noon, wanted[:2]) == []
    assert run(in_the_evening, wanted) == ["demo:day:2026-04-07-nl-EUR"]
    assert run(date(2026, 4, 9), []) == ["demo:day:2026-04-07-nl-EUR", "demo:day:2026-04-08-nl-EUR"]
    assert run(date(2026, 6, 1), []) == []  # repeated for the target long enough


def test_changed_amounts_are_refused(tmp_path: Any, singer_records: Any) -> None:

    rules = rules_of("P12")
    _, invoice = documents(singer_records)[0]
    store = DayStore(tmp_path / "days.db", rules, date(2026, 4, 9))
    booker = Booker(rules, store)
    assert booker.document("invoice", invoice) == []
    invoice.shipping_amount += Decimal("0.01")
    invoice.grand_total += Decimal("0.01")
    refused = booker.document("invoice", invoice)
    assert "in a daily entry with other amounts" in refused[0].record["reason"]
    store.close()


def test_a_method_without_clearing_account_is_refused(singer_records: Any) -> None:
    _, invoice = documents(singer_records)[0]
    invoice.order.payment.method = "klarna"
    (refused,) = Booker(rules_of("P12")).document("invoice", invoice)
    assert refused.record["reason"] == "payment method klarna has no clearing account"


def test_reverse_charge_is_never_summed_up() -> None:

    source = json.loads((GOLDEN / "P08.json").read_text())["source"]
    text = (GOLDEN / "P08.rules.yml").read_text()
    rules = parse_rules(
        text.replace("settings:", "settings:\n  mode: daily_journal"),
        origin="P08",
    )
    invoice = msgspec.convert({**source["invoices"][0], "order": source["order"]}, Document)
    (booked,) = Booker(rules).document("invoice", invoice)
    assert booked.stream == "sales_entries"


def test_a_wrong_day_book_is_a_clear_error(tmp_path: Any) -> None:

    with pytest.raises(ConfigError, match="setting days_file"):
        DayStore(tmp_path / "no" / "folder.db", rules_of("P12"), date(2026, 4, 9))
    broken = tmp_path / "broken.db"
    broken.write_text("this is no database, and long enough to be looked at as one" * 20)
    with pytest.raises(ConfigError, match="not a database"):
        DayStore(broken, rules_of("P12"), date(2026, 4, 9))


def test_two_runs_at_once_do_not_mix(tmp_path: Any, monkeypatch: Any) -> None:

    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    first = DayStore(tmp_path / "days.db", rules_of("P12"), date(2026, 4, 9))
    with pytest.raises(StoreUnavailableError, match="in use by another run"):
        DayStore(tmp_path / "days.db", rules_of("P12"), date(2026, 4, 9))
    first.close()


def test_other_rules_begin_another_entry_and_keep_what_is_booked(
    tmp_path: Any, singer_records: Any
) -> None:
    wanted = documents(singer_records)
    text = (GOLDEN / "P12.rules.yml").read_text()
    versions = [
        parse_rules(text, origin="a", version="v1"),
        parse_rules(text.replace('"8100"', '"8110"'), origin="b", version="v2"),
    ]
    for rules, some in zip(versions, (wanted[:1], wanted), strict=True):
        store = DayStore(tmp_path / "days.db", rules, date(2026, 4, 7))
        for stream, document in some:
            kind = "invoice" if stream == "invoices" else "credit_memo"
            assert Booker(rules, store).document(kind, document) == []  # type: ignore[arg-type]
        assert list(store.close_days()) == []
    store = DayStore(tmp_path / "days.db", versions[1], date(2026, 4, 9))
    found = {one.record["document_key"]: one.record for one in store.close_days()}
    first, second = found["demo:day:2026-04-07-nl-EUR"], found["demo:day:2026-04-07-nl-EUR-2"]
    assert (first["rules_version"], second["rules_version"]) == ("v1", "v2")
    assert first["includes"] == ["demo:invoice:000000221"]
    assert "demo:invoice:000000221" not in second["includes"]
    assert {line["gl_account"] for line in first["lines"]} >= {"8100"}


def test_a_killed_run_changes_nothing(
    tmp_path: Any, singer_records: Any, run_mapper: Any, daily: Any
) -> None:
    """kill -9 in the middle: the next run gives what one whole run would have given."""
    lines = [json.dumps(one) for one in singer_records("P12")]
    config = tmp_path / "killed.json"
    days = str(tmp_path / "days.db")
    config.write_text(json.dumps({"rules_file": str(GOLDEN / "P12.rules.yml"), "days_file": days}))
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("mapper-gl-rules")), "--config", str(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write("\n".join(lines[:3]) + "\n" + json.dumps({"type": "STATE", "value": 1}))
    process.stdin.write("\n")
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not Path(days + "-wal").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    out, _ = process.communicate()
    assert out == ""  # no STATE: nothing of it is surely kept
    after = entries(daily(run_mapper))
    (tmp_path / "days.db").unlink()
    assert after == entries(daily(run_mapper))
