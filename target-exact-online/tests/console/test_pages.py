"""What the pages show and do, on SQLite and on PostgreSQL: the same as the commands."""

from __future__ import annotations

import contextlib
import json
import re
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
import sqlalchemy as sa
import time_machine

from target_exact_online.desk import documents as desk_of
from target_exact_online.desk import waiting
from target_exact_online.desk.documents import Search
from target_exact_online.ledger import chain
from target_exact_online.ledger.rows import Document
from target_exact_online.ledger.runs import Run
from target_exact_online.ledger.store import Ledger
from target_exact_online.ledger.tables import differences, events
from target_exact_online.month_end import model
from target_exact_online.month_end.kept import result_of

from .conftest import (
    DIVISION,
    EMAIL,
    HOSTILE,
    NAME,
    fill,
    keep_month,
    own,
    record,
    serving,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Running

ROOT = Path(__file__).resolve().parents[3]
ORDERS = ROOT / "mappers" / "gl-rules" / "tests" / "data" / "recorded" / "orders.json"
RULES = ROOT / "examples" / "rules.yml"
ONE, CHANGED, SHIP = (f"shop:nl:invoice:{number:09}" for number in (1, 2, 11))
MONTH = f"/month?division={DIVISION}&year=2026&period=10"
PAGES = ["/", "/documents", "/waiting", "/rules", "/months", MONTH, "/audit"]
PAGES += [f"/document?key={own(key)}" for key in (ONE, CHANGED, SHIP, f"shop:nl:invoice:{HOSTILE}")]
MOST_QUERIES = 5


class Page(HTMLParser):
    """The elements and texts of a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@contextlib.contextmanager
def opened(url: str) -> Iterator[Running]:
    ledger = Ledger.open(url, DIVISION)
    fill(ledger)
    with serving(ledger, allow_actions=True, rules_file=RULES) as running:
        yield running
    ledger.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Running]:
    """A console that may decide."""
    with opened(f"sqlite:///{tmp_path}/ledger.db") as running:
        yield running


@pytest.fixture
def either(ledger_url: str) -> Iterator[Running]:
    """A console that may decide, on SQLite and on PostgreSQL."""
    with opened(ledger_url) as running:
        yield running


def state_of(desk: Running, key: str) -> str:
    return str(desk_of.show(desk.desk.ledger, key).row.state)


def is_whole(desk: Running) -> bool:
    return not chain.verify(desk.desk.ledger.engine, desk.desk.ledger.keys).faults


def test_every_page_in_both_languages_with_few_queries(either: Running) -> None:
    for path in PAGES:
        for language, html in (("nl-NL,nl;q=0.9", 'lang="nl"'), ("en", 'lang="en"')):
            either.queries.clear()
            answer = either.ask(path, Accept_Language=language)
            assert answer.status == 200, answer.text
            assert f"<html {html}>" in answer.text
            assert len(either.queries) <= MOST_QUERIES, (path, either.queries)
            page = Page(answer.text)
            names = {name for _, attributes in page.elements for name in attributes}
            assert not [one for one in names if one == "style" or one.startswith("on")]
            links = [one.get("href") or one.get("src") or "" for _, one in page.elements]
            assert all(not one or one[0] in "/#" for one in links)
            ids = [one["id"] for _, one in page.elements if "id" in one]
            assert len(ids) == len(set(ids)), path
            assert {tag for tag, _ in page.elements}.isdisjoint(
                {"script", "style", "iframe", "img", "object"}
            )


def test_today_tells_how_things_stand(desk: Running) -> None:
    text = " ".join(Page(desk.ask("/").text).text.split())
    assert "40 documents wait for you." in text
    assert "4321 were left after the last run" in text
    assert "2026-10 (division 123456): differs, not signed off" in text
    assert "needs people" in text
    assert "370 daysCost center 'SHIP' does not exist" in text
    dutch = " ".join(Page(desk.ask("/", Accept_Language="nl").text).text.split())
    assert "40 documenten wachten op u." in dutch


def test_search_finds_by_any_number_amount_and_place(either: Running) -> None:
    def keys(query: str) -> list[str]:
        found = re.findall(r'/document\?key=([^"]+)"', either.ask(f"/documents?{query}").text)
        return [one.rpartition("%3A")[2] for one in found]

    for number in ("000000001", "5000000001", "26000001", ONE):
        assert keys(f"number={own(number)}") == ["000000001"]
    assert keys("number=X61") == ["000000061"]
    assert keys("number=00000000") == []  # no part of a number
    assert keys("number=%25") == []
    assert len(keys("amount=121,00&state=posted")) == 2
    assert len(keys("amount=-121&state=posted")) == 2
    assert keys("amount=121.01") == []
    assert keys("state=posted&month=2026-10&store=nl&division=123456") == ["000000002", "000000001"]
    assert keys("state=posted&month=2026-09") == keys("store=be") == keys("division=1") == []
    assert keys("changed=1") == ["000000002"]
    assert keys("different=1") == []
    with either.desk.ledger.engine.begin() as connection:
        words = {"codes": "E2", "words": f"{NAME} has it as 8010.", "seen_at": datetime.now(UTC)}
        one = {"document_key": ONE, "division": DIVISION} | words
        connection.execute(differences.insert(), one)
    assert keys("different=1") == ["000000001"]
    shown = either.ask(f"/document?key={own(ONE)}").text
    assert "••• has it as 8010." in shown
    first = either.ask("/documents?state=parked&month=2026-10").text
    assert len(re.findall(r"<tr><td><a", first)) == 40


def test_all_pages_of_a_search_are_all_documents_once(desk: Running) -> None:
    for query in ("/documents?", "/documents?month=2026-10"):
        seen, path = [], query
        while path:
            text = desk.ask(path).text
            seen += re.findall(r'<td><a href="/document\?key=([^"]+)"', text)
            found = re.search(r'<a href="([^"]+)" rel="next"', text)
            path = unescape(found[1]) if found else ""
        assert len(seen) == len(set(seen)) == 44


@pytest.mark.parametrize(
    "query",
    [
        "amount=x",
        "month=2026-13",
        "division=x",
        "division=99999999999",
        "state=x",
        "after=x",
        "after=W10=",
        "after=WyJ4IiwieSJd",
        "amount=1e9",
    ],
)
def test_a_search_that_cannot_be_is_told(full: Ledger, query: str) -> None:
    with serving(full) as running:
        answer = running.ask(f"/documents?{query}")
        assert answer.status == 200
        assert 'role="alert"' in answer.text


def test_a_document_from_the_shop_to_exact(desk: Running) -> None:
    text = desk.ask(f"/document?key={own(ONE)}").text
    (table,) = re.findall(r'<table class="sides">.*?</table>', text, re.DOTALL)
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in table.split("<tr")]
    cells = [[cell.strip() for cell in row] for row in rows if row]
    tent, vat, debtor = cells[:3]
    assert tent[:5] == ["Tent", "", "100.00", "21.00", "tents"]
    assert tent[5:] == ["8000", "WEB", "21", "", "100.00", "8010", "WEB", "21", "", "100.00"]
    assert vat[5:] == ["VAT, booked by Exact", "", "21", "", "21.00", "1500", "", "21", "", "21.00"]
    assert debtor[8:] == ["121.00", "", "1300", "", "", "121.00", ""]
    assert table.count('class="differing"') == 1  # 8000 is 8010 in Exact
    assert cells[-1] == ["", "121.00", "121.00", "", "121.00", "121.00"]
    dutch = desk.ask(f"/document?key={own(ONE)}", Accept_Language="nl").text
    assert "100,00" in dutch


def test_both_versions_of_a_changed_document(desk: Running) -> None:
    text = unescape(desk.ask(f"/document?key={own(CHANGED)}").text)
    assert "<td>totals.amount</td><td>121.00</td><td>110.00</td>" in text
    assert '<span class="old">-     "amount": 121.00,</span>' in text
    assert '<span class="new">+     "amount": 110.00,</span>' in text


def test_names_are_hidden_unless_asked_for(desk: Running) -> None:
    for path in [*PAGES, f"/document?key={own('shop:nl:invoice:000000061')}"]:
        text = unescape(desk.ask(path).text)
        for name in (NAME, EMAIL, "Utrecht", "Bea Boekhouder"):
            assert name not in text, path
    with serving(desk.desk.ledger, with_names=True) as named:
        shown = named.ask(f"/document?key={own('shop:nl:invoice:000000061')}").text
        assert NAME in shown
        assert EMAIL in shown
        assert "Bea Boekhouder" in named.ask(MONTH).text


def test_hostile_texts_are_texts(desk: Running) -> None:
    key = f"shop:nl:invoice:{HOSTILE}"
    for path in ("/documents", "/waiting", "/", f"/document?key={own(key)}"):
        text = desk.ask(path).text
        assert "<script" not in text
        assert "<img" not in text
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
        if path != "/":
            assert "\\x1b[31m\\u202egnirts\\u2066" in Page(text).text
            assert "{{7*7}}" in Page(text).text
    (asked,) = re.findall(r'name="number" maxlength="200" value="([^"]*)"',
                          desk.ask(f"/documents?number={own(HOSTILE)}").text)  # fmt: skip
    assert "<" not in asked


@pytest.mark.parametrize("text", [HOSTILE, "%(x)s 100 % %", "", "\x00", "é" * 300])
def test_what_a_request_says_is_text(full: Ledger, text: str, tmp_path: Path) -> None:
    orders = tmp_path / "shop.json"
    orders.write_text(f'{{"orders": {ORDERS.read_text()}}}')
    with serving(full, allow_actions=True, rules_file=RULES, documents_file=orders) as running:
        answers = [
            running.ask(f"{path}{own(text)}")
            for path in (
                *("/document?key=", "/documents?state=", "/documents?error=", "/documents?month="),
                *("/documents?division=", "/documents?after=", "/month?division=1&year=", "/no/"),
                *("/rules/explain?number=", "/audit?before="),
            )
        ]
        for path, names in (
            ("/document/skip", ("key", "reason")),
            ("/document/read-again", ("key", "order")),
            ("/waiting/decide", ("group", "seen", "decision")),
            ("/month/sign", ("division", "made_at")),
            ("/rules/simulate", ("rules", "rules.filename")),
        ):
            answers.append(running.send(path, **dict.fromkeys(names, text)))
        for answer in answers:
            assert answer.status in (200, 400, 404)
            assert "<script" not in answer.text
            assert "<img" not in answer.text
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", answer.text)


def test_a_long_key_is_not_cut(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/ledger.db") as running:
        run = Run(running.desk.ledger.engine)
        keys = [f"shop:nl:invoice:{number}{'é' * 230}" for number in range(60)]
        made = [Document.of("sales_entries", record(1, document_key=key), DIVISION) for key in keys]
        running.desk.ledger.arrive(run, made)
        run.finish()
        text = running.ask(f"/documents?number=&error=&month=2026-10&store={own('nl')}").text
        (behind,) = re.findall(r'<a href="([^"]+)" rel="next"', text)
        assert running.ask(unescape(behind)).text.count("<tr><td>") == 50
        (first, *_) = re.findall(r'<td><a href="(/document\?key=[^"]+)"', text)
        shown = running.ask(unescape(first))
        assert shown.status == 200
        (hidden, *_) = re.findall(r'name="key" value="([^"]*)"', shown.text)
        assert running.send("/document/skip", key=hidden, reason="x").status == 303


def test_replay_and_skip_are_the_commands(desk: Running) -> None:
    answer = desk.send("/document/replay", key=own(SHIP))
    assert (answer.status, answer.headers["Location"]) == (303, f"/document?key={own(SHIP)}")
    assert f"The next run tries {SHIP}." in desk.ask(f"/document?key={own(SHIP)}").text
    assert f"The next run tries {SHIP}." not in desk.ask(f"/document?key={own(SHIP)}").text
    assert state_of(desk, SHIP) == "held"
    other = "shop:nl:invoice:000000012"
    assert desk.send("/document/skip", key=own(other), reason="double").status == 303
    assert state_of(desk, other) == "skipped"
    shown = desk_of.show(desk.desk.ledger, other)
    assert shown.history[-1][1] == "skipped"
    assert shown.history[-1][2]["by"]
    assert "double" in (shown.row.error or "") + str(shown.history[-1][3])
    refused = desk.send("/document/replay", key=own("shop:nl:invoice:000000081"))
    assert refused.status == 400
    assert "was refused by the mapper" in refused.text
    assert desk.send("/document/skip", key=own(ONE), reason="x").status == 400  # it is posted
    assert desk.send("/document/skip", key=own(SHIP), reason=" ").status == 400
    assert desk.send("/document/replay", key="nothing").status == 400
    assert is_whole(desk)


def test_a_document_with_hostile_key_can_be_decided(desk: Running) -> None:
    key = f"shop:nl:invoice:{HOSTILE}"
    text = desk.ask(f"/document?key={own(key)}").text
    (hidden, *_) = re.findall(r'name="key" value="([^"]*)"', text)
    assert desk.send("/document/skip", key=unescape(hidden), reason="x").status == 303
    assert state_of(desk, key) == "skipped"


def test_one_decision_for_all_of_a_cause(either: Running) -> None:
    text = either.ask("/waiting").text
    assert "37 documents, 4,477.00 EUR" in text
    (group, *_) = re.findall(r'name="group" value="([^"]*)"', text)
    wanted = {"group": group, "decision": "replay"}
    unseen = either.send("/waiting/decide", seen="36", **wanted)
    assert unseen.status == 400
    assert "37 documents wait for this now, not the 36 that you saw" in unseen.text
    assert state_of(either, SHIP) == "parked"
    assert either.send("/waiting/decide", seen="37", **wanted).status == 303
    assert "The next run tries 37 documents." in either.ask("/waiting").text
    states = [one.state for one in desk_of.find(either.desk.ledger, Search(states=("held",)))]
    assert len(states) == 37 + 2
    left = waiting.groups(either.desk.ledger)
    assert sorted(one.count for one in left) == [1, 1, 1]
    refused = next(one for one in left if one.way == "read_again")
    given = {"group": refused.id, "seen": "1"}
    assert (
        either.send("/waiting/decide", decision="skip", **given).status == 400
    )  # without a reason
    assert either.send("/waiting/decide", decision="replay", **given).status == 400
    assert either.send("/waiting/decide", decision="skip", reason="no", **given).status == 303
    assert either.send("/waiting/decide", decision="x", **given).status == 400
    assert is_whole(either)


def test_the_month_is_the_report_and_is_signed(either: Running, tmp_path: Path) -> None:
    from target_exact_online.month_end import report_html  # noqa: PLC0415

    text = either.ask(MONTH).text
    with (tmp_path / "page").open("wb") as file:
        report_html.write(model_of(either), file)
    body = (tmp_path / "page").read_text().partition("<main>\n")[2].partition("</main>")[0]
    assert body.strip() in text
    (made_at, *_) = re.findall(r'name="made_at" value="([^"]*)"', text)
    which = {"division": str(DIVISION), "year": "2026", "period": "10"}
    assert either.send("/month/approve", made_at=made_at, proposal=own("x"), **which).status == 400
    done = either.send(
        "/month/approve", made_at=made_at, proposal=own("2026-10-not-shipped"), **which
    )
    assert done.status == 303
    entry = f"month-end:{DIVISION}:accrual:2026-10-not-shipped"
    assert [state_of(either, key) for key in (entry, entry.replace("accrual", "reversal"))] == [
        "held",  # the next run sends it
        "held",
    ]
    keep_month(either.desk.ledger)  # compared again
    stale = either.send("/month/sign", made_at=made_at, reason="seen", **which)
    assert "compared again since you opened the page" in stale.text
    (made_at, *_) = re.findall(r'name="made_at" value="([^"]*)"', either.ask(MONTH).text)
    assert either.send("/month/sign", made_at=made_at, reason="", **which).status == 400
    assert either.send("/month/sign", made_at=made_at, reason="seen", **which).status == 303
    assert "seen" in either.ask(MONTH).text
    assert "month signed off 2026-10" in either.ask("/audit").text
    assert "signed off" in either.ask("/months").text
    either.send("/document/skip", key=own(SHIP), reason="x")  # a document of the month changes
    assert '<span class="tag stale">' in either.ask(MONTH).text
    assert is_whole(either)


def model_of(desk: Running) -> model.Result:
    from target_exact_online.month_end.kept import open_month  # noqa: PLC0415

    return open_month(desk.desk.ledger, DIVISION, 2026, 10).result


@pytest.mark.parametrize(
    "query", ["", "?division=x&year=2026&period=10", "?division=1&year=2026&period=10"]
)
def test_a_month_that_is_none_is_told(full: Ledger, query: str) -> None:
    with serving(full) as running:
        assert running.ask(f"/month{query}").status == 400


def test_a_kept_comparison_is_read_as_it_was(full: Ledger) -> None:
    made = keep_month(full)
    told = msgspec.json.decode(model.to_json(made))
    assert result_of(told) == made


def test_the_trail_is_recomputed_and_tells_who(desk: Running) -> None:
    desk.send("/document/skip", key=own(SHIP), reason=f"for {EMAIL}")
    text = desk.ask("/audit").text
    assert "user A" in text
    assert EMAIL not in text
    assert desk.send("/audit/verify").status == 303
    until(lambda: not desk.desk.verification.is_running)
    assert "The audit trail is whole" in desk.ask("/audit").text
    with desk.desk.ledger.engine.begin() as connection:
        connection.execute(sa.update(events).where(events.c.seq == 3).values(kind="x"))
    desk.send("/audit/verify")
    until(lambda: not desk.desk.verification.is_running)
    text = desk.ask("/audit").text
    assert "The audit trail is broken" in text
    assert "Event 3 (x" in text


def test_an_order_is_read_again_by_the_command(full: Ledger, tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = f"sh -c 'printf %s \"$TAP_ADOBE_COMMERCE_ORDER_IDS\" > {told}'"
    with serving(full, allow_actions=True) as running:
        shown = running.ask(f"/document?key={own(SHIP)}").text
        assert "TAP_ADOBE_COMMERCE_ORDER_IDS='[\"5000000011\"]'" in shown
        answer = running.send("/document/read-again", key=own(SHIP), order="5000000011")
        assert "without --read-again" in answer.text
    with serving(full, allow_actions=True, read_again=command) as running:
        answer = running.send("/document/read-again", key=own(SHIP), order="5000000011")
        assert answer.status == 303
        until(lambda: not running.desk.reading.is_running)
        assert json.loads(told.read_text()) == ["5000000011"]
        assert "done at" in running.ask("/").text
        assert "read again 5000000011" in running.ask("/audit").text
        assert is_whole(running)
        refused = next(one for one in waiting.groups(full) if one.way == "read_again")
        given = {"group": refused.id, "decision": "read_again"}
        assert running.send("/waiting/decide", seen="2", **given).status == 400
        assert running.send("/waiting/decide", seen="1", **given).status == 303
        until(lambda: not running.desk.reading.is_running)
        assert json.loads(told.read_text()) == ["5000000081"]
        assert state_of(running, refused.documents[0]) == "parked"  # the run that reads decides


def test_reading_again_is_one_at_a_time_and_tells_how_it_ended(full: Ledger) -> None:
    with serving(full, allow_actions=True, read_again="sh -c 'sleep 1; exit 7'") as running:
        given = {"key": own(SHIP), "order": "5000000011"}
        assert running.send("/document/read-again", **given).status == 303
        assert "at work since" in running.ask("/").text
        assert "Other orders are being read" in running.send("/document/read-again", **given).text
        until(lambda: not running.desk.reading.is_running)
        assert "ended with exit code 7" in running.ask("/").text
    with serving(full, allow_actions=True, read_again="/nothing/there") as running:
        running.send("/document/read-again", **given)
        until(lambda: not running.desk.reading.is_running)
        assert "No such file" in running.ask("/").text


def test_an_error_of_the_ledger_is_one_sentence(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db", DIVISION)
    with serving(ledger) as running:
        with ledger.engine.begin() as connection:
            connection.execute(sa.text("DROP TABLE events"))
        answer = running.ask("/audit")
        assert answer.status == 500
        assert "Traceback" not in answer.text
        assert "The ledger" in answer.text
    ledger.close()


def test_held_until_when_is_told(full: Ledger) -> None:
    with serving(full) as running, time_machine.travel("2026-12-24", tick=True):
        assert "until the next run" in running.ask("/").text
