"""What a shop's refusal of the credentials means, and what to do about it.

The shop has no 403: a missing permission, a wrong bearer token, no credentials and an integration
that is switched off all give 401 with the ACL resource. Its texts are translated to the language
of the store in the URL, so the status decides and the text only improves the advice.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from adobe_commerce.errors import (
    AdobeCommerceError,
    CredentialsError,
    PermissionDeniedError,
    StaleNonceError,
)

#: Where an administrator finds a permission: System > Integrations > (name) > API.
PERMISSIONS = {
    "Magento_Sales::actions_view": "Sales > Operations > Orders > Actions > View",
    "Magento_Sales::sales_invoice": "Sales > Operations > Invoices",
    "Magento_Sales::sales_creditmemo": "Sales > Operations > Credit Memos",
    "Magento_Sales::shipment": "Sales > Operations > Shipments",
    "Magento_Customer::customer": "Customers",
    "Magento_Customer::group": "Customers > Customer Groups",
    "Magento_Catalog::products": "Catalog > Inventory > Products",
    "Magento_Backend::store": "Stores > Settings > All Stores",
    "Magento_Tax::manage_tax": "Stores > Taxes",
}

_BEARER_SWITCH = (
    "The shop does not accept the integration's token as bearer_token unless Stores > "
    "Configuration > Services > OAuth > Consumer Settings > 'Allow OAuth Access Tokens to be used "
    "as standalone Bearer tokens' is Yes (No by default since 2.4.4). Either switch it on, or set "
    "consumer_key, consumer_secret, access_token and access_token_secret instead."
)

#: Part of the shop's English text, and what to do. First match wins.
_ADVICE = {
    "signature is invalid": (
        "consumer_secret or access_token_secret is wrong. If both are right, something between "
        "changes the address: check that base_url has the scheme and host the shop itself knows."
    ),
    "consumer key is not the correct length": "consumer_key must have 32 characters.",
    "consumer having the specified key": "This shop does not know consumer_key: check base_url.",
    "consumer key has expired": "Activate the integration again.",
    "token length is invalid": "access_token must have 32 characters.",
    "specified token does not exist": "access_token is unknown: copy it again after activation.",
    "not associated with the specified consumer": "access_token is of another integration.",
    "token is not an access token": "access_token is a request token: activate the integration.",
    "has been revoked": "Reauthorize the integration and copy the four new values.",
    "signature method": (
        "The shop does not accept HMAC-SHA256, so it is older than 2.4.4: update the shop."
    ),
    "oauth version": ("Something between the tap and the shop changes the Authorization header."),
    "is required": "Something between the tap and the shop removes part of the request's header.",
}


def explain_auth_error(
    status: int, text: str, parameters: Any, where: str, scheme: str
) -> AdobeCommerceError | None:
    """The error for an answer that refuses the credentials, or None if it is about something else.

    Args:
        status: HTTP status.
        text: The shop's message, placeholders filled.
        parameters: The message's parameters as sent: a list, an object, or None.
        where: Method, path and host, for the message.
        scheme: How the request was authenticated: ``oauth1``, ``bearer``, ``admin`` or ``ims``.
    """
    if status == HTTPStatus.UNAUTHORIZED:
        return _unauthorized(text, parameters, where, scheme)
    if status == HTTPStatus.FORBIDDEN:
        return CredentialsError(f"The shop answers 403: {text} ({where}). {_forbidden(scheme)}")
    if status == HTTPStatus.BAD_REQUEST and scheme == "oauth1" and _is_oauth(text, parameters):
        return CredentialsError(_refusal(text, where))
    return None


def _unauthorized(text: str, parameters: Any, where: str, scheme: str) -> AdobeCommerceError:
    if isinstance(parameters, dict) and "resources" in parameters:
        resources = str(parameters["resources"])
        return PermissionDeniedError(_permission(resources, where, scheme), resources)
    if scheme == "ims":
        return CredentialsError(
            f"Adobe does not accept the token: {text} ({where}). Check that base_url holds the "
            "region and tenant of this credential, and that the credential has the scope "
            "commerce.accs."
        )
    lower = text.lower()
    if "nonce" in lower and "already" in lower:
        return StaleNonceError(f"The shop has seen this request before: {text} ({where}).")
    if "nonce" in lower:
        return StaleNonceError(
            f"The shop refuses the request's time or nonce: {text} ({where}). If this goes on, the "
            "clock of this machine is more than ten minutes ahead of the shop's: correct it."
        )
    return CredentialsError(_refusal(text, where))


def _permission(resources: str, where: str, scheme: str) -> str:
    names = [name.strip() for name in resources.split(",")]
    places = ", ".join(
        f"{PERMISSIONS[name]!r} ({name})" if name in PERMISSIONS else name for name in names
    )
    start = f"The credentials may not use {places} ({where})."
    if scheme == "bearer":
        return f"{start} {_BEARER_SWITCH} If it is Yes, grant the permission to the integration."
    if scheme == "admin":
        return f"{start} Grant it to the role of the administrator (System > User Roles > API)."
    if scheme == "ims":
        return f"{start} Give the credential a product profile with this permission."
    return (
        f"{start} Grant it under System > Integrations > (name) > API, and check that the "
        "integration is Active: one that is switched off is refused in the same words."
    )


def _forbidden(scheme: str) -> str:
    if scheme == "ims":
        return (
            "Check ims_org_id (it ends in @AdobeOrg), and that the credential has a product "
            "profile of this Commerce instance."
        )
    return "Something before the shop refuses the call: ask for this machine to be let through."


def _refusal(text: str, where: str) -> str:
    lower = text.lower()
    advice = next((advice for part, advice in _ADVICE.items() if part in lower), None)
    if advice is None:
        advice = "Compare the four values with System > Integrations > (name) in the shop."
    return f"The shop does not accept the credentials: {text} ({where}). {advice}"


def _is_oauth(text: str, parameters: Any) -> bool:
    """Whether a 400 is about the signature: other 400s are about the query."""
    if isinstance(parameters, dict) and str(parameters.get("fieldName", "")).startswith("oauth_"):
        return True
    lower = text.lower()
    return any(part in lower for part in ("signature method", "oauth", "token length"))
