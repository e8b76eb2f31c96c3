"""What all documents share: references, currency, journal, date, debtor and totals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from target_exact_online.documents.finding import link_to
from target_exact_online.documents.references import reference_of
from target_exact_online.documents.relation import new_account
from target_exact_online.master_data import NotUsableError

if TYPE_CHECKING:
    from datetime import date

    from target_exact_online.documents.checks import Checks
    from target_exact_online.documents.prepared import DocumentSettings, NewAccount
    from target_exact_online.master_data import MasterData
    from target_exact_online.master_data.models import Account, Currency, Journal

LONGEST_DESCRIPTION = 60
LONGEST_PAYMENT_REFERENCE = 25
SALES, GENERAL = 20, 90
_CENT = Decimal("0.01")
_CONDITION = "PaymentConditionSales"


@dataclass(frozen=True, slots=True)
class Totals:
    """A document's totals in its own currency, signed."""

    amount: Decimal
    vat_amount: Decimal
    net_amount: Decimal


def totals(record: dict[str, Any], checks: Checks) -> Totals:
    """Read the totals and check that they are one sum."""
    given = record.get("totals") or {}
    read = Totals(
        *(checks.amount(given, name, f"totals, {name}") for name in Totals.__dataclass_fields__)
    )
    if read.net_amount + read.vat_amount != read.amount:
        checks.add(
            "totals",
            f"Net {read.net_amount} and VAT {read.vat_amount} do not give {read.amount}",
            "Report this with the document's key: nothing is booked that does not add up.",
        )
    return read


def check_sums(given: Totals, net: Decimal, vat: Decimal, checks: Checks) -> None:
    """Check that the lines give the totals."""
    for name, total, lines in (
        ("net_amount", given.net_amount, net),
        ("vat_amount", given.vat_amount, vat),
    ):
        if total != lines:
            checks.add(
                f"totals, {name}",
                f"The lines give {lines}, the total says {total}",
                "Report this with the document's key: nothing is booked that does not add up.",
            )


def check_sign(record: dict[str, Any], given: Totals, checks: Checks) -> None:
    """Check that a credit memo takes back and an invoice does not."""
    kind = record.get("kind")
    if kind not in {"invoice", "credit_memo"}:
        checks.add(
            "kind", f"{kind!r} is neither invoice nor credit_memo", "Report this with the key."
        )
    wrong = given.amount > 0 if kind == "credit_memo" else given.amount < 0
    if wrong:
        checks.add(
            "totals, amount",
            f"A {str(kind).replace('_', ' ')} cannot have a total of {given.amount}",
            "Report this with the document's key: the sign is turned.",
        )


def reference(record: dict[str, Any], checks: Checks) -> str:
    """Return the reference as Exact will have it; the document is looked for by it."""
    given = str(record.get("your_ref") or "").strip()
    stored = reference_of(record)
    if not given:
        checks.add("your_ref", "The your ref is missing", "Report this with the document's key.")
    if stored != given:
        checks.warnings.append(f"Exact keeps 30 characters of {given!r}: it is {stored} there")
    return stored


def description(record: dict[str, Any], checks: Checks) -> dict[str, str]:
    """Return the document's description, when it has one that fits."""
    text = checks.optional(record, "description", "description", longest=LONGEST_DESCRIPTION)
    return {"Description": text} if text else {}


def order_link(
    record: dict[str, Any], settings: DocumentSettings, checks: Checks
) -> dict[str, str]:
    """Return the address of the order in the shop's admin, which also names the document."""
    if not settings.order_link:
        return {}
    source = record.get("source") or {}
    try:
        address = settings.order_link.format_map(
            {name: quote(str(value), safe="") for name, value in source.items() if value}
        )
    except (LookupError, ValueError, AttributeError) as error:
        checks.leave_out("order_link", "link to the order", f"the document has no {error}")
        return {}
    return {"ExternalLinkReference": link_to(address, str(record["document_key"]))}


def payment(
    record: dict[str, Any],
    on: date | None,
    debtor: Debtor,
    master: MasterData,
    checks: Checks,
) -> dict[str, Any]:
    """Return due date, payment condition and payment reference."""
    payload: dict[str, Any] = {}
    if due := checks.day(record, "due_date", "due_date"):
        if on and due < on:
            checks.add("due_date", f"The due date {due} is before {on}", "Correct the rules.")
        payload["DueDate"] = iso(due)
    payload |= payment_condition(record, debtor, master, checks)
    text = checks.optional(
        record, "payment_reference", "payment_reference", longest=LONGEST_PAYMENT_REFERENCE
    )
    if text:
        payload["PaymentReference"] = text
    return payload


