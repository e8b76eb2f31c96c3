"""Accounts of Exact as customers of the shop: which is which, what Exact owns, what is sent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adobe_commerce.errors import NotFoundError, OutcomeUnknownError
from adobe_commerce.search import Filter
from target_adobe_commerce.exceptions import NotKeptError, StalePlanError
from target_adobe_commerce.plan import mark
from target_adobe_commerce.shop import custom_values
from target_adobe_commerce.subjects import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from target_adobe_commerce.kept.keeping import ExactRecord, Keeping, Pair
    from target_adobe_commerce.settings import Settings
    from target_adobe_commerce.shop import Record, Shop

KIND = "customers"
STREAM = "accounts"
ADDRESSES = "addresses"
_CLASSIFICATIONS = tuple(f"Classification{number}" for number in range(1, 9))
#: What the shop sets by itself, or refuses: never sent back.
_NOT_SENT = frozenset(
    {"created_at", "updated_at", "created_in", "confirmation", "addresses", "extension_attributes"}
)
#: What may differ after a write without anything being lost.
_MAY_CHANGE = frozenset({"updated_at", "confirmation", "extension_attributes"})
_LONGEST_NAME = 255


class Customers:
    """Finds the customers of accounts, and writes them."""

    def __init__(self, settings: Settings, shop: Shop, keeping: Keeping) -> None:
        """Take both sides; nothing is called yet."""
        self._settings = settings
        self._shop = shop
        self._keeping = keeping
        self.notes: list[str] = []
        self._knows_code = False

    # Finding

    def gather(self, division: int, waiting: Mapping[str, str]) -> list[Subject]:
        """Return the accounts that are customers, each with its customer of the shop.

        Args:
            division: Exact company.
            waiting: By GUID: why an account is not created now.
        """
        known = self._keeping.pairs(KIND, division)
        accounts = [
            one
            for one in self._keeping.records(STREAM, division)
            if self._is_wanted(one) or one.exact_id in known
        ]
        if not accounts:
            return []
        code = self._settings.account_code_attribute
        self._knows_code = self._shop.knows_customer_attribute(code)
        if not self._knows_code:
            self.notes.append(
                f"The shop has no customer attribute {code!r}, so customers do not get the "
                "account's code and are found by VAT number and e-mail. Make it in the shop."
            )
        found = _Found(self._read(accounts, known), code)
        matches = {
            one.exact_id: self._match(one, known.get(one.exact_id), found) for one in accounts
        }
        taken: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for one in accounts:
            match = matches[one.exact_id]
            if match.customer is not None:
                taken[str(match.customer["id"])].append((match.strength, _code(one)))
        return [
            self._subject(one, known.get(one.exact_id), matches[one.exact_id], taken, waiting)
            for one in accounts
        ]

    def _is_wanted(self, account: ExactRecord) -> bool:
        values = account.values
        if account.deleted_at or values.get("Status") not in self._settings.customer_statuses:
            return False
        wanted = self._settings.customer_classifications
        return not wanted or any(values.get(name) in wanted for name in _CLASSIFICATIONS)

    def _read(self, accounts: list[ExactRecord], known: Mapping[str, Pair]) -> Iterator[Record]:
        """Read every customer that may be one of the accounts: few calls, whatever the shop has."""
        route = "customers/search"
        yield from self._shop.matching(
            route, "entity_id", (pair.shop_id for pair in known.values())
        )
        unpaired = [one for one in accounts if one.exact_id not in known]
        site = self._settings.website_id
        extra = () if site is None else (Filter("website_id", "eq", str(site)),)
        if self._knows_code:
            codes = (_code(one) for one in unpaired)
            name = self._settings.account_code_attribute
            yield from self._shop.matching(route, name, codes, extra)
        yield from self._shop.matching(
            route, "email", (_text(one, "Email") for one in unpaired), extra
        )

    def _match(self, account: ExactRecord, pair: Pair | None, found: _Found) -> _Match:
        """Return the customer of an account, or why it cannot be told."""
        if pair is not None:
            customer = found.by_id.get(pair.shop_id)
            gone = (
                f"The shop no longer has customer {pair.shop_id}. If it is to be found or made "
                f"anew: `target-adobe-commerce pairs forget {KIND}:{_code(account)}`."
            )
            return _Match(customer, "" if customer else gone, _BY_PAIR)
        by_code = found.by_code[_code(account)]
        if by_code:
            text = f"{len(by_code)} customers have its code: {_ids(by_code)}."
            return _only(by_code, text, _BY_CODE)
        by_email = found.by_email[_text(account, "Email").casefold()]
        vat = _vat(_text(account, "VATNumber"))
        both = [one for one in by_email if vat and _vat(str(one.get("taxvat") or "")) == vat]
        if both:
            text = f"{len(both)} customers have its VAT number and e-mail: {_ids(both)}."
            return _only(both, text, _BY_VAT_AND_EMAIL)
        text = (
            f"{len(by_email)} customers have its e-mail ({_ids(by_email)}), and none its VAT "
            "number. Give the right one the account's code or VAT number."
        )
        return _only(by_email, text, _BY_EMAIL)

    def _subject(
        self,
        account: ExactRecord,
        pair: Pair | None,
        match: _Match,
        taken: Mapping[str, list[tuple[int, str]]],
        waiting: Mapping[str, str],
    ) -> Subject:
        customer, problem = match.customer, match.problem
        code = _code(account)
        no_create = ""
        if not self._is_wanted(account):
            no_create, problem = "It is no customer in Exact any more; the shop's stays.", ""
        elif customer is None:
            no_create = waiting.get(account.exact_id) or self._why_not_created(account)
        else:
            others = [
                other
                for strength, other in taken[str(customer["id"])]
                if other != code and strength >= match.strength
            ]
            if others:
                problem = f"Customer {customer['id']} fits account {', '.join(others)} as well."
            elif pair is None and self._code_of(customer) not in {"", code}:
                has = self._code_of(customer)
                problem = f"Customer {customer['id']} has the code of account {has!r}."
        if no_create:
            customer = None
        shop_id = str(customer["id"]) if customer else ""
        return Subject(
            kind="customers",
            division=account.division,
            exact_id=account.exact_id,
            code=code,
            desired=self.desired(account),
            shop_id=shop_id,
            found=self.owned(customer, _address(account)) if customer else {},
            calls=(f"PUT customers/{shop_id}" if shop_id else "POST customers",),
            no_create=no_create,
            problem=problem,
            pair=pair,
            source=_source(account),
            shop_state=self._state(customer),
        )

    def _why_not_created(self, account: ExactRecord) -> str:
        if not self._settings.create_customers:
            return "The shop has no such customer, and create_customers is off."
        if account.values.get("Blocked"):
            return "The account is blocked in Exact."
        if not _text(account, "Email"):
            return "The account has no e-mail in Exact, and a customer needs one."
        return ""

    def _code_of(self, customer: Record) -> str:
        return str(custom_values(customer).get(self._settings.account_code_attribute) or "")

    def _state(self, customer: Record | None) -> Any:
        """What else of a customer may not change under a plan."""
        if customer is None:
            return None
        if self._settings.addresses == "never":
            return customer.get("email")
        return [customer.get("email"), customer.get("addresses")]

    # What Exact owns

    def desired(self, account: ExactRecord) -> dict[str, str]:
        """Return what Exact wants a customer to have, by the shop's names."""
        wanted = {"taxvat": _text(account, "VATNumber")}
        group = self._group(account)
        if group is not None:
            wanted["group_id"] = str(group)
        if self._knows_code:
            wanted[self._settings.account_code_attribute] = _code(account)
        address = _address(account)
        if self._settings.addresses == "add_only" and address is not None:
            wanted[ADDRESSES] = _shown(address)
        return wanted

    def _group(self, account: ExactRecord) -> int | None:
        groups = self._settings.customer_groups
        for name in _CLASSIFICATIONS:
            value = str(account.values.get(name) or "")
            if value in groups:
                return groups[value]
        return groups.get("default")

    def owned(self, customer: Record, address: Record | None) -> dict[str, str]:
        """Return what a customer of the shop has of these fields.

        Args:
            customer: The customer.
            address: The account's address.
        """
        has = address is not None and any(
            _alike(one) == _alike(address) for one in customer.get("addresses") or ()
        )
        return {
            "taxvat": str(customer.get("taxvat") or "").strip(),
            "group_id": str(customer.get("group_id") or ""),
            self._settings.account_code_attribute: self._code_of(customer),
            ADDRESSES: _shown(address) if has and address is not None else "",
        }

    # Writing

    def create(self, subject: Subject) -> str:
        """Create the customer of an account and return its number.

        Raises:
            OutcomeUnknownError: It was sent, and is not in the shop yet.
            RequestRefusedError: The shop refuses it.
        """
        source = subject.source
        first, last = _names(source["name"])
        customer: Record = {
            "email": source["email"],
            "firstname": first,
            "lastname": last,
            "website_id": self._settings.website_id,
        }
        self._put_fields(customer, subject.desired)
        if ADDRESSES in subject.desired:
            customer[ADDRESSES] = [_complete(source["address"], customer)]
        try:
            made = self._shop.write("POST", "customers", {"customer": customer})
            return str(made["id"])
        except OutcomeUnknownError:
            site = Filter("website_id", "eq", str(self._settings.website_id))
            there = list(
                self._shop.matching("customers/search", "email", [source["email"]], (site,))
            )
            if not there:
                raise
            return str(there[0]["id"])

    def update(self, subject: Subject, fields: Iterable[str], planned: Any) -> None:
        """Change fields of a customer: read, merge, write, read back.

        Args:
            subject: The account and its customer.
            fields: Which of Exact's fields are written.
            planned: What the shop had when it was decided.

        Raises:
            StalePlanError: The shop changed it since; nothing was written.
            NotKeptError: The shop did not keep it, or lost something else.
        """
        route = f"customers/{subject.shop_id}"
        before = self._shop.one(route)
        if before is None:
            msg = f"Customer {subject.shop_id} ({subject.key}) is no more."
            raise NotFoundError(msg)
        if self.state_mark(before, subject) != planned:
            msg = f"Customer {subject.shop_id} ({subject.key}) changed in the shop meanwhile."
            raise StalePlanError(msg)
        sent = {name: value for name, value in before.items() if name not in _NOT_SENT}
        wanted = {name: subject.desired[name] for name in fields}
        self._put_fields(sent, wanted)
        if ADDRESSES in wanted:
            # The full list: the shop deletes what is not in it.
            mine = list(before.get("addresses") or ())
            sent[ADDRESSES] = [*mine, _complete(subject.source["address"], before)]
        try:
            self._shop.write("PUT", route, {"customer": sent})
        except OutcomeUnknownError:
            after = self._shop.one(route)
            if after is None or self._missing(after, subject, wanted):
                raise
        else:
            after = self._shop.one(route)
        self.check(before, after, subject, wanted)

    def state_mark(self, customer: Record, subject: Subject) -> str:
        """Return the hash of what a plan saw of a customer."""
        found = self.owned(customer, subject.source["address"])
        return mark([str(customer["id"]), found, self._state(customer)])

    def _put_fields(self, customer: Record, wanted: Mapping[str, str]) -> None:
        code = self._settings.account_code_attribute
        if "taxvat" in wanted:
            customer["taxvat"] = wanted["taxvat"]
        if "group_id" in wanted:
            customer["group_id"] = int(wanted["group_id"])
        if code in wanted:
            values = custom_values(customer) | {code: wanted[code]}
            customer["custom_attributes"] = [
                {"attribute_code": name, "value": value} for name, value in values.items()
            ]

    def _missing(self, after: Record, subject: Subject, wanted: Mapping[str, str]) -> list[str]:
        has = self.owned(after, subject.source["address"])
        return [name for name, value in wanted.items() if has.get(name, "") != value]

    def check(
        self,
        before: Record | None,
        after: Record | None,
        subject: Subject,
        wanted: Mapping[str, str],
    ) -> None:
        """Compare what the shop has now with what it should have.

        Raises:
            NotKeptError: Something is missing or lost.
        """
        if after is None:
            msg = f"Customer {subject.shop_id} ({subject.key}) is not in the shop after the write."
            raise NotKeptError(msg)
        if missing := self._missing(after, subject, wanted):
            msg = (
                f"The shop did not keep {', '.join(sorted(missing))} of customer {after['id']} "
                f"({subject.key}). Is the attribute made, and are groups changed by itself?"
            )
            raise NotKeptError(msg)
        if before is not None and (lost := self._lost(before, after, wanted)):
            msg = (
                f"The shop lost or changed {', '.join(lost)} of customer {after['id']} "
                f"({subject.key}) when it stored the rest. Restore it there, and report it: this "
                "release of the shop is not safe to write to."
            )
            raise NotKeptError(msg)

    def _lost(self, before: Record, after: Record, wanted: Mapping[str, str]) -> list[str]:
        code = self._settings.account_code_attribute
        lost = [
            name
            for name, value in before.items()
            if name not in _MAY_CHANGE
            and name not in {"custom_attributes", ADDRESSES, *wanted}
            and after.get(name) != value
        ]
        values = custom_values(after)
        lost += [
            name
            for name, value in custom_values(before).items()
            if name != code and values.get(name) != value
        ]
        now = {address.get("id"): address for address in after.get("addresses") or ()}
        lost += [
            f"address {address.get('id')}"
            for address in before.get("addresses") or ()
            if now.get(address.get("id")) != address
        ]
        return lost


