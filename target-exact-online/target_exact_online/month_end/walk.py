"""From the lines that were posted to the lines that Exact has, one difference at a time.

A changed line is walked from what was posted to what Exact has: first its coding, then its VAT,
then its amounts, then its rate. Each part of the way is a difference of its own, so that the parts
always add up to the whole.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from target_exact_online.month_end.scopes import Moves
from target_exact_online.month_end.sides import NOBODY, ZERO, Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from target_exact_online.month_end.model import Severity
    from target_exact_online.month_end.scopes import Books
    from target_exact_online.month_end.sides import Booked, Entry, Stamp

CENT = Decimal("0.01")
_PROPOSALS = {
    "E1": "If it was a mistake: `documents replay --again KEY` books it again.",
    "E2": "Correct the entry in Exact, or correct the document in the shop.",
    "E3": "Correct the line in Exact, or correct the rules.",
    "E4": "Correct the VAT in Exact; a filed return needs a correction.",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference before it is told to people.

    Attributes:
        code: Its class.
        cause: What happened, in one sentence.
        moves: What it takes out and puts in.
        field: What differs.
        ours: The value as it should be.
        theirs: The value that was found.
        line: Number of the line, or None.
        stamp: Who made and changed the line.
        severity: When it is not that of its class.
        proposal: What to do.
    """

    code: str
    cause: str
    moves: Moves
    field: str = ""
    ours: str = ""
    theirs: str = ""
    line: int | None = None
    stamp: Stamp = NOBODY
    severity: Severity | None = None
    proposal: str = ""


@dataclass(slots=True)
class Walk:
    """From the lines that were posted to the lines that Exact has."""

    booked: Booked
    entry: Entry
    books: Books
    _found: list[Difference] = field(default_factory=list)
    _rates: list[tuple[Line, Line]] = field(default_factory=list)
    _vat: dict[tuple[str, str], list[Decimal]] = field(
        default_factory=lambda: defaultdict(lambda: [Decimal(0), Decimal(0)])
    )

    def differences(self) -> list[Difference]:
        """Return all of them; what they move adds up to the difference of the two."""
        ours, theirs = self._plain(self.booked.lines), self._plain(self.entry.lines)
        for mine, other in _pairs(ours, theirs):
            self._walk(mine, other)
        self._rest_of_vat()
        self._rate()
        return self._found

    def _plain(self, lines: Sequence[Line]) -> list[Line]:
        return [line for line in lines if line.kind == "line"]

    def _add(
        self,
        code: str,
        cause: str,
        out: Sequence[Line],
        into: Sequence[Line],
        what: str,
        values: tuple[str, str],
        *,
        line: Line | None,
        severity: Severity | None = None,
    ) -> None:
        moves = Moves(self.booked.currency, self.booked.is_sale, tuple(out), tuple(into))
        known = line is not None and line.stamp is not NOBODY
        self._found.append(
            Difference(
                code,
                cause,
                moves,
                what,
                values[0],
                values[1],
                line.number if line is not None else None,
                line.stamp if line is not None and known else self.entry.stamp,
                severity,
                _PROPOSALS.get(code, ""),
            )
        )

    def _walk(self, mine: Line | None, other: Line | None) -> None:
        if mine is None and other is not None:
            cause = "A line was added."
            self._amounts(cause, None, other, "line", ("", _told(other)), other)
        elif other is None and mine is not None:
            cause = "A line was removed."
            self._amounts(cause, mine, None, "line", (_told(mine), ""), None)
        elif mine is not None and other is not None:
            self._change(mine, other)

    def _change(self, mine: Line, other: Line) -> None:
        """Walk one line: coding, VAT, amounts, rate."""
        at = mine
        if mine.coding != other.coding:
            names = ("gl_account", "cost_center", "cost_unit")
            changed = [
                (name, was, now)
                for name, was, now in zip(names, mine.coding, other.coding, strict=True)
                if was != now
            ]
            at = replace(
                at,
                account=other.account,
                cost_center=other.cost_center,
                cost_unit=other.cost_unit,
            )
            what = ", ".join(name for name, _, _ in changed)
            values = (
                ", ".join(was or "none" for _, was, _ in changed),
                ", ".join(now or "none" for _, _, now in changed),
            )
            cause = f"The line of {abs(mine.amount)} was booked on {values[0]}, now {values[1]}."
            self._add("E3", cause, [mine], [at], what, values, line=other)
        same_amount = mine.amount == other.amount
        if at.vat_code != other.vat_code or (same_amount and at.vat_amount != other.vat_amount):
            vat = other.vat_amount if same_amount else at.vat_amount
            after = replace(at, vat_code=other.vat_code, vat_amount=vat)
            values = (_vat(at), _vat(after))
            cause = f"The VAT of the line of {abs(mine.amount)} was {values[0]}, now {values[1]}."
            out, into = self._with_vat(at, after)
            what = "vat_code" if at.vat_code != after.vat_code else "vat_amount"
            self._add("E4", cause, out, into, what, values, line=other)
            at = after
        if not same_amount:
            values = (str(-at.amount), str(-other.amount))
            cause = f"The amount of the line was {values[0]}, now {values[1]}."
            self._amounts(cause, at, other, "amount", values, other)
        elif at.amount_dc != other.amount_dc:
            self._rates.append((at, other))

    def _amounts(
        self,
        cause: str,
        mine: Line | None,
        other: Line | None,
        what: str,
        values: tuple[str, str],
        line: Line | None,
    ) -> None:
        out, into = self._with_vat(mine, other)
        self._add("E2", cause, out, into, what, values, line=line)

    def _with_vat(self, before: Line | None, after: Line | None) -> tuple[list[Line], list[Line]]:
        """Return the lines of a change, with the VAT that Exact books for them."""
        out, into = [] if before is None else [before], [] if after is None else [after]
        for lines, sign in ((out, -1), (into, 1)):
            for line in tuple(lines):
                if not line.vat_amount:
                    continue
                vat = self._vat_line(line)
                lines.append(vat)
                sums = self._vat[vat.account, vat.vat_code]
                sums[0] += sign * vat.amount
                sums[1] += sign * vat.amount_dc
        return out, into

    def _vat_line(self, line: Line) -> Line:
        rate = line.amount_dc / line.amount if line.amount else Decimal(1)
        if self.booked.currency == self.books.currency:
            rate = Decimal(1)
        return Line(
            self.books.vat_account(line.vat_code),
            line.vat_amount,
            (line.vat_amount * rate).quantize(CENT),
            "vat",
            line.vat_code,
        )

    def _rest_of_vat(self) -> None:
        """Find what of Exact's VAT lines the changed lines do not explain."""
        rest: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
        # An audit file does not tell whose code's VAT a VAT line is.
        lines = self.entry.lines
        codeless = {one.account for one in lines if one.kind == "vat" and not one.vat_code}
        for lines, sign in ((self.booked.lines, -1), (self.entry.lines, 1)):
            for line in lines:
                if line.kind == "vat":
                    sums = rest[line.account, "" if line.account in codeless else line.vat_code]
                    sums[0] += sign * line.amount
                    sums[1] += sign * line.amount_dc
        for (account, code), (amount, amount_dc) in self._vat.items():
            sums = rest[account, "" if account in codeless else code]
            sums[0] -= amount
            sums[1] -= amount_dc
        edited: list[Line] = []
        for (account, code), (amount, amount_dc) in sorted(rest.items()):
            line = Line(account, amount, amount_dc, "vat", code)
            if amount:
                edited.append(line)
            elif amount_dc:
                self._rates.append((replace(line, amount_dc=ZERO), line))
        if edited:
            told = ", ".join(f"{one.account} {one.vat_code}: {-one.amount}" for one in edited)
            cause = f"The VAT that is booked is not that of the lines ({told})."
            self._add("E4", cause, (), edited, "vat_line", ("", told), line=None)

    def _rate(self) -> None:
        if not self._rates:
            return
        out, into = [one for one, _ in self._rates], [other for _, other in self._rates]
        off = [abs(other.amount_dc - one.amount_dc) for one, other in self._rates]
        rounding = max(off) <= CENT
        values = (str(_dc(out)), str(_dc(into)))
        if rounding:
            cause = "Rounding in the company's currency: a cent a line at most."
        else:
            cause = "The amounts agree in the document's currency, not in the company's."
        severity: Severity | None = "info" if rounding else None
        self._add("S8", cause, out, into, "amount_dc", values, line=None, severity=severity)


