"""Every cent between two sides falls into one class, whatever people did to an entry."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from target_exact_online.month_end.classes import TITLES, compare, finding
from target_exact_online.month_end.model import ZERO
from target_exact_online.month_end.scopes import Books, Owned, Tally
from target_exact_online.month_end.sides import Booked, Chart, Entry, Line, Month

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_exact_online.month_end.scopes import Sums

ACCOUNTS = ("8000", "8010", "8070", "1700", "4990")
CODES = {"21": "1500", "9": "1501", "D19": "1520"}
CHART = Chart(
    receivables=frozenset({"1300"}),
    vat_accounts=dict(CODES),
    profit_and_loss=frozenset({"8000", "8010", "8070", "4990"}),
    journal_types={"70": 20, "90": 90},
)
OWNED = Owned(
    accounts=frozenset({*ACCOUNTS, *CODES.values()}),
    sales=frozenset({*ACCOUNTS, *CODES.values()}),
    journals=frozenset({"70"}),
)
MONTH = Month(1, 2026, 10, date(2026, 10, 1), date(2026, 10, 31), "EUR")
BOOKS = Books("EUR", CHART, OWNED)


def line(
    number: int, account: str, amount: str, code: str = "", vat: str = "0", **more: str
) -> Line:
    """A revenue line: amounts are given as sales."""
    net = -Decimal(amount)
    return Line(account, net, net, "line", code, -Decimal(vat), number=number, **more)


def whole(lines: Sequence[Line], rate: Decimal = Decimal(1)) -> tuple[Line, ...]:
    """Add what Exact makes: a VAT line per code, and the debtor's."""
    vat: dict[str, Decimal] = defaultdict(Decimal)
    for one in lines:
        if one.vat_amount:
            vat[one.vat_code] += one.vat_amount
    made = [
        Line(CODES.get(code, "1500"), sum_, own(sum_, rate), "vat", code, number=9999)
        for code, sum_ in vat.items()
    ]
    total = -sum((one.amount for one in (*lines, *made)), Decimal(0))
    return (*lines, *made, Line("1300", total, own(total, rate), "debtor"))


def own(amount: Decimal, rate: Decimal) -> Decimal:
    return (amount * rate).quantize(Decimal("0.01"))


