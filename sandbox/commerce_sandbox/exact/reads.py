"""GET: lists, single entities and counts, as JSON or Atom."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from commerce_sandbox import settings
from commerce_sandbox.exact import (
    atom,
    derived,
    local_time,
    query,
    render,
    store,
    sync_timestamp,
    writes,
    wrong_answers,
)
from commerce_sandbox.exact import (
    options as odata,
)
from commerce_sandbox.exact.calls import Answer, in_atom, in_json
from commerce_sandbox.exact.errors import MediaTypeError, NotFoundError
from commerce_sandbox.exact.me import me
from commerce_sandbox.exact.metadata import LINES, resources

if TYPE_CHECKING:
    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.exact.access import Caller
    from commerce_sandbox.exact.calls import Call, Target
    from commerce_sandbox.exact.metadata import Resource
    from commerce_sandbox.exact.options import Options
    from commerce_sandbox.exact.store import Row

_DELETIONS_KEPT = timedelta(days=61)


def spoiled(context: SandboxContext, call: Call, target: Target, found: Answer) -> Answer:
    """Return the answer, or one that is not ours when a fault says so."""
    kind = call.fault.kind if call.fault else ""
    if kind not in wrong_answers.KINDS or not call.accepts_json or target.count:
        return found
    resource = target.resource
    if target.navigation:
        resource = resources()[LINES[resource.path, target.navigation]]
    asked = wrong_answers.Asked(
        context.database, resource, target.division, target.base, is_local(context)
    )
    return Answer(found.status, wrong_answers.spoiled(kind, asked, found.body), found.headers)


def get(context: SandboxContext, call: Call, caller: Caller, target: Target) -> Answer:
    """Answer a GET.

    Raises:
        ApiError: It is refused.
    """
    resource, parent = target.resource, None
    if target.navigation:
        parent = target.key
        resource = resources()[LINES[target.resource.path, target.navigation]]
    local = is_local(context)
    options = odata.parse(call.query, resource, local=local)
    single = _single(context, call, caller, target)
    if single is not None:
        shown = render.entity(resource, single, target.base, select=options.select)
        return _list(call, resource, {"results": [shown]})
    if target.key is not None and parent is None:
        return entity(context, call, target, options)
    options = _as_kept(context, call, resource, options)
    if parent is None:
        refused = context.database.setting("exact.refused_filters", {})
        odata.check_filter(
            resource,
            options,
            frozenset(refused.get(resource.path, ())),
            needed=context.database.setting("exact.filter_needed", default=True),
        )
    if target.count:
        return _count(context, call, target, options)
    if parent is None:
        odata.check_select(
            resource, options, context.database.setting("exact.select_needed", "lists")
        )
    database, division = context.database, target.division
    derived.refresh(database, resource.path, division, call.moment)
    page = query.fetch(database, resource, division, options, parent=parent)
    rows = query.entities(database, resource, division, page.rows, target.base, options)
    listing: dict[str, Any] = {"results": rows}
    if page.total is not None:
        listing["__count"] = str(page.total)
    if page.token is not None:
        path = quote(call.path, safe="/()'")
        listing["__next"] = f"{call.origin}{path}?{query.next_query(call.query, page.token)}"
    elif database.setting("exact.bare_lists") and call.accepts_json:
        return in_json(200, {"d": rows})
    return _list(call, resource, listing)


def _single(context: SandboxContext, call: Call, caller: Caller, target: Target) -> Row | None:
    """Return the one row of a resource that is no table, or None for the others."""
    path = target.resource.path
    if path == "current/Me":
        return me(context, caller)
    if path != sync_timestamp.PATH:
        return None
    local = is_local(context)
    return sync_timestamp.sync_timestamp(context.database, target.division, call.query, local=local)


def is_local(context: SandboxContext) -> bool:
    """Tell whether moments are Dutch wall clock time."""
    return bool(context.database.setting(local_time.SETTING, settings.DEFAULTS[local_time.SETTING]))


def _as_kept(context: SandboxContext, call: Call, resource: Resource, options: Options) -> Options:
    """Return options that leave out what is not yet in the index, or kept no longer."""
    lag = context.database.setting("exact.index_lag_seconds", 0)
    if lag:
        until = writes.timestamp(call.moment - timedelta(seconds=lag))
        options = replace(options, seen_until=until)
    if resource.path == "sync/Deleted":
        since = writes.timestamp(call.moment - _DELETIONS_KEPT)
        options = replace(options, kept_since=since)
    return options


def _count(context: SandboxContext, call: Call, target: Target, options: Options) -> Answer:
    if call.accepts_json:  # a number is neither JSON nor Atom here
        raise MediaTypeError
    derived.refresh(context.database, target.resource.path, target.division, call.moment)
    found = query.count(context.database, target.resource, target.division, options)
    return Answer(200, str(found).encode(), {"Content-Type": "text/plain; charset=utf-8"})


def _list(call: Call, resource: Resource, listing: dict[str, Any]) -> Answer:
    if call.accepts_json:
        return in_json(200, {"d": listing})
    address = f"{call.origin}{call.path}"
    return in_atom(200, atom.feed(resource, listing["results"], address, listing.get("__next")))


def entity(context: SandboxContext, call: Call, target: Target, options: Options) -> Answer:
    """Answer with one entity.

    Raises:
        NotFoundError: There is none with this key.
    """
    key = target.key or ""
    resource = target.resource
    table = store.TABLES.get(resource.path)
    if table is None:
        raise NotFoundError
    division = target.division
    derived.refresh(context.database, resource.path, division, call.moment)
    if table.by_code:
        division = 0 if resource.path == "system/Divisions" else division
        key = f"{division}/{key}"
    row = store.get(context.database.connection(), resource.path, division, key)
    if row is None:
        text = f"Resource not found for the segment '{resource.name}'."
        raise NotFoundError(text)
    shown = query.entities(
        context.database, resource, target.division, [row], target.base, options
    )[0]
    if not call.accepts_json:
        return in_atom(200, atom.entry(resource, shown))
    return in_json(200, {"d": shown})
