"""One comparison of a month: which sides are read how deep, and what is made of it."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from exact_online.errors import NotNowError
from target_exact_online.ledger import queries
from target_exact_online.month_end import books as ledger_side
from target_exact_online.month_end import bridge, controls, counts, shop, statements
from target_exact_online.month_end.bridge import Side
from target_exact_online.month_end.classes import YEAR_END
from target_exact_online.month_end.deferred import Deferred, deferred
from target_exact_online.month_end.model import DocumentRow, NotCompared, Result
from target_exact_online.month_end.order_facts import OrderFacts
from target_exact_online.month_end.pairing import Pairing, as_entry
from target_exact_online.month_end.people import People
from target_exact_online.month_end.proposals import fingerprint, propose
from target_exact_online.month_end.scopes import TOTAL, Books, Rates, Sums
from target_exact_online.month_end.shop_side import ShopSide, Span, only_ledger
from target_exact_online.month_end.statements_clearing import accounts_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from target_exact_online.ledger.store import Ledger
    from target_exact_online.month_end.books import Reader
    from target_exact_online.month_end.evidence import Evidence
    from target_exact_online.month_end.model import Finding, Proposal
    from target_exact_online.month_end.sides import Booked

Depth = Literal["sums", "lines", "full"]
SHIPMENTS = "shipments"
ZERO = Decimal("0.00")
_BANK = frozenset({40})
_HEADERS = {
    "sales_entries": "salesentry/SalesEntries",
    "general_journal_entries": "generaljournalentry/GeneralJournalEntries",
}
_WORST = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be compared.

    Attributes:
        depth: How deep at most; lines are read only where sums differ, unless they are at hand.
        messages: The shop's side as Singer messages, or None.
        span: Which documents of the shop were read; None: all that a month can hold.
        with_names: Whether people are named.
        now: The present moment (UTC).
        rounding_accounts: Accounts of rounding differences.
        rounding_limit: Cents a document that rounding may cost.
    """

    depth: Depth
    messages: Iterable[str | bytes] | None
    span: Span | None
    with_names: bool
    now: datetime
    rounding_accounts: frozenset[str] = frozenset()
    rounding_limit: Decimal = Decimal("0.01")


