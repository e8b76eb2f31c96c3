"""The accounts that exist in the sandbox's shop.

Not secrets: they open a shop that only listens on loopback. Every part of an integration's
credentials has the 32 characters of the real ones.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Integration:
    """One integration of the shop, with its OAuth 1.0a credentials.

    Attributes:
        consumer_id: Number of the consumer; the shop names it when a nonce is reused.
        name: Name in the shop's administration.
        consumer_key: 32 characters.
        consumer_secret: 32 characters.
        access_token: 32 characters.
        access_token_secret: 32 characters.
        resources: Prefixes of the ACL resources it may use; an empty prefix stands for all.
        active: Whether the merchant has it switched on.
    """

    consumer_id: int
    name: str
    consumer_key: str
    consumer_secret: str
    access_token: str
    access_token_secret: str
    resources: tuple[str, ...]
    active: bool


def _integration(
    consumer_id: int, name: str, resources: tuple[str, ...], *, active: bool = True
) -> Integration:
    """Make an integration whose values can be told apart at sight and have the real length."""

    def value(part: str) -> str:
        return f"{part}{name}".ljust(32, "0")

    return Integration(
        consumer_id,
        name,
        consumer_key=value("consumerkey"),
        consumer_secret=value("consumersecret"),
        access_token=value("accesstoken"),
        access_token_secret=value("accesstokensecret"),
        resources=resources,
        active=active,
    )


FULL = _integration(1, "full", ("",))
LIMITED = _integration(
    2,
    "limited",
    (
        "Magento_Sales::actions_view",
        "Magento_Sales::sales_invoice",
        "Magento_Sales::sales_creditmemo",
        "Magento_Sales::shipment",
    ),
)
INACTIVE = _integration(3, "inactive", ("",), active=False)
INTEGRATIONS = (FULL, LIMITED, INACTIVE)

ADMIN_USERNAME = "sandbox-admin"
ADMIN_PASSWORD = "sandbox-admin-password-1"  # noqa: S105  (opens the sandbox only)

# Customers that may ask for a customer token all have this password.
CUSTOMER_PASSWORD = "sandbox-customer-password-1"  # noqa: S105  (opens the sandbox only)

TENANT = "sandboxtenant0000000001"
IMS_CLIENT_ID = "sandboximsclient0000000000000001"
IMS_CLIENT_SECRET = "sandboximsclientsecret0000000001"  # noqa: S105  (opens the sandbox only)
IMS_ORG_ID = "5A4D0B0C2E6F7A8B0A495C01@AdobeOrg"
IMS_SCOPE = (
    "openid,AdobeID,email,profile,additional_info.roles,"
    "additional_info.projectedProductContext,commerce.accs"
)


def tap_config(url: str) -> dict[str, str]:
    """Return settings for the tap: an integration that may read everything.

    Args:
        url: The sandbox's base URL.
    """
    return {
        "base_url": url,
        "instance": "sandbox",
        "consumer_key": FULL.consumer_key,
        "consumer_secret": FULL.consumer_secret,
        "access_token": FULL.access_token,
        "access_token_secret": FULL.access_token_secret,
        "start_date": "2026-01-01T00:00:00Z",
    }
