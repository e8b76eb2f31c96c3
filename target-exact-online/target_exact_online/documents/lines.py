"""Lines: GL account, VAT, cost center and cost unit, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from target_exact_online.documents.header import LONGEST_DESCRIPTION, iso
from target_exact_online.master_data import NotUsableError

if TYPE_CHECKING:
    from datetime import date

    from target_exact_online.documents.checks import Checks
    from target_exact_online.master_data import MasterData
    from target_exact_online.master_data.models import CostCenter, GLAccount, Item, VatCode

_BOOKED_BY_EXACT = {20: "receivables", 22: "payables", 24: "VAT"}
_MANDATORY, _NOT_ALLOWED = 1, 2
_EXCLUDING, _INCLUDING = "E", "I"
_PERCENT = Decimal(100)


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """A line's amounts in the document's currency, signed."""

    net: Decimal
    vat: Decimal


def amounts(line: dict[str, Any], where: str, checks: Checks) -> LineAmounts:
    """Return net amount and VAT amount; absent VAT is 0."""
    net = checks.amount(line, "amount", f"{where}, amount")
    has_vat = line.get("vat_amount") is not None
    vat = checks.amount(line, "vat_amount", f"{where}, vat_amount") if has_vat else Decimal(0)
    return LineAmounts(net, vat)


def gl_account(
    line: dict[str, Any], where: str, master: MasterData, checks: Checks, *, sales: bool = True
) -> GLAccount | None:
    """Return the line's GL account when it can be booked on.

    Args:
        line: The line.
        where: Names the line.
        master: Finds the account.
        checks: Collects problems.
        sales: True refuses the accounts that Exact books itself on sales documents.
    """
    code = str(line.get("gl_account") or "")
    if not code:
        checks.add(f"{where}, gl_account", "The GL account is missing", "Name it in the rules.")
        return None
    with checks.at(f"{where}, gl_account"):
        account = master.gl_account(code)
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


def vat_code(
    line: dict[str, Any],
    where: str,
    on: date | None,
    default: str,
    line_amounts: LineAmounts,
    master: MasterData,
    checks: Checks,
) -> VatCode | None:
    """Return the line's VAT code when it is right for net amounts and the shop's percentage.

    Without a code Exact takes a default and adds VAT that nobody charged; that is refused, too.

    Args:
        line: The line.
        where: Names the line.
        on: The document's date, for the percentage.
        default: The VAT code that Exact would take, or an empty string.
        line_amounts: The line's amounts.
        master: Finds the code.
        checks: Collects problems.
    """
    code = str(line.get("vat_code") or "")
    at = f"{where}, vat_code"
    if on is None:
        return None
    if not code:
        _check_no_vat_code(at, on, default, line_amounts, master, checks)
        return None
    with checks.at(at):
        vat = master.vat_code(code, on=on)
        if vat.blocked:
            what = f"VAT code {code} ({vat.name}) is blocked"
            raise NotUsableError(what, "Unblock it in Exact, or choose another one in the rules.")
        if vat.transaction_type == "P":
            what = f"VAT code {code} ({vat.name}) is for purchases"
            raise NotUsableError(what, "Choose a VAT code for sales in the rules.")
        if vat.type == _INCLUDING:
            what = f"VAT code {code} ({vat.name}) is for amounts including VAT, and ours are net"
            raise NotUsableError(what, "Choose the VAT code of type excluding in the rules.")
        _check_percentage(vat, line, where, on, checks)
        if (
            line_amounts.vat
            and line_amounts.net
            and (line_amounts.vat < 0) != (line_amounts.net < 0)
        ):
            checks.add(
                f"{where}, vat_amount",
                f"VAT {line_amounts.vat} and net amount {line_amounts.net} have different signs",
                "Report this with the document's key.",
            )
        if not takes_vat(vat) and line_amounts.vat:
            checks.add(
                f"{where}, vat_amount",
                f"VAT code {code} ({vat.name}) bears no VAT, but the line has {line_amounts.vat}",
                "Choose a VAT code with the shop's percentage in the rules.",
            )
        return vat
    return None


def takes_vat(vat: VatCode) -> bool:
    """Tell whether a VAT amount may be pinned on a line with this code."""
    return vat.type == _EXCLUDING and not vat.reverse_charge


def _check_no_vat_code(
    at: str,
    on: date,
    default: str,
    line_amounts: LineAmounts,
    master: MasterData,
    checks: Checks,
) -> None:
    if line_amounts.vat:
        checks.add(
            at,
            f"The line has VAT of {line_amounts.vat} but no VAT code",
            "Give the VAT code in the rules.",
        )
    elif default:
        with checks.at(at):
            vat = master.vat_code(default, on=on)
            if vat.type in {_EXCLUDING, _INCLUDING} and vat.percentage:
                what = (
                    f"Without a VAT code Exact takes {vat.code} ({vat.name}), the default of the "
                    "GL account, item or debtor, and adds VAT that the shop did not charge"
                )
                raise NotUsableError(what, "Give the VAT code in the rules.")


def _check_percentage(
    vat: VatCode, line: dict[str, Any], where: str, on: date, checks: Checks
) -> None:
    given = checks.decimal(line, "vat_percentage", f"{where}, vat_percentage")
    if given is None or vat.reverse_charge:
        return
    if given != vat.percentage * _PERCENT:
        checks.add(
            f"{where}, vat_percentage",
            f"The shop charged {given.normalize():f} %, but VAT code {vat.code} ({vat.name}) is "
            f"{(vat.percentage * _PERCENT).normalize():f} % on {on}",
            "Choose the VAT code of that percentage in the rules, or correct it in Exact.",
        )


def dimensions(
    line: dict[str, Any],
    where: str,
    on: date | None,
    account: GLAccount | None,
    master: MasterData,
    checks: Checks,
) -> dict[str, str]:
    """Return cost center and cost unit, as the GL account demands or forbids them."""
    payload: dict[str, str] = {}
    for field, target, label in (
        ("cost_center", "CostCenter", "cost center"),
        ("cost_unit", "CostUnit", "cost unit"),
    ):
        at = f"{where}, {field}"
        code = str(line.get(field) or "")
        if account is not None:
            center = field == "cost_center"
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
                find = master.cost_center if field == "cost_center" else master.cost_unit
                payload[target] = _in_use(find(code), label, on)
    return payload


def _in_use(found: CostCenter, label: str, on: date | None) -> str:
    if found.end_date and on and found.end_date <= on:
        what = f"The {label} {found.code} ({found.name}) ended on {found.end_date}"
        raise NotUsableError(what, "Choose another one in the rules, or reopen it in Exact.")
    return found.code


def item(
    line: dict[str, Any], where: str, on: date | None, master: MasterData, checks: Checks
) -> Item | None:
    """Return the line's item when it may be sold on that day; unknown ones are a problem."""
    code = str(line.get("item") or "")
    if not code:
        checks.add(f"{where}, item", "The item is missing", "Give the line an item in the rules.")
        return None
    with checks.at(f"{where}, item"):
        found = master.item(code)
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


