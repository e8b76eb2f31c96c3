"""Lists and single records: stored bodies are put together, not parsed."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

import orjson

from commerce_sandbox.adobe.conditions import order_by, where
from commerce_sandbox.adobe.counting import count
from commerce_sandbox.adobe.errors import (
    internal,
    no_such_entity,
    no_such_key,
    wrong_type,
)
from commerce_sandbox.adobe.fields import FIELDS, attribute_column
from commerce_sandbox.adobe.php_json import dumps
from commerce_sandbox.adobe.search import Criteria, Filter, parse_criteria
from commerce_sandbox.adobe.store import TABLES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

    from commerce_sandbox.adobe.call import Call
    from commerce_sandbox.adobe.conditions import Column

# A page this long no longer fits in the memory that PHP is given (an estimate for 756 MB).
_ROWS_IN_MEMORY = 10_000
_PRIME = 999_983
_INTEGER = re.compile(r"-?\d{1,18}")


class OutOfMemory(Exception):  # noqa: N818  (an event in the shop, not an error of this program)
    """The answer would be larger than the shop's memory."""


def _table(kind: str) -> str:
    return TABLES[kind].name if kind in TABLES else f"adobe_{kind}"


def _connection(call: Call) -> sqlite3.Connection:
    return call.context.database.connection()


def listing(kind: str) -> Callable[[Call], bytes]:
    """Return the handler of a list that takes searchCriteria."""

    def handle(call: Call) -> bytes:
        criteria = parse_criteria(
            call.parameters,
            max_page_size=call.setting("adobe.max_page_size"),
            default=call.setting("adobe.default_page_size"),
        )
        return _search(call, kind, criteria)

    return handle


def _search(call: Call, kind: str, criteria: Criteria) -> bytes:
    column = _columns(call, kind)
    condition, parameters = where(criteria.groups, column)
    order = order_by(criteria.sorts, column)
    if call.setting("adobe.unstable_order") and "entity_id" not in order:
        order = _shuffled(order)
    # Two statements, as in the shop: under writes, count and rows may disagree.
    total = count(call.context.database, kind, criteria, condition, parameters)
    window = _window(criteria, total, repeat_last=call.setting("adobe.repeat_last_page"))
    rows = (
        _connection(call)
        .execute(
            f"SELECT entity_id, CAST(body AS BLOB) FROM {_table(kind)}{condition}{order}{window}",  # noqa: S608  (own names)
            parameters,
        )
        .fetchall()
    )
    if kind == "order":
        _refuse_broken(call, (row[0] for row in rows))
    return _envelope([row[1] for row in rows], criteria, total)


def _columns(call: Call, kind: str) -> Callable[[str | None], Column | None]:
    """Return the lookup of a kind's searchable fields, the merchant's own attributes included."""
    fields = FIELDS[kind]
    if kind != "customer":
        return fields.column
    own = set(call.setting("adobe.customer_attributes"))
    return lambda name: attribute_column(name) if name and name in own else fields.column(name)


def _shuffled(order: str) -> str:
    """Return an order whose ties fall differently with every request."""
    factor = secrets.randbelow(_PRIME - 1) + 1
    return f"{order or ' ORDER BY NULL'}, entity_id * {factor} % {_PRIME}"


