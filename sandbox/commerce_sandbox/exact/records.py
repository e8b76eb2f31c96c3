"""Relations, items, master data and documents: rows that stand by themselves."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stdnum.eu import vat as eu_vat
from stdnum.gb import vat as gb_vat

from commerce_sandbox.exact import booking, messages, store, webhook_subscriptions
from commerce_sandbox.exact.company import ACCOUNT_CODE_WIDTH, pad_account_code
from commerce_sandbox.exact.errors import ForbiddenError, refuse
from commerce_sandbox.exact.metadata import resources
from commerce_sandbox.exact.store import TABLES, field_sql

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.exact.booking import Posting
    from commerce_sandbox.exact.store import Row

_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s.,;]{2,}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_STATE = re.compile(r"[A-Z0-9]{1,3}")  # a code; which ones a country has is UNVERIFIED
_VAT_NUMBER = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,13}")
_CHECK_DIGITS = {code.upper() for code in eu_vat.MEMBER_STATES} | {"EL"}
_VAT_PREFIX = {"GR": "EL"}
_EXTENSIONS = (".pdf", ".jpg", ".jpeg", ".png", ".gif", ".bmp")
_MAX_ATTACHMENT = 25 * 1024 * 1024
_DOCUMENT_TYPES = frozenset({10, 20, 55})  # sales invoice, purchase invoice, miscellaneous
_VAT_TYPES = frozenset("BEIN")
_STATUSES = frozenset("CPSA")
_LANGUAGE_WIDTH = 10

_GL = "financial/GLAccounts"


@dataclass(frozen=True)
class Record:
    """How one resource of single rows is checked.

    Attributes:
        check: Fills in defaults and notes what is wrong.
        references: Property -> resource of GUIDs.
        codes: Property -> attribute of the master data that knows the code.
        unique: Whether ``Code`` is unique.
        fixed: Properties that cannot be changed later.
        used_in: Resource and property that keep a row from being deleted.
    """

    check: Callable[[Posting, Row, bool], None] = lambda _posting, _row, _new: None
    references: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    unique: bool = False
    fixed: frozenset[str] = frozenset()
    used_in: tuple[tuple[str, str], ...] = ()


def create(posting: Posting, path: str, row: Row) -> Row:
    """Store a new row.

    Raises:
        ValidationError: It is refused.
    """
    record = RECORDS[path]
    row = {name: value for name, value in row.items() if value is not None}
    _check(posting, path, record, row, new=True)
    refuse(*posting.problems)
    if path == "crm/Addresses":
        same = _same_address(posting, row)
        if same is not None:
            return same
    row[TABLES[path].key] = store.new_guids(1)[0]
    if path == "documents/DocumentAttachments":
        row["Url"] = f"https://start.exactonline.nl/docs/SysAttachment.aspx?ID={row['ID']}"
    posting.insert(path, row)
    return row


def change(posting: Posting, path: str, key: str, changed: Row) -> None:
    """Apply a PUT to a row.

    Raises:
        ForbiddenError: It is gone.
        ValidationError: The change is refused.
    """
    row = posting.get(path, key)
    if row is None:
        raise ForbiddenError
    record = RECORDS.get(path, Record())
    for name in record.fixed & changed.keys():
        if changed[name] != row.get(name):
            posting.problems.append(messages.not_allowed(name))
    row = {name: value for name, value in (row | changed).items() if value is not None}
    _check(posting, path, record, row, new=False)
    refuse(*posting.problems)
    posting.update(path, row)


def delete(posting: Posting, path: str, key: str) -> None:
    """Delete a row.

    Raises:
        ForbiddenError: It is gone already.
        ValidationError: Something refers to it.
    """
    row = posting.get(path, key)
    if row is None:
        raise ForbiddenError
    by_code = {"GLAccount": key, "Account": key}
    for resource, name in RECORDS[path].used_in:
        wanted = key if name in by_code or name not in _CODE_PROPERTIES else row["Code"]
        found = posting.connection.execute(
            f"SELECT 1 FROM {TABLES[resource].name} WHERE division = ? "  # noqa: S608 -- our own names
            f"AND {field_sql(name)} = ? LIMIT 1",
            (posting.division, wanted),
        ).fetchone()
        if found:
            refuse(messages.used_in(path.rpartition("/")[2], resource.rpartition("/")[2]))
    posting.delete(path, [key])


_CODE_PROPERTIES = frozenset({"CostCenter", "CostUnit", "VATCode", "JournalCode"})


def _check(posting: Posting, path: str, record: Record, row: Row, *, new: bool) -> None:
    if not new:
        posting.problems.extend(
            messages.mandatory(item.name)
            for item in resources()[path].properties.values()
            if item.mandatory and row.get(item.name) in {None, ""}
        )
    booking.references(posting, row, record.references)
    for name, attribute in record.codes.items():
        code = row.get(name)
        if code is not None and code.strip() not in getattr(posting.data, attribute):
            posting.problems.append(messages.invalid_reference(name))
    record.check(posting, row, new)
    if record.unique and row.get("Code") is not None:
        same = store.find(posting.connection, path, posting.division, Code=row["Code"])
        if any(other[TABLES[path].key] != row.get(TABLES[path].key) for other in same):
            posting.problems.append(messages.DATA_EXISTS)


def _account(posting: Posting, row: Row, new: bool) -> None:  # noqa: FBT001 -- one signature
    code = row.get("Code")
    if code is not None:
        digits = code.strip()
        if not digits.isdecimal() or len(digits) > ACCOUNT_CODE_WIDTH:
            posting.problems.append(messages.invalid("CodeNumeric"))
        row["Code"] = pad_account_code(digits)
    elif new:
        highest = posting.connection.execute(
            "SELECT max(CAST(json_extract(body, '$.Code') AS INTEGER)) FROM exact_accounts "
            "WHERE division = ?",
            (posting.division,),
        ).fetchone()[0]
        row["Code"] = pad_account_code(str((highest or 0) + 1))
    _account_status(posting, row)
    _account_identity(posting, row)
    if row.get("SalesCurrency") not in posting.data.currencies:
        row["SalesCurrency"] = None  # an unknown currency is silently emptied
    if row.get("Language"):
        row["Language"] = row["Language"].strip().ljust(_LANGUAGE_WIDTH)
    if row.get("SalesVATCode"):
        row["SalesVATCode"] = row["SalesVATCode"].strip().ljust(3)
    account = posting.data.gl_accounts.get(row.get("GLAR") or "")
    if account and account["Type"] != booking.RECEIVABLE:
        posting.problems.append(messages.invalid("GLAccountType"))


def _account_status(posting: Posting, row: Row) -> None:
    status = row.setdefault("Status", "A")
    if status not in _STATUSES:
        posting.problems.append(messages.invalid("Type"))
    row["IsSales"] = status == "C"
    row.setdefault("Type", "A")
    row.setdefault("Blocked", False)
    row.setdefault("IsSupplier", False)


def _account_identity(posting: Posting, row: Row) -> None:
    if row.get("Email") and not _EMAIL.fullmatch(row["Email"]):
        posting.problems.append(messages.invalid("Email"))
    country = _place(posting, row)
    number = row.get("VATNumber")
    if number and (
        not _VAT_NUMBER.fullmatch(number)
        or (number[:2] in _CHECK_DIGITS and not eu_vat.is_valid(number))
        or (number[:2] == "GB" and not gb_vat.is_valid(number))
        or (country and number[:2] != _VAT_PREFIX.get(country, country))
    ):
        posting.problems.append(messages.invalid("VATNumber"))


def _place(posting: Posting, row: Row) -> str:
    """Check country and state, and return the country."""
    country = (row.get("Country") or "").strip()
    if country:
        if not _COUNTRY.fullmatch(country):
            posting.problems.append(messages.invalid_reference("Country"))
        row["Country"] = country.ljust(3)
    state = row.get("State")
    if state and not (country and _STATE.fullmatch(state.strip())):
        posting.problems.append(messages.invalid_reference("State"))
    return country


_ADDRESS = ("Account", "Type", "AddressLine1", "AddressLine2", "AddressLine3", "Postcode", "City",
            "State", "Country")  # fmt: skip
_ADDRESS_TYPES = frozenset({1, 2, 3, 4})


def _address(posting: Posting, row: Row, _new: bool) -> None:  # noqa: FBT001 -- one signature
    if row.setdefault("Type", 1) not in _ADDRESS_TYPES:
        posting.problems.append(messages.invalid("Type"))
    if row.get("Account") is None:
        posting.problems.append(messages.mandatory("Account"))
    _place(posting, row)


def _same_address(posting: Posting, row: Row) -> Row | None:
    for other in store.lines_of(posting.connection, "crm/Addresses", [row["Account"]]):
        if all(other.get(name) == row.get(name) for name in _ADDRESS):
            return other
    return None


def _contact(posting: Posting, row: Row, _new: bool) -> None:  # noqa: FBT001 -- one signature
    parts = (row.get("FirstName"), row.get("MiddleName"), row.get("LastName"))
    row["FullName"] = " ".join(part for part in parts if part)
    for name in ("Email", "BusinessEmail"):
        if row.get(name) and not _EMAIL.fullmatch(row[name]):
            posting.problems.append(messages.invalid("Email"))


def _item(posting: Posting, row: Row, _new: bool) -> None:  # noqa: FBT001 -- one signature
    groups = posting.data.item_groups.values()
    row.setdefault("ItemGroup", next((g["ID"] for g in groups if g.get("IsDefault")), None))
    units = posting.data.units.values()
    row.setdefault("Unit", next((unit["Code"] for unit in units if unit.get("Main")), None))
    row["ItemGroupCode"] = posting.data.item_groups.get(row["ItemGroup"], {}).get("Code")
    for name in ("IsSalesItem", "IsStockItem", "IsPurchaseItem", "IsFractionAllowedItem"):
        row.setdefault(name, False)
    row.setdefault("StartDate", posting.today)
    if row.get("SalesVatCode"):
        row["SalesVatCode"] = row["SalesVatCode"].strip().ljust(3)


def _gl_account(_: Posting, row: Row, _new: bool) -> None:  # noqa: FBT001 -- one signature
    for name, default in (("Type", 90), ("BalanceSide", "D"), ("BalanceType", "B")):
        row.setdefault(name, default)
    row.setdefault("IsBlocked", False)
    row.setdefault("UseCostcenter", 0)
    row.setdefault("UseCostunit", 0)
    if row.get("VATCode"):
        row["VATCode"] = row["VATCode"].strip().ljust(3)


def _vat_code(posting: Posting, row: Row, _new: bool) -> None:  # noqa: FBT001 -- one signature
    row["Code"] = row.get("Code", "").strip().ljust(3)
    if row.setdefault("Type", "E") not in _VAT_TYPES:
        posting.problems.append(messages.invalid("Type"))
    row.setdefault("VATTransactionType", "S")
    row.setdefault("IsBlocked", False)
    row.setdefault("Percentage", 0)
    row.pop("VATPercentages", None)
    for name in ("GLToPay", "GLToClaim"):
        account = posting.data.gl_accounts.get(row.get(name) or "")
        if account and account["Type"] != booking.VAT_ACCOUNT:
            posting.problems.append(messages.invalid("GLAccountType"))


def _journal(posting: Posting, row: Row, _new: bool) -> None:  # noqa: FBT001 -- one signature
    for name in ("Code", "Type"):
        if not row.get(name):
            posting.problems.append(messages.mandatory(name))
    for name in ("AllowVariableCurrency", "AllowVariableExchangeRate", "AllowVAT", "IsBlocked"):
        row.setdefault(name, False)
    row.setdefault("Currency", "EUR")


def _rate(posting: Posting, row: Row, _new: bool) -> None:  # noqa: FBT001 -- one signature
    row.setdefault("StartDate", posting.today)
    row["TargetCurrency"] = posting.data.currency
    if (row.get("Rate") or 0) <= 0:
        posting.problems.append(messages.invalid("Rate"))


def _attachment(posting: Posting, row: Row, _new: bool) -> None:  # noqa: FBT001 -- one signature
    try:
        size = len(base64.b64decode(row.get("Attachment") or "", validate=True))
    except binascii.Error:
        posting.problems.append(messages.invalid("Attachment"))
        return
    if not size or size > _MAX_ATTACHMENT:
        posting.problems.append(messages.invalid("Attachment"))
    if not (row.get("FileName") or "").lower().endswith(_EXTENSIONS):
        posting.problems.append(messages.not_allowed("FileName"))
    row["FileSize"] = size


def _document(posting: Posting, row: Row, _new: bool) -> None:  # noqa: FBT001 -- one signature
    row.setdefault("DocumentDate", posting.today)
    if row.get("Type") not in _DOCUMENT_TYPES:
        posting.problems.append(messages.invalid_reference("Type"))
    entry = row.get("FinancialTransactionEntryID")
    lines = "financialtransaction/TransactionLines"
    if entry and not store.lines_of(posting.connection, lines, [entry]):
        posting.problems.append(messages.invalid_reference("FinancialTransactionEntryID"))


_BOOKED = "financialtransaction/TransactionLines"

RECORDS: dict[str, Record] = {
    "crm/Accounts": Record(
        _account,
        references={
            "GLAR": _GL, "GLAP": _GL, "GLAccountSales": _GL, "GLAccountPurchase": _GL,
            "MainContact": "crm/Contacts", "InvoiceAccount": "crm/Accounts",
            "Parent": "crm/Accounts",
        },
        codes={"SalesVATCode": "vat_codes", "PaymentConditionSales": "payment_conditions"},
        unique=True,
        used_in=(
            (_BOOKED, "Account"), ("documents/Documents", "Account"),
            ("salesorder/SalesOrders", "OrderedBy"), ("salesinvoice/SalesInvoices", "OrderedBy"),
            ("crm/Contacts", "Account"),
        ),
    ),
    "crm/Addresses": Record(
        _address, references={"Account": "crm/Accounts", "Contact": "crm/Contacts"}
    ),
    "crm/Contacts": Record(_contact, references={"Account": "crm/Accounts"}),
    "logistics/Items": Record(
        _item,
        references={"ItemGroup": "logistics/ItemGroups", "GLRevenue": _GL, "GLCosts": _GL,
                    "GLStock": _GL},
        codes={"SalesVatCode": "vat_codes", "Unit": "units"},
        unique=True,
        used_in=(
            ("salesorder/SalesOrderLines", "Item"), ("salesinvoice/SalesInvoiceLines", "Item"),
        ),
    ),
    _GL: Record(
        _gl_account,
        codes={"VATCode": "vat_codes", "Costcenter": "cost_centers", "Costunit": "cost_units"},
        unique=True,
        used_in=((_BOOKED, "GLAccount"), ("financial/Journals", "GLAccount")),
    ),
    "hrm/Costcenters": Record(
        unique=True, fixed=frozenset({"Code"}), used_in=((_BOOKED, "CostCenter"),)
    ),
    "hrm/Costunits": Record(
        unique=True, fixed=frozenset({"Code"}), used_in=((_BOOKED, "CostUnit"),)
    ),
    "vat/VATCodes": Record(
        _vat_code,
        references={"GLToPay": _GL, "GLToClaim": _GL},
        unique=True,
        used_in=((_BOOKED, "VATCode"),),
    ),
    "financial/Journals": Record(
        _journal,
        references={"GLAccount": _GL},
        codes={"Currency": "currencies"},
        unique=True,
        used_in=((_BOOKED, "JournalCode"),),
    ),
    "financial/ExchangeRates": Record(_rate, codes={"SourceCurrency": "currencies"}),
    "cashflow/PaymentConditions": Record(unique=True),
    "documents/Documents": Record(
        _document,
        references={"Account": "crm/Accounts"},
        codes={"Currency": "currencies"},
        used_in=(("documents/DocumentAttachments", "Document"),),
    ),
    "documents/DocumentAttachments": Record(
        _attachment, references={"Document": "documents/Documents"}
    ),
    webhook_subscriptions.RESOURCE: Record(webhook_subscriptions.check),
}  # fmt: skip
