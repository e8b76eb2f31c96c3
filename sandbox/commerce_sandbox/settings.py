"""Settings that tests may change while the sandbox runs, and their defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commerce_sandbox.adobe.settings import DEFAULTS as ADOBE_DEFAULTS
from commerce_sandbox.exceptions import UnknownSettingError

if TYPE_CHECKING:
    from commerce_sandbox.database import Database

DEFAULTS: dict[str, Any] = {
    "clock.offset_seconds": 0,
    **ADOBE_DEFAULTS,
    "exact.minute_limit": 60,  # calls per minute, app and company; None: no limit
    "exact.day_limit": 5000,  # calls per day, app and company; None: no limit
    "exact.language": "nl",  # language of validation messages: nl or en
    "exact.error_limit": 10,  # errors per endpoint and hour before it is blocked; None: no limit
    "exact.omit_rate_headers": False,  # answers without X-RateLimit headers
    "exact.html_unauthorized": False,  # 401 with an HTML page instead of an empty body
    "exact.inactive_users": [],  # ids of users who may not log in any more
    "exact.missing_scopes": [],  # scopes that the app has lost, such as "sales orders"
    "exact.division_reasons": {},  # division -> Reason of its 403, such as LicenseExpired
    "exact.bare_lists": False,  # {"d": [...]} instead of {"d": {"results": [...]}}
    "exact.credit_note_sign": "negative",  # of quantities on an 8021: negative or positive
}


def change(database: Database, name: str, value: Any) -> None:
    """Store a setting.

    Raises:
        UnknownSettingError: No part of the sandbox reads this name.
    """
    if name not in DEFAULTS:
        raise UnknownSettingError(name, DEFAULTS)
    database.set_setting(name, value)


def everything(database: Database) -> dict[str, Any]:
    """Return every setting with its present value."""
    return {name: database.setting(name, default) for name, default in DEFAULTS.items()}
