"""Shop beside ledger, document after document, in one pass over the shop's messages."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from target_exact_online.month_end import books as ledger_side
from target_exact_online.month_end import cut_off, shop_classes
from target_exact_online.month_end.classes import finding
from target_exact_online.month_end.pairing import Seen, seen
from target_exact_online.month_end.proposals import OWN_KINDS
from target_exact_online.month_end.scopes import Moves, Tally
from target_exact_online.month_end.sides import Booked
from target_exact_online.month_end.walk import Difference

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from target_exact_online.month_end.books import Reader
    from target_exact_online.month_end.model import Finding
    from target_exact_online.month_end.scopes import Books
    from target_exact_online.month_end.sides import Line, Month, Sale

_CHUNK = 500
_SUMMARY = "summary_documents"
_ZONES = timedelta(hours=14)  # no local day begins earlier, in UTC


@dataclass(frozen=True, slots=True)
class Span:
    """Which documents of the shop were read, by when the shop made them (UTC).

    Attributes:
        since: From this moment on.
        until: Before this moment.
    """

    since: datetime
    until: datetime

    @classmethod
    def of(cls, month: Month) -> Span:
        """Return a span that holds every local day of a month, in whatever time zone."""
        first = datetime.combine(month.first, time(), UTC)
        after = datetime.combine(month.last + timedelta(days=1), time(), UTC)
        return cls(first - _ZONES, after + _ZONES)


@dataclass(slots=True)
class ShopSide:
    """What was found of the shop's side.

    Attributes:
        month: The month.
        books: Decides where lines count.
        reader: The ledger's documents.
        span: What was read.
        now: The present moment.
        last_run: When the last run of the target that ended had begun, or None.
        shop: Sums of the shop.
        findings: The differences.
        amounts: The shop's amount of each document of the month, by key.
        members: Facts of the documents behind the entries of days, by key.
        waiting: Documents that are not posted, or not in the ledger.
        other_rules: How many documents were read with other rules than those that booked them.
        of_ledger: How many documents about money were taken from the ledger.
        edges: Documents at the edge of the month.
        sales: Invoices and credit memos of the month.
        methods: Payment methods of the money on each account, or of the sales summed up there.
    """

    month: Month
    books: Books
    reader: Reader
    span: Span
    now: datetime
    last_run: datetime | None
    shop: Tally = field(init=False)
    findings: list[Finding] = field(default_factory=list)
    amounts: dict[str, Decimal] = field(default_factory=dict)
    members: dict[str, Seen] = field(default_factory=dict)
    waiting: list[Booked] = field(default_factory=list)
    other_rules: int = 0
    of_ledger: int = 0
    edges: list[cut_off.Edge] = field(default_factory=list)
    sales: int = 0
    methods: dict[str, set[str]] = field(default_factory=dict)
    content: int = 0
    latest: datetime | None = None
    _seen: set[str] = field(default_factory=set)
    _entities: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with empty sums."""
        self.shop = Tally(self.books)

    def read(self, sales: Iterable[Sale]) -> None:
        """Compare all documents that the shop has.

        Args:
            sales: The documents.
        """
        documents = iter(sales)
        while chunk := list(itertools.islice(documents, _CHUNK)):
            mine = [one for one in chunk if one.division in (0, self.month.division) and one.key]
            keys = {form for one in mine for form in (one.key, self._other(one.key))}
            known = self.reader.by_key(keys)
            for sale, booked in self._chosen(mine, known):
                self._judge(sale, booked)

    def _other(self, key: str) -> str:
        return f"{key}@{self.month.division}"

    def _chosen(
        self, sales: Iterable[Sale], known: dict[str, Booked]
    ) -> Iterable[tuple[Sale, Booked | None]]:
        """Yield each document once: as the rules see it that booked it, where that was read."""
        by_key: dict[str, Sale] = {}
        booked_as: dict[str, Booked | None] = {}
        for sale in sales:
            booked = known.get(self._other(sale.key)) or known.get(sale.key)
            booked_as[sale.key] = booked
            before = by_key.get(sale.key)
            if before is None or (booked and sale.rules_version == booked.rules_version):
                by_key[sale.key] = sale
        return [(sale, booked_as[key]) for key, sale in by_key.items()]

    def _judge(self, sale: Sale, booked: Booked | None) -> None:
        if sale.key in self._seen:
            return
        self._seen.add(sale.key)
        if booked is not None:
            self._seen.add(booked.key)
        if sale.entity_id and sale.is_sale:
            self._entities[hash((sale.kind, sale.store, sale.entity_id))] = sale.key
        if sale.extracted_at is not None:
            self.latest = max(self.latest or sale.extracted_at, sale.extracted_at)
        judged = shop_classes.judge(sale, booked, self.month, self.now, self.last_run)
        if judged.counts:
            self.shop.add(judged.lines, sale.currency, sale=sale.is_sale)
            self.amounts[sale.key if booked is None else booked.key] = _shared(sale, booked)
            self.sales += sale.is_sale
            self._note_method(sale, judged.lines)
            self.content ^= _number(f"{sale.key}\0{sale.content}")
            if booked is not None and booked.stream == _SUMMARY:
                self.members[booked.key] = seen(booked)
        self.other_rules += judged.other_rules
        if judged.difference is not None:
            self._tell(judged.difference, booked or as_booked(sale, self.month))
            if judged.counts and (booked is None or booked.state != "posted"):
                self.waiting.append(booked or as_booked(sale, self.month))
        if (found := cut_off.edge(sale, self.month)) is not None:
            self.edges.append(found)

    def _note_method(self, sale: Sale, lines: Iterable[Line]) -> None:
        if sale.method and (not sale.is_sale or sale.stream == _SUMMARY):
            for line in lines:
                self.methods.setdefault(line.account, set()).add(sale.method)

    def _tell(self, one: Difference, booked: Booked) -> None:
        self.findings.append(finding(one, self.books, "shop_to_ledger", booked=booked))

    def rest(self) -> None:
        """Tell which posted documents of the month the shop does not have."""
        until = min(self.span.until, self.latest or self.span.until)
        keys = self.reader.keys(ledger_side.posted(self.month))
        unseen = self.reader.by_key(key for key in keys if key not in self._seen)
        for booked in unseen.values():
            if booked.kind == "day":
                continue
            if booked.kind in OWN_KINDS:  # a person approved it: no shop has it
                self.shop.add(booked.lines, booked.currency, sale=False)
                continue
            made = booked.created_at
            was_read = made is not None and self.span.since <= made < until
            twin = self._entities.get(hash((booked.kind, booked.store, booked.entity_id)), "")
            if twin:
                self._tell(shop_classes.gone(booked, twin=twin), booked)
            elif was_read:
                self._tell(shop_classes.gone(booked), booked)
            elif booked.is_sale:
                self._tell(shop_classes.from_elsewhere(booked), booked)
            else:  # money of a document that another month has
                self.of_ledger += 1
                self.shop.add(booked.lines, booked.currency, sale=False)


