"""Settings that tests may change while the sandbox runs, and their defaults."""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING, Any

from commerce_sandbox.adobe.settings import DEFAULTS as ADOBE_DEFAULTS
from commerce_sandbox.exact.labels import LANGUAGES
from commerce_sandbox.exceptions import UnknownSettingError, WrongSettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commerce_sandbox.database import Database

DEFAULTS: dict[str, Any] = {
    "clock.offset_seconds": 0,
    **ADOBE_DEFAULTS,
    "exact.minute_limit": 60,  # calls per minute, app and company; None: no limit
    "exact.day_limit": 5000,  # calls per day, app and company; None: no limit
    "exact.language": "nl",  # language of validation messages: nl, en, fr, de or es
    "exact.error_limit": 10,  # errors per endpoint and hour before it is blocked; None: no limit
    "exact.omit_rate_headers": False,  # answers without X-RateLimit headers
    "exact.html_unauthorized": False,  # 401 with an HTML page instead of an empty body
    "exact.inactive_users": [],  # ids of users who may not log in any more
    "exact.missing_scopes": [],  # scopes that the app has lost, such as "sales orders"
    "exact.division_reasons": {},  # division -> Reason of its 403, such as LicenseExpired
    "exact.bare_lists": False,  # {"d": [...]} instead of {"d": {"results": [...]}}
    "exact.credit_note_quantity": "positive",  # quantities of an 8021 that make a credit
    "exact.index_lag_seconds": 0,  # how long lists with a filter do not see new and changed rows
    "exact.variable_rate": "mandatory",  # rate in a variable-rate journal: mandatory or optional
    "exact.order_amount_without_price": "ignored",  # on order lines: ignored or counts
    "exact.unprinted": {},  # division -> {"DocumentCreationError": text}: printing prints nothing
    "exact.changed_fields": {},  # resource -> {header field: value} that the server puts there
    "exact.local_time": True,  # moments are Dutch wall clock time, as the real server writes them
    "exact.refused_filters": {},  # resource -> fields by which lists of it cannot be filtered
    # How strict the server is; each default is the strictest that anybody has met.
    "exact.double_slashes": "refused",  # in paths: refused, or merged as web servers do
    "exact.select_needed": "lists",  # by all lists, by bulk ones only (as documented), or never
    "exact.filter_needed": True,  # by lists that have a sync twin; the real server: since 2021/22
    "exact.webhook_validation": "before",  # the empty request comes before or after the answer
    "exact.refused_methods": {},  # resource -> HTTP methods that the company does not allow
}

#: Settings of which only some values have a meaning.
CHOICES: dict[str, tuple[str, ...]] = {
    "exact.language": LANGUAGES,
    "exact.credit_note_quantity": ("positive", "negative"),
    "exact.variable_rate": ("mandatory", "optional"),
    "exact.order_amount_without_price": ("ignored", "counts"),
    "exact.double_slashes": ("refused", "merged"),
    "exact.webhook_validation": ("before", "after"),
    "exact.select_needed": ("lists", "bulk", "never"),
}


def change(database: Database, name: str, value: Any) -> None:
    """Store a setting.

    Raises:
        UnknownSettingError: No part of the sandbox reads this name.
        WrongSettingError: The value has no meaning.
    """
    if name not in DEFAULTS:
        raise UnknownSettingError(name, DEFAULTS)
    if name in CHOICES and value not in CHOICES[name]:
        raise WrongSettingError(name, CHOICES[name])
    database.set_setting(name, value)


def current(database: Database) -> Mapping[str, Any]:
    """Return every setting with its present value, without copying any; only for reading."""
    return ChainMap(database.settings(), DEFAULTS)


def everything(database: Database) -> dict[str, Any]:
    """Return every setting with its present value."""
    return {name: database.setting(name, default) for name, default in DEFAULTS.items()}
