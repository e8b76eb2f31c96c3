"""searchCriteria and fields, beyond what was recorded."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_sandbox.adobe import projection, store
from commerce_sandbox.adobe.conditions import normal_number, normal_time, where
from commerce_sandbox.adobe.counting import count
from commerce_sandbox.adobe.fields import FIELDS as FIELDS_OF
from commerce_sandbox.adobe.php_json import dumps
from commerce_sandbox.adobe.search import Criteria, Filter, parse_query
from commerce_sandbox.adobe.testing import ShopClient
from commerce_sandbox.shop import open_context
from commerce_sandbox.testing import SandboxHandle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commerce_sandbox.adobe.testing import Pairs, Received
    from commerce_sandbox.context import SandboxContext


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    handle = SandboxHandle(tmp_path_factory.mktemp("shop"))
    yield handle
    handle.stop()


@pytest.fixture(scope="module")
def client(shop: SandboxHandle) -> ShopClient:
    return ShopClient(shop.url)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxContext]:
    context = open_context(tmp_path_factory.mktemp("empty"))
    yield context
    context.database.close()


Condition = tuple[str, str | None, str | None]


def criteria(*groups: list[Condition], **extra: str) -> Pairs:
    """Return the query of a search; extra keys are given without ``searchCriteria``."""
    pairs: Pairs = []
    for number, group in enumerate(groups):
        for position, (field, value, condition) in enumerate(group):
            prefix = f"searchCriteria[filter_groups][{number}][filters][{position}]"
            pairs.append((f"{prefix}[field]", field))
            if value is not None:
                pairs.append((f"{prefix}[value]", value))
            if condition is not None:
                pairs.append((f"{prefix}[condition_type]", condition))
    pairs += [(f"searchCriteria[{name}]", value) for name, value in extra.items()]
    return pairs or [("searchCriteria", "")]


def search(client: ShopClient, pairs: Pairs, route: str = "orders") -> Received:
    return client.get(f"/rest/V1/{route}", pairs)


def total(client: ShopClient, *groups: list[Condition], route: str = "orders") -> int:
    received = search(client, criteria(*groups, pageSize="1"), route)
    assert received.status == 200, received.body
    return int(received.json()["total_count"])


TIMES = [
    ("2026-02-20 16:00:00", "2026-02-20 16:00:00"),
    ("2026-02-20T16:00:00Z", "2026-02-20 16:00:00"),
    ("2026-02-20T18:00:00+02:00", "2026-02-20 18:00:00"),
    ("2026-02-20 16:00:00.500", "2026-02-20 16:00:00.5"),
    ("2026-02-20 16:00", "2026-02-20 16:00:00"),
    ("2026-2-5", "2026-02-05 00:00:00"),
    ("2026/02/20", "2026-02-20 00:00:00"),
    ("20260220", "2026-02-20 00:00:00"),
    ("20260220160000", "2026-02-20 16:00:00"),
    ("260220", "2026-02-20 00:00:00"),
    ("2026-02-30", ""),
    ("2026-13-01", ""),
    ("1771603200", ""),
    ("yesterday", ""),
    ("", ""),
]


@pytest.mark.parametrize(("sent", "read"), TIMES)
def test_times_are_read_as_the_database_reads_them(sent: str, read: str) -> None:
    assert normal_time(sent) == read


@pytest.mark.parametrize(
    ("sent", "read"), [("5", 5), ("5abc", 5), (" 1.5e1x", 15), ("abc", 0), ("-2", -2), ("", 0)]
)
def test_numbers_are_cast_as_the_database_casts_them(sent: str, read: float) -> None:
    assert normal_number(sent) == read


def test_quiet_bad_dates_do_what_the_zero_date_does(client: ShopClient) -> None:
    for condition, expected in {"gteq": 75, "neq": 75, "lteq": 0, "eq": 0}.items():
        assert total(client, [("updated_at", "last week", condition)]) == expected


def test_a_condition_in_capitals_is_taken_for_eq(client: ShopClient) -> None:
    assert total(client, [("entity_id", "70", "gteq")]) == 6
    assert total(client, [("entity_id", "70", "GTEQ")]) == 1


def test_from_and_to_are_a_range_only_when_they_are_alone_on_one_field(
    client: ShopClient,
) -> None:
    low, high = ("entity_id", "10", "from"), ("entity_id", "12", "to")
    assert total(client, [low, high]) == 3
    assert total(client, [low, ("store_id", "4", "to")]) > 3
    assert total(client, [low, high, ("entity_id", "1", "eq")]) == 75


def test_a_list_of_values_is_not_trimmed(client: ShopClient) -> None:
    assert total(client, [("status", "closed,canceled", "in")]) == 6
    assert total(client, [("status", "closed, canceled", "in")]) == total(
        client, [("status", "closed", "eq")]
    )


def test_text_compares_without_regard_to_case(client: ShopClient) -> None:
    assert total(client, [("status", "CLOSED", "eq")]) == total(
        client, [("status", "closed", "eq")]
    )


def test_rows_without_a_value_are_not_found_by_neq(client: ShopClient) -> None:
    with_coupon = total(client, [("coupon_code", None, "notnull")])
    assert 0 < with_coupon < 75
    assert total(client, [("coupon_code", "NO-SUCH", "neq")]) == with_coupon


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ("like", "4000%", 4),
        ("nlike", "4000%", 71),
        ("fulltext", "4000", 4),
        ("like", "400000000_", 4),
        ("like", r"4000\%", 0),
        ("finset", "4000000001", 1),
        ("nfinset", "4000000001", 74),
        ("seq", "4000000001", 1),
        ("sneq", "", 75),
    ],
)
def test_the_rarer_conditions(
    client: ShopClient, condition: str, value: str, expected: int
) -> None:
    assert total(client, [("increment_id", value, condition)]) == expected


@pytest.mark.parametrize("field", ["items", "payment", "billing_address", "extension_attributes"])
def test_only_columns_can_be_searched(client: ShopClient, field: str) -> None:
    received = search(client, criteria([(field, "1", "eq")]))
    assert received.status == 500
    assert "Report ID: webapi-" in received.json()["message"]


def test_a_column_outside_the_index_can_be_searched(client: ShopClient) -> None:
    assert total(client, [("grand_total", "100", "gt")], [("grand_total", "200", "lt")]) > 0
    assert total(client, [("shipping_method", "flatrate%", "like")]) > 0


def test_the_same_sort_field_twice_keeps_its_place_and_takes_the_later_direction(
    client: ShopClient,
) -> None:
    sorts = {
        "sortOrders][0][field": "entity_id",
        "sortOrders][0][direction": "DESC",
        "sortOrders][1][field": "entity_id",
        "sortOrders][1][direction": "ASC",
        "pageSize": "1",
    }
    received = search(client, criteria(**sorts))
    assert [order["entity_id"] for order in received.json()["items"]] == [1]


@pytest.mark.parametrize(
    ("pairs", "parameters"),
    [
        ([("searchCriteria[nonsense]", "1")], {"fieldName": "Nonsense"}),
        (
            [("searchCriteria[sortOrders][0][field]", "entity_id;")],
            ["entity_id;"],
        ),
    ],
)
def test_criteria_the_shop_does_not_know_are_refused(
    client: ShopClient, pairs: Pairs, parameters: Any
) -> None:
    received = search(client, pairs)
    assert received.status == 400
    assert received.json()["parameters"] == parameters


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([("type_id", "bundle", "eq")], 2),
        ([("tax_class_id", "2", "eq")], 15),
        ([("url_key", "%thee%", "like")], 2),
        ([("website_id", "3", "in")], 19),
        ([("website_id", "3", "nin")], 0),
        ([("store_id", "3", "eq")], 19),
        ([("entity_id", "3", "lteq")], 3),
    ],
)
def test_products_are_searched_by_attribute(
    client: ShopClient, filters: list[Condition], expected: int
) -> None:
    assert total(client, filters, route="products") == expected


def test_products_are_not_searched_by_the_name_the_answer_uses(client: ShopClient) -> None:
    for route in ("products", "customers/search"):
        received = search(client, criteria([("id", "1", "eq")]), route)
        assert (received.status, received.json()["parameters"]) == (400, ["id"])


def test_products_are_not_sorted_by_what_is_only_a_filter(client: ShopClient) -> None:
    received = search(client, criteria(**{"sortOrders][0][field": "website_id"}), "products")
    assert (received.status, received.json()["parameters"]) == (400, ["website_id"])


def test_older_releases_repeat_the_last_page(sandbox: SandboxHandle) -> None:
    client = ShopClient(sandbox.url)
    beyond = criteria(pageSize="20", currentPage="9", **{"sortOrders][0][field": "entity_id"})
    assert search(client, beyond).json()["items"] == []
    sandbox.set("adobe.repeat_last_page", value=True)
    keys = [order["entity_id"] for order in search(client, beyond).json()["items"]]
    assert keys == list(range(15, 0, -1))


def test_without_a_unique_sort_pages_may_overlap(sandbox: SandboxHandle) -> None:
    client = ShopClient(sandbox.url)
    sandbox.set("adobe.unstable_order", value=True)

    def keys(field: str) -> set[tuple[int, ...]]:
        query = criteria(pageSize="75", **{"sortOrders][0][field": field})
        pages = [search(client, query).json()["items"] for _ in range(5)]
        return {tuple(order["entity_id"] for order in page) for page in pages}

    assert len(keys("updated_at")) > 1
    assert len(keys("entity_id")) == 1


def test_a_page_far_beyond_the_end_is_empty(client: ShopClient) -> None:
    huge = "9" * 18
    received = search(client, criteria(pageSize=huge, currentPage=huge))
    assert (received.status, received.json()["items"]) == (200, [])


def test_one_broken_order_fails_every_page_it_is_on(sandbox: SandboxHandle) -> None:
    client = ShopClient(sandbox.url)
    sandbox.set("adobe.broken_order_ids", [7])
    assert search(client, criteria(pageSize="100")).status == 500
    assert client.get("/rest/V1/orders/7").status == 500
    assert search(client, criteria([("entity_id", "7", "gt")])).status == 200
    assert client.get("/rest/V1/orders/8").status == 200
    assert search(client, criteria(pageSize="100"), "invoices").status == 200


def test_the_limit_on_pages_overlooks_the_snake_case_spelling(sandbox: SandboxHandle) -> None:
    client = ShopClient(sandbox.url)
    sandbox.set("adobe.max_page_size", 10)
    assert search(client, criteria(pageSize="11")).status == 400
    assert len(search(client, criteria(page_size="11")).json()["items"]) == 11
    assert search(client, criteria()).json()["search_criteria"]["page_size"] == 20


def test_a_page_beyond_the_shops_memory_is_a_fatal_error(sandbox: SandboxHandle) -> None:
    rows = ({"entity_id": key, "increment_id": str(key)} for key in range(1000, 11_001))
    store.insert_many(sandbox.database, "order", rows)
    client = ShopClient(sandbox.url)
    received = search(client, criteria())
    assert received.status == 500
    assert received.json()["messages"]["error"][0]["code"] == 500
    assert search(client, criteria(pageSize="10000")).status == 200


_CONDITIONS = st.sampled_from(["gt", "gteq", "from", "lt", "lteq", "to"])
_DAYS = st.integers(1, 28).map(lambda day: f"2026-02-{day:02} 12:00:00")
_BOUNDS = st.lists(st.tuples(_CONDITIONS, _DAYS), min_size=1, max_size=3)


@given(st.lists(_BOUNDS, min_size=1, max_size=5), st.lists(_DAYS, max_size=5))
def test_counts_kept_between_searches_are_those_of_the_database(
    empty: SandboxContext, searches: list[list[tuple[str, str]]], changes: list[str]
) -> None:
    database = empty.database
    column = FIELDS_OF["order"].column
    for number, bounds in enumerate(searches):
        if number < len(changes):
            moved = {"entity_id": number, "updated_at": changes[number]}
            store.insert_many(database, "order", [moved])
        groups = tuple((Filter("updated_at", day, name),) for name, day in bounds)
        condition, parameters = where(groups, column)
        statement = f"SELECT COUNT(*) FROM adobe_order{condition}"  # noqa: S608
        expected = database.connection().execute(statement, parameters).fetchone()[0]
        search = Criteria(groups=groups)
        assert count(database, "order", search, condition, parameters) == expected


def test_a_count_follows_a_change_by_another_process(
    client: ShopClient, shop: SandboxHandle
) -> None:
    recent: Condition = ("updated_at", "2027-01-01", "gteq")
    assert total(client, [recent]) == 0
    late = {"entity_id": 9000, "updated_at": "2027-01-01 00:00:00"}
    store.insert_many(shop.database, "order", [late])
    assert total(client, [recent]) == 1
    store.delete(shop.database, "order", 9000)
    assert total(client, [recent]) == 0


FIELDS = [
    ("a", {"a": None}),
    ("a,b", {"a": None, "b": None}),
    ("items[a,items[b]],c", {"items": {"a": None, "items": {"b": None}}, "c": None}),
    ("items[a", None),
    ("items]a", None),
    ("[a]", None),
    ("items.a", None),
    ("items a", None),
]


@pytest.mark.parametrize(("text", "wanted"), FIELDS)
def test_fields_are_parsed_or_refused_as_a_whole(text: str, wanted: Any) -> None:
    assert projection.parse(text) == wanted


def test_custom_attributes_are_chosen_by_their_code(client: ShopClient) -> None:
    pairs: Pairs = [("fields", "sku,custom_attributes[url_key,tax_class_id]")]
    received = client.get("/rest/V1/products/TEA-POT", pairs)
    codes = {entry["attribute_code"] for entry in received.json()["custom_attributes"]}
    assert codes == {"url_key", "tax_class_id"}


def test_a_query_is_nested_as_php_nests_it() -> None:
    query = "a%5B%5D=1&a%5B%5D=2&b=x&b=y&c%5Bd%5D%5Be%5D=z+1&c=over"
    assert parse_query(query) == {"a": {"0": "1", "1": "2"}, "b": "y", "c": "over"}


def test_numbers_and_text_are_written_as_php_writes_them() -> None:
    record = {
        "a": Decimal("5.00"),
        "b": 5.0,
        "c": Decimal("18.0575"),
        "d": "caf\u00e9/\u20ac",
        "e": "\N{PARTY POPPER}",
    }
    assert dumps(record) == ('{"a":5,"b":5,"c":18.0575,"d":"caf\\u00e9\\/\\u20ac","e":"????"}')


@given(st.decimals(min_value=-99999999, max_value=99999999, places=4))
def test_an_amount_survives_being_stored(amount: Decimal) -> None:
    assert Decimal(dumps(amount)) == amount
