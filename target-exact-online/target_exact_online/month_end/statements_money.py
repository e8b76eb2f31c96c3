"""Control statements about money: gift cards, clearing, cut-off, debtors and rounding."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from connector_program.database import reading
from target_exact_online.ledger.tables import documents, postings
from target_exact_online.month_end import books as ledger_side
from target_exact_online.month_end import sign_off
from target_exact_online.month_end.model import Statement, columns
from target_exact_online.month_end.sides import ZERO, cents
from target_exact_online.month_end.statements_vat import sales_of

if TYPE_CHECKING:
    from decimal import Decimal

    from target_exact_online.ledger.store import Ledger
    from target_exact_online.month_end.model import Cell, Result
    from target_exact_online.month_end.reconcile import Comparison
    from target_exact_online.month_end.sides import Month

_NO_HISTORY = "Exact's balances of earlier periods were not read."


def moves_on(ledger: Ledger, month: Month, accounts: frozenset[str]) -> list[sa.Row[Any]]:
    """Return what documents of a month book on accounts, line by line."""
    query = (
        sa.select(
            postings.c.document_key,
            postings.c.gl_account,
            documents.c.kind,
            postings.c.amount,
            postings.c.amount_dc,
        )
        .join(documents, documents.c.document_key == postings.c.document_key)
        .where(ledger_side.posted(month), postings.c.gl_account.in_(sorted(accounts)))
    )
    with reading(ledger.engine) as connection:
        return list(connection.execute(query).all())


def liabilities(comparison: Comparison, result: Result) -> Statement:
    """Return how gift cards, store credit and points rolled forward.

    Args:
        comparison: What was read.
        result: What was found.
    """
    evidence, books = comparison.evidence, comparison.books
    changed = _changed(result)
    names = ("Sold", "Used", "Refunded to it", "Taken back", "Other documents")
    sums: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO] * len(names))
    behind: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [ZERO] * len(names))
    for row in moves_on(comparison.ledger, evidence.month, books.liabilities):
        amount = -(row.amount if row.amount_dc is None else row.amount_dc)
        if row.kind in ("invoice", "day"):
            place = 0 if amount > 0 else 1
        elif row.kind == "credit_memo":
            place = 2 if amount > 0 else 3
        else:
            place = 4
        sums[row.gl_account][place] += amount
        behind[row.gl_account, row.document_key][place] += amount
    rows: list[tuple[Cell, ...]] = []
    for account in sorted(books.liabilities):
        moved = sums[account]
        known = evidence.histories.get(account)
        opening = closing = unexplained = None
        if known is not None:
            opening, closing = -known[0], -known[1]
            unexplained = cents(closing - opening - sum(moved, ZERO) - changed[account])
        title = " ".join(filter(None, (account, books.chart.names.get(account, ""))))
        known_changes = None if known is None else cents(changed[account])
        rows.append((title, opening, *map(cents, moved), known_changes, closing, unexplained))
    rows += [
        (
            f"{account} {key}",
            None,
            *(cents(one) if one else None for one in moved),
            None,
            None,
            None,
        )
        for (account, key), moved in sorted(behind.items())
    ]
    return Statement(
        number=4,
        name="Gift cards",
        title="Gift cards, store credit and points: roll-forward",
        columns=columns(
            "Account, or account and document",
            "Opening:money",
            *(f"{name}:money" for name in names),
            "Changed in Exact:money",
            "Closing in Exact:money",
            "Unexplained:money",
        ),
        rows=tuple(rows),
        notes=(
            "Changed in Exact is what people did to entries of the ledger (classes E and S).",
            "Unexplained is what no document of the ledger booked: see class X3.",
            "Cards given away or run out are there, too: no document of the shop says so.",
        ),
        not_compared="" if evidence.histories or not rows else _NO_HISTORY,
    )


def _changed(result: Result) -> dict[str, Decimal]:
    """Return what differences of our own entries add to each account, in the company's currency."""
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for one in result.findings:
        for effect in one.effects if one.code[0] in "ES" else ():
            kind, _, account = effect.scope.partition(":")
            if (kind, effect.currency, effect.step) == ("gl", result.currency, "ledger_to_exact"):
                sums[account] += effect.amount
    return sums


