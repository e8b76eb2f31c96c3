"""Lines: GL account, VAT, cost center and cost unit, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exact_online import values
from target_exact_online.documents.header import LONGEST_DESCRIPTION, check_total
from target_exact_online.documents.prepared import NewItem
from target_exact_online.master_data import NotUsableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from target_exact_online.documents.header import Draft, Totals
    from target_exact_online.master_data.models import GLAccount, Item, VatCode

_BOOKED_BY_EXACT = {20: "receivables", 22: "payables", 24: "VAT"}
_MANDATORY, _NOT_ALLOWED = 1, 2
_EXCLUDING, _INCLUDING = "E", "I"
_PERCENT = Decimal(100)
_LONGEST_ITEM_CODE = 30
_EVER_SINCE = "2000-01-01T00:00:00"  # from today by default, and then older orders are refused


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a document that is being checked."""

    where: str  # the name by which people find it
    given: dict[str, Any]  # the line of the record
    net: Decimal  # its net amount in the document's currency, signed
    vat: Decimal  # its VAT amount; absent VAT is 0


def each(draft: Draft) -> Iterator[Line]:
    """Give the lines with their amounts."""
    checks, lines = draft.checks, draft.record.get("lines") or []
    if not lines:
        checks.add("lines", "The document has no lines", "Report this with the document's key.")
    for number, given in enumerate(lines, 1):
        where = f"line {number}"
        net = checks.amount(given, "amount", f"{where}, amount")
        has_vat = given.get("vat_amount") is not None
        vat = checks.amount(given, "vat_amount", f"{where}, vat_amount") if has_vat else Decimal(0)
        yield Line(where, given, net, vat)


def adding_up(draft: Draft, totals: Totals) -> Iterator[Line]:
    """Give the lines, and check behind the last one that they give the totals."""
    net = vat = Decimal(0)
    for line in each(draft):
        net, vat = net + line.net, vat + line.vat
        yield line
    check_total(draft, "net_amount", totals.net_amount, net)
    check_total(draft, "vat_amount", totals.vat_amount, vat)


def gl_account(draft: Draft, line: Line, *, sales: bool = True) -> GLAccount | None:
    """Return the line's GL account; on sales documents not one that Exact books itself."""
    code, at = str(line.given.get("gl_account") or ""), f"{line.where}, gl_account"
    if not code:
        draft.checks.add(at, "The GL account is missing", "Name it in the rules.")
        return None
    with draft.checks.at(at):
        account = draft.master.gl_account(code)
        if account.blocked:
            what = f"GL account {code} ({account.name}) is blocked"
            raise NotUsableError(what, "Unblock it in Exact, or choose another one in the rules.")
        if sales and account.type in _BOOKED_BY_EXACT:
            what = (
                f"GL account {code} ({account.name}) is a {_BOOKED_BY_EXACT[account.type]} account"
            )
            raise NotUsableError(
                what, "Exact books it itself; choose another account in the rules."
            )
        return account
    return None


def vat(draft: Draft, line: Line, default: str, name: str) -> dict[str, Any]:
    """Return VAT code and pinned VAT amount, right for net amounts and the shop's percentage.

    Without a code Exact takes a default and adds VAT that nobody charged; that is refused, too.
    The name is Exact's property for the VAT amount of this line.
    """
    found = _vat_code(draft, line, default)
    if found is None:
        return {}
    takes_vat = found.type == _EXCLUDING and not found.reverse_charge
    return {"VATCode": found.code} | ({name: line.vat} if takes_vat else {})


def _vat_code(draft: Draft, line: Line, default: str) -> VatCode | None:
    code, where, checks = str(line.given.get("vat_code") or ""), line.where, draft.checks
    if draft.on is None:
        return None
    if not code:
        _check_no_vat_code(draft, line, draft.on, default)
        return None
    with checks.at(f"{where}, vat_code"):
        vat = draft.master.vat_code(code, on=draft.on)
        if vat.blocked:
            what = f"VAT code {code} ({vat.name}) is blocked"
            raise NotUsableError(what, "Unblock it in Exact, or choose another one in the rules.")
        if vat.transaction_type == "P":
            what = f"VAT code {code} ({vat.name}) is for purchases"
            raise NotUsableError(what, "Choose a VAT code for sales in the rules.")
        if vat.type == _INCLUDING:
            what = f"VAT code {code} ({vat.name}) is for amounts including VAT, and ours are net"
            raise NotUsableError(what, "Choose the VAT code of type excluding in the rules.")
        _check_percentage(draft, line, vat, draft.on)
        if line.vat and line.net and (line.vat < 0) != (line.net < 0):
            what = f"VAT {line.vat} and net amount {line.net} have different signs"
            checks.add(f"{where}, vat_amount", what, "Report this with the document's key.")
        if (vat.type != _EXCLUDING or vat.reverse_charge) and line.vat:
            checks.add(
                f"{where}, vat_amount",
                f"VAT code {code} ({vat.name}) bears no VAT, but the line has {line.vat}",
                "Choose a VAT code with the shop's percentage in the rules.",
            )
        return vat
    return None


def _check_no_vat_code(draft: Draft, line: Line, on: date, default: str) -> None:
    at = f"{line.where}, vat_code"
    if line.vat:
        what = f"The line has VAT of {line.vat} but no VAT code"
        draft.checks.add(at, what, "Give the VAT code in the rules.")
    elif default:
        with draft.checks.at(at):
            vat = draft.master.vat_code(default, on=on)
            if vat.type in {_EXCLUDING, _INCLUDING} and vat.percentage:
                what = (
                    f"Without a VAT code Exact takes {vat.code} ({vat.name}), the default of the "
                    "GL account, item or debtor, and adds VAT that the shop did not charge"
                )
                raise NotUsableError(what, "Give the VAT code in the rules.")


