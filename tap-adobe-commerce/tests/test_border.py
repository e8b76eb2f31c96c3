"""Whatever a shop answers, the run ends in our own words, in bounds, and stops nobody else."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adobe_commerce.errors import AdobeCommerceError, UnreadableRecordError
from commerce_sandbox.adobe.hostile import CREDENTIALS, HostileShop, Said, bomb, once
from connector_credentials import clean
from tap_adobe_commerce.tap import TapAdobeCommerce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Run

AT = "2026-05-01 10:00:00"
ORDER: dict[str, Any] = {"entity_id": 1, "increment_id": "000000001", "store_id": 1,
                         "updated_at": AT, "created_at": AT, "items": []}  # fmt: skip
INVOICE: dict[str, Any] = {"entity_id": 7, "increment_id": "I7", "order_id": 1, "store_id": 1,
                           "updated_at": AT, "created_at": AT, "items": []}  # fmt: skip


@pytest.fixture
def shop() -> Iterator[Callable[..., HostileShop]]:
    running: list[HostileShop] = []

    def start(**routes: Any) -> HostileShop:
        running.append(
            HostileShop({name.replace("__", "/"): said for name, said in routes.items()})
        )
        return running[-1]

    yield start
    for each in running:
        each.stop()


def assert_own_words(run: Run, *parts: str) -> None:
    assert "Traceback" not in run.errors
    assert run.code == 1
    assert run.error_lines[-1].startswith("ERROR: ")
    assert len(run.error_lines[-1]) < 1100
    for part in parts:
        assert part in run.error_lines[-1]


NOTICE = b"<br />\n<b>Notice</b>:  Undefined index: sku in <b>/var/www/x.php</b> on line <b>3</b>\n"
ROWS = b'{"items":[],"total_count":0}'


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        (NOTICE + ROWS, ["orders", '"Notice : Undefined index: sku', "display_errors"]),
        (b"\n\nWarning: foreach() in x.php" + ROWS, ['"Warning: foreach()']),
        (Said(NOTICE + ROWS, Content_Type="text/html"), ["Notice", "text/html", "base_url"]),
        (ROWS + NOTICE, ["Notice", "orders"]),
        (b"\x1b[2J\x00 \x1b]0;x\x07 {", ["\\x1b[2J"]),
        ([], ["orders", "object"]),
        ([1, 2, 3], ["orders", "object"]),
        (5, ["orders", '"5"']),
        (None, ["orders", '"null"']),
        ("text", ["orders", "text"]),
        ({}, ["orders", "total_count"]),
        ({"message": "ok"}, ["orders", "total_count"]),
        ({"items": [ORDER]}, ["total_count"]),
        ({"items": 5, "total_count": 1}, ["items"]),
        ({"items": [5], "total_count": 1}, ["orders", "object"]),
        ({"items": [{}], "total_count": 1}, ["entity_id"]),
        ({"items": [ORDER | {"entity_id": "1"}], "total_count": 1}, ["entity_id"]),
        ({"items": [ORDER | {"entity_id": -1}], "total_count": 1}, ["entity_id"]),
        ({"items": [ORDER], "total_count": -1}, ["total_count"]),
        ({"items": [ORDER], "total_count": "1"}, ["total_count"]),
        ({"items": [ORDER | {"updated_at": "2026-02-31 10:00:00"}], "total_count": 9}, ["02-31"]),
        (b'{"items":[{"entity_id":' + b"9" * 5000 + b'}],"total_count":1}', ["range"]),
    ],
)
def test_an_answer_of_another_form(
    shop: Callable[..., HostileShop], said: Any, parts: list[str]
) -> None:
    said = Said(said) if isinstance(said, bytes) else said
    one = shop(orders=said)

    assert_refused(one, *parts)
    assert len([route for route, _ in one.asked if route == "orders"]) == 1  # not asked again


def assert_refused(one: HostileShop, *parts: str) -> None:
    tap = TapAdobeCommerce(config=one.config, setup_mapper=False)
    with pytest.raises(AdobeCommerceError) as raised:
        list(tap.streams["orders"].get_records(None))
    text = clean(raised.value)
    for part in parts:
        assert part in text


@pytest.mark.parametrize("route", ["store/websites", "store/storeConfigs", "store/storeViews"])
@pytest.mark.parametrize("said", [[1, 2, 3], {}, {"items": []}, [{}], [{"id": "x"}], [[]], 5])
def test_store_metadata_of_another_form(
    shop: Callable[..., HostileShop], route: str, said: Any
) -> None:
    one = shop(**{route.replace("/", "__"): said, "orders": once([ORDER])})

    assert_refused(one, route)


def test_a_refused_answer_ends_in_one_line(
    shop: Callable[..., HostileShop], run_tap: Callable[..., Run]
) -> None:
    run = run_tap(shop(orders=Said(NOTICE + ROWS)).config, streams=("orders",))

    assert_own_words(run, "orders", '"Notice : Undefined index: sku')


@pytest.mark.parametrize("said", [{"items": None, "total_count": 3}, {"total_count": 3}])
def test_rows_that_are_counted_and_not_sent_are_asked_for_again_and_said(
    shop: Callable[..., HostileShop], run_tap: Callable[..., Run], said: Any
) -> None:
    one = shop(orders=said)

    run = run_tap(one.config | {"parallel": 1}, streams=("orders",))

    assert run.code == 0
    assert "counts 3 more rows of orders and sends none" in run.errors
    assert len([route for route, _ in one.asked if route == "orders"]) == 2


@pytest.mark.parametrize("body", [b"[" * 2_000_000 + b"]" * 2_000_000, b'{"items":[nonsense]}'])
def test_an_answer_that_is_never_json_is_given_up(
    shop: Callable[..., HostileShop], run_tap: Callable[..., Run], body: bytes
) -> None:
    one = shop(orders=Said(body))

    run = run_tap(one.config, streams=("orders",))

    assert_own_words(run, "orders", "Pages of one row fail too")
    assert len(one.asked) < 20


BAD_ORDERS: dict[str, Any] = {
    "no list": ORDER | {"items": 5},
    "no objects": ORDER | {"items": [5]},
    "an odd product": ORDER | {"items": [{"product_id": [1]}]},
    "a product that is odd itself": ORDER | {"items": [{"product_id": 66}]},
    "a number that cannot be": b'{"entity_id":1,"updated_at":"%b","x":1e99999999999999999999}',
    "text that cannot be": b'{"entity_id":1,"updated_at":"%b","x":"\\ud800"}',
    "depth": b'{"entity_id":1,"updated_at":"%b","x":' + b"[" * 64 + b"]" * 64 + b"}",
    "more depth than Python reads": (
        b'{"entity_id":1,"updated_at":"%b","x":' + b"[" * 500_000 + b"]" * 500_000 + b"}"
    ),
    "a deep product": ORDER | {"items": [{"product_id": 67}]},
    "no change time": {"entity_id": 1, "updated_at": None},
    "a change time that is none": {"entity_id": 1, "updated_at": "yesterday"},
}


def orders_with(bad: Any) -> Callable[..., Any]:
    """A list with a bad order between two good ones; it leaves the bad one out when asked to."""
    good = [ORDER | {"entity_id": key, "updated_at": AT} for key in (2, 3)]
    raw = bad.replace(b"%b", AT.encode()) if isinstance(bad, bytes) else json.dumps(bad).encode()

    def answer(query: dict[str, str], headers: Any) -> Any:
        found = once([{"entity_id": 1, "updated_at": AT}, *good])(query, headers)
        texts = [
            raw if row["entity_id"] == 1 else json.dumps(row).encode() for row in found["items"]
        ]
        return Said(b'{"items":[' + b",".join(texts) + b'],"total_count":%d}' % len(texts))

    return answer


def read(config: dict[str, Any], stream: str) -> tuple[list[int], list[int]]:
    """Keys that come out, and keys that are parked in STATE."""
    tap = TapAdobeCommerce(config=config, setup_mapper=False)
    found = [each["entity_id"] for each in tap.streams[stream].get_records(None)]
    return sorted(found), tap.streams[stream].stream_state.get("parked", [])


@pytest.mark.parametrize("kind", BAD_ORDERS)
def test_one_bad_record_is_named_and_stops_nobody(
    shop: Callable[..., HostileShop], kind: str
) -> None:
    odd = {"id": 66, "custom_attributes": {"not": "a list"}}
    levels = json.loads("[" * 64 + "]" * 64)
    deep = {"id": 67, "custom_attributes": [{"attribute_code": "size", "value": levels}]}
    products = {"items": [odd, deep], "total_count": 2}
    one = shop(orders=orders_with(BAD_ORDERS[kind]), products=products)

    with pytest.raises(UnreadableRecordError, match="orders entity_id 1 cannot be read"):
        read(one.config, "orders")
    assert read(one.config | {"unreadable": "park"}, "orders") == ([2, 3], [1])


@pytest.mark.parametrize("order_id", ["x", [1], {}, None, 1.5, 404])
def test_one_bad_invoice_is_named_and_stops_nobody(
    shop: Callable[..., HostileShop], order_id: Any
) -> None:
    rows = [INVOICE | {"entity_id": 6}, INVOICE | {"order_id": order_id}]
    one = shop(orders=once([ORDER]), invoices=once(rows))

    with pytest.raises(UnreadableRecordError, match="invoices entity_id 7 cannot be read"):
        read(one.config, "invoices")
    assert read(one.config | {"unreadable": "park"}, "invoices") == ([6], [7])


def test_a_bad_record_ends_the_run_in_one_line(
    shop: Callable[..., HostileShop], run_tap: Callable[..., Run]
) -> None:
    one = shop(orders=orders_with(BAD_ORDERS["depth"]))

    failed = run_tap(one.config, streams=("orders",))
    parked = run_tap(one.config | {"unreadable": "park"}, streams=("orders",))

    assert_own_words(failed, "orders entity_id 1 cannot be read", "unreadable")
    assert parked.code == 0
    assert sorted(parked.keys("orders")) == [2, 3]
    assert parked.state["bookmarks"]["orders"]["parked"] == [1]


def test_the_secrets_of_a_request_that_a_shop_sends_back_are_masked(
    shop: Callable[..., HostileShop], run_tap: Callable[..., Run]
) -> None:
    def echo(_query: dict[str, str], headers: Any) -> Said:
        return Said({"message": f"no: {headers['Authorization']}" + "x" * 300_000}, 400)

    def fault(query: dict[str, str], headers: Any) -> Said:
        return Said(echo(query, headers).body, 500)

    for said in (echo, fault):
        run = run_tap(shop(orders=said).config, streams=("orders",))

        assert_own_words(run)
        for secret in (value for name, value in CREDENTIALS.items()):
            assert secret not in run.errors
        assert not re.search(r'oauth_(signature|token)=[\\"]*[^\\"*]', run.errors)
        assert max(map(len, run.errors.splitlines())) < 5000


def test_what_a_shop_says_forges_no_line(
    shop: Callable[..., HostileShop], run_tap: Callable[..., Run]
) -> None:
    text = "no\r\nERROR: forged\n2026-01-01 | ERROR | \x1b[31mred\u202e"
    for status in (400, 500):
        run = run_tap(shop(orders=Said({"message": text}, status)).config, streams=("orders",))

        assert_own_words(run)
        assert "\x1b" not in run.errors
        assert "\u202e" not in run.errors
        assert not any(line.startswith("ERROR: forged") for line in run.errors.splitlines())


def test_a_small_answer_that_unpacks_to_a_large_one_is_given_up(
    shop: Callable[..., HostileShop], run_tap: Callable[..., Run]
) -> None:
    one = shop(orders=bomb(600))
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            for child in psutil.Process().children(recursive=True):
                try:
                    if "tap-adobe-commerce" in " ".join(child.cmdline()):
                        peak = max(peak, child.memory_info().rss)
                except psutil.Error:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    run = run_tap(one.config, streams=("orders",))
    done.set()
    watcher.join()

    assert_own_words(run, "larger than 64 MB")
    assert 0 < peak < 250 * 1024**2


def endless(query: dict[str, str], _headers: Any) -> Any:
    """Always a full page of the same rows."""
    size = int(query["searchCriteria[pageSize]"])
    rows = [ORDER | {"entity_id": key, "id": key} for key in range(1, size + 1)]
    return {"items": rows, "total_count": 1_000_000}


def growing(query: dict[str, str], _headers: Any) -> Any:
    """Always a full page of rows that nobody has seen before."""
    size = int(query["searchCriteria[pageSize]"])
    growing.key += size  # type: ignore[attr-defined]
    first = growing.key  # type: ignore[attr-defined]
    rows = [ORDER | {"entity_id": key, "id": key} for key in range(first, first + size)]
    return {"items": rows, "total_count": size + 1}


@pytest.mark.parametrize(
    ("stream", "route"),
    [("orders", "orders"), ("categories", "categories/list"), ("tax_rates", "taxRates/search")],
)
def test_pages_that_repeat_end_the_run(
    shop: Callable[..., HostileShop], run_tap: Callable[..., Run], stream: str, route: str
) -> None:
    one = shop(**{route.replace("/", "__"): endless})

    run = run_tap(one.config | {"page_size": 50}, streams=(stream,))

    assert_own_words(run, route.split("/", maxsplit=1)[0] if stream != "tax_rates" else stream)
    assert len(one.asked) < 40


def test_a_list_without_end_is_given_up(
    shop: Callable[..., HostileShop], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_adobe_commerce.keyset.GROWN_MEANWHILE", 1000)
    monkeypatch.setattr("tap_adobe_commerce.whole_lists.MOST_NUMBERED", 1000)
    growing.key = 0  # type: ignore[attr-defined]
    one = shop(orders=growing, categories__list=growing, taxRates__search=growing)
    for name in ("orders", "categories"):
        tap = TapAdobeCommerce(config=one.config, setup_mapper=False)
        with pytest.raises(AdobeCommerceError, match=r"no end|sort"):
            list(tap.streams[name].get_records(None))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = ["items", "extension_attributes", "created_at", "store_id", "order_id", "increment_id",
           "custom_attributes", "payment", "billing_address", "status_histories"]  # fmt: skip
RECORD = st.fixed_dictionaries(
    {"entity_id": st.integers(1, 3) | JSON, "updated_at": st.just(AT) | JSON},
    optional=dict.fromkeys(MEMBERS, JSON),
)
LIST = st.fixed_dictionaries({"items": st.lists(RECORD) | JSON, "total_count": st.integers(0, 5)})


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[HostileShop]:
    one = HostileShop({})
    yield one
    one.stop()


@given(
    answer=JSON | LIST, other=JSON | LIST, stores=JSON, name=st.sampled_from(["orders", "invoices"])
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_answer_ends_in_records_or_our_own_words(
    fuzzed: HostileShop, answer: Any, other: Any, stores: Any, name: str
) -> None:
    fuzzed.routes |= {"orders": other, name: answer, "store/websites": stores, "products": other}
    config = fuzzed.config | {"unreadable": "park", "max_wait_seconds": 0, "page_size": 3}
    tap = TapAdobeCommerce(config=config, setup_mapper=False)
    began = time.process_time()
    with contextlib.suppress(AdobeCommerceError):
        assert all(isinstance(each, dict) for each in tap.streams[name].get_records(None))
    assert time.process_time() - began < 20


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
