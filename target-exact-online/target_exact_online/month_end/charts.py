"""Charts of a report, as places and lengths that a template draws without knowing amounts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_exact_online.month_end.model import Bridge, Result, Statement

_ZERO = Decimal(0)
_LEFT, _RIGHT, _ROW = 300, 670, 22
_MOST = 12
"""Bars beyond these are in the table only."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from one amount to another.

    Attributes:
        label: What it is.
        start: Where it begins.
        end: Where it ends.
        amount: What is written beside it.
        kind: How it is filled: ``side``, ``plus``, ``minus``, ``shop``, ``ledger``, ``exact``.
    """

    label: str
    start: Decimal
    end: Decimal
    amount: Decimal
    kind: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A bar as it is drawn, in units of the chart.

    Attributes:
        bar: The bar.
        x: Its left end.
        y: Its upper end.
        width: Its length, at least a hair.
    """

    bar: Bar
    x: float
    y: int
    width: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of bars that lie below each other.

    Attributes:
        name: Its name in the page.
        title: For people who see it, and for those who do not.
        heading: The title with the currency.
        bars: Top to bottom.
        note: How to read it, or an empty string.
        axis: Where 0 is, or None when it is not shown.
    """

    name: str
    title: str
    heading: str
    bars: tuple[Drawn, ...]
    note: str
    axis: float | None

    @property
    def height(self) -> int:
        """Return its height."""
        return len(self.bars) * _ROW + 8

    @property
    def description(self) -> str:
        """Return everything that it shows, as a sentence."""
        told = [f"{one.bar.label} {one.bar.amount:,}" for one in self.bars]
        return f"{self.heading}: {'; '.join(told)}. {self.note}".strip()


def _draw(name: str, title: str, heading: str, bars: Sequence[Bar], note: str = "") -> Chart:
    """Scale bars to the width of a chart; where they are all far from 0, 0 is left out."""
    ends = [end for bar in bars for end in (bar.start, bar.end)]
    low, high = min((_ZERO, *ends)), max((_ZERO, *ends))
    moved = [bar for bar in bars if bar.kind in ("plus", "minus")]
    if moved:  # what explains a difference would be too small to see beside the whole
        near = [end for bar in moved for end in (bar.start, bar.end)]
        space = max(max(near) - min(near), Decimal("0.01")) / 4
        low, high = min(near) - space, max(near) + space
        note = f"The bars begin at {low:,.2f}, not at 0. {note}".strip()
    scale = (_RIGHT - _LEFT) / float(high - low or 1)

    def place(amount: Decimal) -> float:
        return round(_LEFT + float(min(max(amount, low), high) - low) * scale, 1)

    drawn = []
    for number, bar in enumerate(bars):
        first, last = sorted((place(bar.start), place(bar.end)))
        drawn.append(Drawn(bar, first, number * _ROW + 4, max(round(last - first, 1), 1)))
    return Chart(name, title, heading, tuple(drawn), note, place(_ZERO) if low <= 0 else None)


def bridge(of: Bridge, name: str) -> Chart:
    """Return a bridge as a chart: each side from 0, each difference from where the last one ended.

    Args:
        of: The bridge.
        name: Its name in the page.
    """
    bars, at = [], _ZERO
    for row in of.rows:
        if row.kind == "difference":
            kind = "minus" if row.amount < 0 else "plus"
            bars.append(Bar(f"{row.code} {row.label}", at, at + row.amount, row.amount, kind))
            at += row.amount
        else:
            at = row.amount
            label = row.label.partition(":")[0].partition(" (")[0]
            bars.append(Bar(label, _ZERO, at, at, "side"))
    bars = [one for one in bars if one.kind == "side" or one.amount]
    return _draw(name, f"Bridge: {of.title}", of.heading, bars)


def vat(of: Statement, result: Result) -> Chart | None:
    """Return the VAT per code on the three sides, in the company's currency.

    Args:
        of: The control statement of VAT.
        result: Names the currency.
    """
    names = [column.name for column in of.columns]
    sides = [(side, names.index(f"VAT {side}")) for side in ("shop", "ledger", "Exact")]
    rows = [row for row in of.rows if row[1] == result.currency]
    rows = [row for row in rows if any(row[place] for _, place in sides)]
    rows.sort(key=lambda row: -max(abs(_amount(row[place])) for _, place in sides))
    bars = [
        Bar(f"Code {row[0]}, {side}", _ZERO, _amount(row[place]), _amount(row[place]), side.lower())
        for row in rows[: _MOST // 3]
        for side, place in sides
        if row[place] is not None
    ]
    left = len(rows[_MOST // 3 :])
    title, note = "VAT per code", f"{left} more codes are in the table." if left else ""
    return _draw("vat", title, f"{title}, {result.currency}", bars, note) if bars else None


def ageing(of: Statement, result: Result) -> Chart | None:
    """Return what customers owe by age.

    Args:
        of: The control statement of debtors.
        result: Names the currency.
    """
    rows = [(str(row[0]), _amount(row[1])) for row in of.rows if str(row[0]).startswith("Age ")]
    title = "Debtors by age"
    bars = [Bar(label, _ZERO, amount, amount, "side") for label, amount in rows]
    return _draw("ageing", title, f"{title}, {result.currency}", bars) if bars else None


def _amount(cell: object) -> Decimal:
    return cell if isinstance(cell, Decimal) else _ZERO
