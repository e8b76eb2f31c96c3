"""First rules that book: from Exact's chart of accounts and the shop's tax rates.

Accounts and VAT codes are found by type and name. What cannot be found is refused by the rules
and named in the notes: nothing is booked on a guess.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from mapper_gl_rules.money import ZERO
from mapper_gl_rules.tools.chart import GENERAL, SALES, Chart, Choices, percent
from mapper_gl_rules.vat import EU

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from mapper_gl_rules.tools.master_data import GLAccount, MasterData

__all__ = ["starter_rules"]

_MANDATORY, _FORBIDDEN = 1, 2  # cost centers of an account
_REFUSALS = (
    (
        "no VAT towards the EU without a VAT number",
        "untaxed_eu",
        "0 % VAT towards the EU needs a valid VAT number; check the customer",
    ),
    (
        "VAT of another country charged to a business",
        "business_charged",
        (
            "a business with a valid VAT number was charged VAT of another country; "
            "correct the invoice"
        ),
    ),
)
_CUSTOM_FEE = "choose a GL account and a VAT code for this fee: the shop states no VAT in it"

# Conditions, cost center, and countries of registrations abroad that are booked there.
_Scope = tuple[dict[str, str], str | None, list[str]]


def starter_rules(
    master: MasterData, tax_rates: Iterable[tuple[str, Decimal]], choices: Choices
) -> tuple[str, list[str]]:
    """Write a rules file for the shop's tax rates.

    Args:
        master: Exact's master data.
        tax_rates: Country and percentage of the shop's tax rates.
        choices: What only a person can say.

    Returns:
        The file, and what was not found.

    Raises:
        InputError: When a journal, account or debtor that every file needs is missing.
    """
    chart = Chart(master, choices)
    return _Starter(chart, choices).text(sorted(set(tax_rates))), chart.notes


class _Starter:
    def __init__(self, chart: Chart, choices: Choices) -> None:
        self._chart = chart
        self._choices = choices
        self._codes: dict[str, str] = {}
        self._rules: list[str] = []
        self._center, self._by_website = chart.cost_centers()
        self._none: str | None = None
        self._reverse_charge: str | None = None

    def text(self, rates: list[tuple[str, Decimal]]) -> str:
        home = self._choices.home_country
        taxed = sorted({country for country, rate in rates if rate})
        registered = [one for one in taxed if one != home and one not in EU]
        self._none = self._chart.code_like("none")
        debtor = self._chart.debtor()
        journal, general = self._chart.journal(SALES), self._chart.journal(GENERAL)
        self._vat_codes(rates, registered)
        if debtor != "customer":
            self._comment(
                "Businesses have an account of their own in Exact, others a collective one."
            )
            self._rule(
                "business debtor", {"line": "document", "vat_number": "valid"}, debtor="customer"
            )
        self._money()
        abroad = {one: self._chart.center_of(one) for one in registered}
        shared = [one for one, center in abroad.items() if center is None]
        scopes: list[_Scope] = [
            *(({"country": one}, center, [one]) for one, center in abroad.items() if center),
            *(({"website": one}, center, shared) for one, center in self._by_website.items()),
            ({}, self._center, shared),
        ]
        for scope in scopes:
            self._beside(scope)
        for scope in scopes:
            place = " ".join(scope[0].values())
            self._comment(f"Sales, {place}." if place else "All other sales.")
            self._sales(rates, scope)
        self._comment("What is an error in the shop, or a choice that nobody has made.")
        self._comment(
            "The shop states no VAT in a custom fee. To book one, give it gl and the vat_code "
            "whose percentage is inside; its own rule by field: custom_fees.CODE."
        )
        self._rules += _lines(
            "custom fee", {"line": "custom_fee"}, f"refuse: {json.dumps(_CUSTOM_FEE)}"
        )
        for name, supply, reason in _REFUSALS:
            when = {"line": "product", "supply": supply}
            self._rules += _lines(name, when, f"refuse: {json.dumps(reason)}")
        return "\n".join(
            [
                "# First rules, made from Exact's chart of accounts and the shop's tax rates.",
                "# Read every rule with your accountant; the first rule that matches decides.",
                *(f"# Not found: {note}" for note in self._chart.notes),
                "settings:",
                f"  journal: {json.dumps(journal)}",
                *([f"  general_journal: {json.dumps(general)}"] if general else []),
                f"  home_country: {home}",
                *([f"  registrations: [{', '.join(registered)}]"] if registered else []),
                f"  time_zone: {self._choices.time_zone}",
                f"  ledger_currency: {self._choices.currency}",
                f"  debtor: {json.dumps(debtor)}",
                f"  debtor_gl: {json.dumps(self._chart.receivable)}",
                "  create_debtors: true  # together with create_accounts of the target",
                "  adjustments:  # your choice: goods, none or a percentage",
                "    refund: goods  # goodwill lowers the price, so VAT is inside",
                "    fee: none  # a fee kept back is a compensation without VAT",
                "vat_codes:",
                *(f"  {json.dumps(code)}: {entry}" for code, entry in self._codes.items()),
                "rules:",
                *self._rules,
                "",
            ]
        )

    def _vat_codes(self, rates: list[tuple[str, Decimal]], registered: list[str]) -> None:
        """Declare the VAT code of each tax rate, the three zeros, and that of reverse charge."""
        home = self._choices.home_country
        for country, rate in rates:
            supply = "domestic" if country in (home, *registered) else "oss"
            if country in registered and not rate:
                supply = "zero_where_registered"
            code = self._chart.code_of(country, rate)
            if code is None:
                self._chart.note(f"a VAT code for {country} {percent(rate)}")
                continue
            gl = f", gl: {json.dumps(self._chart.vat_account(country, rate))}" if rate else ""
            entry = f"{{rate: {percent(rate)[:-2]}{gl}, country: {country}, supply: {supply}}}"
            self._codes[code] = entry
        for supply in ("intra_eu_goods", "intra_eu_services", "export"):
            code = self._chart.code_like(supply)
            if code is None:
                self._chart.note(f"a VAT code for {supply}")
            else:
                self._codes[code] = f"{{rate: 0, supply: {supply}}}"
        self._reverse_charge = self._chart.code_like("reverse_charge")
        if self._reverse_charge is not None:
            self._codes[self._reverse_charge] = f"{{rate: 0, country: {home}, supply: by_rule}}"
        if self._none is not None:
            self._codes[self._none] = "{rate: 0, supply: none}"

    def _money(self) -> None:
        """Vouchers, credit and points are a debt, not a sale."""
        self._comment("Money that is no revenue.")
        gift, credit = self._chart.account("gift"), self._chart.account("credit")
        sold = [{"sku": sku} for sku in self._choices.vouchers]
        for number, what in enumerate((*sold, {"product_type": "giftcard"}), 1):
            name = "gift card sold" if "product_type" in what else f"gift voucher sold, {number}"
            self._debt(name, {"line": "product", **what}, gift)
        self._debt("gift card used", {"line": "gift_card"}, gift)
        self._debt("store credit", {"line": "[store_credit, store_credit_refund]"}, credit)
        self._debt("reward points used", {"line": "reward"}, self._chart.account("reward"))

    def _debt(self, name: str, when: dict[str, str], account: GLAccount | None) -> None:
        if account is None:
            reason = "choose a liability account for it"
            self._rules += _lines(name, when, f"refuse: {reason}")
        else:
            self._rule(name, when, account, self._none)

    def _book(
        self,
        scope: _Scope,
        name: str,
        line: str,
        account: GLAccount | None,
        code: str | None = "auto",
        **when: str,
    ) -> None:
        """Add a rule for one scope; goods without an account are refused."""
        place, center, _ = scope
        where = {"line": line, **place, **when}
        if account is not None:
            self._rule(", ".join([name, *place.values()]), where, account, code, center)
        elif line.startswith("[product"):
            self._chart.note(f"a revenue account for {name}")
            self._rules += _lines(
                ", ".join([name, *place.values()]), where, f"refuse: choose an account for {name}"
            )

    def _beside(self, scope: _Scope) -> None:
        """Book what is beside the goods: cents, and a fee kept back."""
        rounding = self._chart.account("rounding")
        if rounding is None:
            self._chart.note("an account for rounding differences")
        self._book(scope, "rounding", "rounding", rounding, self._none)
        left = "left over by a refund of discounted shipping"
        shipping = self._chart.account("shipping")
        self._book(scope, left, "shipping_discount_tax", shipping, self._none)
        fee = self._chart.account("fee")
        when = {"field": "adjustment_negative"}
        self._book(scope, "fee kept back", "adjustment", fee, self._none, **when)

    def _sales(self, rates: list[tuple[str, Decimal]], scope: _Scope) -> None:
        """Book goods and what goes with them, of one country or website, or of all others."""
        place, _, registered = scope
        book = partial(self._book, scope)
        kinds = ["product", "adjustment"]
        for kind in ("shipping", "fixed_product_tax", "gift_wrap", "discount"):
            account = self._chart.account(kind)
            if account is None:
                kinds.append(kind)  # it goes where the goods go
            code = "product" if kind == "discount" else "auto"
            book(kind.replace("_", " "), kind, account, code)
        goods = f"[{', '.join(kinds)}]"
        for country in registered:
            account = self._chart.revenue_of(country, None)
            supply = "domestic"
            if (country, ZERO) in rates:
                self._comment(
                    f"0 % to {country} is taken as its local zero rate. If you export there too, "
                    "tell it apart before this rule: supply zero_where_registered, goods_value."
                )
                supply = "[domestic, zero_where_registered]"
            book(f"sales in {country}", goods, account, supply=supply, country=country)
        if "country" in place:
            return
        for supply in ("intra_eu_goods", "intra_eu_services", "export", "oss"):
            book(supply.replace("_", " "), goods, self._chart.supply_account(supply), supply=supply)
        home = self._choices.home_country
        self._to_businesses_at_home(scope, [*kinds, "shipping"], (home, ZERO) in rates)
        for country, rate in rates:
            if country == home:
                number = percent(rate)[:-2]
                book(
                    f"{home} {percent(rate)}",
                    goods,
                    self._chart.revenue_of(home, rate),
                    supply="domestic",
                    country=home,
                    rate=number,
                )

    def _to_businesses_at_home(self, scope: _Scope, kinds: list[str], zero: bool) -> None:  # noqa: FBT001  # whether there is a zero rate
        """Book 0 % to a business at home as reverse charge, or have it decided by a person."""
        code, home = self._reverse_charge, self._choices.home_country
        where = {"supply": "domestic", "country": home, "rate": "0", "vat_number": "valid"}
        name, line = "domestic reverse charge", f"[{', '.join(dict.fromkeys(kinds))}]"
        if code is not None:
            account = self._chart.account("reverse_charge") or self._chart.revenue_of(home, ZERO)
            self._book(scope, name, line, account, code, **where)
        elif zero:
            self._chart.note("a VAT code for domestic reverse charge")
            reason = "0 % to a business at home: reverse charge, or goods at 0 %? Choose a VAT code"
            full = ", ".join([name, *scope[0].values()])
            when = {"line": line, **scope[0], **where}
            self._rules += _lines(full, when, f"refuse: {json.dumps(reason)}")

    def _comment(self, text: str) -> None:
        self._rules.append(f"  # {' '.join(text.split())}")

    def _rule(
        self,
        name: str,
        when: dict[str, str],
        account: GLAccount | None = None,
        code: str | None = None,
        center: str | None = None,
        **book: str,
    ) -> None:
        """Add a rule; a cost center only where the account takes one."""
        if account is not None:
            book["gl"] = account.key
            if account.use_costcenter == _MANDATORY and center is None:
                reason = f"GL account {account.key} needs a cost center; choose one"
                self._rules += _lines(name, when, f"refuse: {reason}")
                return
            if center is not None and account.use_costcenter != _FORBIDDEN:
                book["cost_center"] = center
            if code is not None:
                book["vat_code"] = code
        shown = ", ".join(f"{key}: {json.dumps(value)}" for key, value in book.items())
        self._rules += _lines(name, when, f"book: {{{shown}}}")


def _lines(name: str, when: dict[str, Any], outcome: str) -> list[str]:
    conditions = ", ".join(
        f"{key}: {json.dumps(value) if key in {'sku', 'website'} else value}"
        for key, value in when.items()
    )
    return [f"  - name: {json.dumps(name)}", f"    when: {{{conditions}}}", f"    {outcome}"]
