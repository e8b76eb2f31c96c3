"""Who calls, and whether this app and user may: tokens, divisions, scopes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from commerce_sandbox.exact import views
from commerce_sandbox.exact.credentials import (
    ACCESS_SECONDS,
    APPS,
    DIVISION,
    PERMITTED,
    USERS,
    App,
    User,
)
from commerce_sandbox.exact.errors import ForbiddenError, UnauthorizedError
from commerce_sandbox.exact.metadata import resources

if TYPE_CHECKING:
    from commerce_sandbox.database import Database
    from commerce_sandbox.exact.metadata import Resource

_CALLER_SQL = (
    "SELECT issued_at, client_id, user_id FROM exact_tokens "
    "JOIN exact_chains ON exact_chains.id = chain WHERE token = ? AND kind = 'access'"
)
_REASONS = {
    "LicenseExpired": "Forbidden - Customer's license expired",
    "DivisionBlocked": "Forbidden - Division is blocked",
    "BlockedCustomer": "Forbidden - Customer is blocked",
    "BlockedUser": "Forbidden - User is blocked",
}


@dataclass(frozen=True)
class Caller:
    """The app and the user behind an access token."""

    app: App
    user: User

    @property
    def current_division(self) -> int:
        """The division the user worked in last."""
        return DIVISION


def authenticate(database: Database, authorization: str | None, now: float) -> Caller:
    """Return who calls.

    Args:
        database: The sandbox's database.
        authorization: The ``Authorization`` header.
        now: Unix seconds of the sandbox's clock.

    Raises:
        UnauthorizedError: The token is missing, unknown or older than 600 seconds.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthorizedError
    row = database.connection().execute(_CALLER_SQL, (token.strip(),)).fetchone()
    if row is None:
        raise UnauthorizedError
    caller = Caller(APPS[row[1]], USERS[row[2]])
    if now - row[0] > ACCESS_SECONDS:
        raise UnauthorizedError(caller)
    return caller


def check_division(database: Database, division: int) -> None:
    """Refuse divisions that the app may not use.

    Raises:
        ForbiddenError: Not permitted, or blocked by a setting.
    """
    if division not in PERMITTED:
        text = "Forbidden - You do not have access to this division"
        raise ForbiddenError(text, "NoDivisionAccess")
    reason = database.setting("exact.division_reasons", {}).get(str(division))
    if reason:
        raise ForbiddenError(_REASONS.get(reason, "Forbidden"), reason)


def check_scope(database: Database, caller: Caller, resource: Resource, method: str) -> None:
    """Refuse resources outside the app's scopes.

    Raises:
        ForbiddenError: The scope is missing.
    """
    view = views.view(resource.path)
    scope = resource.scope
    if scope is None and view is not None:  # sync and bulk: as the resource behind them
        scope = resources()[view.sources[0]].scope
    if scope is None or scope == "-":
        return
    if scope in caller.app.scopes and scope not in database.setting("exact.missing_scopes", []):
        return
    verb = "read" if method == "GET" else "manage"
    name = scope.replace(" ", ".")
    text = f"Forbidden - Application Scope Violated. Cannot {verb} '{name}' scope."
    raise ForbiddenError(text)
