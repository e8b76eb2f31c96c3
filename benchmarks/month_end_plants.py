"""Ten things that happen to the books or to the shop, and what an accountant must be told."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from month_end_books import CENT, cents, payment, record
from month_end_offline import LAST_DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from month_end_books import Bench


@dataclass(frozen=True)
class Plant:
    """Something that happened, and what must be told of it.

    Attributes:
        name: What happened.
        expected: Classes by month; a month that is not named shows nothing new.
        shown: Month, number of a control statement, and text that one of its rows must hold.
    """

    name: str
    expected: dict[str, list[str]] = field(default_factory=dict)
    shown: tuple[tuple[str, int, str], ...] = ()


@dataclass
class Scene:
    """Where the ten things happen: the bench, a person in Exact, and invoices nobody touched.

    Attributes:
        filed: Whether the VAT return of October is filed.
    """

    bench: Bench
    filed: bool = False

    def __post_init__(self) -> None:
        """Pick invoices of October; the first of its last day is kept for what needs it."""
        self.bea = self.bench.sandbox.bookkeeper("Bea")
        october = [
            one
            for stream, one in self.bench.shop.values()
            if stream == "sales_entries"
            and one["entry_date"][:7] == "2026-10"
            and one["kind"] == "invoice"
            and one["lines"][0]["vat_code"] == "21"
            and len(one["lines"]) > 1
        ]
        late = (one["your_ref"] for one in october if one["entry_date"] == LAST_DAY.isoformat())
        self.last = next(late)
        self.free = iter(one["your_ref"] for one in october if one["your_ref"] != self.last)


def _deleted(scene: Scene) -> Plant:
    scene.bea.delete(next(scene.free))
    return Plant("1 deleted", {"2026-10": ["E1"]})


def _typed_again(scene: Scene) -> Plant:
    scene.bea.type_entry(like=next(scene.free))
    return Plant("2 typed again", {"2026-10": ["E7"]})


def _other_account(scene: Scene) -> Plant:
    scene.bea.edit(next(scene.free), {1: {"gl_account": "8070"}})
    return Plant("3 GL account", {"2026-10": ["E3"]})


def _other_vat_code(scene: Scene) -> Plant:
    scene.bea.file_return("vat", 2026, 10)
    scene.filed = True
    scene.bench.sandbox.advance(3600)
    scene.bea.edit(next(scene.free), {1: {"vat_code": "9"}})
    return Plant("4 VAT code after filing", {"2026-10": ["E4", "B3"]})


def _other_cost_center(scene: Scene) -> Plant:
    scene.bea.edit(next(scene.free), {1: {"cost_center": "STORE"}})
    return Plant("5 cost center", {"2026-10": ["E3"]})


def _moved(scene: Scene) -> Plant:
    scene.bea.edit(scene.last, date="2026-11-01")
    late = ["B3"] if scene.filed else []
    return Plant("6 moved", {"2026-10": ["E5", *late], "2026-11": ["E5"]})


def _manual_journals(scene: Scene) -> Plant:
    for account, amount in (("8000", -500), ("1700", 30)):
        lines = [
            {"gl_account": account, "amount": amount},
            {"gl_account": "1990", "amount": -amount},
        ]
        scene.bea.type_entry(lines, date="2026-10-15")
    return Plant("7 manual journals", {"2026-10": ["X3", "X3"]}, (("2026-10", 4, "-30.00"),))


def _changed_in_shop(scene: Scene) -> Plant:
    """Change an invoice and import a credit memo; no change time moves."""
    bench = scene.bench
    key = f"shop:nl:invoice:{next(scene.free)}"
    stream, one = bench.shop[key]
    line = one["lines"][0]
    more = cents(Decimal(str(line["amount"])) + 10)
    vat = cents(Decimal(str(line["vat_amount"])) + Decimal("2.10"))
    totals = one["totals"]
    bench.shop[key] = (
        stream,
        one
        | {
            "lines": [line | {"amount": more, "vat_amount": vat}, *one["lines"][1:]],
            "totals": {
                "amount": cents(Decimal(str(totals["amount"])) + Decimal("12.10")),
                "vat_amount": cents(Decimal(str(totals["vat_amount"])) + Decimal("2.10")),
                "net_amount": cents(Decimal(str(totals["net_amount"])) + 10),
            },
        },
    )
    memo = record(900_000_009, date(2026, 10, 20), random.Random(1))  # noqa: S311
    bench.shop[memo["document_key"]] = "sales_entries", memo
    return Plant("8 shop without updated_at", {"2026-10": ["S4", "S1"]})


def _late_money(scene: Scene) -> Plant:
    """Capture the money of an October invoice in November."""
    bench = scene.bench
    paid = {one["pays"] for _, one in bench.shop.values() if "pays" in one}
    of = next(
        one
        for key, (_, one) in reversed(bench.shop.items())
        if one.get("kind") == "invoice"
        and one["currency"] == "EUR"
        and one["entry_date"][:7] == "2026-10"
        and key not in paid
    )
    bench.post([("general_journal_entries", payment(of, date(2026, 11, 1)))])
    shown = (("2026-10", 5, of["document_key"]), ("2026-10", 7, "in transit"))
    return Plant("9 late capture", {}, shown)


def _at_the_edge(scene: Scene) -> Plant:
    """Take back an OSS sale of the quarter before; invoice a minute before midnight in UTC."""
    bench = scene.bench
    sold = next(
        one
        for _, one in bench.shop.values()
        if one["kind" if "kind" in one else "journal"] == "invoice"
        and one["lines"][0].get("supply") == "oss"
        and one["entry_date"] < "2026-10"
    )
    memo = record(900_000_019, date(2026, 11, 2), random.Random(3))  # noqa: S311
    memo["source"]["order_increment_id"] = sold["source"]["order_increment_id"]
    line = memo["lines"][0] | {
        name: sold["lines"][0][name]
        for name in ("gl_account", "vat_code", "vat_percentage", "supply", "country")
    }
    net = Decimal(str(line["amount"]))
    vat = (net * line["vat_percentage"] / 100).quantize(CENT)
    memo["lines"] = [line | {"vat_amount": cents(vat)}]
    memo["totals"] = {
        "amount": cents(net + vat),
        "vat_amount": cents(vat),
        "net_amount": cents(net),
    }
    memo = {name: one for name, one in memo.items() if name != "exchange_rate"}
    memo |= {"currency": "EUR", "debtor": {"code": "10"}}
    late = record(900_000_030, date(2026, 11, 1), random.Random(4))  # noqa: S311
    late["source"]["created_at"] = "2026-10-31T23:30:00Z"
    bench.post([("sales_entries", memo), ("sales_entries", late)])
    return Plant(
        "10 quarter before, and local time",
        {},
        (
            ("2026-11", 2, "correction of 2026-Q3"),
            ("2026-10", 7, "2026-10-31 23:30 in UTC"),
        ),
    )


PLANTS: tuple[Callable[[Scene], Plant], ...] = (
    _deleted, _typed_again, _other_account, _other_vat_code, _other_cost_center,
    _moved, _manual_journals, _changed_in_shop, _late_money, _at_the_edge,
)  # fmt: skip