#: How sure a match is; a surer one wins when two accounts fit one customer.
_BY_EMAIL, _BY_VAT_AND_EMAIL, _BY_CODE, _BY_PAIR = range(4)


@dataclass(frozen=True)
class _Match:
    """The customer of an account, or why it cannot be told."""

    customer: Record | None
    problem: str = ""
    strength: int = _BY_EMAIL


def _only(customers: list[Record], otherwise: str, strength: int) -> _Match:
    """The one customer; with several of them nobody can tell."""
    if len(customers) > 1:
        return _Match(None, otherwise)
    return _Match(customers[0] if customers else None, "", strength)


class _Found:
    """Customers that were read, by what they are looked for."""

    def __init__(self, customers: Iterable[Record], code: str) -> None:
        self.by_id = {str(one["id"]): one for one in customers}
        self.by_code: dict[str, list[Record]] = defaultdict(list)
        self.by_email: dict[str, list[Record]] = defaultdict(list)
        for one in self.by_id.values():
            if value := custom_values(one).get(code):
                self.by_code[str(value)].append(one)
            self.by_email[str(one.get("email") or "").casefold()].append(one)


def _source(account: ExactRecord) -> dict[str, Any]:
    """What a writer needs of an account, beside what Exact owns."""
    return {
        "name": _text(account, "Name"),
        "email": _text(account, "Email"),
        "address": _address(account),
    }


