"""The control statement about clearing accounts: captured, paid out, and still awaited."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING

import sqlalchemy as sa

from connector_program.database import reading
from target_exact_online.ledger.tables import documents, postings
from target_exact_online.month_end import books as ledger_side
from target_exact_online.month_end.model import Statement, columns
from target_exact_online.month_end.sides import ZERO, cents
from target_exact_online.month_end.statements_money import moves_on

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from target_exact_online.ledger.store import Ledger
    from target_exact_online.month_end.model import Cell
    from target_exact_online.month_end.reconcile import Comparison
    from target_exact_online.month_end.scopes import Books
    from target_exact_online.month_end.sides import Month

BANK_TYPES = frozenset({40})
"""Exact's type of entries of a bank or cash journal."""
_AGES = ((2, "0-2"), (7, "3-7"), (14, "8-14"), (30, "15-30"))
_PAGE = 500
_NOTE = (
    "Below an account stand the documents whose money is still awaited: its closing balance is "
    "taken to be of the newest captures. A document with an amount under Captured whose money "
    "moved after the month was in transit when it ended."
)


def clearing(comparison: Comparison) -> Statement:
    """Return the clearing accounts, what is still awaited on them by document, and its age.

    Args:
        comparison: What was read.
    """
    evidence, books, month = comparison.evidence, comparison.books, comparison.evidence.month
    accounts = comparison.clearing
    taken: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for row in moves_on(comparison.ledger, month, accounts):
        amount = row.amount if row.amount_dc is None else row.amount_dc
        taken[row.gl_account][0 if amount > 0 else 1] += amount
    paid_out: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for balance in evidence.balances or ():
        if balance.type in BANK_TYPES:
            paid_out[balance.account] += balance.amount
    methods = {} if comparison.shop is None else comparison.shop.methods
    rows: list[tuple[Cell, ...]] = []
    for account in sorted(accounts):
        captured, refunded = taken[account]
        known, paid = evidence.histories.get(account), cents(paid_out[account])
        opening = closing = rest = None
        if known is not None:
            opening, closing = known
            rest = cents(closing - opening - captured - refunded - paid)
        title = " ".join(filter(None, (account, books.chart.names.get(account, ""))))
        if used := ", ".join(sorted(methods.get(account, ()))):
            title += f" ({used})"
        moved = (cents(captured), cents(refunded), None if known is None else paid, rest)
        rows.append((title, opening, *moved, closing, None, ""))
        if closing is not None and closing > 0:
            rows += _awaited(comparison, account, closing)
    for edge in () if comparison.shop is None else comparison.shop.edges:
        if edge.reason.startswith("in transit") and edge.created_at is not None:
            age = age_of((month.last - edge.created_at.date()).days)
            nothing: tuple[Cell, ...] = (None,) * 4
            rows.append((edge.pays, None, edge.amount, *nothing, edge.entry_date, age))
    return Statement(
        number=5,
        name="Clearing",
        title="Clearing accounts, and money in transit at the cut-off",
        columns=columns(
            "Account or document",
            "Opening:money",
            "Captured:money",
            "Refunded:money",
            "Paid out by the bank:money",
            "Fees and others:money",
            "Closing in Exact:money",
            "Money moved on:date",
            "Days at cut-off",
        ),
        rows=tuple(rows),
        notes=(_NOTE,),
        not_compared="" if comparison.shop is not None else "The shop's side was not read.",
    )


def accounts_of(ledger: Ledger, books: Books, month: Month) -> frozenset[str]:
    """Return the accounts where money is awaited: of daily summaries, payments and prepayments.

    Args:
        ledger: The audit trail.
        books: Names those of daily summaries, and the debtors' accounts.
        month: Its financial year is looked at.
    """
    kind, account = documents.c.kind, postings.c.gl_account
    taken = (kind == "prepayment") & (postings.c.line_no == 1)  # the debit side comes first
    query = (
        sa.select(account)
        .distinct()
        .join(documents, documents.c.document_key == postings.c.document_key)
        .where(
            postings.c.division == month.division,
            postings.c.period_year == month.year,
            kind.in_(("payment", "refund")) | taken,
            account.is_not(None),
            account.not_in(sorted(books.chart.receivables)),
        )
    )
    with reading(ledger.engine) as connection:
        return books.owned.clearing | set(connection.scalars(query))


def _awaited(comparison: Comparison, account: str, closing: Decimal) -> Iterator[tuple[Cell, ...]]:
    """Yield the newest captures that make up what an account holds, newest first."""
    month = comparison.evidence.month
    query = (
        sa.select(
            documents.c.document_key,
            documents.c.entry_date,
            postings.c.amount,
            postings.c.amount_dc,
        )
        .join(postings, postings.c.document_key == documents.c.document_key)
        .where(
            documents.c.division == month.division,
            documents.c.state == "posted",
            documents.c.stream.in_(ledger_side.BOOKED_STREAMS),
            documents.c.entry_date <= month.last.isoformat(),
            postings.c.gl_account == account,
        )
        .order_by(documents.c.entry_date.desc(), documents.c.document_key.desc())
    )
    left = closing
    with reading(comparison.ledger.engine) as connection:
        for row in connection.execution_options(yield_per=_PAGE).execute(query):
            amount = row.amount if row.amount_dc is None else row.amount_dc
            if amount <= 0:
                continue
            part = min(amount, left)
            left -= part
            age = age_of((month.last - date.fromisoformat(row.entry_date)).days)
            nothing: tuple[Cell, ...] = (None,) * 5
            yield row.document_key, *nothing, cents(part), row.entry_date, age
            if not left:
                return
    yield "older than the ledger", None, None, None, None, None, cents(left), None, "> 30"


def age_of(days: int) -> str:
    """Return the age group of a number of days."""
    return next((name for last, name in _AGES if days <= last), "> 30")
