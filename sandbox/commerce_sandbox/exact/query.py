"""Reading: query options to SQL, pages with ``__next``, expanded lines."""

from __future__ import annotations

import base64
import binascii
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import orjson

from commerce_sandbox.exact import filters, master, render, store, views
from commerce_sandbox.exact.credentials import DIVISION
from commerce_sandbox.exact.errors import BadRequestError, NotFoundError
from commerce_sandbox.exact.metadata import LINES, resources

if TYPE_CHECKING:
    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.database import Database
    from commerce_sandbox.exact.metadata import Resource
    from commerce_sandbox.exact.store import Row

_OPTIONS = frozenset(
    {"$filter", "$select", "$orderby", "$top", "$skip", "$skiptoken", "$expand", "$inlinecount"}
)
#: Resources with a sync twin refuse lists without a filter.
_FILTER_NEEDED = frozenset({
    "crm/Accounts", "crm/Addresses", "crm/Contacts", "logistics/Items", "financial/GLAccounts",
    "financialtransaction/TransactionLines", "salesinvoice/SalesInvoices",
    "salesinvoice/SalesInvoiceLines", "salesorder/SalesOrders", "salesorder/SalesOrderLines",
    "documents/Documents", "documents/DocumentAttachments",
})  # fmt: skip
_SELECT_NEEDED = "Please add a $select or a $top=1 statement to the query string."


@dataclass(frozen=True)
class Options:
    """The query options of one call, checked.

    Attributes:
        seen_until: Rows changed later are not yet in the index that filters use.
    """

    filter: filters.Filter | None = None
    select: frozenset[str] | None = None
    line_select: dict[str, frozenset[str]] = field(default_factory=dict)
    expand: tuple[str, ...] = ()
    orderby: str = ""
    top: int | None = None
    skip: int = 0
    token: Any = None
    count: bool = False
    seen_until: str | None = None


@dataclass(frozen=True)
class Page:
    """One page of rows, and what is needed to write the envelope."""

    rows: list[Row]
    total: int | None
    token: str | None


def parse_options(query: str, resource: Resource) -> Options:
    """Check the query string of a list or entity.

    Raises:
        BadRequestError: An option is unknown, repeated or cannot be read.
    """
    raw: dict[str, str] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if not name.startswith("$"):
            continue
        if name not in _OPTIONS:
            message = (
                f"The query parameter '{name}' begins with a system-reserved '$' character but is "
                "not recognized."
            )
            raise BadRequestError(message)
        if name in raw:
            message = f"Query parameter '{name}' is specified, but it should be specified once."
            raise BadRequestError(message)
        raw[name] = text
    view = views.view(resource.path)
    found = None
    if raw.get("$filter"):
        if view is None:
            message = "This $filter parameter is not supported for this resource"
            raise BadRequestError(message)
        found = filters.parse(raw["$filter"], resource, view.column)
    expand = tuple(part.strip() for part in raw.get("$expand", "").split(",") if part.strip())
    for name in expand:
        if (resource.path, name) not in LINES:
            message = f"Could not find a property named '{name}' on type '{resource.type_name}'."
            raise BadRequestError(message)
    select, line_select = _select(raw.get("$select", ""), resource)
    return Options(
        filter=found,
        select=select,
        line_select=line_select,
        expand=expand,
        orderby=_orderby(raw.get("$orderby", ""), resource, view),
        top=_number(raw, "$top"),
        skip=_number(raw, "$skip") or 0,
        token=_read_token(raw.get("$skiptoken")),
        count=raw.get("$inlinecount", "none") == "allpages",
    )


def _number(raw: dict[str, str], name: str) -> int | None:
    if name not in raw:
        return None
    if not raw[name].isdecimal():
        message = f"Incorrect format for {name}: '{raw[name]}'."
        raise BadRequestError(message)
    return int(raw[name])