def cut_off(comparison: Comparison) -> Statement:
    """Return the documents at the edge of the month.

    Args:
        comparison: What was read.
    """
    month = comparison.evidence.month
    rows: list[tuple[Cell, ...]] = []
    if comparison.shop is not None:
        rows += [
            (one.key, one.kind, one.entry_date, one.amount, one.currency, one.reason)
            for one in sorted(comparison.shop.edges, key=lambda one: (one.entry_date, one.key))
        ]
    rows += [
        (row.document_key, row.kind, row.entry_date, cents(row.amount or 0), row.currency, why)
        for row, why in (
            *_memos(comparison.ledger, month),
            *_late(comparison.ledger, month),
        )
    ]
    return Statement(
        number=7,
        name="Cut-off",
        title="Documents at the edge of the month",
        columns=columns("Document", "Kind", "Booked on:date", "Amount:money", "Currency", "Why"),
        rows=tuple(rows),
        not_compared="" if comparison.shop is not None else "The shop's side was not read.",
    )


def _memos(ledger: Ledger, month: Month) -> list[tuple[sa.Row[Any], str]]:
    """Return credit memos whose sale was in an earlier month."""
    read = (
        documents.c.document_key,
        documents.c.kind,
        documents.c.entry_date,
        documents.c.amount,
        documents.c.currency,
        documents.c.order_number,
        documents.c.store_code,
    )
    query = sa.select(*read).where(
        documents.c.division == month.division,
        documents.c.kind == "credit_memo",
        documents.c.state == "posted",
        documents.c.order_number.is_not(None),
        documents.c.entry_date >= month.first.isoformat(),
        documents.c.entry_date <= month.last.isoformat(),
    )
    with reading(ledger.engine) as connection:
        memos = connection.execute(query.order_by(documents.c.document_key)).all()
    sold = sales_of(ledger, month, {row.order_number for row in memos})
    found = []
    for row in memos:
        days = sold.get((row.order_number, row.store_code), ())
        last = max((day for day in days if day <= row.entry_date), default="")
        if last and last < month.first.isoformat():
            found.append((row, f"takes back a sale of {last}"))
    return found


def _late(ledger: Ledger, month: Month) -> list[tuple[sa.Row[Any], str]]:
    """Return documents that came after the month was signed off."""
    signed = sign_off.standing(ledger, month)
    if signed is None:
        return []
    query = sa.select(documents).where(
        documents.c.division == month.division,
        documents.c.entry_date >= month.first.isoformat(),
        documents.c.entry_date <= month.last.isoformat(),
        documents.c.created_at > signed.signed_at,
    )
    with reading(ledger.engine) as connection:
        rows = connection.execute(query.order_by(documents.c.document_key)).all()
    return [(row, "came after the month was signed off") for row in rows]


def rounding(ledger: Ledger, month: Month, accounts: frozenset[str]) -> Statement:
    """Return what rounding costs, by the rules that booked it.

    Args:
        ledger: The audit trail.
        month: The month.
        accounts: Accounts of rounding differences.
    """
    is_rounding = (postings.c.role == "rounding") | postings.c.gl_account.in_(sorted(accounts))
    query = (
        sa.select(
            documents.c.rules_version,
            postings.c.document_key,
            postings.c.amount,
            postings.c.amount_dc,
        )
        .join(documents, documents.c.document_key == postings.c.document_key)
        .where(ledger_side.posted(month), is_rounding)
        .order_by(postings.c.document_key)
    )
    found: dict[str, list[tuple[Decimal, str]]] = defaultdict(list)
    with reading(ledger.engine) as connection:
        for row in connection.execute(query):
            amount = -(row.amount if row.amount_dc is None else row.amount_dc)
            found[row.rules_version or ""].append((amount, row.document_key))
    rows: list[tuple[Cell, ...]] = []
    for version, amounts in sorted(found.items()):
        largest = max(amounts, key=lambda one: abs(one[0]))
        summed = cents(sum((amount for amount, _ in amounts), ZERO))
        rows.append((version, len(amounts), summed, cents(largest[0]), largest[1]))
    return Statement(
        number=10,
        name="Rounding",
        title="Rounding, by version of the rules",
        columns=columns("Rules", "Lines:number", "Sum:money", "Largest:money", "Document"),
        rows=tuple(rows),
        notes=() if rows else ("No line of rounding; name its account by --rounding-account.",),
    )
