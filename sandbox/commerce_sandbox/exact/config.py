"""Settings with which a target reaches the sandbox's Exact Online."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commerce_sandbox.exact.credentials import ACCESS_SECONDS, APP, DIVISION, USER, issue_tokens

if TYPE_CHECKING:
    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.exact.credentials import App, User


def target_config(
    context: SandboxContext, url: str, *, app: App = APP, user: User = USER
) -> dict[str, Any]:
    """Return settings for the target, with a refresh token that can be used at once.

    The consent happened ten minutes ago on the sandbox's clock: a younger refresh token would
    be refused. Each call is a new consent and ends the chain of the one before.

    Args:
        context: The sandbox.
        url: Its base URL.
        app: The app registration.
        user: Who consents.
    """
    pair = issue_tokens(
        context.database, context.clock.now(), app=app, user=user, age_seconds=ACCESS_SECONDS
    )
    return {
        "base_url": url,
        "division": DIVISION,
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "refresh_token": pair.refresh_token,
    }
