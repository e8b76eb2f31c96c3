"""What all documents share: references, currency, journal, date, debtor and totals."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from exact_online import values
from target_exact_online.documents.checks import Checks
from target_exact_online.documents.finding import link_to, reference_of
from target_exact_online.documents.prepared import FoundAccount, Prepared
from target_exact_online.documents.relation import new_account
from target_exact_online.master_data import NotUsableError

if TYPE_CHECKING:
    from datetime import date

    from target_exact_online.documents.prepared import DocumentSettings, Kind, NewAccount, NewItem
    from target_exact_online.master_data import MasterData
    from target_exact_online.master_data.models import Account, Currency, Journal

LONGEST_DESCRIPTION = 60
LONGEST_PAYMENT_REFERENCE = 25
SALES, GENERAL = 20, 90
_CENT = Decimal("0.01")
_CONDITION = "PaymentConditionSales"
_REPORT = "Report this with the document's key: nothing is booked that does not add up."


@dataclass(frozen=True, slots=True)
class Debtor:
    """Who owes: an account that exists, or one to create."""

    account: Account | None = None
    new: NewAccount | None = None  # how to create it
    found: FoundAccount | None = None  # that it may be of our making

    @property
    def default_vat_code(self) -> str:
        """The VAT code that Exact takes where neither line nor GL account nor item has one."""
        return self.account.vat_code if self.account else ""

    def payload(self, field: str) -> dict[str, str]:
        """Return the payload's reference to an account that exists."""
        return {field: self.account.id} if self.account else {}


@dataclass(slots=True)
class Draft:
    """A document while it is checked."""

    kind: Kind  # what it becomes
    record: dict[str, Any]  # the record of contract 2
    master: MasterData  # the master data of its division
    settings: DocumentSettings  # what may be created or moved
    checks: Checks = field(default_factory=Checks)  # collects problems
    journal: Journal | None = None  # its journal; None: it has none, or none that can be used
    on: date | None = None  # the day it is booked, or None when that is wrong
    currency: str = ""
    # The company's currency for one unit of its own; None leaves it to Exact.
    rate: Decimal | None = None
    debtor: Debtor = Debtor()  # who owes
    # The items to create first, by code.
    new_items: dict[str, NewItem] = field(default_factory=dict)

    @property
    def is_foreign(self) -> bool:
        """Whether its currency is not the company's own."""
        return self.currency != self.master.company.currency

    def finished(self, payload: dict[str, Any], total: Decimal, **more: Any) -> Prepared:
        """Return the document, ready to be sent; the payload lacks only what is known here.

        Raises:
            DocumentRefusedError: With everything that is wrong.
        """
        self.checks.raise_if_any()
        assert self.on is not None  # noqa: S101  # a problem otherwise
        kind, known = self.kind, self.debtor.payload(self.kind.account)
        if self.journal is not None:
            known[kind.journal] = self.journal.code
        if kind.date:
            known[kind.date] = values.iso(self.on)
        return Prepared(
            kind=kind,
            document_key=str(self.record["document_key"]),
            division=self.master.division,
            payload=payload | known,
            reference=reference_of(self.record),
            currency=self.currency,
            total=total,
            document_date=self.on,
            new_items=tuple(self.new_items.values()),
            warnings=tuple(self.checks.warnings),
            found_account=self.debtor.found,
            **({"rate": self.rate, "new_account": self.debtor.new} | more),
        )


def begin(
    kind: Kind,
    record: dict[str, Any],
    master: MasterData,
    settings: DocumentSettings,
    date_field: str,
    *,
    journal_type: int | None = None,
    takes_rate: bool = True,
) -> Draft:
    """Begin with what decides about the rest: journal, date, currency and rate.

    A kind that needs no journal has no type of journal; on some Exact has no place for a rate.
    """
    draft = Draft(kind, record, master, settings)
    if journal_type is not None:
        _take_journal(draft, journal_type)
    _take_date(draft, date_field)
    _take_currency(draft, takes_rate=takes_rate)
    return draft


def common(draft: Draft) -> dict[str, Any]:
    """Return reference, description and currency."""
    record, checks = draft.record, draft.checks
    given, stored = str(record.get("your_ref") or "").strip(), reference_of(record)
    if not given:
        checks.add("your_ref", "The your ref is missing", "Report this with the document's key.")
    if stored != given:
        checks.warnings.append(f"Exact keeps 30 characters of {given!r}: it is {stored} there")
    payload = {"YourRef": stored, "Currency": draft.currency}
    text = checks.optional(record, "description", "description", longest=LONGEST_DESCRIPTION)
    return payload | ({"Description": text} if text else {})


class Totals(NamedTuple):
    """A document's totals in its own currency, signed."""

    amount: Decimal
    vat_amount: Decimal
    net_amount: Decimal


