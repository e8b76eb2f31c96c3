"""General journal entries: lines with debit and credit that must be in balance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commerce_sandbox.exact import booking, ledger, messages, store
from commerce_sandbox.exact.booking import cents, in_division_currency, money
from commerce_sandbox.exact.errors import refuse
from commerce_sandbox.exact.numbers import check_entry_number, next_entry_number

if TYPE_CHECKING:
    from commerce_sandbox.exact.booking import Money, Posting
    from commerce_sandbox.exact.store import Row

ENTRIES = "generaljournalentry/GeneralJournalEntries"
LINES = "generaljournalentry/GeneralJournalEntryLines"
GENERAL_JOURNAL = 90
_LINE_REFERENCES = {
    "Account": "crm/Accounts",
    "Document": "documents/Documents",
    "OffsetID": "financialtransaction/TransactionLines",
    "Asset": "",
    "Project": "",
    "ProjectWBS": "",
}


def create(posting: Posting, header: Row) -> Row:
    """Book a new entry with its lines.

    Raises:
        ValidationError: Something in it is refused; nothing is written.
    """
    header["EntryID"] = store.new_guids(1)[0]
    lines: list[Row] = header.pop("GeneralJournalEntryLines", None) or []
    return write(posting, header, lines)


def write(posting: Posting, header: Row, lines: list[Row]) -> Row:
    """Check and book an entry under its ``EntryID``.

    Args:
        posting: The write call.
        header: The header as sent (with a number of its own when it had one before).
        lines: The lines as sent.

    Returns:
        The stored header.

    Raises:
        ValidationError: Something in it is refused; nothing is written.
    """
    problems = posting.problems
    if not lines:
        problems.append(messages.mandatory("GeneralJournalEntryLines"))
    for line in lines:
        line.setdefault("Date", posting.today)
    date = lines[0]["Date"] if lines else posting.today
    code = header.get("JournalCode")
    book = booking.journal(posting, code, "Journal", GENERAL_JOURNAL)
    currency, rate = booking.currency_and_rate(posting, header, book, date, "ExchangeRate")
    year, period = booking.period(posting, header, date, code, ("FinancialYear", "FinancialPeriod"))
    if any(posting.data.period(line["Date"]) != posting.data.period(date) for line in lines):
        problems.append(messages.invalid("Date"))
    amounts = [_check_line(posting, line, book) for line in lines]
    booking.whole_units(
        posting, currency, [part for line in amounts for part in (line.net, line.vat)]
    )
    check_entry_number(posting, header, ENTRIES, "JournalCode", year)
    difference = sum(line.net + line.vat for line in amounts)
    if difference:
        text = f"{money(difference):.2f}"
        problems.append(messages.out_of_balance(year, period, currency, text))
    refuse(*problems)
    if "EntryNumber" not in header:
        header["EntryNumber"] = next_entry_number(
            posting, ENTRIES, ("JournalCode", header["JournalCode"]), year
        )
    header.update(
        Currency=currency,
        ExchangeRate=rate,
        FinancialYear=year,
        FinancialPeriod=period,
        Status=booking.OPEN,
        Type=header.get("Type", GENERAL_JOURNAL),
    )
    posting.insert(ENTRIES, header)
    _write_lines(posting, header, lines, amounts)
    _book(posting, header, lines, amounts)
    return header


def _check_line(posting: Posting, line: Row, book: Row | None) -> Money:
    gl = booking.gl_account(posting, line.get("GLAccount"), forbidden=frozenset())
    booking.cost_entries(posting, line, gl, line["Date"])
    booking.references(posting, line, _LINE_REFERENCES)
    kinds = {booking.RECEIVABLE, booking.PAYABLE}
    if gl is not None and gl["Type"] in kinds and line.get("Account") is None:
        posting.problems.append(messages.mandatory("Account"))
    if "AmountFC" not in line:
        posting.problems.append(messages.mandatory("AmountFC"))
        return booking.Money(0, 0, None)
    if "VATCode" in line:
        if book is not None and not book.get("AllowVAT"):
            posting.problems.append(messages.not_allowed("VATCode"))
    elif line.get("AmountVATFC") is not None or line.get("VATPercentage") is not None:
        posting.problems.append(messages.mandatory("VATCode"))
        return booking.Money(cents(line["AmountFC"]), 0, None)
    return booking.line_money(posting, line, None, line["Date"], "AmountVATFC")


def _write_lines(posting: Posting, header: Row, lines: list[Row], amounts: list[Money]) -> None:
    rate = header["ExchangeRate"]
    for number, (line, found) in enumerate(zip(lines, amounts, strict=True), 1):
        gl = posting.data.gl_accounts[line["GLAccount"]]
        account = posting.get("crm/Accounts", line.get("Account"))
        line.setdefault("ID", store.new_guids(1)[0])
        line.update(
            EntryID=header["EntryID"],
            EntryNumber=header["EntryNumber"],
            LineNumber=number,
            GLAccountCode=gl["Code"],
            AmountDC=money(in_division_currency(cents(line["AmountFC"]), rate)),
        )
        if account is not None:
            line.update(AccountCode=account["Code"], AccountName=account["Name"])
        if found.code is not None:
            line["VATCode"] = found.code["Code"]
            line["VATType"] = found.code["VATTransactionType"]
            line["AmountVATFC"] = money(found.vat)
            line["VATBaseAmountFC"] = money(found.net)
    posting.insert(LINES, *lines)


def _book(posting: Posting, header: Row, lines: list[Row], amounts: list[Money]) -> None:
    """Write the transaction lines; the VAT of a line goes to its code's account."""
    rate = header["ExchangeRate"]
    shared = {
        "EntryID": header["EntryID"],
        "EntryNumber": header["EntryNumber"],
        "JournalCode": header["JournalCode"],
        "Type": header["Type"],
        "Status": header["Status"],
        "FinancialYear": header["FinancialYear"],
        "FinancialPeriod": header["FinancialPeriod"],
        "Currency": header["Currency"],
        "ExchangeRate": rate,
    }
    rows: list[Row] = []
    items: list[tuple[Row, Row]] = []
    copied = ("Date", "GLAccount", "GLAccountCode", "Account", "AccountCode", "AccountName",
              "Description", "VATCode", "VATType", "CostCenter", "CostUnit", "Quantity",
              "Document", "OffsetID", "Notes")  # fmt: skip
    for line, found in zip(lines, amounts, strict=True):
        row = shared | {name: line.get(name) for name in copied}
        row["ID"] = store.new_guids(1)[0]
        row["LineNumber"] = line["LineNumber"]
        row["AmountFC"] = money(found.net)
        row["AmountDC"] = money(in_division_currency(found.net, rate))
        if found.code is not None:
            row |= {"AmountVATFC": money(found.vat), "AmountVATBaseFC": money(found.net)}
        rows.append(row)
        gl = posting.data.gl_accounts[line["GLAccount"]]
        if gl["Type"] == booking.RECEIVABLE:
            items.append((posting.get("crm/Accounts", line["Account"]) or {}, row))
        if found.code is not None and found.vat:
            to_pay = found.code["GLToPay"]
            rows.append(
                shared
                | {
                    "ID": store.new_guids(1)[0],
                    "LineNumber": ledger.VAT_LINE,
                    "Date": line["Date"],
                    "GLAccount": to_pay,
                    "GLAccountCode": posting.data.gl_accounts[to_pay]["Code"],
                    "AmountFC": money(found.vat),
                    "AmountDC": money(in_division_currency(found.vat, rate)),
                    "AmountVATBaseFC": money(found.net),
                    "VATCode": found.code["Code"],
                }
            )
    # In a foreign currency the rounded amounts may miss zero by cents: the first line takes them.
    rest = sum(cents(row["AmountDC"]) for row in rows)
    rows[0]["AmountDC"] = money(cents(rows[0]["AmountDC"]) - rest)
    posting.insert(ledger.LINES, *rows)
    for account, row in items:
        ledger.open_item(posting, account, row)
