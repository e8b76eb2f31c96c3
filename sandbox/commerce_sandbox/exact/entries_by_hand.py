"""Entries that people change, delete or type on screen: words of people to what is booked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commerce_sandbox.exact import changes, convert, journal_entries, sales_entries, store
from commerce_sandbox.exact.company import pad_account_code
from commerce_sandbox.exact.metadata import resources
from commerce_sandbox.exceptions import BookkeeperError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commerce_sandbox.exact.booking import Posting
    from commerce_sandbox.exact.changes import Document
    from commerce_sandbox.exact.store import Row

_DOCUMENTS = {
    sales_entries.SALES_JOURNAL: changes.BY_HEADER[sales_entries.ENTRIES],
    journal_entries.GENERAL_JOURNAL: changes.BY_HEADER[journal_entries.ENTRIES],
}
#: What people call a field -> property, for each kind of document.
_HEADER = {
    sales_entries.ENTRIES: {
        "date": "EntryDate", "debtor": "Customer", "reference": "YourRef",
        "description": "Description", "journal": "Journal", "currency": "Currency", "rate": "Rate",
        "payment_condition": "PaymentCondition",
    },
    journal_entries.ENTRIES: {
        "journal": "JournalCode", "currency": "Currency", "rate": "ExchangeRate",
        "entry_type": "Type",
    },
}  # fmt: skip
_LINE = {
    sales_entries.ENTRIES: {
        "gl_account": "GLAccount", "amount": "AmountFC", "vat_code": "VATCode",
        "vat_amount": "VATAmountFC", "cost_center": "CostCenter", "cost_unit": "CostUnit",
        "description": "Description",
    },
    journal_entries.ENTRIES: {
        "gl_account": "GLAccount", "amount": "AmountFC", "vat_code": "VATCode",
        "vat_amount": "AmountVATFC", "cost_center": "CostCenter", "cost_unit": "CostUnit",
        "description": "Description", "debtor": "Account", "date": "Date",
    },
}  # fmt: skip
_PERIOD = {
    sales_entries.ENTRIES: ("ReportingYear", "ReportingPeriod"),
    journal_entries.ENTRIES: ("FinancialYear", "FinancialPeriod"),
}
#: Not copied with an entry: what the server gives, or what must be unique.
_NOT_COPIED = frozenset({"EntryID", "EntryNumber", "InvoiceNumber", "ID", "PaymentReference"})


def find(posting: Posting, name: str) -> tuple[Document, str]:
    """Return the one entry with this key, entry number or reference.

    Raises:
        BookkeeperError: There is none, or several.
    """
    found = []
    for document in _DOCUMENTS.values():
        numbers: dict[str, Any] = {"EntryID": name, "YourRef": name}
        if name.isdecimal():
            numbers["EntryNumber"] = int(name)
        keys = {
            row["EntryID"]
            for property_, value in numbers.items()
            for row in store.find(
                posting.connection, document.header, posting.division, **{property_: value}
            )
        }
        found += [(document, key) for key in sorted(keys)]
    if len(found) != 1:
        count = f"{len(found)} entries" if found else "no entry"
        message = f"division {posting.division} has {count} with key, number or reference {name!r}"
        raise BookkeeperError(message)
    return found[0]


def edit(
    posting: Posting,
    name: str,
    header: Mapping[str, Any],
    lines: Mapping[int, Mapping[str, Any]],
) -> None:
    """Change an entry.

    Raises:
        BookkeeperError: There is no such entry, line, field or code.
        ValidationError: The bookkeeping refuses the change.
    """
    document, key = find(posting, name)
    stored = store.lines_of(posting.connection, document.lines, [key])
    numbers = {line["LineNumber"] for line in stored}
    unknown = sorted(set(lines) - numbers)
    if unknown:
        message = f"entry {name} has no line {unknown[0]}, but {', '.join(map(str, numbers))}"
        raise BookkeeperError(message)
    by_line: dict[int, Row] = {
        number: _line(posting, document, line) for number, line in lines.items()
    }
    fields = dict(header)
    if document.dates is not None and "date" in fields:  # each line has the date of its own
        date = _line(posting, document, {"date": fields.pop("date")})
        by_line = {number: date | by_line.get(number, {}) for number in numbers}
    changes.edit(posting, document, key, _header(posting, document, fields), by_line)


def delete(posting: Posting, name: str) -> None:
    """Delete an entry.

    Raises:
        BookkeeperError: There is no such entry.
        ValidationError: It is processed, or its period is closed.
    """
    document, key = find(posting, name)
    changes.delete_header(posting, document, key)


def copy(posting: Posting, name: str, header: Mapping[str, Any]) -> str:
    """Type an entry once more and return its key.

    Raises:
        BookkeeperError: There is no such entry, field or code.
        ValidationError: The bookkeeping refuses it.
    """
    document, key = find(posting, name)
    stored = posting.get(document.header, key) or {}
    lines = store.lines_of(posting.connection, document.lines, [key])
    row = _sendable(document.header, stored) | _header(posting, document, header)
    if document.header == journal_entries.ENTRIES:
        row.setdefault("Type", stored["Type"])
    return _write(posting, document, row, [_sendable(document.lines, line) for line in lines])


def type_new(
    posting: Posting, header: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]
) -> str:
    """Type a new entry and return its key.

    Raises:
        BookkeeperError: There is no such journal, field or code.
        ValidationError: The bookkeeping refuses it.
    """
    journal = posting.data.journals.get(str(header.get("journal")), {})
    document = _DOCUMENTS.get(journal.get("Type", 0))
    if document is None:
        message = f"division {posting.division} has no sales or general journal {header['journal']}"
        raise BookkeeperError(message)
    fields = dict(header)
    if document.dates is not None:  # a journal entry has its date, debtor and text on its lines
        names = ("date", "description")
        own = {name: fields.pop(name) for name in names if name in fields}
        debtor = {name: fields.pop(name) for name in ("debtor",) if name in fields}
        lines = [
            {**own, **(debtor if _is_receivable(posting, line) else {}), **line} for line in lines
        ]
    rows = [_line(posting, document, line) for line in lines]
    return _write(posting, document, _header(posting, document, fields), rows)


def _is_receivable(posting: Posting, line: Mapping[str, Any]) -> bool:
    accounts = posting.data.gl_accounts.values()
    return any(row["Code"] == str(line.get("gl_account")) and row["Matching"] for row in accounts)


def _write(posting: Posting, document: Document, header: Row, lines: list[Row]) -> str:
    header[document.key] = store.new_guids(1)[0]
    document.write(posting, header, lines)
    key: str = header[document.key]
    return key


def _sendable(path: str, row: Row) -> Row:
    known = resources()[path].properties
    return {
        name: value
        for name, value in row.items()
        if name in known and known[name].on_post and name not in _NOT_COPIED
    }


def _header(posting: Posting, document: Document, fields: Mapping[str, Any]) -> Row:
    rest = dict(fields)
    period = rest.pop("period", None)
    row = _row(posting, document.header, _HEADER[document.header], rest)
    if period is not None:
        row |= dict(zip(_PERIOD[document.header], period, strict=True))
    return row


def _line(posting: Posting, document: Document, fields: Mapping[str, Any]) -> Row:
    return _row(posting, document.lines, _LINE[document.header], fields)


def _row(posting: Posting, path: str, names: Mapping[str, str], fields: Mapping[str, Any]) -> Row:
    """Return properties for what people call them, codes looked up."""
    row: Row = {}
    for name, value in fields.items():
        if name not in names:
            message = f"no such field here: {name} (known: {', '.join(sorted(names))})"
            raise BookkeeperError(message)
        if value is None:
            row[names[name]] = None
        elif name == "gl_account":
            row[names[name]] = _key(posting, "financial/GLAccounts", name, str(value))
        elif name == "entry_type":
            row[names[name]] = int(value)
        elif name == "debtor":
            row[names[name]] = _key(posting, "crm/Accounts", name, pad_account_code(str(value)))
        else:
            row[names[name]] = convert.stored_value(resources()[path], names[name], value)
    return row


def _key(posting: Posting, resource: str, name: str, code: str) -> str:
    found = store.find(posting.connection, resource, posting.division, Code=code)
    if not found:
        message = f"division {posting.division} has no {name} {code.strip()!r}"
        raise BookkeeperError(message)
    key: str = found[0]["ID"]
    return key