def payment_condition(
    record: dict[str, Any], debtor: Debtor, master: MasterData, checks: Checks
) -> dict[str, str]:
    """Return the document's payment condition; without one the debtor must have one."""
    if code := str(record.get("payment_condition") or ""):
        with checks.at("payment_condition"):
            return {"PaymentCondition": master.payment_condition(code).code}
        return {}
    if debtor.account is not None and not debtor.account.payment_condition:
        checks.add(
            "payment_condition",
            f"Neither the document nor relation {debtor.account.code} has a payment condition",
            "Give the relation one in Exact, or name one in the rules.",
        )
    if debtor.new is not None and not debtor.new.payload.get(_CONDITION):
        checks.add(
            "payment_condition",
            "The new relation would have no payment condition, and the document has none",
            "Name one in the rules, or create the relation in Exact.",
        )
    return {}


def journal(
    record: dict[str, Any], kind: int, master: MasterData, checks: Checks
) -> Journal | None:
    """Return the journal when it exists, is open for use and of a right type."""
    code = str(record.get("journal") or "")
    if not code:
        checks.add("journal", "The journal is missing", "Name the journal in the rules.")
        return None
    with checks.at("journal"):
        found = master.journal(code)
        if found.type != kind:
            what = f"Journal {code} ({found.name}) is of type {found.type}"
            raise NotUsableError(what, f"Choose a journal of type {kind} in the rules.")
        if found.blocked:
            what = f"Journal {code} ({found.name}) is blocked"
            raise NotUsableError(what, "Unblock it in Exact, or choose another one in the rules.")
        return found
    return None


def currency(
    record: dict[str, Any],
    journal: Journal | None,
    on: date | None,
    master: MasterData,
    checks: Checks,
    *,
    takes_rate: bool = True,
) -> tuple[str, Decimal | None]:
    """Return the currency and the rate: 1 for the company's own, None leaves it to Exact.

    The rate is the division's currency per unit of the document's; Exact multiplies by it.

    Args:
        record: The document.
        journal: Its journal, None for an order.
        on: The day it is booked.
        master: Knows currencies and rates.
        checks: Collects problems.
        takes_rate: False: Exact has no place for a rate on this kind of document.
    """
    code = str(record.get("currency") or "")
    own = master.company.currency
    if not code:
        checks.add("currency", "The currency is missing", "Report this with the document's key.")
        return own, None
    rate = _rate(record, code, journal, on, master, checks, takes_rate=takes_rate)
    with checks.at("currency"):
        _check_whole_units(record, master.currency(code), checks)
    if journal is not None:
        if not journal.any_currency and code != (journal.currency or own):
            checks.add(
                "currency",
                f"Journal {journal.code} takes only {journal.currency or own}, not {code}",
                "Allow variable currencies on the journal, or choose another journal.",
            )
        if rate is not None and code != own and not journal.any_rate:
            checks.add(
                "exchange_rate",
                f"Journal {journal.code} does not take a rate from outside",
                "Allow variable exchange rates on the journal, or leave the rate to Exact.",
            )
    return code, rate


def _rate(
    record: dict[str, Any],
    code: str,
    journal: Journal | None,
    on: date | None,
    master: MasterData,
    checks: Checks,
    *,
    takes_rate: bool,
) -> Decimal | None:
    """Return the document's rate, or Exact's own where the journal takes nothing without one."""
    rate = checks.decimal(record, "exchange_rate", "exchange_rate")
    if rate is not None and rate <= 0:
        checks.add("exchange_rate", f"The rate {rate} is not positive", "Correct the rules.")
    if code == master.company.currency:
        if rate not in (None, 1):
            checks.add(
                "exchange_rate",
                f"The rate of {code} to itself cannot be {rate}",
                "Leave the exchange rate out in the rules.",
            )
        return Decimal(1)
    if rate is not None or on is None:
        return rate
    own_rate = master.rate(code, on)
    if not own_rate:
        checks.add(
            "exchange_rate",
            f"Exact has no exchange rate of {code} for {on}, and the document brings none",
            "Enter the rate in Exact, or let the rules send the shop's rate.",
        )
    return own_rate if takes_rate and journal is not None and journal.any_rate else None


