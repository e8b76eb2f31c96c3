"""What all documents share: references, VAT, currencies and periods of one posting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from commerce_sandbox.exact import messages, store
from commerce_sandbox.exact.credentials import USER
from commerce_sandbox.exact.master import BASIS_POINTS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from commerce_sandbox.exact.credentials import User
    from commerce_sandbox.exact.master import Master
    from commerce_sandbox.exact.messages import Message
    from commerce_sandbox.exact.store import Row

RECEIVABLE, PREPAYMENT, PAYABLE, VAT_ACCOUNT = 20, 21, 22, 24
OPEN, PROCESSED = 20, 50
CUSTOMER = "C"
FULL_RATE = 1
#: Setting: whether a variable-rate journal wants a rate, ``mandatory`` or ``optional``.
RATE = "exact.variable_rate"
_VERSION_BLOCK = 64


@dataclass
class Posting:
    """One write call: where it writes, what it may refer to, what is wrong so far.

    Attributes:
        connection: Inside a write transaction.
        division: Whose books.
        data: The division's master data.
        at: Now, ISO 8601 UTC without a zone.
        settings: The sandbox's settings, defaults included.
        faults: What goes wrong in the bookkeeping: kind -> parameters.
        user: Who does it.
        problems: Messages so far; any of them refuses the call.
    """

    connection: sqlite3.Connection
    division: int
    data: Master
    at: str
    settings: Mapping[str, Any]
    faults: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    user: User = USER
    problems: list[Message] = field(default_factory=list)
    _versions: range = range(0)

    @property
    def today(self) -> str:
        """Today at midnight, as dates are stored."""
        return f"{self.at[:10]}T00:00:00"

    def get(self, resource: str, key: str | None) -> Row | None:
        """Return a row of this division, or None."""
        return None if key is None else store.get(self.connection, resource, self.division, key)

    @property
    def modified_by(self) -> Row:
        """Who changes a row, as properties of it."""
        return {"Modifier": self.user.user_id, "ModifierFullName": self.user.name}

    @property
    def deleted_by(self) -> Row:
        """Who deletes a row, as properties of the note about it."""
        return {"DeletedBy": self.user.user_id, "DeletedDate": self.at}

    def insert(self, resource: str, *rows: Row) -> None:
        """Insert rows of this division."""
        if self.user is not USER:  # rows that do not say so are that user's
            made_by = {"Creator": self.user.user_id, "CreatorFullName": self.user.name}
            for row in rows:
                row.update(made_by, **self.modified_by)
        first = self.take_versions(len(rows))
        store.insert(self.connection, resource, self.division, rows, self.at, first)

    def update(self, resource: str, row: Row) -> None:
        """Store a changed row of this division."""
        row.update(self.modified_by)
        store.update(self.connection, resource, row, self.at)

    def delete(self, resource: str, keys: Iterable[str]) -> None:
        """Delete rows of this division, and note it."""
        store.delete(self.connection, resource, self.division, keys, self.deleted_by)

    def take_versions(self, count: int) -> int:
        """Return the first of some row versions; they are reserved in blocks."""
        if len(self._versions) < count:
            block = max(count, _VERSION_BLOCK)
            first = store.take_versions(self.connection, block)
            self._versions = range(first, first + block)
        first = self._versions.start
        self._versions = self._versions[count:]
        return first


@dataclass(slots=True)
class Money:
    """The amounts of a line in cents of the document's currency.

    Attributes:
        net: Without VAT.
        vat: VAT, as given or computed.
        code: The VAT code, if the line has one.
    """

    net: int
    vat: int
    code: Row | None


def cents(amount: float) -> int:
    """Return an amount of at most two decimals in cents."""
    return round(amount * 100)


def money(amount: int) -> float:
    """Return cents as the number that JSON shows."""
    return amount / 100


def in_division_currency(amount: int, rate: float) -> int:
    """Return cents of the division's currency for cents of a document's currency."""
    return amount if rate == FULL_RATE else _half_up(round(amount * round(rate * 10**6)), 10**6)


def _half_up(numerator: int, denominator: int) -> int:
    """Divide and round halves away from zero."""
    quotient = (2 * abs(numerator) + denominator) // (2 * denominator)
    return quotient if numerator >= 0 else -quotient


def line_money(
    posting: Posting, line: Row, default_code: str | None, date: str, vat_name: str = "VATAmountFC"
) -> Money:
    """Work out net and VAT of a line from its amount, VAT code and given VAT amount.

    A code of type E adds VAT, one of type I includes it, B and N have none. A VAT amount on the
    line replaces the computed one.

    Args:
        posting: The write call.
        line: The line; its ``AmountFC`` is there.
        default_code: The VAT code when the line names none (of its account, item or customer).
        date: The document's date, for the percentage.
        vat_name: The property with the VAT amount.
    """
    amount = cents(line["AmountFC"])
    code = _vat_code(posting, line, default_code)
    given = line.get(vat_name)
    if code is None:
        if given:
            posting.problems.append(messages.not_allowed(vat_name))
        return Money(amount, 0, None)
    points = posting.data.basis_points(code, date)
    percentage = line.get("VATPercentage")
    if percentage is not None and (percentage <= 0 or round(percentage * BASIS_POINTS) != points):
        posting.problems.append(messages.invalid("VATPercentage"))
    kind = code["Type"]
    if kind in {"N", "B"}:
        if given:
            posting.problems.append(messages.not_allowed(vat_name))
        return Money(amount, 0, code)
    if given is not None:
        vat = cents(given)
        if vat and amount and (vat < 0) != (amount < 0):
            posting.problems.append(messages.invalid(vat_name))
    elif kind == "I":
        vat = _half_up(amount * points, BASIS_POINTS + points)
    else:
        vat = _half_up(amount * points, BASIS_POINTS)
    return Money(amount - vat if kind == "I" else amount, vat, code)


def _vat_code(posting: Posting, line: Row, default_code: str | None) -> Row | None:
    wanted = line.get("VATCode")
    if wanted is None:
        return posting.data.vat_codes.get(default_code.strip()) if default_code else None
    code = posting.data.vat_codes.get(wanted.strip()) if wanted else None
    if code is None:
        posting.problems.append(messages.invalid_reference("VATCode"))
    elif code["IsBlocked"]:
        posting.problems.append(messages.blocked("VATCode"))
    elif code["VATTransactionType"] == "P":
        posting.problems.append(messages.invalid("VATCode"))
    return code


def gl_account(posting: Posting, key: str | None, *, forbidden: frozenset[int]) -> Row | None:
    """Return the GL account of a line; note when it cannot be posted to."""
    if key is None:
        return None
    account = posting.data.gl_accounts.get(key)
    if account is None:
        posting.problems.append(messages.invalid_reference("GLAccount"))
    elif account["Type"] in forbidden:
        posting.problems.append(messages.invalid("GLAccountType"))
    elif account["IsBlocked"]:
        posting.problems.append(messages.blocked("GLAccount", account["Code"]))
    return account


def cost_entries(posting: Posting, line: Row, account: Row | None, date: str) -> None:
    """Check cost center and cost unit: known, not ended, wanted or forbidden by the account."""
    entries = (
        ("CostCenter", "UseCostcenter", posting.data.cost_centers),
        ("CostUnit", "UseCostunit", posting.data.cost_units),
    )
    for name, rule, known in entries:
        code = line.get(name)
        use = account.get(rule, 0) if account else 0
        if code is None:
            if use == 1:
                posting.problems.append(messages.mandatory(name))
            continue
        entry = known.get(code)
        if entry is None:
            posting.problems.append(messages.invalid_reference(name))
        elif use == 2:  # noqa: PLR2004 -- 2: not allowed
            posting.problems.append(messages.not_allowed(name))
        elif entry.get("EndDate") and entry["EndDate"] < date:
            posting.problems.append(messages.invalid(name))


def customer(posting: Posting, key: str | None, name: str, type_name: str) -> Row | None:
    """Return the account of a document; note when it is no customer, blocked or ended.

    Args:
        posting: The write call.
        key: GUID of the account.
        name: Property, for the message about an unknown one.
        type_name: Label for the message about an account that is no customer.
    """
    if key is None:
        return None
    account = posting.get("crm/Accounts", key)
    if account is None:
        posting.problems.append(messages.invalid_reference(name))
        return None
    if account.get("Status") != CUSTOMER:
        posting.problems.append(messages.invalid(type_name))
    elif account.get("Blocked"):
        posting.problems.append(messages.blocked(name))
    elif account.get("EndDate") and account["EndDate"] < posting.today:
        posting.problems.append(messages.invalid(name))
    return account


def journal(posting: Posting, code: str | None, name: str, kind: int) -> Row | None:
    """Return the journal of a document; note when it is unknown, blocked or of another type."""
    if code is None:
        return None
    found = posting.data.journals.get(code)
    if found is None:
        posting.problems.append(messages.invalid_reference("Journals"))
    elif found["Type"] != kind:
        posting.problems.append(messages.invalid("JournalType"))
    elif found.get("IsBlocked"):
        posting.problems.append(messages.blocked(name))
    return found


def currency_and_rate(
    posting: Posting,
    header: Row,
    book: Row | None,
    date: str,
    rate_name: str = "Rate",
    *,
    own_rate: bool = False,
) -> tuple[str, float]:
    """Return a document's currency and its rate, checked against the journal.

    The rate is division currency for one unit of the document's currency.

    Args:
        posting: The write call.
        header: The header as sent.
        book: The journal, if the document has one.
        date: The document's date.
        rate_name: Property with the rate.
        own_rate: Exact takes its own rate, because the document cannot name one.
    """
    data = posting.data
    own = (book or {}).get("Currency") or data.currency
    currency = header.get("Currency") or own
    if currency not in data.currencies:
        posting.problems.append(messages.invalid_reference("Currency"))
        return own, FULL_RATE
    if currency != own and book and not book.get("AllowVariableCurrency"):
        posting.problems.append(messages.not_allowed("Currency"))
    given = header.get(rate_name)
    variable = bool(book and book.get("AllowVariableExchangeRate"))
    if given is None:
        must_be_given = variable and not own_rate and posting.settings[RATE] == "mandatory"
        return currency, _own_rate(posting, currency, date, must_be_given=must_be_given)
    if currency == data.currency:
        if given != FULL_RATE:
            posting.problems.append(messages.not_allowed("Rate"))
        return currency, FULL_RATE
    if given <= 0:
        posting.problems.append(messages.must_be_positive("Rate"))
    elif book and not variable:
        posting.problems.append(messages.not_allowed("Rate"))
    return currency, given


def _own_rate(posting: Posting, currency: str, date: str, *, must_be_given: bool) -> float:
    """Return Exact's own rate of a day; note when there is none or the document must name one."""
    rate = posting.data.rate(currency, date)
    if must_be_given and currency != posting.data.currency:
        posting.problems.append(messages.must_be_positive("Rate"))
    elif rate is None:
        posting.problems.append(messages.mandatory("Rate"))
    return rate or FULL_RATE


