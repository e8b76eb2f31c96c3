"""Contacts: the people of a relation. Documents never name them, only their relation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_exact_online.documents.prepared import Detail

if TYPE_CHECKING:
    from target_exact_online.documents.checks import Checks

RESOURCE = "crm/Contacts"
# Our field: Exact's property and the length Exact keeps.
_FIELDS = {
    "first_name": ("FirstName", 40),
    "middle_name": ("MiddleName", 20),
    "last_name": ("LastName", 40),
    "email": ("Email", 100),
    "phone": ("Phone", 17),
    "job_title": ("JobTitleDescription", 60),
}
_COMPARED = ("FirstName", "MiddleName", "LastName", "Email")
SELECT = ",".join(_COMPARED)


def details(record: dict[str, Any], where: str, checks: Checks) -> list[Detail]:
    """Return the contacts that a new relation gets, each once.

    Args:
        record: The relation's fields, with `contacts` or without.
        where: What the relation is to the document, for messages.
        checks: Collects problems.
    """
    found: dict[tuple[str, ...], Detail] = {}
    for number, given in enumerate(record.get("contacts") or (), start=1):
        place = f"{where}, contact {number}"
        payload = checks.texts(given, _FIELDS, place)
        if not payload.keys() & {"FirstName", "LastName"}:
            checks.add(place, "The contact has no name", "Give a first or a last name.")
        checks.email(payload, f"{place}, email")
        found.setdefault(_key(payload), Detail(RESOURCE, payload))
    return list(found.values())


def is_same(payload: dict[str, Any], row: dict[str, Any]) -> bool:
    """Tell whether a contact of Exact is this person: the same name and e-mail."""
    return _key(payload) == _key(row)


def _key(person: dict[str, Any]) -> tuple[str, ...]:
    return tuple(" ".join(str(person.get(name) or "").split()).casefold() for name in _COMPARED)