def _select(
    text: str, resource: Resource
) -> tuple[frozenset[str] | None, dict[str, frozenset[str]]]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        return None, {}
    if names == ["*"] and not resource.is_sync():
        return frozenset(resource.properties), {}
    own: set[str] = set()
    lines: dict[str, frozenset[str]] = {}
    for name in names:
        head, _, tail = name.partition("/")
        if head not in resource.properties:
            message = f"Could not find a property named '{head}' on type '{resource.type_name}'."
            raise BadRequestError(message)
        own.add(head)
        if tail:
            line = resources()[LINES[resource.path, head]]
            if tail not in line.properties:
                message = f"Could not find a property named '{tail}' on type '{line.type_name}'."
                raise BadRequestError(message)
            lines[head] = lines.get(head, frozenset()) | {tail}
    return frozenset(own), lines


def _orderby(text: str, resource: Resource, view: views.View | None) -> str:
    parts = []
    for part in (entry.strip() for entry in text.split(",")):
        if not part:
            continue
        name, _, direction = part.partition(" ")
        known = resource.properties.get(name)
        if known is None or known.type == "Collection" or view is None:
            message = f"No property '{name}' exists in type '{resource.type_name}' at position 0."
            raise BadRequestError(message)
        if direction.strip() not in {"", "asc", "desc"}:
            message = "Syntax error in $orderby."
            raise BadRequestError(message)
        parts.append(f"{view.column(name)} {direction.strip()}")
    return ", ".join(parts)