def totals(draft: Draft) -> Totals:
    """Read the totals and check that they are one sum."""
    given, checks = draft.record.get("totals") or {}, draft.checks
    read = Totals(*(checks.amount(given, name, f"totals, {name}") for name in Totals._fields))
    if read.net_amount + read.vat_amount != read.amount:
        what = f"Net {read.net_amount} and VAT {read.vat_amount} do not give {read.amount}"
        checks.add("totals", what, _REPORT)
    return read


def check_total(draft: Draft, name: str, total: Decimal, lines: Decimal) -> None:
    """Check that the lines give a total."""
    if total != lines:
        what = f"The lines give {lines}, the total says {total}"
        draft.checks.add(f"totals, {name}", what, _REPORT)


def check_sign(draft: Draft, given: Totals) -> None:
    """Check that a credit memo takes back and an invoice does not."""
    kind, checks = draft.record.get("kind"), draft.checks
    if kind not in {"invoice", "credit_memo"}:
        what = f"{kind!r} is neither invoice nor credit_memo"
        checks.add("kind", what, "Report this with the key.")
    wrong = given.amount > 0 if kind == "credit_memo" else given.amount < 0
    if wrong:
        checks.add(
            "totals, amount",
            f"A {str(kind).replace('_', ' ')} cannot have a total of {given.amount}",
            "Report this with the document's key: the sign is turned.",
        )


def number(draft: Draft, name: str, target: str) -> dict[str, int]:
    """Return a number that the document brings, when it has one."""
    given = draft.checks.number(draft.record, name, name)
    return {target: given} if given else {}


def order_link(draft: Draft) -> dict[str, str]:
    """Return the address of the order in the shop's admin, which also names the document."""
    if not draft.settings.order_link:
        return {}
    source = draft.record.get("source") or {}
    try:
        address = draft.settings.order_link.format_map(
            {name: quote(str(value), safe="") for name, value in source.items() if value}
        )
    except (LookupError, ValueError, AttributeError) as error:
        draft.checks.leave_out("order_link", "link to the order", f"the document has no {error}")
        return {}
    return {"ExternalLinkReference": link_to(address, str(draft.record["document_key"]))}


def payment(draft: Draft) -> dict[str, Any]:
    """Return due date, payment condition and payment reference."""
    record, checks, payload = draft.record, draft.checks, payment_condition(draft)
    if due := checks.day(record, "due_date", "due_date"):
        if draft.on and due < draft.on:
            what = f"The due date {due} is before {draft.on}"
            checks.add("due_date", what, "Correct the rules.")
        payload["DueDate"] = values.iso(due)
    name = "payment_reference"
    if text := checks.optional(record, name, name, longest=LONGEST_PAYMENT_REFERENCE):
        payload["PaymentReference"] = text
    return payload


def payment_condition(draft: Draft) -> dict[str, str]:
    """Return the document's payment condition; without one the debtor must have one."""
    debtor, checks = draft.debtor, draft.checks
    if code := str(draft.record.get("payment_condition") or ""):
        with checks.at("payment_condition"):
            return {"PaymentCondition": draft.master.payment_condition(code).code}
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


def _take_journal(draft: Draft, kind: int) -> None:
    """Find the journal, which must be open for use and of the right type."""
    code = str(draft.record.get("journal") or "")
    if not code:
        draft.checks.add("journal", "The journal is missing", "Name the journal in the rules.")
        return
    with draft.checks.at("journal"):
        found = draft.master.journal(code)
        if found.type != kind:
            what = f"Journal {code} ({found.name}) is of type {found.type}"
            raise NotUsableError(what, f"Choose a journal of type {kind} in the rules.")
        if found.blocked:
            what = f"Journal {code} ({found.name}) is blocked"
            raise NotUsableError(what, "Unblock it in Exact, or choose another one in the rules.")
        draft.journal = found


def _take_date(draft: Draft, name: str) -> None:
    """Find the day to book on: the document's, or by policy the next open one."""
    checks, journal, master = draft.checks, draft.journal, draft.master
    on = draft.on = checks.day(draft.record, name, name)
    if on is None and draft.record.get(name) in (None, ""):
        checks.add(name, f"The {name.replace('_', ' ')} is missing", "Report this.")
    if on is None or journal is None:
        return
    with checks.at(name):
        if draft.settings.closed_period == "refuse":
            master.period_open(journal.code, on)
            return
        draft.on = master.next_open_day(journal.code, on)
        if draft.on != on:
            checks.warnings.append(
                f"Booked on {draft.on} because the period of {on} is closed in journal "
                f"{journal.code}"
            )


