"""Settings that tests may change while the sandbox runs, and their defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commerce_sandbox.exceptions import UnknownSettingError

if TYPE_CHECKING:
    from commerce_sandbox.database import Database

DEFAULTS: dict[str, Any] = {
    "clock.offset_seconds": 0,
    "adobe.bearer_enabled": False,  # access token accepted as plain bearer
    "adobe.maintenance": False,  # 503 HTML on every route of the shop
    "adobe.input_limit": None,  # largest pageSize; None: no limit (webapi/validation off)
    "exact.minute_limit": 60,  # calls per minute, app and company; None: no limit
    "exact.day_limit": 5000,  # calls per day, app and company; None: no limit
    "exact.language": "nl",  # language of validation messages: nl or en
}


def get(database: Database, name: str) -> Any:
    """Return a setting, or its default.

    Raises:
        UnknownSettingError: No part of the sandbox reads this name.
    """
    if name not in DEFAULTS:
        raise UnknownSettingError(name, DEFAULTS)
    return database.setting(name, DEFAULTS[name])


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
