"""Relations: the stream `accounts`, and debtors that a document asks to create."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from target_exact_online import _odata
from target_exact_online.master_data.reading import vat_number

if TYPE_CHECKING:
    from target_exact_online.documents.checks import Checks

# Our field: Exact's property and the length Exact keeps.
_FIELDS = {
    "name": ("Name", 50),
    "search_code": ("SearchCode", 30),
    "email": ("Email", 100),
    "phone": ("Phone", 17),
    "address_line1": ("AddressLine1", 60),
    "address_line2": ("AddressLine2", 60),
    "address_line3": ("AddressLine3", 60),
    "postcode": ("Postcode", 20),
    "city": ("City", 40),
    "state": ("State", 40),
    "country": ("Country", 2),
}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_MAX_CODE_DIGITS = 18


def account_payload(given: dict[str, Any], match: dict[str, Any], checks: Checks) -> dict[str, Any]:
    """Return the body for ``crm/Accounts``: a customer.

    Args:
        given: The relation's fields.
        match: By which fields it is looked for; they become its own.
        checks: Collects problems.
    """
    fields = {name: value for name, value in match.items() if value} | {
        name: value for name, value in given.items() if value not in (None, "")
    }
    payload: dict[str, Any] = {"Status": "C"}
    for name, (target, longest) in _FIELDS.items():
        where = f"debtor, {name}"
        text = checks.text(fields, name, where, longest=longest, required=name == "name")
        if text:
            payload[target] = text
    if (email := payload.get("Email")) and not _EMAIL.fullmatch(email):
        checks.add(
            "debtor, email", f"{email!r} is not an e-mail address", "Correct it in the shop."
        )
    if number := vat_number(str(fields.get("vat_number") or "")):
        payload["VATNumber"] = number
    if code := str(fields.get("code") or ""):
        if not code.isascii() or not code.isdigit() or len(code) > _MAX_CODE_DIGITS:
            checks.add(
                "debtor, code",
                f"{code!r} is not a number of at most {_MAX_CODE_DIGITS} digits",
                "Leave the code out: Exact gives the next free one.",
            )
        payload["Code"] = code.rjust(_MAX_CODE_DIGITS)
    return payload


def match_filter(payload: dict[str, Any]) -> str:
    """Return the question that finds a relation like this one, best key first."""
    if payload.get("Code"):
        return f"Code eq {_odata.account_code(payload['Code'])}"
    for name in ("SearchCode", "VATNumber", "Email"):
        if payload.get(name):
            return f"{name} eq {_odata.text(payload[name])}"
    return f"Name eq {_odata.text(payload.get('Name', ''))}"
