"""What a sales document leaves in the ledger: transaction lines and the open receivable.

Line 0 is the receivable (debit positive), lines 1 and up the revenue (credit negative), lines
9999 the VAT, one per VAT account. The lines of an entry add up to zero in both currencies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commerce_sandbox.exact import store
from commerce_sandbox.exact.booking import OPEN, in_division_currency, money

if TYPE_CHECKING:
    from commerce_sandbox.exact.booking import Money, Posting
    from commerce_sandbox.exact.store import Row

LINES = "financialtransaction/TransactionLines"
RECEIVABLES = "cashflow/Receivables"
VAT_LINE = 9999


@dataclass(frozen=True)
class Entry:
    """The facts of a sales entry that each of its transaction lines repeats."""

    header: Row
    account: Row
    receivable_gl: Row
    rate: float
    total: int


def book(posting: Posting, entry: Entry, lines: list[tuple[Row, Money]]) -> float:
    """Write the transaction lines and the receivable of a sales entry.

    Args:
        posting: The write call.
        entry: Its header with the account.
        lines: Each line of the document with its amounts.

    Returns:
        The total in the division's currency: what the lines in it add up to.
    """
    header = entry.header
    shared = _shared(header)
    vat: dict[tuple[str, str], tuple[int, int]] = {}
    rows: list[Row] = []
    in_dc = 0
    for number, (line, amounts) in enumerate(lines, 1):
        dc = in_division_currency(amounts.net, entry.rate)
        in_dc += dc
        row = shared | {
            "LineNumber": number,
            "GLAccount": line["GLAccount"],
            "GLAccountCode": posting.data.gl_accounts[line["GLAccount"]]["Code"],
            "Account": entry.account["ID"],
            "AccountCode": entry.account["Code"],
            "AmountFC": money(-amounts.net),
            "AmountDC": money(-dc),
            "AmountVATFC": money(-amounts.vat),
            "AmountVATBaseFC": money(-amounts.net),
            "CostCenter": line.get("CostCenter"),
            "CostUnit": line.get("CostUnit"),
            "Description": line.get("Description") or header.get("Description"),
            "Item": line.get("Item"),
            "ItemCode": line.get("ItemCode"),
            "Quantity": line.get("Quantity"),
        }
        if amounts.code is not None:
            row["VATCode"] = amounts.code["Code"]
            row["VATPercentage"] = line.get("VATPercentage")
            row["VATType"] = amounts.code["VATTransactionType"]
            if amounts.vat:
                key = (amounts.code["GLToPay"], amounts.code["Code"])
                sums = vat.get(key, (0, 0))
                vat[key] = (sums[0] + amounts.vat, sums[1] + amounts.net)
        rows.append(row)
    for (account, code), (amount, base) in vat.items():
        dc = in_division_currency(amount, entry.rate)
        in_dc += dc
        rows.append(
            shared
            | {
                "LineNumber": VAT_LINE,
                "GLAccount": account,
                "GLAccountCode": posting.data.gl_accounts[account]["Code"],
                "AmountFC": money(-amount),
                "AmountDC": money(-dc),
                "AmountVATBaseFC": money(-base),
                "VATCode": code,
                "Description": header.get("Description"),
            }
        )
    first = shared | {
        "LineNumber": 0,
        "GLAccount": entry.receivable_gl["ID"],
        "GLAccountCode": entry.receivable_gl["Code"],
        "Account": entry.account["ID"],
        "AccountCode": entry.account["Code"],
        "AccountName": entry.account["Name"],
        "AmountFC": money(entry.total),
        "AmountDC": money(in_dc),
        "AmountVATFC": 0,
        "Description": header.get("Description"),
    }
    rows.insert(0, first)
    for row, identifier in zip(rows, store.new_guids(len(rows)), strict=True):
        row["ID"] = identifier
    posting.insert(LINES, *rows)
    receivable = _receivable(posting, entry.account, first, header)
    posting.insert(RECEIVABLES, receivable)
    return money(in_dc)


def _shared(header: Row) -> Row:
    return {
        "EntryID": header["EntryID"],
        "EntryNumber": header["EntryNumber"],
        "InvoiceNumber": header.get("InvoiceNumber"),
        "JournalCode": header["Journal"],
        "Type": header["Type"],
        "Status": header["Status"],
        "Date": header["EntryDate"],
        "DueDate": header.get("DueDate"),
        "FinancialYear": header["ReportingYear"],
        "FinancialPeriod": header["ReportingPeriod"],
        "Currency": header["Currency"],
        "ExchangeRate": header["Rate"],
        "YourRef": header.get("YourRef"),
        "PaymentReference": header.get("PaymentReference"),
        "OrderNumber": header.get("OrderNumber"),
        "Document": header.get("Document"),
        "ExternalLinkReference": header.get("ExternalLinkReference"),
    }


def _receivable(posting: Posting, account: Row, line: Row, header: Row) -> Row:
    """Return the open item: negative when the customer owes."""
    identifier, entry_id = store.new_guids(2)
    return {
        "ID": identifier,
        "HID": posting.take_versions(1),
        "EntryID": entry_id,
        "TransactionEntryID": line["EntryID"],
        "TransactionID": line["ID"],
        "Account": account["ID"],
        "AccountCode": account["Code"],
        "AccountName": account["Name"],
        "AmountFC": -line["AmountFC"],
        "AmountDC": -line["AmountDC"],
        "TransactionAmountFC": line["AmountFC"],
        "TransactionAmountDC": line["AmountDC"],
        "TransactionType": line["Type"],
        "TransactionStatus": line["Status"],
        "TransactionReportingYear": line["FinancialYear"],
        "TransactionReportingPeriod": line["FinancialPeriod"],
        "Currency": line["Currency"],
        "RateFC": line["ExchangeRate"],
        "EntryNumber": line["EntryNumber"],
        "InvoiceNumber": line.get("InvoiceNumber"),
        "InvoiceDate": line["Date"],
        "EntryDate": line["Date"],
        "DueDate": line.get("DueDate"),
        "Journal": line["JournalCode"],
        "GLAccount": line["GLAccount"],
        "Description": header.get("Description") or line.get("Description"),
        "PaymentCondition": header.get("PaymentCondition"),
        "PaymentReference": line.get("PaymentReference"),
        "YourRef": line.get("YourRef"),
        "OrderNumber": line.get("OrderNumber"),
        "IsFullyPaid": False,
        "Status": OPEN,
    }


def open_item(posting: Posting, account: Row, line: Row) -> None:
    """Write the open item of a journal line on a receivables account."""
    posting.insert(RECEIVABLES, _receivable(posting, account, line, {}))


def unbook(posting: Posting, entry_id: str) -> None:
    """Remove the transaction lines and open items of an entry."""
    for resource in (LINES, RECEIVABLES):
        rows: list[dict[str, Any]] = store.lines_of(posting.connection, resource, [entry_id])
        keys = [row["ID"] for row in rows]
        posting.delete(resource, keys)