def _check_percentage(draft: Draft, line: Line, vat: VatCode, on: date) -> None:
    at = f"{line.where}, vat_percentage"
    given = draft.checks.decimal(line.given, "vat_percentage", at)
    if given is None or vat.reverse_charge:
        return
    if given != vat.percentage * _PERCENT:
        draft.checks.add(
            at,
            f"The shop charged {given.normalize():f} %, but VAT code {vat.code} ({vat.name}) is "
            f"{(vat.percentage * _PERCENT).normalize():f} % on {on}",
            "Choose the VAT code of that percentage in the rules, or correct it in Exact.",
        )


def texts(draft: Draft, line: Line, account: GLAccount | None) -> dict[str, str]:
    """Return cost center and cost unit as the GL account wants them, and a text that fits."""
    payload = _dimensions(draft, line, account)
    at = f"{line.where}, description"
    text = draft.checks.optional(line.given, "description", at, longest=LONGEST_DESCRIPTION)
    return payload | ({"Description": text} if text else {})


def _dimensions(draft: Draft, line: Line, account: GLAccount | None) -> dict[str, str]:
    payload: dict[str, str] = {}
    checks, master = draft.checks, draft.master
    for field, target, label in (
        ("cost_center", "CostCenter", "cost center"),
        ("cost_unit", "CostUnit", "cost unit"),
    ):
        at = f"{line.where}, {field}"
        code = str(line.given.get(field) or "")
        center = field == "cost_center"
        if account is not None:
            use = account.use_cost_center if center else account.use_cost_unit
            default = account.cost_center if center else account.cost_unit
            named = f"GL account {account.code} ({account.name})"
            if use == _MANDATORY and not code and not default:
                checks.add(at, f"{named} needs a {label}", "Give it in the rules.")
            if use == _NOT_ALLOWED and code:
                checks.add(
                    at,
                    f"{named} allows no {label}, but the line has {code}",
                    "Leave it out in the rules, or allow it on the account in Exact.",
                )
        if code:
            with checks.at(at):
                found = master.cost_center(code) if center else master.cost_unit(code)
                if found.end_date and draft.on and found.end_date <= draft.on:
                    what = f"The {label} {found.code} ({found.name}) ended on {found.end_date}"
                    advice = "Choose another one in the rules, or reopen it in Exact."
                    raise NotUsableError(what, advice)
                payload[target] = found.code
    return payload


def item(draft: Draft, line: Line, index: int) -> Item | None:
    """Return the item that may be sold that day; the line at `index` may get a created one."""
    code, at, on = str(line.given.get("item") or ""), f"{line.where}, item", draft.on
    if not code:
        draft.checks.add(at, "The item is missing", "Give the line an item in the rules.")
        return None
    if draft.settings.create_items and draft.master.known_item(code) is None:
        _create_item(draft, line, code, index)
        return None
    with draft.checks.at(at):
        found = draft.master.item(code)
        if not found.for_sale:
            what = f"Item {code} ({found.name}) is not for sale"
            raise NotUsableError(what, "Mark it as a sales item in Exact.")
        if on and found.start and found.start > on:
            what = f"Item {code} ({found.name}) may be used only from {found.start}"
            raise NotUsableError(what, "Change its start date in Exact.")
        if on and found.end and found.end < on:
            what = f"Item {code} ({found.name}) ended on {found.end}"
            raise NotUsableError(what, "Clear its end date in Exact, or use another item.")
        return found
    return None


def _create_item(draft: Draft, line: Line, code: str, index: int) -> None:
    checks = draft.checks
    checks.text(line.given, "item", f"{line.where}, item", longest=_LONGEST_ITEM_CODE)
    text = str(line.given.get("description") or "").strip()
    text = text if 0 < len(text) <= LONGEST_DESCRIPTION else code
    new = {"Code": code, "Description": text, "IsSalesItem": True, "StartDate": _EVER_SINCE}
    known = draft.new_items.setdefault(code, NewItem(new, ()))
    if (checks.decimal(line.given, "quantity", f"{line.where}, quantity") or 0) % 1:
        known.payload["IsFractionAllowedItem"] = True
    draft.new_items[code] = replace(known, lines=(*known.lines, index))


def quantity(draft: Draft, line: Line, found: Item | None) -> Decimal | None:
    """Return the quantity; fractions only of items that allow them."""
    at = f"{line.where}, quantity"
    given = draft.checks.decimal(line.given, "quantity", at)
    if found is not None and given is not None and given % 1 and not found.fractions:
        what = (
            f"Item {found.code} ({found.name}) is sold in whole pieces, not {given.normalize():f}"
        )
        draft.checks.add(at, what, "Allow fractions on the item in Exact.")
    return given


def deferral(draft: Draft, line: Line, first: str, last: str) -> dict[str, str]:
    """Return the time that revenue belongs to, when it is deferred."""
    where, checks = line.where, draft.checks
    start = checks.day(line.given, "from", f"{where}, from")
    end = checks.day(line.given, "to", f"{where}, to")
    if (start is None) != (end is None) or (start and end and end < start):
        what = "Deferred revenue needs a first and a last day in this order"
        checks.add(f"{where}, from", what, "Correct the rules.")
    return {first: values.iso(start), last: values.iso(end)} if start and end else {}