def booked(lines: Sequence[Line], **changes: object) -> Booked:
    made = Booked(
        key="shop:nl:invoice:1",
        stream="sales_entries",
        kind="invoice",
        state="posted",
        number="1",
        order_number="O1",
        store="nl",
        entry_date="2026-10-10",
        year=2026,
        period=10,
        currency="EUR",
        amount=Decimal("121.00"),
        exact_id="A",
        entry_number="7",
        journal="70",
        reference="1",
        relation="debtor",
        lines=tuple(lines),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def entry(lines: Sequence[Line], **changes: object) -> Entry:
    made = Entry(
        id="A",
        number="7",
        journal="70",
        type=20,
        status=20,
        date="2026-10-10",
        year=2026,
        period=10,
        currency="EUR",
        reference="1",
        relation="debtor",
        lines=tuple(lines),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def sums(lines: Sequence[Line], currency: str = "EUR") -> Sums:
    tally = Tally(BOOKS)
    tally.add(lines, currency, sale=True)
    return tally.sums()


def explained(ours: Booked, theirs: Entry) -> Sums:
    found: Sums = defaultdict(Decimal)
    for one in compare(ours, theirs, BOOKS, MONTH):
        assert one.code in TITLES
        for effect in finding(one, BOOKS, "ledger_to_exact", booked=ours, entry=theirs).effects:
            found[effect.scope, effect.currency] += effect.amount
    return found


def assert_explained(ours: Booked, theirs: Entry) -> None:
    found = explained(ours, theirs)
    have, had = sums(theirs.lines, theirs.currency), sums(ours.lines, ours.currency)
    for scope in found.keys() | have.keys() | had.keys():
        assert have.get(scope, ZERO) - had.get(scope, ZERO) == found.get(scope, ZERO), scope


AMOUNTS = st.decimals("-500", "500", places=2)


@st.composite
def plain_lines(draw: st.DrawFn) -> list[Line]:
    count = draw(st.integers(1, 4))
    lines = []
    for number in range(1, count + 1):
        code = draw(st.sampled_from(["", *CODES]))
        lines.append(
            line(
                number,
                draw(st.sampled_from(ACCOUNTS)),
                str(draw(AMOUNTS)),
                code,
                str(draw(AMOUNTS)) if code else "0",
                cost_center=draw(st.sampled_from(["", "WEB", "B2B"])),
            )
        )
    return lines


def hurt(one: Line, draw: st.DrawFn) -> Line | None:
    """Do to a line what people can do to it; None: they removed it."""
    amount = draw(AMOUNTS)
    changes: dict[str, dict[str, object]] = {
        "keep": {},
        "account": {"account": draw(st.sampled_from([*ACCOUNTS, "8999", "1300"]))},
        "center": {"cost_center": draw(st.sampled_from(["", "WEB", "UK"])), "cost_unit": "A"},
        "code": {"vat_code": draw(st.sampled_from([*CODES, "Z"])), "vat_amount": amount},
        "vat": {"vat_amount": amount if one.vat_code else Decimal(0)},
        "amount": {"amount": amount, "amount_dc": amount},
    }
    changes["all"] = {name: value for change in changes.values() for name, value in change.items()}
    what = draw(st.sampled_from([*changes, "gone"]))
    return None if what == "gone" else replace(one, **changes[what])  # type: ignore[arg-type]


@st.composite
def mutated(draw: st.DrawFn, lines: Sequence[Line]) -> list[Line]:
    """Do to lines what people can do to them."""
    made = [after for one in lines if (after := hurt(one, draw)) is not None]
    if draw(st.booleans()):
        made.append(line(len(lines) + 1, "8010", str(draw(AMOUNTS)), "9", str(draw(AMOUNTS))))
    return draw(st.permutations(made))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_is_done_to_lines_is_explained(data: st.DataObject) -> None:
    plain = data.draw(plain_lines())
    before, after = whole(plain), whole(data.draw(mutated(plain)))
    assert_explained(booked(before), entry(after))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_vat_lines_that_people_edit_are_explained(data: st.DataObject) -> None:
    plain = data.draw(plain_lines())
    before = whole(plain)
    after = [
        replace(one, amount=one.amount + 1, amount_dc=one.amount_dc + 1)
        if one.kind == "vat"
        else one
        for one in whole(data.draw(mutated(plain)))
    ]
    assert_explained(booked(before), entry(after))


@settings(max_examples=100, deadline=None)
@given(st.data(), st.decimals("0.5", "1.9", places=4))
def test_another_currency_is_explained_in_both(data: st.DataObject, rate: Decimal) -> None:
    plain = data.draw(plain_lines())
    ours = [replace(one, amount_dc=own(one.amount, Decimal("1.1"))) for one in plain]
    theirs = [replace(one, amount_dc=own(one.amount, rate)) for one in data.draw(mutated(plain))]
    before, after = whole(ours, Decimal("1.1")), whole(theirs, rate)
    assert_explained(booked(before, currency="GBP"), entry(after, currency="GBP"))


def test_an_entry_as_it_was_posted_differs_in_nothing() -> None:
    lines = whole([line(1, "8000", "100", "21", "21"), line(2, "8010", "10", "9", "0.90")])
    assert compare(booked(lines), entry(lines[::-1]), BOOKS, MONTH) == []


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"account": "8070"}, ["E3"]),
        ({"cost_center": "UK"}, ["E3"]),
        ({"cost_unit": "A"}, ["E3"]),
        ({"vat_code": "9"}, ["E4"]),
        ({"vat_amount": Decimal("-20.99")}, ["E4"]),
        ({"amount": Decimal("-100.01"), "amount_dc": Decimal("-100.01")}, ["E2"]),
        ({"account": "8070", "vat_code": "9"}, ["E3", "E4"]),
    ],
)
def test_each_change_of_a_line_has_its_class(changes: dict[str, object], codes: list[str]) -> None:
    one = line(1, "8000", "100", "21", "21")
    before, after = whole([one]), whole([replace(one, **changes)])  # type: ignore[arg-type]
    assert [found.code for found in compare(booked(before), entry(after), BOOKS, MONTH)] == codes


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"date": "2026-10-11"}, "E5", "entry_date"),
        ({"journal": "71"}, "E5", "journal"),
        ({"relation": "another"}, "E6", "debtor"),
        ({"status": 10}, "E8", "status"),
    ],
)
def test_each_change_of_a_header_has_its_class(
    changes: dict[str, object], code: str, field: str
) -> None:
    lines = whole([line(1, "8000", "100", "21", "21")])
    (found,) = compare(booked(lines), entry(lines, **changes), BOOKS, MONTH)
    assert (found.code, found.field) == (code, field)


@pytest.mark.parametrize(("cents", "severity"), [("0.01", "info"), ("0.02", "warning")])
def test_a_rate_is_rounded_by_a_cent_a_line_at_most(cents: str, severity: str) -> None:
    one = replace(line(1, "8000", "100"), amount_dc=Decimal("-90.00"))
    other = replace(one, amount_dc=one.amount_dc - Decimal(cents))
    ours = booked([one], currency="GBP")
    (found,) = compare(ours, entry([other], currency="GBP"), BOOKS, MONTH)
    told = finding(found, BOOKS, "ledger_to_exact", booked=ours)
    assert (told.code, told.severity, told.amount) == ("S8", severity, Decimal(cents))
