"""Sales entries: invoices and credit notes that were issued elsewhere, booked at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from commerce_sandbox.exact import booking, ledger, messages, store
from commerce_sandbox.exact.booking import Money, cents, in_division_currency, money
from commerce_sandbox.exact.errors import refuse
from commerce_sandbox.exact.master import BASIS_POINTS
from commerce_sandbox.exact.numbers import check_entry_number, next_entry_number

if TYPE_CHECKING:
    from commerce_sandbox.exact.booking import Posting
    from commerce_sandbox.exact.store import Row

ENTRIES = "salesentry/SalesEntries"
LINES = "salesentry/SalesEntryLines"
SALES_JOURNAL = 20
ENTRY, CREDIT_NOTE = 20, 21
_FORBIDDEN = frozenset({booking.RECEIVABLE, booking.PAYABLE, booking.VAT_ACCOUNT})
_REFERENCES = {"Document": "documents/Documents"}
_LINE_REFERENCES = {"Asset": "", "Project": "", "ProjectWBS": "", "Subscription": ""}


def create(posting: Posting, header: Row) -> Row:
    """Book a new entry with its lines.

    Raises:
        ValidationError: Something in it is refused; nothing is written.
    """
    header["EntryID"] = store.new_guids(1)[0]
    lines = header.pop("SalesEntryLines", None) or []
    return write(posting, header, lines)


def write(posting: Posting, header: Row, lines: list[Row], *, own_rate: bool = False) -> Row:
    """Check and book an entry under its ``EntryID``.

    Args:
        posting: The write call.
        header: The header as sent (with a number of its own when it had one before).
        lines: The lines as sent.
        own_rate: Exact takes its own rate (of a printed invoice).

    Returns:
        The stored header.

    Raises:
        ValidationError: Something in it is refused; nothing is written.
    """
    problems = posting.problems
    if not lines:
        problems.append(messages.mandatory("SalesEntryLines"))
    date = header.setdefault("EntryDate", posting.today)
    book = booking.journal(posting, header.get("Journal"), "Journal", SALES_JOURNAL)
    account = booking.customer(posting, header.get("Customer"), "Customer", "AccountType")
    receivable = _receivable_account(posting, account, book)
    condition = booking.payment_condition(posting, header, account)
    currency, rate = booking.currency_and_rate(posting, header, book, date, own_rate=own_rate)
    year, period = booking.period(
        posting, header, date, header.get("Journal"), ("ReportingYear", "ReportingPeriod")
    )
    booking.references(posting, header, _REFERENCES)
    amounts = [_check_line(posting, line, account, date) for line in lines]
    booking.whole_units(
        posting, currency, [part for line in amounts for part in (line.net, line.vat)]
    )
    check_entry_number(posting, header, ENTRIES, "Journal", year)
    vat = sum(line.vat for line in amounts)
    if cents(header.get("VATAmountFC", money(vat))) != vat:
        problems.append(messages.invalid("VATAmountFC"))  # the lines decide, not the header
    refuse(*problems)
    account = cast("Row", account)  # refused above otherwise
    total = vat + sum(line.net for line in amounts)
    if "EntryNumber" not in header:
        header["EntryNumber"] = next_entry_number(
            posting, ENTRIES, ("Journal", header["Journal"]), year
        )
    number = header["EntryNumber"]
    header.update(
        AmountFC=money(total),
        VATAmountFC=money(vat),
        VATAmountDC=money(in_division_currency(vat, rate)),
        Currency=currency,
        CustomerName=account["Name"],
        InvoiceNumber=number,  # a posted value is ignored
        PaymentCondition=condition["Code"] if condition else None,
        Rate=rate,
        ReportingYear=year,
        ReportingPeriod=period,
        Status=header.get("Status", booking.OPEN),
        Type=CREDIT_NOTE if total < 0 else ENTRY,
    )
    header.setdefault("DueDate", _due(date, (condition or {}).get("PaymentDays") or 0))
    header.setdefault("PaymentReference", f"{account['Code'].strip()}/{number}")
    _write_lines(posting, header, lines, amounts, rate)
    entry = ledger.Entry(header, account, receivable or {}, rate, total)
    header["AmountDC"] = ledger.book(posting, entry, list(zip(lines, amounts, strict=True)))
    posting.insert(ENTRIES, header)
    return header


def _receivable_account(posting: Posting, account: Row | None, book: Row | None) -> Row | None:
    """Return the receivables account: the journal's, which the customer's must equal."""
    own = account.get("GLAR") if account else None
    of_journal = book.get("GLAccount") if book else None
    if own and of_journal and own != of_journal:
        posting.problems.append(messages.RECEIVABLE_DIFFERS)
    return posting.data.gl_accounts.get(of_journal or own or "")


def _check_line(posting: Posting, line: Row, account: Row | None, date: str) -> Money:
    gl = booking.gl_account(posting, line.get("GLAccount"), forbidden=_FORBIDDEN)
    booking.cost_entries(posting, line, gl, date)
    booking.references(posting, line, _LINE_REFERENCES)
    if line.get("From") and line.get("To") and line["From"] > line["To"]:
        posting.problems.append(messages.invalid("Date"))
    if "AmountFC" not in line:
        return Money(0, 0, None)
    default = (gl or {}).get("VATCode") or (account or {}).get("SalesVATCode")
    amounts = booking.line_money(posting, line, default, date)
    if cents(line.get("VATBaseAmountFC", money(amounts.net))) != amounts.net:
        posting.problems.append(messages.invalid("VATBaseAmountFC"))
    return amounts


def _write_lines(
    posting: Posting, header: Row, lines: list[Row], amounts: list[Money], rate: float
) -> None:
    identifiers = store.new_guids(len(lines))
    for number, (line, money_of_line) in enumerate(zip(lines, amounts, strict=True), 1):
        code = money_of_line.code
        line.setdefault("ID", identifiers[number - 1])
        line["EntryID"] = header["EntryID"]
        line["LineNumber"] = number
        line["AmountDC"] = money(in_division_currency(cents(line["AmountFC"]), rate))
        line["VATAmountFC"] = money(money_of_line.vat)
        line["VATAmountDC"] = money(in_division_currency(money_of_line.vat, rate))
        line["VATBaseAmountFC"] = money(money_of_line.net)
        line["Type"] = header["Type"]
        if code is not None:
            line["VATCode"] = code["Code"]
            line["VATPercentage"] = (
                posting.data.basis_points(code, header["EntryDate"]) / BASIS_POINTS
            )
        if line.get("Description") is None and header.get("Description") is not None:
            line["Description"] = header["Description"]
    posting.insert(LINES, *lines)


@lru_cache(maxsize=1024)  # documents of one day have the same dates
def _due(date: str, days: int) -> str:
    return (datetime.fromisoformat(date) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S")
