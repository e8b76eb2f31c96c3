"""Control statements about VAT: per code, OSS per quarter, and the EC sales list."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from connector_program.database import reading
from target_exact_online.ledger.tables import documents, postings
from target_exact_online.month_end import books as ledger_side
from target_exact_online.month_end.controls import EC_SUPPLIES, OSS
from target_exact_online.month_end.model import Statement, columns
from target_exact_online.month_end.sides import ZERO, cents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from target_exact_online.ledger.store import Ledger
    from target_exact_online.month_end.model import Bridge, Cell, Result
    from target_exact_online.month_end.sides import Month

THRESHOLD = Decimal(10_000)
"""Euros of distance sales a year above which the VAT of the customer's country is due."""
UNKNOWN = "unknown"
"""What a document does not tell that was posted before the mapper told it."""
_MONTHS = 3
_MANY = 500
_SIDES = ("shop", "ledger", "Exact")


def vat(ledger: Ledger, month: Month, result: Result, boxes: Mapping[str, str]) -> Statement:
    """Return base and VAT per code on the three sides.

    Args:
        ledger: The audit trail.
        month: The month.
        result: What was found.
        boxes: Boxes of the VAT return that the rules name, by VAT code.
    """
    supplies = _supplies(ledger, month)
    scopes = {(one.scope, one.currency): one for one in result.bridges}
    codes = sorted(
        {(name.partition(":")[2], currency) for name, currency in scopes if name[:4] == "vat:"}
        | {(name.partition(":")[2], currency) for name, currency in scopes if name[:5] == "base:"}
    )
    rows: list[tuple[Cell, ...]] = []
    for code, currency in codes:
        base, charged = (
            scopes.get((f"base:{code}", currency)),
            scopes.get((f"vat:{code}", currency)),
        )
        supply = ", ".join(sorted(supplies.get(code, ())))
        row: list[Cell] = [code, currency, supply, boxes.get(code, "")]
        row += [_side(base, kind) for kind in ("shop", "ledger", "exact")]
        row += [_side(charged, kind) for kind in ("shop", "ledger", "exact")]
        rows.append(tuple(row))
    notes = [
        f"{one.kind} {one.year}-{one.period:02} ({one.frequency}): "
        + ("filed" if one.is_filed else f"status {one.status}, not filed")
        + ("" if one.amount is None else f", amount {one.amount}")
        for one in result.returns
    ] or ["Exact shows no return over this period."]
    late = sum(one.code == "B3" for one in result.findings)
    notes.append(f"{late} entries changed VAT after the return was filed (class B3).")
    sides = [f"{what} {side}:money" for what in ("Base", "VAT") for side in _SIDES]
    return Statement(
        number=1,
        name="VAT",
        title="VAT per code",
        columns=columns("Code", "Currency", "Supply", "Box", *sides),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def _side(bridge: Bridge | None, kind: str) -> Decimal | None:
    rows = () if bridge is None else bridge.rows
    return next((row.amount for row in rows if row.kind == kind), None)


def _supplies(ledger: Ledger, month: Month) -> dict[str, set[str]]:
    query = (
        sa.select(postings.c.vat_code, postings.c.supply)
        .distinct()
        .where(
            postings.c.division == month.division,
            postings.c.period_year == month.year,
            postings.c.period_no == month.period,
            postings.c.vat_code.is_not(None),
            postings.c.supply.is_not(None),
        )
    )
    found: dict[str, set[str]] = defaultdict(set)
    with reading(ledger.engine) as connection:
        for code, supply in connection.execute(query):
            found[code].add(supply)
    return found


def quarter_of(day: str) -> str:
    """Return the quarter of a day (ISO), e.g. ``2026-Q4``."""
    return f"{day[:4]}-Q{(int(day[5:7]) + _MONTHS - 1) // _MONTHS}"


def oss(ledger: Ledger, month: Month) -> Statement:
    """Return the OSS sales of the quarter, and corrections of earlier quarters apart.

    A return of the Union scheme asks for goods by each member state that they are dispatched from,
    and for services apart (directive 2006/112/EC, article 369g). Documents that were posted before
    the mapper told so are shown as unknown.

    Args:
        ledger: The audit trail.
        month: The month; its quarter is shown, as far as it is posted.
    """
    quarter = quarter_of(month.first.isoformat())
    start = (month.first.month - 1) // _MONTHS * _MONTHS + 1
    first = month.first.replace(month=start, day=1).isoformat()
    origins = _origins(ledger, month, _oss_rows(ledger, month, first, "credit_memo"))
    sums: dict[tuple[str, ...], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    year: dict[str, Decimal] = defaultdict(Decimal)
    for row in _oss_rows(ledger, month, month.first.replace(month=1, day=1).isoformat()):
        year[_dispatched_from(row)] += _own_base(row)
        if row.entry_date < first:
            continue
        of = origins.get(row.document_key, quarter) if row.kind == "credit_memo" else quarter
        rate = "" if row.vat_percentage is None else f"{row.vat_percentage.normalize():f} %"
        supplied = (row.country or "", rate, row.nature or UNKNOWN, _dispatched_from(row))
        amounts = sums[of, *supplied, row.vat_code or ""]
        amounts[0] += _own_base(row)
        amounts[1] -= _own_vat(row)
    table: list[tuple[Cell, ...]] = [
        (
            of,
            "sales" if of == quarter else f"correction of {of}",
            *of_supply,
            cents(base),
            cents(charged),
        )
        for (of, *of_supply), (base, charged) in sorted(
            sums.items(), key=lambda one: (one[0][0] != quarter, one[0])
        )
    ]
    told = (
        f"Quarter {quarter}, as far as it is posted. Corrections are reported by their own "
        "quarter, country and rate; they are not netted."
    )
    notes = [told]
    if any(UNKNOWN in one for one in sums):
        notes.append(
            "Unknown: booked before the rules told goods from services and where goods leave from."
        )
    notes += _threshold(month, year)
    return Statement(
        number=2,
        name="OSS",
        title="OSS: country of consumption, rate, goods or services, country of dispatch",
        columns=columns(
            *("Quarter", "Part", "Country", "Rate", "Goods or services", "Dispatched from"),
            *("VAT code", "Base:money", "VAT:money"),
        ),
        rows=tuple(table),
        notes=tuple(notes),
    )


def _dispatched_from(row: sa.Row[Any]) -> str:
    """Return the country that goods leave from: none for services."""
    return "" if row.nature == "services" else row.dispatch_country or UNKNOWN


def _own_base(row: sa.Row[Any]) -> Decimal:
    """Return a line's base in the company's currency, sales positive."""
    base: Decimal = row.amount if row.amount_dc is None else row.amount_dc
    return -base


def _own_vat(row: sa.Row[Any]) -> Decimal:
    """Return a line's VAT in the company's currency."""
    charged: Decimal = row.vat_amount or ZERO
    if row.amount_dc is None or not row.amount:
        return charged
    own: Decimal = charged * row.amount_dc / row.amount
    return own.quantize(Decimal("0.01"))


def _oss_rows(ledger: Ledger, month: Month, first: str, kind: str = "") -> Iterator[sa.Row[Any]]:
    """Yield the OSS lines from a day (ISO) on to the month's end, of one kind or all."""
    query = (
        sa.select(
            postings.c.document_key,
            postings.c.entry_date,
            postings.c.country,
            postings.c.vat_percentage,
            postings.c.vat_code,
            postings.c.nature,
            postings.c.dispatch_country,
            postings.c.amount,
            postings.c.amount_dc,
            postings.c.vat_amount,
            documents.c.kind,
            documents.c.order_number,
            documents.c.store_code,
        )
        .join(documents, documents.c.document_key == postings.c.document_key)
        .where(
            postings.c.division == month.division,
            postings.c.supply == OSS,
            documents.c.state == "posted",
            postings.c.entry_date >= first,
            postings.c.entry_date <= month.last.isoformat(),
            *([documents.c.kind == kind] if kind else []),
        )
    )
    with reading(ledger.engine) as connection:
        yield from connection.execution_options(yield_per=_MANY).execute(query)


def _origins(ledger: Ledger, month: Month, rows: Iterable[sa.Row[Any]]) -> dict[str, str]:
    """Return the quarter of the sale that a credit memo takes back, by the memo's key."""
    memos = {row.document_key: row for row in rows}
    sold = sales_of(ledger, month, {row.order_number for row in memos.values()})
    found = {}
    for key, row in memos.items():
        days = sold.get((row.order_number, row.store_code), ())
        before = [one for one in days if one <= row.entry_date]
        if before:
            found[key] = quarter_of(max(before))
    return found


def sales_of(
    ledger: Ledger, month: Month, orders: set[str]
) -> dict[tuple[str, str | None], list[str]]:
    """Return the days on which orders were invoiced, by order number and store view.

    Args:
        ledger: The audit trail.
        month: Names the company.
        orders: Order numbers of the shop.
    """
    wanted = sorted(filter(None, orders))
    sold: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for start in range(0, len(wanted), _MANY):
        query = sa.select(
            documents.c.order_number, documents.c.store_code, documents.c.entry_date
        ).where(
            documents.c.division == month.division,
            documents.c.kind == "invoice",
            documents.c.state == "posted",
            documents.c.entry_date.is_not(None),
            documents.c.order_number.in_(wanted[start : start + _MANY]),
        )
        with reading(ledger.engine) as connection:
            for order, store, day in connection.execute(query):
                sold[order, store].append(day)
    return sold


def _threshold(month: Month, sums: Mapping[str, Decimal]) -> list[str]:
    """Tell how far the year's distance sales are, and of which dispatch they are if of several."""
    year = cents(sum(sums.values(), ZERO))
    notes = [
        f"Distance sales of {month.first.year} so far: {year} {month.currency}; the threshold is "
        f"{THRESHOLD} EUR" + (", passed." if year > THRESHOLD else ", not passed.")
    ]
    if len(sums.keys() - {""}) > 1:
        named = {UNKNOWN: UNKNOWN, "": "services"}
        told = {named.get(of, f"goods from {of}"): amount for of, amount in sums.items()}
        parts = ", ".join(f"{what} {cents(amount)}" for what, amount in sorted(told.items()))
        notes.append(
            f"Of these: {parts}. Goods that leave from another member state than your own do not "
            "count for the threshold, which holds for sellers established in one member state."
        )
    return notes


def ec_list(ledger: Ledger, month: Month, result: Result) -> Statement:
    """Return the EC sales per VAT number, beside the base of their codes in Exact.

    Args:
        ledger: The audit trail.
        month: The month.
        result: What was found.
    """
    query = (
        sa.select(
            postings.c.supply,
            postings.c.vat_code,
            postings.c.amount,
            postings.c.amount_dc,
            documents.c.payload,
        )
        .join(documents, documents.c.document_key == postings.c.document_key)
        .where(ledger_side.posted(month), postings.c.supply.in_(sorted(EC_SUPPLIES)))
    )
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    codes: dict[str, Decimal] = defaultdict(Decimal)
    with reading(ledger.engine) as connection:
        for row in connection.execute(query):
            amount = -(row.amount if row.amount_dc is None else row.amount_dc)
            sums[_number(ledger_side.content(ledger, row.payload)), row.supply] += amount
            codes[row.vat_code or ""] += amount
    scopes = {(one.scope, one.currency): one for one in result.bridges}
    notes = []
    for code, amount in sorted(codes.items()):
        theirs = _side(scopes.get((f"base:{code}", month.currency)), "exact")
        told = "not read" if theirs is None else str(theirs)
        notes.append(f"Code {code}: base {cents(amount)} in the ledger, {told} in Exact.")
    return Statement(
        number=3,
        name="EC list",
        title="EC sales list",
        columns=columns("VAT number", "Supply", "Base:money"),
        rows=tuple(
            (number, supply, cents(amount)) for (number, supply), amount in sorted(sums.items())
        ),
        notes=tuple(notes),
    )


def _number(record: Mapping[str, Any]) -> str:
    if not record:
        return "(anonymised)"
    debtor = record.get("debtor") or {}
    found = (debtor.get("match") or {}).get("vat_number")
    return str(found or (debtor.get("create") or {}).get("vat_number") or "(none)")
