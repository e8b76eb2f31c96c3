"""A first rules file from Exact's chart of accounts and the shop's tax rates."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mapper_gl_rules.exceptions import InputError
from mapper_gl_rules.vat import EU

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mapper_gl_rules.tools.master_data import GLAccount, MasterData

__all__ = ["starter_rules"]

_SALES, _GENERAL, _RECEIVABLE, _VAT, _REVENUE = 20, 90, 20, 24, 110
# The eco fee of a product follows the product.
_LINES = {"product": "[product, fixed_product_tax]", "shipping": "shipping"}
_WORDS = {
    "shipping": ("shipping", "verzend", "vracht", "freight", "versand", "transport"),
    "export": ("export", "buiten eu", "outside eu", "drittland"),
    "intra": ("intra",),
    "oss": ("oss", "distance", "afstand"),
    "rounding": ("rounding", "afrond", "betalingsverschil", "rundung", "difference"),
    "discount": ("discount", "korting", "rabat"),
    "gift": ("gift card", "cadeau", "gutschein", "voucher"),
    "services": ("service", "dienst"),
}


def starter_rules(
    master: MasterData,
    tax_rates: Iterable[dict[str, Any]],
    *,
    home_country: str,
    debtor: str,
    time_zone: str,
    currency: str,
) -> str:
    """Write a rules file that works for the shop's tax rates.

    Accounts are chosen by type and description; what cannot be found becomes a rule that
    refuses, so that nothing is booked on a guess.

    Args:
        master: Exact's master data.
        tax_rates: Adobe's tax rates (`tax_country_id`, `rate`).
        home_country: The seller's country.
        debtor: Account code for all customers, or `customer`.
        time_zone: The company's time zone.
        currency: The division's currency.

    Raises:
        InputError: When the master data has no sales journal or no revenue account.
    """
    return _Starter(master, home_country).text(
        sorted({(str(one["tax_country_id"]), Decimal(str(one["rate"]))) for one in tax_rates}),
        debtor,
        time_zone,
        currency,
    )


class _Starter:
    def __init__(self, master: MasterData, home: str) -> None:
        self._master = master
        self._home = home
        usable = [one for one in master.accounts.values() if not one.blocked]
        self._revenue = sorted(
            (one for one in usable if one.type == _REVENUE),
            key=lambda one: one.code,
        )
        self._all = sorted(usable, key=lambda one: one.code)
        self._codes: dict[str, str] = {}
        self._rules: list[str] = []

    def text(
        self,
        rates: list[tuple[str, Decimal]],
        debtor: str,
        time_zone: str,
        currency: str,
    ) -> str:
        countries = sorted({country for country, rate in rates if rate})
        registered = [one for one in countries if one != self._home and one not in EU]
        self._add_zero_rates()
        for country, rate in rates:
            self._add_rate(country, rate, country == self._home or country in registered)
        self._add_rest()
        receivable = next((one.code for one in self._all if one.type == _RECEIVABLE), "1300")
        general = self._journal(_GENERAL)
        lines = [
            "# First rules, made from Exact's chart of accounts and the shop's tax rates.",
            "# Read every rule with your accountant; the first rule that matches decides.",
            "settings:",
            f'  journal: "{self._journal(_SALES)}"',
            *([f'  general_journal: "{general}"'] if general else []),
            f"  home_country: {self._home}",
            *([f"  registrations: [{', '.join(registered)}]"] if registered else []),
            f"  time_zone: {time_zone}",
            f"  ledger_currency: {currency}",
            f'  debtor: "{debtor}"',
            f'  debtor_gl: "{receivable}"',
            "vat_codes:",
            *(f'  "{code}": {entry}' for code, entry in self._codes.items()),
            "rules:",
            *self._rules,
        ]
        return "\n".join(lines) + "\n"

    def _journal(self, kind: int) -> str:
        found = sorted(code for code, one in self._master.journals.items() if one == kind)
        if not found and kind == _SALES:
            raise InputError(
                what="Exact has no open sales journal",
                where="master data, Journals",
                what_to_do="Make one in Exact, then synchronise.",
            )
        return found[0] if found else ""

    def _add_zero_rates(self) -> None:
        """Three different zeros: intra-EU, export, no VAT."""
        for supply, words, topic in (
            ("intra_eu_goods", r"intra.*goods|intracomm(?!.*(service|dienst))|\bicl\b", "intra"),
            ("intra_eu_services", r"intra.*(service|dienst)", "services"),
            ("export", r"export|buiten (de )?eu|outside (the )?eu", "export"),
        ):
            code = self._code_like(words)
            gl = self._account(topic)
            if code is not None and gl is not None:
                self._codes[code] = f"{{rate: 0, supply: {supply}}}"
                for kind in ("product", "shipping"):
                    shipping = self._account("shipping") if kind == "shipping" else None
                    self._rule(
                        f"{kind}, {supply}",
                        f"line: {_LINES[kind]}, supply: {supply}",
                        shipping or gl,
                        code,
                    )
            else:
                self._refusal(f"all, {supply}", f"supply: {supply}", "no VAT code or account found")

    def _add_rate(self, country: str, rate: Decimal, domestic: bool) -> None:  # noqa: FBT001  # one of two kinds
        shown = f"{rate.normalize():f}"
        supply = "domestic" if domestic else "oss"
        when = f"supply: {supply}, country: {country}, rate: {shown}"
        code = self._code_of(country, rate, domestic)
        if code is None:
            self._refusal(
                f"{country} {shown} %", when, f"Exact has no VAT code for {country} {shown} %"
            )
            return
        gl = f', gl: "{self._vat_account(country, rate)}"' if rate else ""
        self._codes[code] = f"{{rate: {shown}{gl}, country: {country}, supply: {supply}}}"
        revenue = self._revenue_of(country, shown, domestic)
        shipping = self._account("shipping") or revenue
        self._rule(f"shipping, {country} {shown} %", f"line: shipping, {when}", shipping, code)
        self._rule(
            f"products, {country} {shown} %",
            f"line: [product, fixed_product_tax], {when}",
            revenue,
            code,
        )

    def _add_rest(self) -> None:
        gl = self._account("rounding")
        none = self._code_like(r"no vat|geen btw|outside scope|keine")
        if gl is not None and none is not None and none not in self._codes:
            self._codes[none] = "{rate: 0, supply: none}"
            self._rule("rounding", "line: rounding", gl, none)
        elif gl is not None:
            self._rule("rounding", "line: rounding", gl, None)
        gift = self._account("gift")
        for kind in ("gift_card", "store_credit", "reward"):
            if gift is not None and kind == "gift_card":
                self._rule(kind, f"line: {kind}", gift, none)
            else:
                self._refusal(kind, f"line: {kind}", "choose a liability account for it")

    def _rule(self, name: str, when: str, gl: str, code: str | None) -> None:
        vat = f', vat_code: "{code}"' if code is not None else ""
        self._rules += [
            f"  - name: {name}",
            f"    when: {{{when}}}",
            f'    book: {{gl: "{gl}"{vat}}}',
        ]

    def _refusal(self, name: str, when: str, reason: str) -> None:
        self._rules += [
            f"  - name: {name}",
            f"    when: {{{when}}}",
            f"    refuse: {reason}",
        ]

    def _account(self, topic: str) -> str | None:
        """Find an account by words in its description; revenue accounts first."""
        money = [one for one in self._all if one.type != _REVENUE]
        # A gift card is a debt, not a sale: no revenue account will do.
        for accounts in (money,) if topic == "gift" else (self._revenue, money):
            for one in accounts:
                if any(word in one.name.lower() for word in _WORDS[topic]) and one.type != _VAT:
                    return one.code
        return None

    def _code_like(self, pattern: str) -> str | None:
        for code, name in sorted(self._master.vat_names.items()):
            if not self._master.vat_codes[code] and re.search(pattern, name, re.IGNORECASE):
                return code
        return None

    def _code_of(self, country: str, rate: Decimal, domestic: bool) -> str | None:  # noqa: FBT001  # as _add_rate
        """Find the sales code of a country and percentage by its description."""
        fitting = {
            code: self._master.vat_names[code].lower()
            for code, percentage in self._master.vat_codes.items()
            if percentage == rate and code not in self._codes
        }
        names = _COUNTRY_NAMES.get(country, ())
        for code, name in sorted(fitting.items()):
            mine = any(re.search(rf"\b{word}\b", name) for word in (country.lower(), *names))
            if mine and "inclu" not in name and "reverse" not in name and "until" not in name:
                return code
        if domestic and country == self._home and rate:
            plain = [
                code
                for code, name in sorted(fitting.items())
                if "inclu" not in name and "oss" not in name and "purchase" not in name
            ]
            return plain[0] if len(plain) == 1 else None
        return None

    def _vat_account(self, country: str, rate: Decimal) -> str:
        """Find the VAT account by country or percentage in its description."""
        names = (country.lower(), *_COUNTRY_NAMES.get(country, ()))
        accounts = [one for one in self._all if one.type == _VAT]
        for one in accounts:
            if any(re.search(rf"\b{word}\b", one.name.lower()) for word in names):
                return one.code
        for one in accounts:
            if re.search(rf"\b{rate.normalize():f}\b", one.name):
                return one.code
        return accounts[0].code if accounts else "1500"

    def _revenue_of(self, country: str, rate: str, domestic: bool) -> str:  # noqa: FBT001  # as _add_rate
        names = (country.lower(), *_COUNTRY_NAMES.get(country, ()))

        def has(one: GLAccount, *words: str) -> bool:
            return all(re.search(rf"\b{word}\b", one.name.lower()) for word in words)

        for one in self._revenue:
            if domestic and any(has(one, name, rate) for name in names):
                return one.code
        oss = self._account("oss")
        if not domestic and oss is not None:
            return oss
        for one in self._revenue:
            if any(has(one, name) for name in names) and not re.search(r"\d %", one.name):
                return one.code
        if not self._revenue:
            raise InputError(
                what="Exact has no revenue account",
                where="master data, GLAccounts",
                what_to_do="Synchronise the chart of accounts.",
            )
        return self._revenue[0].code


_COUNTRY_NAMES = {
    "NL": ("netherlands", "nederland"),
    "BE": ("belgium", "belgi.", "belgique"),
    "DE": ("germany", "duitsland", "deutschland"),
    "FR": ("france", "frankrijk", "frankreich"),
    "GB": ("united kingdom", "uk", "verenigd koninkrijk"),
    "AT": ("austria", "oostenrijk", ".sterreich"),
    "ES": ("spain", "spanje", "spanien"),
    "IT": ("italy", "itali.", "italien"),
}