def whole_units(posting: Posting, currency: str, amounts: list[int]) -> None:
    """Note amounts finer than the currency allows (yen have no decimals)."""
    entry = posting.data.currencies.get(currency)
    step = cents(entry["AmountPrecision"]) if entry else 1
    if any(amount % step for amount in amounts):
        posting.problems.append(messages.invalid("AmountFC", currency))


def period(
    posting: Posting, header: Row, date: str, code: str | None, names: tuple[str, str]
) -> tuple[int, int]:
    """Return financial year and period; note when there is none or the journal is closed.

    Args:
        posting: The write call.
        header: May name year and period itself.
        date: The document's date.
        code: The journal's code.
        names: Properties of year and period.
    """
    found = posting.data.period(date)
    if found is None:
        posting.problems.append(messages.NO_YEAR)
        return 0, 0
    year = header.get(names[0]) or found[0]
    number = header.get(names[1]) or found[1]
    if (year, number) not in posting.data.known_periods:
        posting.problems.append(messages.NO_YEAR)
    elif (code, year, number) in posting.data.closed:
        posting.problems.append(messages.period_closed(year, number))
    return year, number


def payment_condition(posting: Posting, header: Row, account: Row | None) -> Row | None:
    """Return the payment condition of a document: its own or the account's."""
    code = header.get("PaymentCondition")
    if code is None:
        code = (account or {}).get("PaymentConditionSales")
        if code is None:
            if account is not None:
                posting.problems.append(messages.mandatory("PaymentCondition"))
            return None
    condition = posting.data.payment_conditions.get(code)
    if condition is None:
        posting.problems.append(messages.invalid_reference("PaymentCondition"))
    return condition


def references(posting: Posting, row: Row, known: dict[str, str]) -> None:
    """Note GUIDs that do not exist in this division.

    Args:
        posting: The write call.
        row: A header or line.
        known: Property -> resource; a resource of ``""`` has no rows in the sandbox.
    """
    for name, resource in known.items():
        key = row.get(name)
        if key is not None and (not resource or posting.get(resource, key) is None):
            posting.problems.append(messages.invalid_reference(name))