def _dc(lines: Sequence[Line]) -> Decimal:
    return -sum((line.amount_dc for line in lines), ZERO)


def _vat(line: Line) -> str:
    return f"{line.vat_code or 'no code'} ({-line.vat_amount})"


def _told(line: Line) -> str:
    code = f" VAT {line.vat_code}" if line.vat_code else ""
    return f"{line.account} {-line.amount}{code}"


def _pairs(
    ours: Sequence[Line], theirs: Sequence[Line]
) -> Iterable[tuple[Line | None, Line | None]]:
    """Pair lines: those that are equal, then those with one number, then the likest ones."""
    rest = list(theirs)
    left: list[Line] = []
    for line in ours:
        equal = next((one for one in rest if _content(one) == _content(line)), None)
        if equal is None:
            left.append(line)
            continue
        rest.remove(equal)
        if equal.amount_dc != line.amount_dc:
            yield line, equal
    unmatched: list[Line] = []
    for line in left:
        same = next((one for one in rest if one.number == line.number), None)
        if same is None:
            unmatched.append(line)
        else:
            rest.remove(same)
            yield line, same
    for line in unmatched:
        likest = max(rest, key=lambda one: _likeness(one, line), default=None)
        if likest is None or not _likeness(likest, line):
            yield line, None
        else:
            rest.remove(likest)
            yield line, likest
    for line in rest:
        yield None, line


def _content(line: Line) -> tuple[object, ...]:
    return (*line.coding, line.vat_code, line.amount, line.vat_amount)


def _likeness(one: Line, other: Line) -> int:
    return sum(a == b for a, b in zip(_content(one), _content(other), strict=True) if a)
