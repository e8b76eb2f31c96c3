"""What of a company's chart of accounts is meant: found by type and by words in its name."""

from __future__ import annotations

import re
from decimal import Decimal
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from mapper_gl_rules.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mapper_gl_rules.tools.master_data import GLAccount, MasterData

__all__ = ["GENERAL", "SALES", "Chart", "Choices", "percent", "time_zone_of"]

SALES, GENERAL = 20, 90  # types of journals
_RECEIVABLE, _VAT, _REVENUE = 20, 24, 110  # types of accounts
# Words in the names of accounts, in English, Dutch and German.
_ACCOUNTS = {
    "shipping": r"shipping|verzend|vracht|freight|versand|transport",
    "export": r"export|buiten (de )?eu|outside (the )?eu|drittland",
    "intra_eu_goods": r"(intra|eu-?levering|icl)(?!.*(service|dienst|leistung))",
    "intra_eu_services": r"(intra|eu).*(service|dienst|leistung)",
    "oss": r"\boss\b|distance|afstand|fernverkauf",
    "reverse_charge": r"reverse|verleg|steuerschuldner|13b",
    "rounding": r"rounding|afrond|betalingsverschil|rundung",
    "discount": r"discount|korting|rabat",
    "gift": r"gift ?card|cadeau|gutschein|voucher|tegoedbon",
    "credit": r"store credit|winkeltegoed|klanttegoed|guthaben",
    "reward": r"reward|loyalty|spaarpunt|punkte",
    "fee": r"adjustment fee|cancell|annuler|retourkosten|storno|bearbeitung",
    "fixed_product_tax": r"fixed product tax|\beco\b|weee|verwijderingsbijdrage|recycl",
    "gift_wrap": r"wrapping|inpak|geschenkverpack",
    "high": r"high|hoog|voll",
    "low": r"low|laag|ermä",
}
_CODES = {
    "intra_eu_goods": r"intra.*goods|intracomm(?!.*(service|dienst))|\bicl\b|eu.*levering",
    "intra_eu_services": r"(intra|eu\b).*(service|dienst|leistung)",
    "export": r"export|buiten (de )?eu|outside (the )?eu|ausfuhr|drittland",
    "reverse_charge": r"reverse|verleg|steuerschuldner|13b",
    "none": r"no vat|geen btw|outside scope|keine|buiten btw",
}
_HIGH = Decimal(15)  # article 97 of Directive 2006/112/EC: the standard rate is 15 % or more
_SHOP = r"web ?shop|webwinkel|e-?commerce|online"
_CONSUMERS = r"consum|particulier|b2c|verbraucher"
_COLLECTIVE = rf"{_SHOP}|{_CONSUMERS}|divers|sundry|collecti"
_COUNTRY_NAMES = {
    "NL": "netherlands|nederland|niederlande",
    "BE": "belgium|belgi.|belgique|belgien",
    "DE": "germany|duitsland|deutschland",
    "FR": "france|frankrijk|frankreich",
    "GB": "united kingdom|uk|verenigd koninkrijk",
    "AT": "austria|oostenrijk|.sterreich",
    "ES": "spain|spanje|spanien",
    "IT": "italy|itali.|italien",
}


class Choices(msgspec.Struct, frozen=True):
    """What a person or the division says.

    Attributes:
        home_country: The seller's country.
        currency: The division's.
        time_zone: The company's.
        debtor: Account of consumers, `customer` for one of each; None: found by its name.
        cost_center: For everything; None: found by its name.
        cost_centers: By website; a website whose code is a cost center's has it.
        websites: Codes of the shop's websites, where known.
        vouchers: SKUs of gift vouchers.
    """

    home_country: str
    currency: str
    time_zone: str
    debtor: str | None = None
    cost_center: str | None = None
    cost_centers: Mapping[str, str] = {}
    websites: frozenset[str] = frozenset()
    vouchers: tuple[str, ...] = ()


def time_zone_of(country: str) -> str | None:
    """Give the time zone of a country that has one only."""
    table = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    zones = [row[2] for row in rows if row[0] == country]
    return zones[0] if len(zones) == 1 else None


