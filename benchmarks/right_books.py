"""Is every document of a shop booked right, or refused with a reason?

Makes a shop with all kinds of unusual orders (partial invoices refunded by invoice, fixed product
tax, discounted shipping, several percentages, territories, weak currencies ...), books every
invoice and credit memo in each booking mode, and checks: debit = credit, debtor = grand_total,
VAT = tax_amount, the modes agree, and a random gap in the total is never booked.

    uv run benchmarks/right_books.py [--documents 20000] [--seed 1] [--show] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
from ruamel.yaml import YAML

from commerce_sandbox.data.buyers import Buyers
from commerce_sandbox.data.generator import dumps, sales
from commerce_sandbox.data.kinds import parse
from commerce_sandbox.data.numbers import Numbers
from commerce_sandbox.data.orders import show_order
from mapper_gl_rules.booking import Booked, Booker
from mapper_gl_rules.booking.day_view import day_entries
from mapper_gl_rules.booking.ledger_view import ledger_view
from mapper_gl_rules.money import minor_unit, practical_unit, rounded
from mapper_gl_rules.rules.loading import load_rules
from mapper_gl_rules.source.decoding import Decoder
from mapper_gl_rules.source.messages import encode_any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mapper_gl_rules.rules.model import Rules
    from mapper_gl_rules.source import Document

Kind = Literal["invoice", "credit_memo"]
ROOT = Path(__file__).resolve().parents[1]
STORES = {1: "nl", 2: "de", 3: "be", 4: "intl", 5: "b2b_nl", 6: "uk", 7: "jpy", 8: "idr", 9: "kwd"}
MODES = ("sales_entry", "sales_invoice", "daily_journal")
_ROUNDING = 5  # smallest units that the rules allow as a rounding line
KINDS: dict[str, Kind] = {"invoice": "invoice", "creditmemo": "credit_memo"}
CLEARING = {"name": "all methods", "when": {"line": "document"}, "book": {"clearing_gl": "1240"}}


class Made(NamedTuple):
    """One document of the generated shop, with its order."""

    kind: Kind
    document: dict[str, Any]
    raw: bytes


def documents(count: int, seed: int) -> Iterator[Made]:
    """Make documents until there are enough."""
    rng = Random(seed)  # noqa: S311  # reproducible data
    numbers = Numbers(alike=True)
    decode = msgspec.json.Decoder(float_hook=Decimal).decode
    made = 0
    for sale in sales(rng, Buyers(rng, count), numbers, count * 2, parse("everything")):
        order = decode(dumps(show_order(sale.order)))
        origin = {
            "instance": "shop",
            "store_code": STORES.get(order["store_id"], "nl"),
            "website_code": {5: "b2b", 6: "uk"}.get(order["store_id"], "base"),
            "timezone": "Europe/Amsterdam",
        }
        for name, document in sale.documents:
            if name not in KINDS:
                continue
            own = decode(dumps(document))
            record = {**own, "order": order, "source": origin}
            yield Made(KINDS[name], own, encode_any(record))
            made += 1
            if made == count:
                return


def rules_of(mode: str, folder: Path) -> Rules:
    """Give the example rules in one mode, with a clearing account for every payment method."""
    yaml = YAML()
    rules = yaml.load(ROOT / "examples" / "rules.yml")
    rules["settings"]["mode"] = mode
    rules["rules"].insert(0, CLEARING)
    path = folder / f"{mode}.yml"
    yaml.dump(rules, path)
    return load_rules(path)


class Checks:
    """Books documents and counts what is not as it must be."""

    def __init__(self, folder: Path, seed: int, *, show: bool) -> None:
        """Load the rules of each mode."""
        self.bookers = {mode: Booker(rules_of(mode, folder)) for mode in MODES}
        self.found: Counter[str] = Counter(
            dict.fromkeys(
                ("unbalanced", "wrong_total", "wrong_vat", "modes_differ", "gaps_booked"), 0
            )
        )
        self.reasons: Counter[str] = Counter()
        self._decoder = Decoder(base=False)
        self._rng = Random(seed)  # noqa: S311  # reproducible gaps
        self._show = show

    def book(self, mode: str, kind: Kind, document: Document) -> Booked:
        """Give the entry of a document, or its refusal."""
        return self.bookers[mode].document(kind, document)[0]

    def check(self, made: Made) -> None:
        """Check one document."""
        document = self._decoder.document(msgspec.Raw(made.raw))
        entry = self.book("sales_entry", made.kind, document)
        self.found["documents"] += 1
        if entry.stream == "refused_documents":
            self.found["skipped" if entry.record["skip"] else "refused"] += 1
            self.reasons[_without_figures(entry.record["reason"])] += 1
            return
        self.found["booked"] += 1
        self._check_entry(made, document, entry)
        self._check_modes(made, document, entry)
        self._check_gap(made, document, entry)

    def _check_entry(self, made: Made, document: Document, entry: Booked) -> None:
        unit = minor_unit(entry.record["currency"])
        sign = -1 if made.kind == "credit_memo" else 1
        totals, lines = entry.record["totals"], entry.record["lines"]
        view = ledger_view(entry, self.bookers["sales_entry"].rules)
        net = sum(Decimal(line["debit"]) - Decimal(line["credit"]) for line in view["lines"])
        self._note("unbalanced", made, net != 0)
        credited = sum(
            line["amount"] for line in lines if line["rule"] == "refunded as store credit"
        )
        owed = sign * rounded(document.grand_total, unit) + credited
        self._note("wrong_total", made, abs(totals["amount"] - owed) > (unit if credited else 0))
        stated = sign * rounded(document.tax_amount or Decimal(0), unit)
        # Goodwill has VAT inside by the rules; the shop states none.
        chosen = document.adjustment_positive
        self._note("wrong_vat", made, not chosen and totals["vat_amount"] != stated)

    def _check_modes(self, made: Made, document: Document, entry: Booked) -> None:
        sums = _by_code(entry.record, 1)
        for mode in MODES[1:]:
            other = self.book(mode, made.kind, document)
            if mode == "sales_invoice":
                differs = _by_code(other.record, 1) != sums
            else:
                differs = other.record.get("exchange_rate") != entry.record.get("exchange_rate")
                if other.stream == "summary_documents":
                    day = day_entries([other.record])[0].record
                    differs |= _by_code(day, -1) != sums
            self._note("modes_differ", made, differs)

    def _check_gap(self, made: Made, document: Document, entry: Booked) -> None:
        """A gap that no fact explains is refused, or named in a line."""
        step = practical_unit(document.order_currency_code or "", document.base_to_order_rate)
        # The shop does not state whether these are in the total: a gap as large explains itself.
        parts = [abs(line["amount"]) for line in entry.record["lines"] if not line.get("vat_code")]
        known = [sum(some) for n in range(len(parts)) for some in combinations(parts, n + 1)]
        size = Decimal(0)
        while not size or any(abs(size - one) <= _ROUNDING * step for one in known):
            size = self._rng.randint(_ROUNDING + 1, 2000) * step
        gap = self._rng.choice((-1, 1)) * size
        document.grand_total += gap
        found = self.book("sales_entry", made.kind, document)
        document.grand_total -= gap
        self._note("gaps_booked", made, found.stream != "refused_documents")

    def _note(self, what: str, made: Made, wrong: Any) -> None:
        if not wrong:
            return
        self.found[what] += 1
        if self._show:
            print(what, made.kind, made.raw.decode(), file=sys.stderr)


def _by_code(record: dict[str, Any], sign: int) -> dict[tuple[Any, ...], Decimal]:
    """Add up net and VAT by account and VAT code, revenue positive; without clearing lines."""
    sums: defaultdict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for line in record["lines"]:
        if line.get("role") == "clearing":
            continue
        key = (line["gl_account"], line.get("vat_code"))
        sums[*key, "net"] += sign * line["amount"]
        sums[*key, "vat"] += sign * (line.get("vat_amount") or 0)
    return {key: amount for key, amount in sums.items() if amount}


def _without_figures(reason: str) -> str:
    words = reason.partition(": ")[0].split()
    return " ".join("..." if any(map(str.isdigit, word)) else word for word in words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print wrong documents to stderr")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checks = Checks(Path(folder), options.seed, show=options.show)
        for made in documents(options.documents, options.seed):
            checks.check(made)
    for name, value in sorted(checks.found.items()):
        print(f"{name:16}{value:>10}")
    for text, count in checks.reasons.most_common():
        print(f"{count:>8}  {text}")
    if options.json:
        print(json.dumps({**checks.found, "reasons": dict(checks.reasons)}))


if __name__ == "__main__":
    main()
