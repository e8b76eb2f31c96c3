"""Checks beside the bridges: debtors, filed returns, rounding, and what EC and OSS lists need."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import sqlalchemy as sa

from connector_program.database import reading
from target_exact_online.ledger.tables import documents, postings
from target_exact_online.month_end import books as ledger_side
from target_exact_online.month_end.classes import TITLES
from target_exact_online.month_end.model import Finding
from target_exact_online.month_end.sides import ZERO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from target_exact_online.ledger.store import Ledger
    from target_exact_online.month_end.evidence import Evidence
    from target_exact_online.month_end.scopes import Books, Sums
    from target_exact_online.month_end.sides import Month

_TOUCH_VAT = frozenset({"E1", "E2", "E4", "E5", "E7", "X1", "X2", "X3"})
EC_SUPPLIES = frozenset({"intra_eu_goods", "intra_eu_services"})
OSS = "oss"


def _finding(code: str, cause: str, currency: str, **more: str) -> Finding:
    severity, title = TITLES[code]
    return Finding(
        code=code,
        severity=severity,
        title=title,
        cause=cause,
        amount=Decimal("0.00"),
        currency=currency,
        **more,  # type: ignore[arg-type]
    )


def debtors(evidence: Evidence) -> Iterator[Finding]:
    """Compare the debtors' accounts with the open items.

    Args:
        evidence: Exact's side.
    """
    balance, items = evidence.receivable, evidence.open_items
    if balance is not None and items is not None and balance != items:
        yield _finding(
            "B1",
            "The debtors' accounts and the open items in Exact differ: somebody booked on the "
            "account without a debtor, or an item was settled without an entry.",
            evidence.month.currency,
            ours=str(balance),
            theirs=str(items),
            field="receivables",
            proposal="Compare the ageing list with the account card in Exact.",
        )
    for code, currency, count in evidence.open_pairs:
        yield _finding(
            "B2",
            f"Debtor {code} owes nothing, but {count} items are open: they were never matched.",
            currency,
            field="receivables",
            ours="0 items open",
            theirs=f"{count} items open",
            proposal=f"Match the items of debtor {code} in Exact.",
        )


def after_filing(evidence: Evidence, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Tell what changed VAT after its return was filed.

    Args:
        evidence: Exact's side.
        findings: The differences of the month.
    """
    filed = evidence.vat_filed
    if filed is None or filed.at is None:
        return
    told: set[str] = set()
    for one in findings:
        name = one.entry or one.document_key
        late = one.when is not None and one.when > filed.at
        if not late or one.code not in _TOUCH_VAT or name in told or not _has_vat(one):
            continue
        told.add(name)
        severity, title = TITLES["B3"]
        yield replace(
            one,
            code="B3",
            severity=severity,
            title=title,
            cause=(
                f"The {filed.kind} of {filed.year}-{filed.period:02} ({filed.frequency}) was filed "
                f"before this: {one.title}."
            ),
            amount=Decimal("0.00"),
            field="",
            ours=f"filed {filed.at:%Y-%m-%d %H:%M} UTC",
            theirs=f"changed {one.when:%Y-%m-%d %H:%M} UTC",
            proposal="File a correction (suppletie), or undo the change.",
            effects=(),
        )


def _has_vat(one: Finding) -> bool:
    return any(effect.scope.startswith(("vat:", "base:")) for effect in one.effects)


def rounding(
    accounts: frozenset[str], limit: Decimal, sums: Sums, count: int, month: Month
) -> Iterator[Finding]:
    """Tell whether rounding costs more than it may.

    Args:
        accounts: Accounts of rounding differences.
        limit: What a document may cost.
        sums: Sums of the ledger.
        count: How many documents.
        month: The month.
    """
    for account in sorted(accounts):
        summed = sums.get((f"gl:{account}", month.currency), ZERO)
        most = limit * count
        if abs(summed) > most:
            yield _finding(
                "B4",
                f"Account {account} has {summed} of {count} documents; up to {most} is expected.",
                month.currency,
                field="gl_account",
                ours=str(most),
                theirs=str(summed),
                proposal="Look at statement 10 for the documents with the largest differences.",
            )


def lists(
    ledger: Ledger, books: Books, month: Month, has_number: Callable[[str], bool]
) -> Iterator[Finding]:
    """Tell which lines lack what the EC sales list or the OSS return needs.

    Args:
        ledger: The audit trail.
        books: Names the company's currency.
        month: The month.
        has_number: Tells whether a relation, by its code, has a VAT number in Exact.
    """
    for row in _listed(ledger, month):
        if row.supply == OSS and not row.country:
            cause = f"VAT code {row.vat_code} is for OSS, but no country of consumption is known."
        elif row.supply in EC_SUPPLIES and not _is_numbered(ledger, row, has_number):
            cause = f"VAT code {row.vat_code} is for the EC sales list, without a VAT number."
        else:
            continue
        yield _finding(
            "B5",
            cause,
            books.currency,
            document_key=row.document_key,
            number=row.your_ref or "",
            field="vat_code",
            theirs=row.vat_code or "",
            proposal="Correct the customer's VAT number or country, and the entry in Exact.",
        )


def _listed(
    ledger: Ledger, month: Month
) -> Iterator[sa.Row[tuple[str, str, str, str, str, bytes]]]:
    query = (
        sa.select(
            postings.c.document_key,
            documents.c.your_ref,
            postings.c.supply,
            postings.c.country,
            postings.c.vat_code,
            documents.c.payload,
        )
        .join(documents, documents.c.document_key == postings.c.document_key)
        .where(
            ledger_side.posted(month),
            (
                postings.c.supply.in_(sorted(EC_SUPPLIES))
                | ((postings.c.supply == OSS) & postings.c.country.is_(None))
            ),
        )
        .order_by(postings.c.document_key, postings.c.vat_code, postings.c.line_no)
    )
    last = None
    with reading(ledger.engine) as connection:
        for row in connection.execution_options(yield_per=500).execute(query):
            name = (row.document_key, row.vat_code)
            if name != last:  # one line of a document and code stands for the others
                yield row
            last = name


def _is_numbered(
    ledger: Ledger,
    row: sa.Row[tuple[str, str, str, str, str, bytes]],
    has_number: Callable[[str], bool],
) -> bool:
    """Tell whether the debtor has a VAT number; an anonymised document is believed."""
    record = ledger_side.content(ledger, row.payload)
    if not record:
        return True
    debtor = record.get("debtor") or record.get("ordered_by") or {}
    if debtor.get("code"):
        return has_number(str(debtor["code"]))
    parts = (debtor.get("match") or {}, debtor.get("create") or {})
    return any(part.get("vat_number") for part in parts)