class Chart:
    """Finds accounts, VAT codes and cost centers; what is missing becomes a note."""

    def __init__(self, master: MasterData, choices: Choices) -> None:
        """Sort the accounts by what they are for.

        Raises:
            InputError: When there is no revenue account or no VAT account.
        """
        self.notes: list[str] = []
        self._taken: set[str] = set()
        self._master = master
        self._choices = choices
        usable = sorted(
            (one for one in master.accounts.values() if one.usable), key=lambda one: one.key
        )
        self._revenue = [one for one in usable if one.type == _REVENUE]
        self._others = [one for one in usable if one.type not in (_REVENUE, _VAT, _RECEIVABLE)]
        self._vat = [one for one in usable if one.type == _VAT]
        receivable = [one.key for one in usable if one.type == _RECEIVABLE]
        self.receivable = receivable[0] if receivable else "1300"
        for accounts, what in ((self._revenue, "revenue"), (self._vat, "VAT")):
            if not accounts:
                raise InputError(
                    what=f"Exact has no {what} account",
                    where="master data, GLAccounts",
                    what_to_do="Synchronise the chart of accounts.",
                )

    def note(self, text: str) -> None:
        """Remember what was not found, once."""
        if text not in self.notes:
            self.notes.append(text)

    def journal(self, kind: int) -> str:
        """Take the first open journal of a type; empty if there is none."""
        found = sorted(code for code, one in self._master.journals.items() if one.type == kind)
        if not found and kind == SALES:
            raise InputError(
                what="Exact has no open sales journal",
                where="master data, Journals",
                what_to_do="Make one in Exact, then synchronise.",
            )
        return found[0] if found else ""

    def debtor(self) -> str:
        """Take the account that consumers are booked on."""
        if self._choices.debtor is not None:
            return self._choices.debtor
        found = [code for code, name in self._master.relations.items() if _has(name, _COLLECTIVE)]
        if len(found) != 1:
            raise InputError(
                what="which account consumers are booked on cannot be told",
                where="option --debtor",
                what_to_do="Name the code of a relation in Exact, or customer for one of each.",
            )
        return found[0]

    def cost_centers(self) -> tuple[str | None, dict[str, str]]:
        """Give the cost center of everything, and those of websites that have their own."""
        known = self._master.cost_centers
        chosen = self._choices.cost_center
        for code in (chosen, *self._choices.cost_centers.values()):
            if code is not None and code not in known:
                raise InputError(
                    what=f"Exact has no active cost center {code}",
                    where="option --cost-center",
                    what_to_do=f"Use one of {', '.join(known) or 'none: there are none'}.",
                )
        if chosen is None:
            shops = [code for code, name in known.items() if _has(name, _SHOP)]
            consumers = [code for code in shops if _has(known[code], _CONSUMERS)]
            one = next((some for some in (consumers, shops, list(known)) if len(some) == 1), None)
            chosen = one[0] if one else None
            if chosen is None and known:
                self.note("a cost center; name one with --cost-center")
        by_name = {code.casefold(): code for code in known}
        own = {
            website: by_name[website.casefold()]
            for website in sorted(self._choices.websites)
            if website.casefold() in by_name
        }
        own |= self._choices.cost_centers
        return chosen, {site: code for site, code in own.items() if code != chosen}

    def center_of(self, country: str) -> str | None:
        """Find the one cost center that is named after a country."""
        known = self._master.cost_centers
        found = [code for code, name in known.items() if _has(name, _words(country))]
        return found[0] if len(found) == 1 and self._choices.cost_center is None else None

    def account(self, topic: str) -> GLAccount | None:
        """Find an account by words in its name; revenue accounts first, for debts last."""
        debts = topic in {"gift", "credit", "reward"}
        for accounts in (self._others,) if debts else (self._revenue, self._others):
            for one in accounts:
                if _has(one.name, _ACCOUNTS[topic]):
                    return one
        return None

    def code_like(self, topic: str) -> str | None:
        """Find the VAT code of 0 % for a kind of supply, or for `none`."""
        for code, row in sorted(self._master.vat_codes.items()):
            fits = not row.rate and row.transaction != "P" and code not in self._taken
            if fits and _has(row.description or "", _CODES[topic]):
                self._taken.add(code)
                return code
        return None

    def code_of(self, country: str, rate: Decimal) -> str | None:
        """Find the sales code of a country and percentage: by the country, or the only one."""
        fitting = {
            code: row.description or ""
            for code, row in sorted(self._master.vat_codes.items())
            if row.rate == rate and row.type != "I" and row.transaction != "P"
            and code not in self._taken
            and not _has(row.description or "", "reverse|verleg|inclu|purchase|inkoop")
        }  # fmt: skip
        mine = [code for code, name in fitting.items() if _has(name, _words(country))]
        plain = [
            code
            for code, name in fitting.items()
            if not _has(name, _ACCOUNTS["oss"])
            and not any(_has(name, one) for one in _CODES.values())
        ]
        if not mine and rate and country == self._choices.home_country:
            mine = plain
        if len(mine) != 1:
            return None
        self._taken.add(mine[0])
        return mine[0]

    def vat_account(self, country: str, rate: Decimal) -> str:
        """Find the VAT account by country or percentage in its name."""
        for pattern in (_words(country), _number(rate), _level(rate)):
            for one in self._vat:
                if _has(one.name, pattern):
                    return one.key
        return self._vat[0].key

    def supply_account(self, supply: str) -> GLAccount | None:
        """Find the revenue account of a kind of supply; the only one is for all."""
        return self.account(supply) or self._only_one()

    def revenue_of(self, country: str, rate: Decimal | None) -> GLAccount | None:
        """Find the revenue account of a country and percentage; the only one is for all."""
        if rate is None:
            named = [one for one in self._revenue if _has(one.name, _words(country))]
        else:
            named = [one for one in self._revenue if _has(one.name, _number(rate))]
            named = [one for one in named if _has(one.name, _words(country))] or named
            named = named or [one for one in self._revenue if rate and _has(one.name, _level(rate))]
        return named[0] if named else self._only_one()

    def _only_one(self) -> GLAccount | None:
        return self._revenue[0] if len(self._revenue) == 1 else None


def _has(text: str, pattern: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


def _words(country: str) -> str:
    names = _COUNTRY_NAMES.get(country)
    return rf"\b({country}{f'|{names}' if names else ''})(\b|(?<=\.))"


def _level(rate: Decimal) -> str:
    return _ACCOUNTS["high" if rate >= _HIGH else "low"]


def _number(rate: Decimal) -> str:
    return rf"\b{re.escape(percent(rate)[:-2])}\b"


def percent(rate: Decimal) -> str:
    """Write a percentage for a person."""
    return f"{rate.normalize():f} %"
