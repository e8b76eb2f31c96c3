"""Relations: the stream `accounts`, and debtors that a document asks to create."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from target_exact_online import _odata
from target_exact_online.documents.checks import Checks
from target_exact_online.documents.prepared import DocumentSettings, NewAccount, Prepared
from target_exact_online.master_data.reading import vat_number

if TYPE_CHECKING:
    from target_exact_online.master_data import MasterData

RESOURCE = "crm/Accounts"
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


def prepare(record: dict[str, Any], master: MasterData, settings: DocumentSettings) -> Prepared:
    """Check a record of the stream `accounts` and make its payload.

    A relation that Exact has already is left as it is: the bookkeeper's data wins.

    Raises:
        DocumentRefusedError: With everything that is wrong.
    """
    del settings  # the stream itself says that relations are to be created
    checks = Checks()
    payload = account_payload(record, {}, checks)
    checks.raise_if_any()
    asked = match_filter(payload)
    return Prepared(
        stream="accounts",
        document_key=str(record["document_key"]),
        division=master.division,
        resource=RESOURCE,
        payload=payload,
        lines_field="",
        id_field="ID",
        number_field="Code",
        your_ref="",
        currency="",
        expected_total=Decimal(0),
        document_date=datetime.now(UTC).date(),
        settle_resource=RESOURCE,
        settle_filter=asked,
        new_account=NewAccount(payload, asked, ()),
    )


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
