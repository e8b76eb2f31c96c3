"""A relation that Exact does not have yet: what is sent for it, its addresses and its contacts.

What identifies it (name, code, search code, VAT number, e-mail) must be right. The rest is
optional: what Exact cannot keep is left out with a warning, because it must not hold up revenue.
"""

from __future__ import annotations

import re
import textwrap
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exact_online import odata
from target_exact_online.documents.checks import LONGEST_EMAIL, Checks, is_email
from target_exact_online.documents.prepared import (
    Detail,
    DocumentSettings,
    Kind,
    NewAccount,
    Prepared,
)
from target_exact_online.master_data.kinds import vat_number

if TYPE_CHECKING:
    from target_exact_online.master_data import MasterData

ADDRESSES, CONTACTS = "crm/Addresses", "crm/Contacts"
KIND = Kind("accounts", "crm/Accounts", "", "ID", "Code", "", "", "", frozenset())
_LONGEST_NAME, _LONGEST_SEARCH_CODE, _MAX_CODE_DIGITS = 50, 30, 18
# Our field: Exact's property and the length Exact keeps.
_PLACE = {"phone": ("Phone", 17), "postcode": ("Postcode", 20), "city": ("City", 40)}
_PERSON = {
    "first_name": ("FirstName", 40),
    "middle_name": ("MiddleName", 20),
    "last_name": ("LastName", 40),
    "phone": ("Phone", 17),
    "job_title": ("JobTitleDescription", 60),
}
_STREET_LINES = ("address_line1", "address_line2", "address_line3")
_LONGEST_STREET = 60
# Type 1, the visit address, is made of the relation's own fields.
_TYPES = {"postal": 2, "invoice": 3, "delivery": 4}
_COUNTRY = re.compile(r"[A-Z]{2}")
_STATE = re.compile(r"[A-Z0-9]{1,3}")


def prepare(record: dict[str, Any], master: MasterData, settings: DocumentSettings) -> Prepared:
    """Check a record of the stream `accounts` and make its payload.

    A relation that Exact has already is left as it is: the bookkeeper's data wins.

    Raises:
        DocumentRefusedError: With everything that is wrong.
    """
    del settings  # the stream itself says that relations are to be created
    checks = Checks()
    new = new_account(record, {}, str(record["document_key"]), "", checks)
    checks.raise_if_any()
    return Prepared(
        kind=KIND,
        document_key=new.document_key,
        division=master.division,
        payload=new.payload,
        reference="",
        currency="",
        total=Decimal(0),
        document_date=datetime.now(UTC).date(),
        new_account=new,
        warnings=tuple(checks.warnings),
    )


def new_account(
    given: dict[str, Any], match: dict[str, Any], document_key: str, field: str, checks: Checks
) -> NewAccount:
    """Return a customer to create, with addresses and contacts; what it is sought by is its own."""
    payload = _payload(given, match, checks)
    details = (*_addresses(given, checks), *_contacts(given, checks))
    return NewAccount(document_key, payload, _match_filter(payload), field, details)


def delivery_address(given: dict[str, Any], where: str, checks: Checks) -> dict[str, Any]:
    """Return the body of a delivery address, without the relation's GUID."""
    payload = _place(given, where, checks)
    _check_not_empty(payload, where, checks)
    return {"Type": _TYPES["delivery"]} | payload


def _payload(given: dict[str, Any], match: dict[str, Any], checks: Checks) -> dict[str, Any]:
    fields = {name: value for name, value in match.items() if value} | {
        name: value for name, value in given.items() if value not in (None, "")
    }
    name = checks.text(fields, "name", "debtor, name", longest=_LONGEST_NAME, required=True)
    search_code = checks.text(
        fields, "search_code", "debtor, search_code", longest=_LONGEST_SEARCH_CODE
    )
    identity = {
        "SearchCode": search_code,
        "Email": checks.email(fields, "debtor, email"),
        "VATNumber": vat_number(str(fields.get("vat_number") or "")),
    }
    payload: dict[str, Any] = {"Status": "C", "Name": name}
    payload |= {name: value for name, value in identity.items() if value}
    payload |= _place(fields, "debtor", checks)
    if code := str(fields.get("code") or ""):
        if not code.isascii() or not code.isdigit() or len(code) > _MAX_CODE_DIGITS:
            checks.add(
                "debtor, code",
                f"{code!r} is not a number of at most {_MAX_CODE_DIGITS} digits",
                "Leave the code out: Exact gives the next free one.",
            )
        payload["Code"] = code.rjust(_MAX_CODE_DIGITS)
    return payload


