"""Addresses: the fields of a relation's own visit address, and the addresses beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from target_exact_online.documents.prepared import Detail

if TYPE_CHECKING:
    from target_exact_online.documents.checks import Checks

RESOURCE = "crm/Addresses"
# Our field: Exact's property and the length Exact keeps.
FIELDS = {
    "phone": ("Phone", 17),
    "address_line1": ("AddressLine1", 60),
    "address_line2": ("AddressLine2", 60),
    "address_line3": ("AddressLine3", 60),
    "postcode": ("Postcode", 20),
    "city": ("City", 40),
    "state": ("State", 40),
    "country": ("Country", 2),
}
# Type 1, the visit address, is made of the relation's own fields.
_TYPES = {"postal": 2, "invoice": 3, "delivery": 4}
_COMPARED = ("Type", *(name for name, _ in FIELDS.values() if name != "Phone"))
SELECT = ",".join(_COMPARED)
_COUNTRY = re.compile(r"[A-Z]{2}")
_STATE = re.compile(r"[A-Z0-9]{1,3}")


def details(record: dict[str, Any], where: str, checks: Checks) -> list[Detail]:
    """Return the addresses that a new relation gets, each once.

    Args:
        record: The relation's fields, with `addresses` or without.
        where: What the relation is to the document, for messages.
        checks: Collects problems.
    """
    found: list[Detail] = []
    for number, given in enumerate(record.get("addresses") or (), start=1):
        kind = str(given.get("type"))
        payload = _payload(given, kind, f"{where}, address {number}", checks)
        one = Detail(RESOURCE, payload)
        if one not in found:
            found.append(one)
    return found


def delivery(given: dict[str, Any], where: str, checks: Checks) -> dict[str, Any]:
    """Return the body of a delivery address, without the relation's GUID."""
    return _payload(given, "delivery", where, checks)


def is_same(payload: dict[str, Any], row: dict[str, Any]) -> bool:
    """Tell whether an address of Exact is this one."""
    return all(_plain(payload.get(name)) == _plain(row.get(name)) for name in _COMPARED)


def check_place(payload: dict[str, Any], where: str, checks: Checks) -> None:
    """Check country and state, which Exact takes as codes only."""
    country, state = payload.get("Country", ""), payload.get("State", "")
    if country and not _COUNTRY.fullmatch(country):
        what = f"{country!r} is not a country code of two capitals (ISO 3166-1)"
        checks.add(f"{where}, country", what, "Correct what produces the record.")
    if state and not (country and _STATE.fullmatch(state)):
        what = f"{state!r} is not the code of a state" if country else "A state needs its country"
        checks.add(f"{where}, state", what, "Give the code and the country, or leave it out.")


def _payload(given: dict[str, Any], kind: str, where: str, checks: Checks) -> dict[str, Any]:
    if kind not in _TYPES:
        what = f"{kind!r} is not a type of address"
        checks.add(f"{where}, type", what, f"Use {', '.join(_TYPES)}.")
    payload: dict[str, Any] = checks.texts(given, FIELDS, where)
    if not payload.keys() & {"AddressLine1", "Postcode", "City"}:
        checks.add(where, "The address is empty", "Give a street, a postcode or a city.")
    check_place(payload, where, checks)
    return {"Type": _TYPES.get(kind)} | payload


def _plain(value: Any) -> str:
    return "" if value is None else " ".join(str(value).split()).casefold()
