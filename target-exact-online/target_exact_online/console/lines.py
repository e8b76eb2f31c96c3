"""A document side by side: what the shop told, by which rule, what was booked, what Exact has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Booked:
    """One line of an entry, as a bookkeeper reads it."""

    gl_account: str
    debit: Decimal
    credit: Decimal
    cost_center: str
    cost_unit: str
    vat_code: str
    role: str

    @classmethod
    def of(cls, line: Any) -> Booked:
        """Return a line of postings or of Exact; amounts are debit positive."""
        told = line if isinstance(line, Mapping) else line._asdict()

        def text(name: str) -> str:
            return str(told.get(name) or "").strip()

        amount = Decimal(told["amount"])
        return cls(
            text("gl_account"),
            max(amount, ZERO),
            max(-amount, ZERO),
            text("cost_center"),
            text("cost_unit"),
            text("vat_code"),
            text("role"),
        )

    @property
    def amount(self) -> Decimal:
        """Return the amount, debit positive."""
        return self.debit - self.credit


@dataclass(frozen=True, slots=True)
class Side:
    """One line on all sides; None: that side has none."""

    shop: Mapping[str, Any] | None  # the line as it came in
    ours: Booked | None
    exact: Booked | None

    @property
    def differs(self) -> bool:
        """Tell whether both have it, and not the same."""
        if self.ours is None or self.exact is None:
            return False
        ours, exact = self.ours, self.exact
        known = bool(ours.gl_account) and ours.gl_account != exact.gl_account
        return known or ours.amount != exact.amount or ours.cost_center != exact.cost_center


def side_by_side(
    record: Mapping[str, Any] | None, booked: Sequence[Any], exact: Iterable[Any]
) -> list[Side]:
    """Return the lines of a document on all sides.

    Args:
        record: What came in; None: it was anonymised.
        booked: Rows of postings, in their order; those that Exact makes come last.
        exact: Exact's own lines of the entry, as the mirror has them.
    """
    told = (record or {}).get("lines")
    lines = told if isinstance(told, list) else []
    left = [(row.line_no, Booked.of(row)) for row in exact]
    found = []
    for number, row in enumerate(booked, 1):
        ours = Booked.of(row)
        values = row if isinstance(row, Mapping) else row._asdict()
        same = _take(left, number, ours, is_derived=bool(values.get("derived")))
        shop = lines[number - 1] if number <= len(lines) else None
        found.append(Side(shop if isinstance(shop, Mapping) else None, ours, same))
    return found + [Side(None, None, one) for _, one in left]


def _take(
    left: list[tuple[int | None, Booked]], number: int, ours: Booked, *, is_derived: bool
) -> Booked | None:
    """Take Exact's line out of what is left: by its number, or by amount if Exact made it."""
    for place, (line_no, one) in enumerate(left):
        same = one.amount == ours.amount and one.vat_code in ("", ours.vat_code)
        if same if is_derived else line_no == number:
            del left[place]
            return one
    return None


@dataclass(frozen=True, slots=True)
class Change:
    """A field that two versions of a document have differently."""

    field: str
    before: str
    after: str


def changes(before: Any, after: Any) -> list[Change]:
    """Return what differs between two versions, field by field."""
    old, new = flat(before), flat(after)
    return [
        Change(name, old.get(name, ""), new.get(name, ""))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]


def flat(value: Any, path: str = "") -> dict[str, str]:
    """Return every leaf of a record by its path, such as ``lines[1].amount``."""
    if isinstance(value, Mapping):
        parts = ((f"{path}.{name}" if path else str(name), one) for name, one in value.items())
    elif isinstance(value, list):
        parts = ((f"{path}[{number}]", one) for number, one in enumerate(value, 1))
    else:
        return {path: "" if value is None else str(value)}
    return {name: leaf for inner, one in parts for name, leaf in flat(one, inner).items()}