def _window(criteria: Criteria, total: int, *, repeat_last: bool) -> str:
    """Return the page as SQL; page size 0 or none is everything, a negative one is 1.

    Raises:
        OutOfMemory: The page has more rows than the shop could hold.
    """
    if not criteria.page_size:
        if total > _ROWS_IN_MEMORY:
            raise OutOfMemory
        return ""
    size = max(criteria.page_size, 1)
    if min(size, total) > _ROWS_IN_MEMORY:
        raise OutOfMemory
    page = max(criteria.current_page or 1, 1)
    if repeat_last:
        page = min(page, max(-(-total // size), 1))
    return f" LIMIT {size} OFFSET {min((page - 1) * size, total)}"


def _envelope(bodies: list[bytes], criteria: Criteria, total: int) -> bytes:
    tail = b'],"search_criteria":%s,"total_count":%d}' % (dumps(criteria.echo()).encode(), total)
    # One join: a page may have megabytes, and every copy counts.
    parts = [b'{"items":[']
    for body in bodies:
        parts += (body, b",")
    if bodies:
        parts.pop()
    return b"".join([*parts, tail])


def _refuse_broken(call: Call, keys: Iterable[int]) -> None:
    """Fail as the shop does when one order of a page cannot be read."""
    broken = call.setting("adobe.broken_order_ids")
    if broken and not set(broken).isdisjoint(keys):
        raise internal()


def record_key(call: Call) -> int:
    """Return the number in a route.

    Raises:
        ShopError: 400 for text.
    """
    text = call.arguments["id"]
    if not _INTEGER.fullmatch(text):
        raise wrong_type(text, "int")
    return int(text)


def _body(call: Call, kind: str) -> bytes | None:
    key = record_key(call)
    if kind == "order":
        _refuse_broken(call, [key])
    row = (
        _connection(call)
        .execute(
            f"SELECT CAST(body AS BLOB) FROM {_table(kind)} WHERE entity_id = ?",  # noqa: S608  (own names)
            (key,),
        )
        .fetchone()
    )
    return None if row is None else bytes(row[0])


def single(kind: str, field: str | None = None) -> Callable[[Call], bytes]:
    """Return the handler of one record.

    Args:
        kind: Key of the shop's tables.
        field: Name the shop uses in its refusal; sales documents have a text of their own.
    """

    def handle(call: Call) -> bytes:
        body = _body(call, kind)
        if body is None:
            raise no_such_entity() if field is None else no_such_key(field, record_key(call))
        return body

    return handle


def comments(kind: str, member: str) -> Callable[[Call], bytes]:
    """Return the handler of a document's comments, oldest first, listed as a search would be."""

    def handle(call: Call) -> bytes:
        body = _body(call, kind)
        found: list[dict[str, Any]] = orjson.loads(body).get(member, []) if body else []
        found.sort(key=lambda comment: int(comment["entity_id"]))
        by_parent = Filter("parent_id", str(record_key(call)), "eq")
        criteria = Criteria(groups=((by_parent,),))
        return _envelope([dumps(comment).encode() for comment in found], criteria, len(found))

    return handle


def order_status(call: Call) -> bytes:
    """Return the status of an order as one JSON string."""
    body = _body(call, "order")
    if body is None:
        raise no_such_entity()
    return dumps(orjson.loads(body).get("status")).encode()


def everything(kind: str) -> Callable[[Call], bytes]:
    """Return the handler of a plain list without search (modules and the like)."""

    def handle(call: Call) -> bytes:
        return _all(call, kind, first=None)

    return handle


def _all(call: Call, kind: str, first: int | None) -> bytes:
    rows = _connection(call).execute(
        f"SELECT CAST(body AS BLOB) FROM {_table(kind)} ORDER BY entity_id IS NOT ?, entity_id",  # noqa: S608  (own names)
        (first,),
    )
    return b"[%s]" % b",".join(row[0] for row in rows)


def current_store(call: Call) -> sqlite3.Row:
    """Return id, website and name of the store view of a call; without a code the first one."""
    code = "admin" if call.store_code == "all" else call.store_code
    row: sqlite3.Row = (
        _connection(call)
        .execute(
            "SELECT entity_id, json_extract(body, '$.website_id') AS website_id,"
            " json_extract(body, '$.name') AS name"
            " FROM adobe_store_view"
            " WHERE CASE :code WHEN '' THEN entity_id > 0 ELSE code = :code END ORDER BY entity_id",
            {"code": code},
        )
        .fetchone()
    )
    return row


def store_views(call: Call) -> bytes:
    """Return all store views; the one the call is for was loaded first and stands first."""
    return _all(call, "store_view", current_store(call)["entity_id"])


def websites(call: Call) -> bytes:
    """Return all websites, that of the call's store view first."""
    return _all(call, "website", current_store(call)["website_id"])


def store_configs(call: Call) -> bytes:
    """Return the configuration of all store views, or of those in ``storeCodes``."""
    bodies = everything("store_config")(call)
    wanted = call.parameters.get("storeCodes")
    if not isinstance(wanted, dict):
        return bodies
    codes = set(wanted.values())
    chosen = [config for config in orjson.loads(bodies) if config["code"] in codes]
    return dumps(chosen).encode()


def currency(call: Call) -> bytes:
    """Return the shop's currencies and rates; the one public route."""
    row = _connection(call).execute("SELECT CAST(body AS BLOB) FROM adobe_currency").fetchone()
    if row is None:
        raise internal()
    return bytes(row[0])