def _code(account: ExactRecord) -> str:
    return _text(account, "Code")


def _text(account: ExactRecord, name: str) -> str:
    return " ".join(str(account.values.get(name) or "").split())


def _vat(number: str) -> str:
    """A VAT number without what people put between its characters."""
    return "".join(one for one in number.upper() if one.isalnum())


def _ids(customers: Iterable[Record]) -> str:
    return ", ".join(sorted((str(one["id"]) for one in customers), key=int))


def _names(name: str) -> tuple[str, str]:
    """First and last name, both of which a customer needs; a company has one."""
    first, _, last = name.partition(" ")
    return (first or "-")[:_LONGEST_NAME], (last or first or "-")[:_LONGEST_NAME]


def _address(account: ExactRecord) -> Record | None:
    """The account's address in the shop's form, when it has all that the shop demands."""
    lines = [_text(account, f"AddressLine{number}") for number in (1, 2, 3)]
    address: Record = {
        "street": [line for line in lines if line],
        "postcode": _text(account, "Postcode"),
        "city": _text(account, "City"),
        "country_id": _text(account, "Country").upper(),
        "telephone": _text(account, "Phone"),
        "company": _text(account, "Name"),
    }
    return address if all(address.values()) else None


def _complete(address: Record, customer: Record) -> Record:
    return address | {name: customer[name] for name in ("firstname", "lastname")}


def _alike(address: Record) -> tuple[str, str, str]:
    """What makes two addresses the same place."""
    street = address.get("street") or ()
    joined = "".join(street if isinstance(street, list) else [str(street)])
    return (
        "".join(joined.casefold().split()),
        "".join(str(address.get("postcode") or "").casefold().split()),
        str(address.get("country_id") or "").upper(),
    )


def _shown(address: Record) -> str:
    street = ", ".join(address["street"])
    return f"{street}, {address['postcode']} {address['city']}, {address['country_id']}"