def _check_whole_units(record: dict[str, Any], currency: Currency, checks: Checks) -> None:
    """Check that no amount is finer than its currency: yen have no decimals."""
    if currency.smallest <= _CENT:
        return  # two decimals are checked where each amount is read
    for number, line in enumerate(record.get("lines") or (), 1):
        for name in ("amount", "vat_amount"):
            value = checks.decimal(line, name, f"line {number}, {name}") or 0
            if value % currency.smallest:
                what = f"{value} {currency.code} is finer than {currency.smallest}"
                checks.add(f"line {number}, {name}", what, "Correct the amount in the shop.")


def booking_date(
    record: dict[str, Any],
    field: str,
    journal: Journal | None,
    master: MasterData,
    settings: DocumentSettings,
    checks: Checks,
) -> date | None:
    """Return the day to book on: the document's, or by policy the next open one."""
    on = checks.day(record, field, field)
    if on is None:
        if record.get(field) in (None, ""):
            checks.add(field, f"The {field.replace('_', ' ')} is missing", "Report this.")
        return None
    if journal is None:
        return on
    with checks.at(field):
        if settings.closed_period == "refuse":
            master.period_open(journal.code, on)
            return on
        moved = master.next_open_day(journal.code, on)
        if moved != on:
            checks.warnings.append(
                f"Booked on {moved} because the period of {on} is closed in journal {journal.code}"
            )
        return moved
    return on


@dataclass(frozen=True, slots=True)
class Debtor:
    """Who owes: an account that exists, or one to create.

    Attributes:
        account: The account, or None.
        new: How to create it, or None.
    """

    account: Account | None = None
    new: NewAccount | None = None

    @property
    def default_vat_code(self) -> str:
        """The VAT code that Exact takes where neither line nor GL account nor item has one."""
        return self.account.vat_code if self.account else ""

    def payload(self, field: str) -> dict[str, str]:
        """Return the payload's reference to an account that exists."""
        return {field: self.account.id} if self.account else {}


def debtor(
    record: dict[str, Any],
    field: str,
    on: date | None,
    journal: Journal | None,
    master: MasterData,
    settings: DocumentSettings,
    checks: Checks,
) -> Debtor:
    """Find the debtor and check that it can be booked on.

    Args:
        record: The document.
        field: The payload field that takes its GUID.
        on: The day it is booked.
        journal: The sales journal, None for an order.
        master: Finds the relation.
        settings: Whether a missing relation may be created.
        checks: Collects problems.
    """
    given = record.get("debtor") or {}
    code = str(given.get("code") or "")
    match = given.get("match") or {}
    create = given.get("create")
    if not code and not any(match.values()):
        checks.add("debtor", "The document names no debtor", "Name one in the rules.")
        return Debtor()
    with checks.at("debtor"):
        account = master.account(code) if code else master.matching_account(match)
        if account is not None:
            _check_account(account, on, journal)
            return Debtor(account)
        if create and settings.create_accounts:
            new = new_account(create, match, str(record["document_key"]), field, checks)
            condition = create.get("payment_condition") or record.get("payment_condition")
            if condition:
                new.payload[_CONDITION] = str(condition)
            return Debtor(new=new)
        sought = ", ".join(f"{name} {value}" for name, value in match.items() if value)
        what = f"No relation in Exact has {sought}"
        halves = [
            half
            for half, there in (
                ("create_debtors in the rules", create),
                ("create_accounts of the target", settings.create_accounts),
            )
            if not there
        ]
        advice = f"Set {' and '.join(halves)}, or create the relation in Exact."
        raise NotUsableError(what, advice)
    return Debtor()


def _check_account(account: Account, on: date | None, journal: Journal | None) -> None:
    if account.status != "C":
        what = f"Relation {account.code} is not a customer (status {account.status or 'none'})"
        raise NotUsableError(what, "Set its status to Customer in Exact.")
    if account.blocked:
        what = f"Relation {account.code} is blocked"
        raise NotUsableError(what, "Unblock it in Exact.")
    if account.end_date and on and account.end_date <= on:
        what = f"Relation {account.code} ended on {account.end_date}"
        raise NotUsableError(what, "Clear its end date in Exact, or use another relation.")
    counter = journal.counter_account if journal else ""
    if journal and counter and account.receivables and account.receivables != counter:
        what = (
            f"Relation {account.code} has another receivables account than journal {journal.code}"
        )
        raise NotUsableError(what, "Give the relation the journal's receivables account in Exact.")


def iso(value: date) -> str:
    """Return a date as Exact takes it: midnight, without a zone."""
    return f"{value.isoformat()}T00:00:00"
