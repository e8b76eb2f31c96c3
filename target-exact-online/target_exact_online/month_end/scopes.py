"""What a bridge is about: sales as a whole, and every account, VAT code, cost center and unit.

A line counts in several scopes at once, in the company's currency and in its own.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from target_exact_online.month_end.model import Effect
from target_exact_online.month_end.sides import ZERO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from target_exact_online.month_end.model import Step
    from target_exact_online.month_end.sides import Chart, Line

TOTAL = "total"
CENT = Decimal("0.01")
Scope = tuple[str, str]
"""Name of a scope, and a currency."""
Sums = dict[Scope, Decimal]


@dataclass(frozen=True, slots=True)
class Owned:
    """What of Exact's books belongs to the rules.

    Attributes:
        accounts: Accounts that documents of the ledger book on, debtors left out.
        sales: Those of them that sales book on, the clearing accounts left out.
        clearing: Accounts where the money of daily summaries is awaited.
        journals: Sales journals that documents of the ledger are in.
    """

    accounts: frozenset[str] = frozenset()
    sales: frozenset[str] = frozenset()
    clearing: frozenset[str] = frozenset()
    journals: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Books:
    """What decides in which scopes a line counts.

    Attributes:
        currency: The company's own, ISO 4217.
        chart: Exact's accounts.
        owned: What belongs to the rules.
    """

    currency: str
    chart: Chart
    owned: Owned

    def vat_account(self, code: str) -> str:
        """Return the account that the VAT of a code is booked on."""
        return self.chart.vat_accounts.get(code) or f"VAT {code}"

    @property
    def liabilities(self) -> frozenset[str]:
        """Balance sheet accounts that sales book on: gift cards, store credit, points."""
        vat = frozenset(self.chart.vat_accounts.values())
        return self.owned.sales - self.chart.profit_and_loss - vat

    def is_debtor(self, line: Line) -> bool:
        """Tell whether a line is the debtor's side of an entry."""
        return line.kind == "debtor" or line.account in self.chart.receivables

    def is_total(self, line: Line, *, sale: bool | None) -> bool:
        """Tell whether a line counts as sales.

        Args:
            line: A line that is not the debtor's.
            sale: Whether it belongs to a sale; None: to no document of ours.
        """
        if sale is None:
            return line.account in self.owned.sales
        return sale and line.account not in self.owned.clearing

    def scopes(
        self, line: Line, currency: str, *, sale: bool | None
    ) -> Iterator[tuple[Scope, Decimal]]:
        """Yield what a line adds to which scope; sales are positive.

        Args:
            line: The line.
            currency: Its document's.
            sale: As of `is_total`.
        """
        if line.kind == "line" and line.vat_code:
            yield (f"base:{line.vat_code}", currency), -line.amount
            yield (f"vat:{line.vat_code}", currency), -line.vat_amount
        if self.is_debtor(line):
            return
        names = [f"gl:{line.account}"]
        if self.is_total(line, sale=sale):
            names.append(TOTAL)
        if line.cost_center:
            names.append(f"cost_center:{line.cost_center}")
        if line.cost_unit:
            names.append(f"cost_unit:{line.cost_unit}")
        for name in names:
            yield (name, self.currency), -line.amount_dc
            if currency != self.currency:
                yield (name, currency), -line.amount