def quantity(
    line: dict[str, Any], where: str, found: Item | None, checks: Checks
) -> Decimal | None:
    """Return the quantity; fractions only of items that allow them."""
    at = f"{where}, quantity"
    given = checks.decimal(line, "quantity", at)
    if found is not None and given is not None and given % 1 and not found.fractions:
        checks.add(
            at,
            f"Item {found.code} ({found.name}) is sold in whole pieces, not {given.normalize():f}",
            "Allow fractions on the item in Exact.",
        )
    return given


def description(line: dict[str, Any], where: str, checks: Checks) -> dict[str, str]:
    """Return the line's description, when it has one that fits."""
    text = checks.optional(
        line, "description", f"{where}, description", longest=LONGEST_DESCRIPTION
    )
    return {"Description": text} if text else {}


def deferral(
    line: dict[str, Any], where: str, names: tuple[str, str], checks: Checks
) -> dict[str, str]:
    """Return the time that revenue belongs to, when it is deferred.

    Args:
        line: The line.
        where: Names the line.
        names: Exact's properties for the first and the last day.
        checks: Collects problems.
    """
    start = checks.day(line, "from", f"{where}, from")
    end = checks.day(line, "to", f"{where}, to")
    if (start is None) != (end is None) or (start and end and end < start):
        checks.add(
            f"{where}, from",
            "Deferred revenue needs a first and a last day in this order",
            "Correct the rules.",
        )
    if start is None or end is None:
        return {}
    return {names[0]: iso(start), names[1]: iso(end)}


def numbered(record: dict[str, Any], checks: Checks) -> list[tuple[str, dict[str, Any]]]:
    """Return the lines with the name by which people find them."""
    lines = record.get("lines") or []
    if not lines:
        checks.add("lines", "The document has no lines", "Report this with the document's key.")
    return [(f"line {number}", line) for number, line in enumerate(lines, 1)]
