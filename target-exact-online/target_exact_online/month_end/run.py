"""From settings to a result: the month, Exact's side, the shop's messages."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, get_args

from exact_online.client import open_client
from exact_online.errors import ConfigError
from target_exact_online.company import Company
from target_exact_online.documents.prepared import DocumentSettings
from target_exact_online.month_end import books as ledger_side
from target_exact_online.month_end import evidence as exact_side
from target_exact_online.month_end import sign_off
from target_exact_online.month_end.books import Reader
from target_exact_online.month_end.evidence import Source
from target_exact_online.month_end.lines import ExactLines
from target_exact_online.month_end.reconcile import Comparison, Depth, Wish
from target_exact_online.month_end.scopes import Books, Rates
from target_exact_online.month_end.sides import Chart, Month

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from target_exact_online.ledger.store import Ledger
    from target_exact_online.month_end.evidence import Evidence
    from target_exact_online.month_end.model import Result
    from target_exact_online.month_end.shop_side import Span

MOST_OF_A_DAY = 0.8
"""A comparison leaves at least a fifth of the day's calls to posting."""
SOURCES = get_args(Source)
DEPTHS = get_args(Depth)


@dataclass(frozen=True, slots=True)
class Order:
    """What a person, or a schedule, asks for.

    Attributes:
        month: A day of the month.
        division: The Exact company.
        source: Where Exact's side comes from.
        audit_file: The audit file of the source ``xaf``, or None.
        depth: How deep at most.
        messages: The shop's side as Singer messages, or None.
        span: Which documents of the shop were read, or None.
        with_names: Whether people are named.
        rounding_accounts: Accounts of rounding differences.
    """

    month: date
    division: int
    source: Source = "api"
    audit_file: Path | None = None
    depth: Depth = "lines"
    messages: Iterable[str | bytes] | None = None
    span: Span | None = None
    with_names: bool = False
    rounding_accounts: frozenset[str] = frozenset()


def month_of(text: str, today: date) -> date:
    """Return the first day of a month.

    Args:
        text: ``2026-10``, ``this`` or ``last``.
        today: The present day.

    Raises:
        ConfigError: It is no month.
    """
    if text == "this":
        return today.replace(day=1)
    if text == "last":
        return (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    with contextlib.suppress(ValueError):
        if len(text) == len("2026-10"):
            return date.fromisoformat(f"{text}-01")
    msg = f"{text!r} is not a month (option --month). Write it as 2026-10, or this or last."
    raise ConfigError(msg)


def today() -> date:
    """Return the present day (UTC)."""
    return datetime.now(UTC).date()


def compare(config: Mapping[str, Any], ledger: Ledger, order: Order) -> Result:
    """Compare a month.

    Args:
        config: The target's settings.
        ledger: The audit trail.
        order: What is asked for.

    Raises:
        ExactError: It could not be done.
    """
    with _opened(config, ledger, order) as evidence:
        month = evidence.month
        owned = ledger_side.owned(ledger, month, evidence.chart)
        books = Books(month.currency, evidence.chart, owned)
        rates = Rates(month.currency, evidence.rate)
        reader = Reader(ledger, month, books, rates)
        wish = Wish(
            depth=order.depth,
            messages=order.messages,
            span=order.span,
            with_names=order.with_names,
            now=datetime.now(UTC),
            rounding_accounts=order.rounding_accounts,
        )
        result = Comparison(ledger, evidence, wish, reader, books, rates).run()
        signed = sign_off.standing(ledger, month, exact_state=evidence.mirror_state())
        if signed is not None and not order.with_names:
            signed = replace(signed, signed_by="")
        return replace(result, sign_off=signed)


def mirror_of(ledger: Ledger, month: Month) -> str:
    """Return what changes when a line of Exact's mirror does; empty: there is none of the month.

    Args:
        ledger: The audit trail, which holds the mirror.
        month: The month.
    """
    count, state = ExactLines(ledger.engine, month.division, Chart(), moving=True).counts(month)
    return state if count else ""


def changed_months(ledger: Ledger, compared: Result) -> Iterator[date]:
    """Yield earlier months that are not what their newest comparison saw; makes no call.

    Args:
        ledger: The audit trail, whose mirror was brought up to date by a comparison.
        compared: That comparison; earlier is what comes before it.
    """
    for month, told in sign_off.newest(ledger, compared.division):
        if month.first >= compared.first:
            continue
        ours, theirs = ledger_side.fingerprint(ledger, month), mirror_of(ledger, month)
        same = told["ledger_state"] == ours and theirs in ("", told["exact_state"])
        if not same or told["outcome"] == "incomplete":
            yield month.first


@contextlib.contextmanager
def _opened(config: Mapping[str, Any], ledger: Ledger, order: Order) -> Iterator[Evidence]:
    if order.source == "xaf":
        if order.audit_file is None:
            msg = "The source xaf needs the audit file (option --audit-file FILE)."
            raise ConfigError(msg)
        evidence = exact_side.of_audit_file(order.audit_file, ledger, order.division, order.month)
        with contextlib.closing(evidence):
            yield evidence
        return
    with contextlib.closing(_company(config, ledger)) as company:
        evidence = exact_side.of_company(company, ledger, order.division, order.month, order.source)
        with contextlib.closing(evidence):
            yield evidence


def _company(config: Mapping[str, Any], ledger: Ledger) -> Company:
    """Connect for questions only; posting has the first right to the day's calls."""
    client = open_client(
        config, ledger.engine, program="target-exact-online", max_calls_part=MOST_OF_A_DAY
    )
    nothing = DocumentSettings(create_accounts=False, create_items=False)
    return Company(client, ledger.engine, nothing, timedelta(0))
