"""Money of a document: clearing account per payment method, prepayments and their settlement.

Amounts in journal entries are debit positive. These entries are made only where a rule names
a `clearing_gl` (and, for money received before the invoice, a `prepayment_gl`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mapper_gl_rules.booking.header import document_key
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.source import Order

if TYPE_CHECKING:
    from decimal import Decimal

    from mapper_gl_rules.booking.header import Record
    from mapper_gl_rules.dates import MoneyDate
    from mapper_gl_rules.rules.model import Settings
    from mapper_gl_rules.source import Document

__all__ = ["MoneyKind", "general_journal", "money_entry"]

MoneyKind = Literal["payment", "refund", "prepayment", "settlement"]


def money_entry(
    kind: MoneyKind,
    header: Record,
    document: Document | Order,
    debit: str,
    credit: str,
    amount: Decimal,
    moved: MoneyDate,
    settings: Settings,
) -> Record:
    """Build a journal entry that moves an amount from one account to another.

    Args:
        kind: `payment` closes the debtor, `refund` opens it, `prepayment` takes money before the
            invoice, `settlement` closes the debtor with it.
        header: Common fields of the shop's document, with its debtor.
        document: The shop's document.
        debit: GL account of the debit side.
        credit: GL account of the credit side.
        amount: In document currency, above 0.
        moved: When the money moved.
        settings: Name the journal and the debtors' account.

    Raises:
        DocumentRefusedError: When the rules name no journal.
    """
    source = header["source"]
    description = f"{kind.capitalize()} {header['your_ref']}, order {source['order_increment_id']}"
    entry = {key: value for key, value in header.items() if key != "debtor"}
    transaction = _transaction(document)
    entry.update(
        document_key=document_key(source, kind),
        # Invoices and credit memos count on their own, so their numbers alone are not unique.
        your_ref=f"{kind} {header['your_ref']}",
        description=description[:60],
        source={**source, "kind": kind, "money_date_from": moved.seen_by},
        journal=general_journal(settings),
        entry_date=moved.day.isoformat(),
        transaction_id=transaction,
        includes=[header["document_key"]],
        lines=[
            _line(debit, amount, header, transaction, settings),
            _line(credit, -amount, header, transaction, settings),
        ],
        totals={"amount": amount, "vat_amount": 0, "net_amount": 0},
    )
    if kind != "prepayment":  # which pays no document yet
        entry["pays"] = header["document_key"]
    return entry


def _transaction(document: Document | Order) -> str | None:
    """Give the payment provider's id: of the document itself, else the order's last one."""
    order = document if isinstance(document, Order) else document.order
    own = None if isinstance(document, Order) else document.transaction_id
    return own or (order.payment.last_trans_id if order and order.payment else None)


def general_journal(settings: Settings) -> str:
    """Give the journal of journal entries.

    Raises:
        DocumentRefusedError: When the rules name none.
    """
    if settings.general_journal is None:
        raise DocumentRefusedError(
            reason="the rules name no journal for journal entries",
            where="rules",
            what_to_do="Add general_journal to the settings of the rules.",
        )
    return settings.general_journal


def _line(
    gl: str, amount: Decimal, header: Record, transaction: str | None, settings: Settings
) -> dict[str, Any]:
    """Build one side; its text names the transaction, by which settlements are matched."""
    text = f"Order {header['source']['order_increment_id']}"
    line = {
        "gl_account": gl,
        "amount": amount,
        "description": (f"{text}, {transaction}" if transaction else text)[:60],
        "rule": "payment",
        **dict.fromkeys(("supply", "country", "nature", "dispatch_country")),
    }
    if gl == settings.debtor_gl:
        line["account"] = header["debtor"].get("code") or header["debtor"]
    return line