@dataclass(slots=True)
class Comparison:
    """A comparison under way.

    Attributes:
        ledger: The audit trail.
        evidence: Exact's side.
        wish: What is to be compared.
        reader: The ledger's documents.
        books: Decides where lines count.
        pairing: Ledger beside Exact.
        shop: Shop beside ledger, or None.
        left_out: What was not compared.
        facts: What was told of orders.
        deferred: What is deferred at the last day, or None when that is off.
        proposals: The entries that would defer it.
        clearing: Accounts where money is awaited.
    """

    ledger: Ledger
    evidence: Evidence
    wish: Wish
    reader: Reader
    books: Books
    rates: Rates
    pairing: Pairing = field(init=False)
    shop: ShopSide | None = None
    findings: list[Finding] = field(default_factory=list)
    left_out: list[NotCompared] = field(default_factory=list)
    resume_at: datetime | None = None
    depth: str = "none"
    exact: Side | None = None
    waiting: list[Booked] = field(default_factory=list)
    facts: OrderFacts = field(default_factory=OrderFacts)
    deferred: Deferred | None = None
    proposals: tuple[Proposal, ...] = ()
    clearing: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Prepare the comparison of lines."""
        people = People(self.wish.with_names, self.evidence.names)
        self.pairing = Pairing(self.evidence.month, self.books, self.reader, people)
        self.clearing = accounts_of(self.ledger, self.books, self.evidence.month)

    def run(self) -> Result:
        """Compare, and return what was found."""
        self._compare_shop()
        try:
            self._compare_exact()
        except NotNowError as error:
            self.resume_at = error.retry_at
            self._leave_out("the rest of Exact's side", str(error), blocking=True)
        return self._result()

    def _leave_out(self, what: str, why: str, *, blocking: bool = False) -> None:
        self.left_out.append(NotCompared(what=what, why=why, blocking=blocking))

    def _compare_shop(self) -> None:
        month, wish = self.evidence.month, self.wish
        if wish.messages is None:
            self.findings += only_ledger(self.reader, month, self.books, wish.now)
            self.waiting = list(self.reader.where(ledger_side.waiting(month)))
            self._leave_out(
                "the shop", "Give its documents by --shop FILE, or run the job reconcile-month."
            )
            return
        span = wish.span or Span.of(month)
        last_run = counts.last_run(self.ledger)
        side = ShopSide(month, self.books, self.reader, span, wish.now, last_run)
        side.read(shop.read(wish.messages, self.reader.lines, self.facts))
        side.rest()
        accounts = self.facts.accounts
        if accounts is not None and SHIPMENTS in self.facts.streams:
            self.deferred = deferred(self.facts, month, self.rates)
            self.proposals = propose(self.ledger, month, self.deferred.rows, accounts)
        self.shop, self.waiting = side, side.waiting
        self.findings += side.findings
        if side.other_rules:
            self._leave_out(
                f"the coding of {side.other_rules} documents against the shop",
                "They were booked by other rules than the shop's side was read with; their "
                "amounts agree. Map them with that version, too, to compare it.",
            )
        if side.of_ledger:
            self._leave_out(
                f"{side.of_ledger} payments of documents of other months against the shop",
                "Their documents are compared in their own month.",
            )

    def _compare_exact(self) -> None:
        evidence, depth = self.evidence, self.wish.depth
        evidence.read_sums()
        if evidence.reading is not None:
            accounts = sorted(self.books.liabilities | self.clearing)
            ids = {code: evidence.account_ids[code] for code in accounts
                   if code in evidence.account_ids}  # fmt: skip
            evidence.histories = evidence.reading.histories(evidence.month, ids)
            if depth == "full":
                evidence.items = evidence.reading.items()
        local = evidence.kind != "api"  # a mirror costs what changed, an audit file nothing
        if not local and (depth == "sums" or (depth == "lines" and self._sums_agree())):
            self._take_sums()
            return
        self._read_lines()

    def _sums_agree(self) -> bool:
        """Tell whether Exact's own sums are those of the ledger, on every account and center."""
        if self.evidence.balances is None:
            return False
        if not self.pairing.documents:
            self.pairing.read_ledger()
        ours = {key: sum_ for key, sum_ in self.pairing.ledger.by_coding().items() if sum_}
        theirs = {key: sum_ for key, sum_ in self._balances().items() if sum_}
        return ours == theirs

    def _balances(self) -> dict[tuple[str, str, str], Decimal]:
        """Return Exact's sums on the rules' accounts (debit positive), the year's end left out."""
        sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for row in self.evidence.balances or ():
            is_money = row.type in _BANK and not row.profit_and_loss
            counts = row.account in self.books.owned.accounts and row.type not in YEAR_END
            if counts and not is_money:
                sums[row.account, row.cost_center, row.cost_unit] += row.amount
        return dict(sums)

    def _take_sums(self) -> None:
        """Let Exact's own sums stand for its side."""
        if not self.pairing.documents:
            self.pairing.read_ledger()
        agree = self._sums_agree()
        currency = self.evidence.month.currency
        sums: Sums = {}
        if agree:
            sums = {
                scope: amount
                for scope, amount in self.pairing.ledger.sums().items()
                if scope[1] == currency and not scope[0].startswith(("vat:", "base:"))
            }
        else:
            for (account, center, unit), amount in self._balances().items():
                names = [f"gl:{account}"]
                names += [TOTAL] if account in self.books.owned.sales else []
                names += [f"cost_center:{center}"] if center else []
                names += [f"cost_unit:{unit}"] if unit else []
                for name in names:
                    sums[name, currency] = sums.get((name, currency), Decimal("0.00")) - amount
            # Entries about money may book on accounts of sales; they are no sales.
            sums[TOTAL, currency] = sums.get((TOTAL, currency), ZERO) - self.pairing.ledger.beside()
        self.depth = "sums"
        self.exact = Side(sums, None, self._label("sums"), partial=True)
        self._leave_out(
            "VAT codes, debtors and dates of single entries",
            "Exact's sums do not show them. Keep a mirror (--source mirror) or use --depth full.",
            blocking=not agree,
        )

    def _label(self, how: str) -> str:
        calls = self.evidence.calls().total
        return f"Exact ({self.evidence.source}, {how}, {calls} calls)"

    def _read_lines(self) -> None:
        evidence, wish = self.evidence, self.wish
        people = People(wish.with_names, evidence.names)
        self.pairing = Pairing(evidence.month, self.books, self.reader, people)
        self.pairing.filed_at = None if evidence.vat_filed is None else evidence.vat_filed.at
        lines = evidence.read_lines()
        self.books.chart.vat_accounts.update(
            {
                code: account
                for code, account in lines.vat_accounts().items()
                if code not in self.books.chart.vat_accounts
            }
        )
        pairing = self.pairing
        people.names = evidence.user_names()
        pairing.read_lines(lines, by_number=evidence.by_number)
        missing = pairing.missing()
        pairing.settle_moved(
            missing, lines.elsewhere(one.exact_id for one in missing.values() if one.exact_id)
        )
        unprinted = self._ask_headers(missing, lines_know=lines.moving)
        pairing.settle_deleted(missing.values(), lines, unprinted)
        pairing.judge_strangers(self.waiting)
        self.findings += pairing.findings
        self.depth = wish.depth if wish.depth == "full" else "lines"
        self.exact = Side(pairing.exact.sums(), None, self._label("lines"))
        self._check_complete()
        for note in evidence.notes:
            self._leave_out("a part of Exact's side", note)
        if pairing.unsure:
            self._leave_out(
                f"{len(pairing.unsure)} entries whose header Exact has, but whose lines it did "
                "not show",
                f"Compare again later: {', '.join(pairing.unsure[:5])}.",
                blocking=True,
            )

    def _ask_headers(self, missing: dict[str, Booked], *, lines_know: bool) -> list[str]:
        """Ask Exact where the missing entries are; return invoices that are not printed."""
        evidence = self.evidence
        if evidence.reading is None or (lines_know and self.wish.depth != "full"):
            return self._unprinted(missing)
        for stream, resource in _HEADERS.items():
            ids = [one.exact_id for one in missing.values() if one.stream == stream]
            found = evidence.reading.headers(resource, ids) if ids else {}
            entries = {key: as_entry(one, "") for key, one in found.items()}
            self.pairing.settle_moved(missing, entries)
        return self._unprinted(missing)

    def _unprinted(self, missing: dict[str, Booked]) -> list[str]:
        ids = {one.exact_id: one.key for one in missing.values() if one.stream == "sales_invoices"}
        if not ids or self.evidence.reading is None:
            return []
        return [ids[one] for one in self.evidence.reading.open_invoices(ids)]

    def _check_complete(self) -> None:
        """Check that the lines add up to Exact's own sums: else some of them were not read."""
        if self.evidence.balances is None:
            return
        own: dict[str, Decimal] = defaultdict(Decimal)
        counts: Counter[str] = Counter()
        for row in self.evidence.balances:
            if row.account in self.books.owned.accounts and row.type not in YEAR_END:
                own[row.account] += row.amount
                counts[row.account] += row.count
        for account in sorted(own.keys() | self.pairing.entries.keys()):
            count, summed = self.pairing.entries.get(account, [Decimal(0), Decimal(0)])
            if (counts[account], own[account]) != (int(count), summed):
                self._leave_out(
                    f"some lines on {account}",
                    f"Exact's own sum is {own[account]} of {counts[account]} lines; "
                    f"{summed} of {count} lines were read. Compare again.",
                    blocking=True,
                )

    def _result(self) -> Result:
        evidence, month = self.evidence, self.evidence.month
        pairing = self.pairing
        if not pairing.documents:
            pairing.read_ledger()
        self.findings += self._controls()
        found = tuple(sorted(self.findings, key=_order))
        steps = bridge.steps_of(found)
        ledger_count = counts.sales(self.ledger, month)
        shop_side = self.shop
        bridges = bridge.build(
            steps,
            None
            if shop_side is None
            else Side(shop_side.shop.sums(), shop_side.sales, "Shop: documents of the month"),
            Side(pairing.ledger.sums(), ledger_count, "Ledger"),
            self.exact,
            month.currency,
            self.books.chart.names,
        )
        if self.rates.missing:
            named = ", ".join(f"{count} lines in {code}" for code, count in
                              sorted(self.rates.missing.items()))  # fmt: skip
            self._leave_out(f"{named}, in {month.currency}", "No rate is known for them.")
        result = Result(
            division=month.division,
            company=evidence.company,
            year=month.year,
            period=month.period,
            first=month.first,
            last=month.last,
            currency=month.currency,
            made_at=self.wish.now,
            source=evidence.source,
            depth=self.depth,
            findings=found,
            bridges=bridges,
            documents=tuple(self._documents(found)),
            returns=evidence.returns,
            open_journals=evidence.open_journals,
            calls=evidence.calls(),
            not_compared=tuple(self.left_out),
            rules_versions=counts.rules_versions(self.ledger, month),
            inputs_hash=self._inputs_hash(),
            ledger_state=ledger_side.fingerprint(self.ledger, month),
            exact_state=evidence.mirror_state(),
            proposals=self.proposals,
            chain_head=queries.head(self.ledger)[1],
            resume_at=self.resume_at,
        )
        return replace(result, statements=statements.build(self, result))

    def _controls(self) -> list[Finding]:
        """Return what the checks beside the bridges found."""
        evidence, wish, month = self.evidence, self.wish, self.evidence.month
        sums = self.pairing.ledger.sums()
        return [
            *controls.debtors(evidence),
            *controls.after_filing(evidence, self.findings),
            *controls.rounding(
                wish.rounding_accounts,
                wish.rounding_limit,
                sums,
                len(self.pairing.documents),
                month,
            ),
            *controls.lists(self.ledger, self.books, month, evidence.has_number),
        ]

    def _documents(self, found: Iterable[Finding]) -> Iterable[DocumentRow]:
        codes: dict[str, set[str]] = {}
        for found_one in found:
            codes.setdefault(found_one.document_key, set()).add(found_one.code)
        amounts = {} if self.shop is None else self.shop.amounts
        members = {} if self.shop is None else self.shop.members
        seen = self.pairing.documents
        seen.update(members)
        others = {one.key: one for one in self.waiting}
        for key in sorted(seen.keys() | amounts.keys() | others.keys()):
            mine = seen.pop(key, None)  # two forms of all documents at once cost too much memory
            known = mine or others.get(key)
            if known is None:
                continue  # of another month
            yield DocumentRow(
                document_key=key,
                number=known.number,
                kind=known.kind,
                store=known.store,
                entry_date=known.entry_date,
                currency=known.currency,
                shop=amounts.get(key),
                ledger=None if mine is None else mine.ledger,
                exact=None if mine is None else mine.exact,
                state=known.state,
                entry="" if mine is None else mine.entry,
                codes=tuple(sorted(codes.get(key, ()))),
            )

    def _inputs_hash(self) -> str:
        """Return the fingerprint of everything that was compared."""
        parts = [
            ledger_side.fingerprint(self.ledger, self.evidence.month),
            self.evidence.fingerprint(),
            "" if self.shop is None else f"{self.shop.content:x}",
            *(f"{one.name}/{fingerprint(one)}" for one in self.proposals),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _order(one: Finding) -> tuple[int, str, str, str]:
    return _WORST[one.severity], one.code, one.document_key, one.entry