def _take_currency(draft: Draft, *, takes_rate: bool) -> None:
    """Find the currency and the rate, which Exact multiplies by: 1 for the company's own."""
    code, own = str(draft.record.get("currency") or ""), draft.master.company.currency
    draft.currency = code or own
    checks, journal = draft.checks, draft.journal
    if not code:
        checks.add("currency", "The currency is missing", "Report this with the document's key.")
        return
    draft.rate = _rate(draft, takes_rate=takes_rate)
    with checks.at("currency"):
        _check_whole_units(draft, draft.master.currency(code))
    if journal is None:
        return
    if not journal.any_currency and code != (journal.currency or own):
        checks.add(
            "currency",
            f"Journal {journal.code} takes only {journal.currency or own}, not {code}",
            "Allow variable currencies on the journal, or choose another journal.",
        )
    if draft.rate is not None and code != own and not journal.any_rate:
        checks.add(
            "exchange_rate",
            f"Journal {journal.code} does not take a rate from outside",
            "Allow variable exchange rates on the journal, or leave the rate to Exact.",
        )


def _rate(draft: Draft, *, takes_rate: bool) -> Decimal | None:
    """Return the document's rate, or Exact's own where the journal takes nothing without one."""
    checks, code, journal = draft.checks, draft.currency, draft.journal
    rate = checks.decimal(draft.record, "exchange_rate", "exchange_rate")
    if rate is not None and rate <= 0:
        checks.add("exchange_rate", f"The rate {rate} is not positive", "Correct the rules.")
    if not draft.is_foreign:
        if rate not in (None, 1):
            what = f"The rate of {code} to itself cannot be {rate}"
            checks.add("exchange_rate", what, "Leave the exchange rate out in the rules.")
        return Decimal(1)
    if rate is not None or draft.on is None:
        return rate
    own_rate = draft.master.rate(code, draft.on)
    if not own_rate:
        checks.add(
            "exchange_rate",
            f"Exact has no exchange rate of {code} for {draft.on}, and the document brings none",
            "Enter the rate in Exact, or let the rules send the shop's rate.",
        )
    return own_rate if takes_rate and journal is not None and journal.any_rate else None


def _check_whole_units(draft: Draft, currency: Currency) -> None:
    """Check that no amount is finer than its currency: yen have no decimals."""
    if currency.smallest <= _CENT:
        return  # two decimals are checked where each amount is read
    for number, line in enumerate(draft.record.get("lines") or (), 1):
        for name in ("amount", "vat_amount"):
            value = draft.checks.decimal(line, name, f"line {number}, {name}") or 0
            if value % currency.smallest:
                what = f"{value} {currency.code} is finer than {currency.smallest}"
                draft.checks.add(f"line {number}, {name}", what, "Correct the amount in the shop.")


def debtor(draft: Draft, given: dict[str, Any] | None, field: str) -> Debtor:
    """Find a debtor and check that it can be booked on."""
    given, checks = given or {}, draft.checks
    code, match, create = (
        str(given.get("code") or ""),
        given.get("match") or {},
        given.get("create"),
    )
    if not code and not any(match.values()):
        checks.add("debtor", "The document names no debtor", "Name one in the rules.")
        return Debtor()
    with checks.at("debtor"):
        master = draft.master
        account = master.account(code) if code else master.matching_account(match)
        creates = create if draft.settings.create_accounts else None
        if account is not None:
            _check_account(account, draft)
            if code or not creates or account.created is None:
                return Debtor(account)
            # What is wrong with creating it says nothing against one that is there.
            new = _new(draft, creates, match, field, Checks())
            return Debtor(account, found=FoundAccount(account.id, account.created, new))
        if creates:
            return Debtor(new=_new(draft, creates, match, field, checks))
        sought = ", ".join(f"{name} {value}" for name, value in match.items() if value)
        what = f"No relation in Exact has {sought}"
        halves = {
            "create_debtors in the rules": create,
            "create_accounts of the target": draft.settings.create_accounts,
        }
        unset = " and ".join(half for half, there in halves.items() if not there)
        advice = f"Set {unset}, or create the relation in Exact."
        raise NotUsableError(what, advice)
    return Debtor()


def _new(
    draft: Draft, create: dict[str, Any], match: dict[str, Any], field: str, checks: Checks
) -> NewAccount:
    new = new_account(create, match, str(draft.record["document_key"]), field, checks)
    if condition := create.get("payment_condition") or draft.record.get("payment_condition"):
        new.payload[_CONDITION] = str(condition)
    return new


def _check_account(account: Account, draft: Draft) -> None:
    if account.status != "C":
        what = f"Relation {account.code} is not a customer (status {account.status or 'none'})"
        raise NotUsableError(what, "Set its status to Customer in Exact.")
    if account.blocked:
        what = f"Relation {account.code} is blocked"
        raise NotUsableError(what, "Unblock it in Exact.")
    if account.end_date and draft.on and account.end_date <= draft.on:
        what = f"Relation {account.code} ended on {account.end_date}"
        raise NotUsableError(what, "Clear its end date in Exact, or use another relation.")
    journal = draft.journal if draft.kind.account else None  # not of a journal entry's lines
    counter = journal.counter_account if journal else ""
    if journal and counter and account.receivables and account.receivables != counter:
        what = (
            f"Relation {account.code} has another receivables account than journal {journal.code}"
        )
        raise NotUsableError(what, "Give the relation the journal's receivables account in Exact.")