def _read_token(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return orjson.loads(base64.urlsafe_b64decode(text))
    except (binascii.Error, ValueError):
        message = "The value of $skiptoken is not valid."
        raise BadRequestError(message) from None


def check_select(options: Options) -> None:
    """Refuse lists that do not say what they want.

    Raises:
        BadRequestError: There is neither ``$select`` nor ``$top=1``.
    """
    if options.select is None and options.top != 1:
        raise BadRequestError(_SELECT_NEEDED)


def check_filter(resource: Resource, options: Options) -> None:
    """Refuse lists without the filter they need, and filters the server does not run.

    Raises:
        BadRequestError: A filter is missing, or names a field that cannot be filtered.
    """
    used = options.filter.names if options.filter else frozenset()
    if resource.is_sync():
        allowed = {"Timestamp"} | ({"EntityType"} if resource.path == "sync/Deleted" else set())
        if "Timestamp" not in used or used - allowed:
            _filter_needed(sorted(allowed))
        return
    view = views.view(resource.path)
    twin = view.sources[0] if view and resource.is_bulk() else resource.path
    allowed_names = resources()[twin].filterable
    if twin in _FILTER_NEEDED and not used:
        _filter_needed(sorted(allowed_names or {resource.key, "Modified"}))
    if allowed_names is None:
        unknown = {name for name in used if render.looked_up(name)}
    else:
        unknown = set(used - allowed_names)
    if unknown:
        message = f"Filtering on these fields is not supported: {', '.join(sorted(unknown))}"
        raise BadRequestError(message)


def _filter_needed(names: list[str]) -> None:
    message = (
        "This endpoint has mandatory filtering applied. A GET request for this endpoint must have "
        f"a $filter parameter with one of the following fields in the url: {', '.join(names)}."
    )
    raise BadRequestError(message)


def fetch(
    database: Database,
    resource: Resource,
    division: int,
    options: Options,
    *,
    parent: str | None = None,
    page_size: int | None = None,
) -> Page:
    """Read one page.

    Args:
        database: The sandbox's database.
        resource: What to read.
        division: Whose rows.
        options: Checked query options.
        parent: Only the lines of this header.
        page_size: Rows at most; None: the resource's own.
    """
    view = views.view(resource.path)
    if view is None:
        raise NotFoundError
    where, parameters = _conditions(view, division, options, parent)
    source = f"FROM {view.source_sql()} WHERE {where}"
    connection = database.connection()
    total = None
    if options.count:
        total = connection.execute(f"SELECT count(*) {source}", parameters).fetchone()[0]
    cursor_name = "version" if resource.is_sync() or parent else "id"
    limit = resource.page_size if page_size is None else page_size
    if options.top is not None:
        limit = min(limit, options.top)
    offset = options.skip
    if options.token is not None and not options.orderby:
        source += f" AND {cursor_name} > ?"
        parameters.append(options.token)
        offset = 0
    elif options.token is not None:
        offset = options.token
    order = f"{options.orderby}, id" if options.orderby else cursor_name
    records = connection.execute(
        f"SELECT * {source} ORDER BY {order} LIMIT ? OFFSET ?", [*parameters, limit + 1, offset]
    ).fetchall()
    rows = [store.load(record) for record in records[:limit]]
    token = None
    if len(records) > limit and rows:
        last = records[limit - 1]
        token = offset + limit if options.orderby else last[cursor_name]
    return Page([view.show(row) for row in rows], total, None if token is None else _token(token))


def _conditions(
    view: views.View, division: int, options: Options, parent: str | None
) -> tuple[str, list[Any]]:
    """Return which rows of a view a list shows, as SQL with its parameters."""
    shared = view.sources == ("system/Divisions",)
    conditions = ["division = ?"]
    parameters: list[Any] = [0 if shared else division]
    if view.where:
        conditions.append(view.where)
    if parent is not None:
        conditions.append("parent = ?")
        parameters.append(parent)
    if options.filter is not None:
        conditions.append(options.filter.sql.text)
        parameters.extend(options.filter.sql.parameters)
        if options.seen_until is not None:
            conditions.append("modified <= ?")
            parameters.append(options.seen_until)
    return " AND ".join(conditions), parameters


def _token(value: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode()


def next_query(query: str, token: str) -> str:
    """Return the query string of the next page."""
    pairs = parse_qsl(query, keep_blank_values=True)
    kept = [(name, text) for name, text in pairs if name not in {"$skiptoken", "$skip"}]
    return urlencode([*kept, ("$skiptoken", token)])


def count(database: Database, resource: Resource, division: int, options: Options) -> int:
    """Return how many rows a filter finds."""
    counted = replace(options, count=True, top=0, skip=0, token=None)
    return fetch(database, resource, division, counted).total or 0


def entities(
    database: Database,
    resource: Resource,
    division: int,
    rows: list[Row],
    base: str,
    options: Options,
) -> list[dict[str, Any]]:
    """Return rows as entities, with the lines that were asked for."""
    data = master.of_division(database, division)
    lines = {
        name: _lines(database, resource, name, division, rows, base, options)
        for name in options.expand
        if options.select is None or name in options.select
    }
    return [
        render.entity(
            resource,
            row,
            base,
            master=data,
            select=options.select,
            expanded={name: found.get(row[resource.key], []) for name, found in lines.items()},
        )
        for row in rows
    ]


def _lines(
    database: Database,
    resource: Resource,
    name: str,
    division: int,
    rows: list[Row],
    base: str,
    options: Options,
) -> dict[str, list[dict[str, Any]]]:
    path = LINES[resource.path, name]
    line = resources()[path]
    parent = store.TABLES[path].parent or ""
    data = master.of_division(database, division)
    found: dict[str, list[dict[str, Any]]] = {}
    keys = [row[resource.key] for row in rows]
    for row in store.lines_of(database.connection(), path, keys) if keys else []:
        found.setdefault(row[parent], []).append(
            render.entity(line, row, base, master=data, select=options.line_select.get(name))
        )
    return found


def read(context: SandboxContext, resource: str, **odata: Any) -> list[Row]:
    """Return rows straight from the store: plain values, ISO dates, lines inside their header.

    Args:
        context: The sandbox.
        resource: Path below the division, ``salesentry/SalesEntries``.
        **odata: ``filter`` (OData version 2), ``orderby``, ``top``, ``skip``; ``division``
            (default: the first). Codes keep their padding.
    """
    database = context.database
    division = odata.pop("division", DIVISION)
    what = resources()[resource]
    query = urlencode({f"${name}": text for name, text in odata.items()})
    options = parse_options(query, what)
    rows = fetch(database, what, division, options, page_size=sys.maxsize - 1).rows
    for (header, name), path in LINES.items():
        if header == resource:
            for row in rows:
                row[name] = store.lines_of(database.connection(), path, [row[what.key]])
    return rows
