"""Documents: a search, and one of them from the shop's amounts to Exact's lines."""

from __future__ import annotations

import base64
import binascii
import difflib
import itertools
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import msgspec

from exact_online.errors import ConfigError
from target_exact_online.console import privacy
from target_exact_online.console.desk import BUSY
from target_exact_online.console.lines import changes, side_by_side
from target_exact_online.console.texts import N_
from target_exact_online.desk import documents as desk_of
from target_exact_online.desk.documents import Search
from target_exact_online.desk.waiting import order_of, way_of
from target_exact_online.ledger import payload
from target_exact_online.ledger.postings import lines_of
from target_exact_online.ledger.rows import Document
from target_exact_online.month_end.lines import entry_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from target_exact_online.console.app import Form
    from target_exact_online.console.desk import Desk
    from target_exact_online.desk.documents import Shown

STATES = ("held", "sending", "posted", "parked", "failed", "skipped")
_ROWS = 50
_CONTEXT = 3  # lines around a difference
_LONGEST = 200  # of what may be searched for
_UNBOOKABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def search(desk: Desk, request: Request) -> Response:
    """Show the documents that a person looks for, newest first."""
    asked = {
        name: request.query_params.get(name, "").strip()[:_LONGEST]
        for name in (
            "number",
            "amount",
            "state",
            "month",
            "store",
            "division",
            "error",
            "changed",
            "different",
        )
    }
    problem, rows, behind = None, [], None
    try:
        wanted = _search(asked)
        after = _place(request.query_params.get("after", ""))
        found = desk_of.find(desk.ledger, wanted, limit=_ROWS + 1, newest_first=True, after=after)
        rows = list(found)
        if len(rows) > _ROWS:
            rows = rows[:_ROWS]
            behind = _after(desk_of.place(wanted, rows[-1]))
    except ConfigError as error:
        problem = str(error)
    given = {name: value for name, value in asked.items() if value}
    return desk.page(
        request,
        "documents",
        asked=asked,
        states=STATES,
        rows=rows,
        problem=problem,
        next_page=f"/documents?{urlencode(given | {'after': behind})}" if behind else None,
        reasons=_reasons(desk, rows),
        is_narrowed=bool(given),
    )


def _search(asked: dict[str, str]) -> Search:
    since, until = desk_of.days_of(asked["month"] or None)
    division = asked["division"]
    if division and not (division.isdecimal() and len(division) < len("1000000000")):
        msg = f"{division!r} is not a division: it is a number such as 123456."
        raise ConfigError(msg)
    if asked["state"] and asked["state"] not in STATES:
        msg = f"{asked['state']!r} is not a state: {', '.join(STATES)}."
        raise ConfigError(msg)
    return Search(
        states=(asked["state"],) if asked["state"] else (),
        number=asked["number"] or None,
        amount=desk_of.amount_of(asked["amount"]) if asked["amount"] else None,
        store=asked["store"] or None,
        division=int(division) if division else None,
        error=asked["error"] or None,
        changed=bool(asked["changed"]),
        different=bool(asked["different"]),
        since=since,
        until=until,
    )


