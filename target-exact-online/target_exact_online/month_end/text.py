"""A result as an accountant reads it in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector_credentials import clean
from target_exact_online.month_end.statements_deferred import told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_exact_online.month_end.model import Bridge, BridgeRow, Finding, Result

_WIDTH = 58
_LETTERS = {"error": "E", "warning": "W", "info": "I"}
VERDICTS = {
    "agrees": "Shop, ledger and Exact agree to the cent.",
    "differs": "There are differences.",
    "incomplete": "Not everything was compared.",
}


def lines_of(result: Result, *, bridges: bool = False) -> Iterator[str]:
    """Yield the lines of a result.

    Args:
        result: The result.
        bridges: All bridges, instead of those that differ.
    """
    company = f" ({result.company})" if result.company else ""
    period = f"{result.year}-{result.period:02}"
    yield clean(f"Period {period}, division {result.division}{company}, {result.source}")
    for number, bridge in enumerate(result.bridges):
        if number == 0 or bridges or bridge.unexplained or differs(bridge):
            yield ""
            yield from _bridge(bridge)
    if result.findings:
        yield ""
        yield "Differences"
    for one in result.findings:
        yield from _finding(one)
    if result.proposals:
        yield ""
        yield "Proposed entries"
    for proposal in result.proposals:
        yield clean(f"  {told(proposal)}")
    if result.not_compared:
        yield ""
        yield "Not compared"
    for left in result.not_compared:
        yield clean(f"  {left.what}: {left.why}")
    yield ""
    yield VERDICTS[result.outcome] + f" Left unexplained: {result.unexplained}."
    if result.resume_at is not None:
        yield f"Go on after {result.resume_at:%Y-%m-%d %H:%M} UTC."


def differs(bridge: Bridge) -> bool:
    """Tell whether a class of difference moves cents on a bridge."""
    return any(row.kind == "difference" and row.amount for row in bridge.rows)


def _bridge(bridge: Bridge) -> Iterator[str]:
    title = clean(bridge.heading)
    yield f"{title:<{_WIDTH}} {'documents':>9} {'amount':>15}"
    for row in bridge.rows:
        yield _row(row)
    yield f"{'left unexplained':<{_WIDTH}} {'':>9} {bridge.unexplained:>15,}"


def _row(row: BridgeRow) -> str:
    sign = " "
    if row.kind == "difference":
        sign = "-" if row.amount < 0 else "+"
    start = f" {sign} {row.code}" if row.code else "=" if row.kind != "shop" else ""
    label = clean(f"{start} {row.label}".strip() if not row.code else f"{start} {row.label}")
    count = "" if row.documents is None else f"{row.documents:,}"
    return f"{label:<{_WIDTH}} {count:>9} {row.amount:>15,}"


def _finding(one: Finding) -> Iterator[str]:
    name = one.document_key or one.entry
    entry = f" (entry {one.entry})" if one.entry and one.document_key else ""
    yield clean(
        f"  {_LETTERS[one.severity]} {one.code} {one.title}: {name}{entry}, "
        f"{one.amount} {one.currency}"
    )
    yield clean(f"      {one.cause}")
    if one.field and (one.ours or one.theirs):
        yield clean(f"      {one.field}: {one.ours or 'none'} -> {one.theirs or 'none'}")
    if one.who or one.when:
        when = f"{one.when:%Y-%m-%d %H:%M} UTC" if one.when else ""
        yield clean("      " + " ".join(filter(None, ("by", one.who or "somebody", when))))
    if one.proposal:
        yield clean(f"      To do: {one.proposal}")