def _match_filter(payload: dict[str, Any]) -> str:
    """Return the question that finds a relation like this one, best key first."""
    if payload.get("Code"):
        return f"Code eq {odata.account_code(payload['Code'])}"
    for name in ("SearchCode", "VATNumber", "Email"):
        if payload.get(name):
            return f"{name} eq {odata.text(payload[name])}"
    return f"Name eq {odata.text(payload['Name'])}"


def _place(given: dict[str, Any], where: str, checks: Checks) -> dict[str, Any]:
    """Return street, postcode, city, state, country and phone, as far as Exact takes them."""
    payload = _street(given, where, checks) | checks.optionals(given, _PLACE, where)
    country = checks.text(given, "country", f"{where}, country", longest=2)
    state = str(given.get("state") or "").strip()
    if country and not _COUNTRY.fullmatch(country):
        what = f"{country!r} is not a country code of two capitals (ISO 3166-1)"
        checks.add(f"{where}, country", what, "Correct what produces the record.")
    if state and not (country and _STATE.fullmatch(state)):
        why = f"{state!r} is not the code of a state" if country else "it needs its country"
        checks.leave_out(f"{where}, state", "state", why)
        state = ""
    return payload | {
        name: value for name, value in (("State", state), ("Country", country)) if value
    }


def _street(given: dict[str, Any], where: str, checks: Checks) -> dict[str, Any]:
    """Return the street in at most three lines; a long one is split at its spaces."""
    pieces = [
        piece
        for name in _STREET_LINES
        for piece in textwrap.wrap(
            str(given.get(name) or ""), _LONGEST_STREET, break_long_words=False
        )
    ]
    kept = [piece for piece in pieces if len(piece) <= _LONGEST_STREET][: len(_STREET_LINES)]
    if len(kept) < len(pieces):
        why = f"Exact keeps {len(_STREET_LINES)} lines of {_LONGEST_STREET} characters"
        checks.leave_out(f"{where}, address_line1", "rest of the street", why)
    return {f"AddressLine{number}": piece for number, piece in enumerate(kept, 1)}


def _addresses(record: dict[str, Any], checks: Checks) -> list[Detail]:
    """Return the addresses that a new relation gets, each once."""
    found: list[Detail] = []
    for number, given in enumerate(record.get("addresses") or (), start=1):
        where, kind = f"debtor, address {number}", str(given.get("type"))
        if kind not in _TYPES:
            what = f"{kind!r} is not a type of address"
            checks.add(f"{where}, type", what, f"Use {', '.join(_TYPES)}.")
        payload = _place(given, where, checks)
        _check_not_empty(payload, where, checks)
        one = Detail(ADDRESSES, {"Type": _TYPES.get(kind)} | payload)
        if one not in found:
            found.append(one)
    return found


def _check_not_empty(payload: dict[str, Any], where: str, checks: Checks) -> None:
    if not payload.keys() & {"AddressLine1", "Postcode", "City"}:
        checks.add(where, "The address is empty", "Give a street, a postcode or a city.")


def _contacts(record: dict[str, Any], checks: Checks) -> list[Detail]:
    """Return the contacts that a new relation gets, each once; those without a name are left."""
    found: dict[tuple[str, ...], Detail] = {}
    for number, given in enumerate(record.get("contacts") or (), start=1):
        where = f"debtor, contact {number}"
        payload = checks.optionals(given, _PERSON, where)
        email = checks.optional(given, "email", f"{where}, email", longest=LONGEST_EMAIL)
        if email and not is_email(email):
            checks.leave_out(f"{where}, email", "email", f"{email!r} is not an e-mail address")
        elif email:
            payload["Email"] = email
        if not any(given.get(name) for name in ("first_name", "last_name")):
            checks.add(where, "The contact has no name", "Give a first or a last name.")
        elif not payload.keys() & {"FirstName", "LastName"}:
            checks.leave_out(where, "contact", "Exact keeps none of its names")
            continue
        found.setdefault(person(payload), Detail(CONTACTS, payload))
    return list(found.values())


def person(payload: dict[str, Any]) -> tuple[str, ...]:
    """Return by what a contact is known: names and e-mail."""
    return tuple(
        " ".join(str(payload.get(name) or "").split()).casefold()
        for name in ("FirstName", "MiddleName", "LastName", "Email")
    )