def _after(place: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()


def _place(text: str) -> tuple[Any, ...] | None:
    """Return the place that `_after` wrote.

    Raises:
        ConfigError: It wrote another one.
    """
    if not text:
        return None
    try:
        *day, came, key = msgspec.json.decode(base64.urlsafe_b64decode(text), type=list[str])
        return (*day, datetime.fromisoformat(came), key)
    except (binascii.Error, msgspec.MsgspecError, ValueError) as error:
        msg = "This address of a next page is not one of ours. Search again."
        raise ConfigError(msg) from error


def show(desk: Desk, request: Request) -> Response:
    """Show one document."""
    key = request.query_params.get("key", "")
    found = desk_of.show(desk.ledger, key)
    row = found.row
    names = privacy.names_in(found.record) | privacy.names_in(found.newer)
    record, newer = found.record, found.newer
    hide: Callable[[str], str] = str
    if not desk.options.with_names:
        hide = partial(privacy.masked, names=names)
        record = record and privacy.without_names(record)
        newer = newer and privacy.without_names(newer)
    exact = entry_lines(desk.ledger.engine, row.division, row.exact_id) if row.exact_id else []
    booked = found.postings or _planned(found)
    sides = side_by_side(record, booked, exact)
    return desk.page(
        request,
        "document",
        row=row,
        record=record,
        sides=sides,
        is_booked=bool(found.postings),
        has_exact=bool(exact),
        sums=_sums(sides),
        account_names=found.account_names,
        history=[
            (at, kind, _facts(desk, facts), hide(words or ""))
            for at, kind, facts, words in found.history
        ],
        error=hide(row.error or ""),
        in_exact=hide(row.in_exact or ""),
        changes=changes(record, newer) if newer is not None else [],
        versions=_diff(record, newer) if newer is not None else [],
        copy=found.copy,
        way=way_of(row.stream),
        order=order_of(row),
        may_replay=row.state in ("parked", "failed", "skipped")
        and way_of(row.stream) == "replay"
        and found.record is not None,
        may_skip=row.state in ("held", "parked", "failed"),
        copy_error=hide(found.copy.error or "") if found.copy else "",
    )


def _planned(found: Shown) -> list[dict[str, Any]]:
    """Return what would be booked, of a document that is not booked yet."""
    if found.record is None or way_of(found.row.stream) == "read_again":
        return []
    row = found.row
    document = Document(found.record, row.stream, row.document_key, row.division, row.payload_hash)
    try:
        return list(lines_of(document))
    except _UNBOOKABLE:  # the reason why it waits says what is wrong with it
        return []


def _sums(sides: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("ours", "exact"):
        lines = [one for side in sides if (one := getattr(side, name)) is not None]
        if lines:
            found[name] = (sum(one.debit for one in lines), sum(one.credit for one in lines))
    return found


_TOLD = ("by", "exact_number", "status", "summary_key")


def _facts(desk: Desk, facts: dict[str, Any]) -> dict[str, Any]:
    told = {name: facts[name] for name in _TOLD if facts.get(name) is not None}
    if "by" in told:
        told["by"] = desk.people.tell("", str(told["by"]))
    return told


def _diff(before: Any, after: Any) -> list[tuple[str, str]]:
    """Return both versions line by line where they differ: same, only old, only new, left out."""
    old, new = (
        msgspec.json.format(payload.encode(one), indent=2).decode().splitlines()
        for one in (before or {}, after)
    )
    lines = difflib.unified_diff(old, new, n=_CONTEXT, lineterm="")
    signs = {" ": "same", "-": "old", "+": "new", "@": "skip"}
    return [(signs[line[0]], line[1:]) for line in itertools.islice(lines, 2, None)]


def _reasons(desk: Desk, rows: list[Any]) -> dict[str, str]:
    """Return why documents wait, without names unless they were asked for."""
    told = {
        one.document_key: one.in_exact or one.error for one in rows if one.in_exact or one.error
    }
    if desk.options.with_names or not told:
        return told
    known = desk_of.contents(desk.ledger, list(told))
    return {key: privacy.masked(text, privacy.names_in(known[key])) for key, text in told.items()}


def replay(desk: Desk, request: Request, form: Form) -> Response:
    """Have a document posted by the next run."""
    del request
    key = form.own("key")
    desk_of.replay(desk.ledger, Search(keys=(key,)), dry_run=False)
    return desk.back(_address(key), N_("The next run tries %(key)s."), key=key)


def skip(desk: Desk, request: Request, form: Form) -> Response:
    """Decide that a document is never posted."""
    del request
    key = form.own("key")
    desk_of.skip(desk.ledger, Search(keys=(key,)), reason_in(form), dry_run=False)
    return desk.back(_address(key), N_("%(key)s is never posted."), key=key)


def read_again(desk: Desk, request: Request, form: Form) -> Response:
    """Have a document's order read again from the shop."""
    del request
    key, order = form.own("key"), form.own("order")
    if not desk.read_again([order]):
        raise ConfigError(BUSY)
    return desk.back(_address(key), N_("Order %(order)s is being read again."), order=order)


def reason_in(form: Form) -> str:
    """Return the reason that a person gives.

    Raises:
        ConfigError: There is none.
    """
    reason = form.text("reason").strip()
    if not reason or len(reason) > _LONGEST * 5:
        msg = "Give a reason of at most 1000 characters: it is kept in the audit trail."
        raise ConfigError(msg)
    return reason


def _address(key: str) -> str:
    return f"/document?key={quote(key, safe='')}"