@dataclass(slots=True)
class Tally:
    """Sums of one side.

    Attributes:
        books: Decides where a line counts.
    """

    books: Books
    _lines: dict[tuple[Line, str, bool | None], list[Decimal]] = field(default_factory=dict)

    def add(self, lines: Iterable[Line], currency: str, *, sale: bool | None) -> None:
        """Add the lines of a document; see `Books.scopes`."""
        for line in lines:
            key = (_coding(line), currency, sale)
            sums = self._lines.get(key)
            if sums is None:
                self._lines[key] = [line.amount, line.amount_dc, line.vat_amount]
            else:
                sums[0] += line.amount
                sums[1] += line.amount_dc
                sums[2] += line.vat_amount

    def by_currency(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Return sales by currency: in it, and in the company's own."""
        sums: dict[str, tuple[Decimal, Decimal]] = {}
        for (line, currency, sale), (amount, amount_dc, _) in self._lines.items():
            if self.books.is_debtor(line) or not self.books.is_total(line, sale=sale):
                continue
            before = sums.get(currency, (Decimal("0.00"), Decimal("0.00")))
            sums[currency] = (before[0] - amount, before[1] - amount_dc)
        return sums

    def beside(self) -> Decimal:
        """Return what entries that are no sales book on accounts of sales; sales are positive."""
        return -sum(
            (
                amount_dc
                for (line, _, sale), (_, amount_dc, _) in self._lines.items()
                if sale is False and line.account in self.books.owned.sales
            ),
            Decimal("0.00"),
        )

    def by_coding(self) -> dict[tuple[str, str, str], Decimal]:
        """Return sums in the company's currency (debit positive), by account, center and unit."""
        sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for (line, _, _), (_, amount_dc, _) in self._lines.items():
            if not self.books.is_debtor(line):
                sums[line.coding] += amount_dc
        return dict(sums)

    def sums(self) -> Sums:
        """Return the sum of each scope."""
        sums: Sums = defaultdict(Decimal)
        for (line, currency, sale), (amount, amount_dc, vat) in self._lines.items():
            added = replace(line, amount=amount, amount_dc=amount_dc, vat_amount=vat)
            for scope, value in self.books.scopes(added, currency, sale=sale):
                sums[scope] += value
        return dict(sums)


def _coding(line: Line) -> Line:
    return type(line)(
        line.account,
        ZERO,
        ZERO,
        line.kind,
        line.vat_code,
        ZERO,
        line.cost_center,
        line.cost_unit,
    )


@dataclass(slots=True)
class Moves:
    """Lines that a difference takes out and puts in.

    Attributes:
        currency: Of the document.
        sale: As of `Books.is_total`.
        out: Lines that are not there any more.
        into: Lines that are there instead.
    """

    currency: str
    sale: bool | None
    out: tuple[Line, ...] = ()
    into: tuple[Line, ...] = ()

    def effects(self, books: Books, step: Step) -> tuple[Effect, ...]:
        """Return what the difference adds to each scope."""
        sums: Sums = defaultdict(Decimal)
        for lines, sign in ((self.out, -1), (self.into, 1)):
            for line in lines:
                for scope, amount in books.scopes(line, self.currency, sale=self.sale):
                    sums[scope] += sign * amount
        return tuple(
            Effect(scope=name, currency=currency, amount=amount, step=step)
            for (name, currency), amount in sorted(sums.items())
            if amount
        )


def in_total(effects: Iterable[Effect], currency: str) -> Decimal:
    """Return what effects add to the sales as a whole, in a currency."""
    found = (one.amount for one in effects if (one.scope, one.currency) == (TOTAL, currency))
    return sum(found, Decimal("0.00"))


@dataclass(slots=True)
class Rates:
    """Rates of documents for which none was recorded.

    Attributes:
        currency: The company's own.
        known: Returns Exact's rate for a currency on a day (ISO), or None.
        missing: Currencies without a rate, with how many lines.
    """

    currency: str
    known: Callable[[str, str], Decimal | None] = lambda _currency, _day: None
    missing: dict[str, int] = field(default_factory=dict)

    def own(self, amount: Decimal, currency: str, day: str, rate: Decimal | None = None) -> Decimal:
        """Return an amount in the company's currency."""
        if currency == self.currency:
            return amount
        rate = rate if rate is not None else self.known(currency, day)
        if rate is None:
            self.missing[currency] = self.missing.get(currency, 0) + 1
            return ZERO
        return (amount * rate).quantize(CENT)