def only_ledger(reader: Reader, month: Month, books: Books, now: datetime) -> list[Finding]:
    """Return which documents of the ledger are not posted, when the shop was not read.

    Args:
        reader: The ledger's documents.
        month: The month.
        books: Decides where lines count.
        now: The present moment.
    """
    found = []
    for booked in reader.where(ledger_side.waiting(month)):
        moves = Moves(booked.currency, booked.is_sale)
        amount = "" if booked.amount is None else str(booked.amount)
        if booked.state == "skipped":
            cause = f"Nothing is booked for it: {booked.reason or 'a person decided so'}."
            one = Difference("S3", cause, moves, "", amount, "skipped")
        else:
            one = shop_classes.waits(booked, moves, amount, now)
        found.append(finding(one, books, "shop_to_ledger", booked=booked))
    return found


def as_booked(sale: Sale, month: Month) -> Booked:
    """Return a document that the ledger does not have, in the form of one that it has."""
    return Booked(
        key=sale.key,
        stream=sale.stream,
        kind=sale.kind,
        state="",
        number=sale.number,
        order_number=sale.order_number,
        store=sale.store,
        entry_date=sale.entry_date,
        year=month.year,
        period=month.period,
        currency=sale.currency,
        amount=sale.amount,
        journal=sale.journal,
        reference=sale.number,
        rules_version=sale.rules_version,
        created_at=sale.created_at,
        lines=sale.lines,
    )


def _shared(sale: Sale, booked: Booked | None) -> Decimal:
    """Return the shop's amount: the ledger's object where they are equal, to save memory."""
    if booked is not None and booked.amount is not None and booked.amount == sale.amount:
        return booked.amount
    return sale.amount


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest())
