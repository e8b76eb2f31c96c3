"""Fixed product tax (FPT, "weee"): its share of lines, invoices and credit memos.

The shop keeps it as JSON inside a line's ``weee_tax_applied``, in both currencies, with what was
invoiced and refunded of it; that text is the only place where it is kept here too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from commerce_sandbox.data.arithmetic import UNIT, number, units

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commerce_sandbox.data.arithmetic import FloatCarry, Row
    from commerce_sandbox.data.documents import Part
    from commerce_sandbox.data.orders import Amounts, Line, Order

_TITLE = "Verwijderingsbijdrage"
_FIELD = "weee_tax_applied"
_PREFIXES = ("", "base_")
NONE = "[]"


def line_money(row: Row | None) -> Amounts:
    """Return the amounts of a line's fixed product tax in one currency."""
    return {
        "weee_tax_applied_amount": row.price if row else 0,
        "weee_tax_applied_row_amount": row.row_total if row else 0,
        "weee_tax_disposition": 0,
        "weee_tax_row_disposition": 0,
    }


def applied(rows: Sequence[Row]) -> str:
    """Write the fixed product tax of a line (``weee_tax_applied``).

    Args:
        rows: In the order's and in the base currency; one row when there is one currency.
    """
    if not rows:
        return NONE
    entry: dict[str, Any] = {"title": _TITLE}
    for name, member in (
        ("amount", "price"),
        ("row_amount", "row_total"),
        ("amount_incl_tax", "price_incl_tax"),
        ("row_amount_incl_tax", "row_total_incl_tax"),
    ):
        names = (f"base_{name}", name) if name == "amount" else (name, f"base_{name}")
        if name == "amount_incl_tax":
            names = (names[1], names[0])
        for key in names:
            entry[key] = number(getattr(rows[-1 if key.startswith("base_") else 0], member))
    return _dumps([entry])


def has_some(line: Line) -> bool:
    """Tell whether a line carries a fixed product tax."""
    return bool(line.fields.get(_FIELD, NONE) != NONE)


def take(
    order: Order, parts: Sequence[Part], family: int, carry: FloatCarry, done: str
) -> list[tuple[int, int]]:
    """Take each line's share; whoever takes the last pieces takes what is left.

    Args:
        order: Whose document it is; what is taken is noted on its lines.
        parts: The lines with the pieces that the document takes.
        family: Index of the currency.
        carry: What earlier roundings of the document left over.
        done: ``invoiced`` or ``refunded``.

    Returns:
        For each part the amount without and with its tax.
    """
    return [
        _take(part, family, carry, done, both=len(order.currencies) == 1)
        if has_some(part.line)
        else (0, 0)
        for part in parts
    ]


def _take(part: Part, family: int, carry: FloatCarry, done: str, *, both: bool) -> tuple[int, int]:
    entries = json.loads(part.line.fields[_FIELD])
    entry = entries[0]
    prefix = _PREFIXES[family]
    net = units(entry[f"{prefix}row_amount"])
    gross = units(entry[f"{prefix}row_amount_incl_tax"])
    taken_net = units(entry.get(f"{prefix}weee_amount_{done}", 0))
    taken_tax = units(entry.get(f"{prefix}weee_tax_amount_{done}", 0))
    if part.is_last:
        net -= taken_net
        gross -= taken_net + taken_tax
    else:
        ratio = part.qty / part.line.quantities["qty_ordered"]
        net = carry.round(net / UNIT * ratio)
        gross = carry.round(gross / UNIT * ratio)
    for name, amount in (
        ("weee_amount", taken_net + net),
        ("weee_tax_amount", taken_tax + gross - net),
    ):
        for written in ("base_", "") if both else (prefix,):
            entry[f"{written}{name}_{done}"] = number(amount)
    part.line.fields[_FIELD] = _dumps(entries)
    return net, gross


def note_refund(order: Order) -> None:
    """Note on every line with a fixed product tax that a refund happened, if only of 0."""
    for line in order.lines:
        if has_some(line):
            entries = json.loads(line.fields[_FIELD])
            for name in ("weee_amount_refunded", "weee_tax_amount_refunded"):
                for prefix in ("base_", ""):
                    entries[0].setdefault(prefix + name, 0)
            line.fields[_FIELD] = _dumps(entries)


def memo_line(line: Line, before: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a credit memo's line says of its fixed product tax beside its amounts.

    The row amount in the base currency stays that of the whole order, as recorded; only the JSON
    has the right one.

    Args:
        line: The order's line.
        before: The line's ``weee_tax_applied`` before the refund.
        item: The credit memo's line.
    """
    entries = json.loads(before)
    after = json.loads(line.fields[_FIELD])[0]
    for prefix in _PREFIXES:
        net, tax = (
            units(after[prefix + name]) - units(entries[0].get(prefix + name, 0))
            for name in ("weee_amount_refunded", "weee_tax_amount_refunded")
        )
        entries[0][f"{prefix}row_amount"] = number(net)
        entries[0][f"{prefix}row_amount_incl_tax"] = number(net + tax)
    whole = number(line.money[-1]["weee_tax_applied_row_amount"])
    changed = {"weee_tax_applied": _dumps(entries), "base_weee_tax_applied_row_amnt": whole}
    return {name: value for name, value in changed.items() if name in item}


def _dumps(entries: list[dict[str, Any]]) -> str:
    return json.dumps(entries, separators=(",", ":"))
