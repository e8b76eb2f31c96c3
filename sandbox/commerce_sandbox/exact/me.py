"""current/Me: the entry point that needs no division."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commerce_sandbox.exact.company import SEEDED_AT
from commerce_sandbox.exact.credentials import guid

if TYPE_CHECKING:
    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.exact.access import Caller
    from commerce_sandbox.exact.store import Row


_CODES = {"nl": "NL-NL", "en": "EN-US", "fr": "FR-BE", "de": "DE-DE", "es": "ES-ES"}


def me(context: SandboxContext, caller: Caller) -> Row:
    """Return the user behind the token."""
    first, _, last = caller.user.name.partition(" ")
    language = _CODES[context.database.setting("exact.language", "nl")]
    now = round(context.clock.now().timestamp() * 1000)
    return {
        "UserID": caller.user.user_id,
        "UserName": caller.user.email,
        "FullName": caller.user.name,
        "FirstName": first,
        "LastName": last,
        "Email": caller.user.email,
        "CurrentDivision": caller.current_division,
        "AccountingDivision": caller.current_division,
        "DivisionCustomer": guid(0, "customer", "1"),
        "DivisionCustomerCode": "1".rjust(18),
        "DivisionCustomerName": "Theehuis Webwinkel B.V.",
        "DivisionCustomerVatNumber": "NL000099998B57",
        "Language": language,
        "LanguageCode": language,
        "Legislation": 1,
        "ServerTime": f"/Date({now})/",
        "ServerUtcOffset": 3600,
        "Created": SEEDED_AT,
    }
