"""Reading: query options to SQL, pages with ``__next``, expanded lines."""

from __future__ import annotations

import base64
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import orjson

from commerce_sandbox.exact import derived, local_time, master, render, store, views
from commerce_sandbox.exact.credentials import DIVISION
from commerce_sandbox.exact.errors import NotFoundError
from commerce_sandbox.exact.metadata import LINES, resources
from commerce_sandbox.exact.options import Options, parse

if TYPE_CHECKING:
    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.database import Database
    from commerce_sandbox.exact.metadata import Resource
    from commerce_sandbox.exact.store import Row


@dataclass(frozen=True)
class Page:
    """One page of rows, and what is needed to write the envelope."""

    rows: list[Row]
    total: int | None
    token: str | None


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
    if options.local:
        connection.create_function("dutch_time", 1, _dutch_time, deterministic=True)
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


def _dutch_time(text: str | None) -> str | None:
    return None if text is None else local_time.local_of(text)


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
    if options.kept_since is not None:
        conditions.append("created >= ?")
        parameters.append(options.kept_since)
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
            local_time.shown(row) if options.local else row,
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
        shown = local_time.shown(row) if options.local else row
        found.setdefault(row[parent], []).append(
            render.entity(line, shown, base, master=data, select=options.line_select.get(name))
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
    options = parse(query, what)
    derived.refresh(database, resource, division, context.clock.now())
    rows = fetch(database, what, division, options, page_size=sys.maxsize - 1).rows
    for (header, name), path in LINES.items():
        if header == resource:
            for row in rows:
                row[name] = store.lines_of(database.connection(), path, [row[what.key]])
    return rows
