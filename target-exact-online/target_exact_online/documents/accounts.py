"""Relations: the stream `accounts`, and debtors that a document asks to create."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exact_online import odata
from target_exact_online.documents import addresses, contacts
from target_exact_online.documents.checks import Checks
from target_exact_online.documents.prepared import DocumentSettings, NewAccount, Prepared
from target_exact_online.master_data.reading import vat_number

if TYPE_CHECKING:
    from target_exact_online.master_data import MasterData

RESOURCE = "crm/Accounts"
_FIELDS = {
    "search_code": ("SearchCode", 30),
    "email": ("Email", 100),
    **addresses.FIELDS,
}
_LONGEST_NAME = 50
_MAX_CODE_DIGITS = 18


def prepare(record: dict[str, Any], master: MasterData, settings: DocumentSettings) -> Prepared:
    """Check a record of the stream `accounts` and make its payload.

    A relation that Exact has already is left as it is: the bookkeeper's data wins.

    Raises:
        DocumentRefusedError: With everything that is wrong.
    """
    del settings  # the stream itself says that relations are to be created
    checks = Checks()
    new = new_account(record, {}, str(record["document_key"]), (), checks)
    checks.raise_if_any()
    return Prepared(
        stream="accounts",
        document_key=new.document_key,
        division=master.division,
        resource=RESOURCE,
        payload=new.payload,
        lines_field="",
        id_field="ID",
        number_field="Code",
        your_ref="",
        currency="",
        expected_total=Decimal(0),
        document_date=datetime.now(UTC).date(),
        settle_resource=RESOURCE,
        settle_filter=new.match_filter,
        new_account=new,
    )


def new_account(
    given: dict[str, Any],
    match: dict[str, Any],
    document_key: str,
    fields: tuple[str, ...],
    checks: Checks,
) -> NewAccount:
    """Return a relation to create, with its addresses and contacts: a customer.

    Args:
        given: The relation's fields.
        match: By which fields it is looked for; they become its own.
        document_key: The document that needs it.
        fields: Payload fields of the document that receive its GUID.
        checks: Collects problems.
    """
    payload = _payload(given, match, checks)
    details = (
        *addresses.details(given, "debtor", checks),
        *contacts.details(given, "debtor", checks),
    )
    return NewAccount(document_key, payload, _match_filter(payload), fields, details)


def _payload(given: dict[str, Any], match: dict[str, Any], checks: Checks) -> dict[str, Any]:
    fields = {name: value for name, value in match.items() if value} | {
        name: value for name, value in given.items() if value not in (None, "")
    }
    name = checks.text(fields, "name", "debtor, name", longest=_LONGEST_NAME, required=True)
    payload: dict[str, Any] = {"Status": "C", "Name": name}
    payload |= checks.texts(fields, _FIELDS, "debtor")
    checks.email(payload, "debtor, email")
    addresses.check_place(payload, "debtor", checks)
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


def _match_filter(payload: dict[str, Any]) -> str:
    """Return the question that finds a relation like this one, best key first."""
    if payload.get("Code"):
        return f"Code eq {odata.account_code(payload['Code'])}"
    for name in ("SearchCode", "VATNumber", "Email"):
        if payload.get(name):
            return f"{name} eq {odata.text(payload[name])}"
    return f"Name eq {odata.text(payload['Name'])}"
