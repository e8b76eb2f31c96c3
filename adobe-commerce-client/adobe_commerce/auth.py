"""Authentication against Adobe Commerce: the settings that are present decide how.

| settings | shop | how |
| --- | --- | --- |
| `consumer_key`, `consumer_secret`, `access_token`, `access_token_secret` | PaaS | OAuth 1.0a |
| `bearer_token` | PaaS | the integration's access token, if the shop allows that |
| `admin_username`, `admin_password` | PaaS | a token of an administrator, renewed |
| `ims_client_id`, `ims_client_secret`, `ims_org_id` | SaaS | a token of Adobe IMS, renewed |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from adobe_commerce._admin import AdminAuth
from adobe_commerce._auth_errors import explain_auth_error
from adobe_commerce._bearer import BearerAuth
from adobe_commerce._oauth1 import AdobeOAuth1
from adobe_commerce.errors import ConfigError, UnreachableError
from connector_credentials import CredentialStoreError, OpenCredential, open_credential, protect
from connector_credentials.exceptions import RetriableStoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests.auth import AuthBase

__all__ = ["build_auth", "explain_auth_error", "is_cloud_service", "stored_settings"]

DEFAULT_CREDENTIAL = "adobe-commerce"
CLOUD_SERVICE_DOMAIN = ".api.commerce.adobe.com"

_SCHEMES = {
    "oauth1": ("consumer_key", "consumer_secret", "access_token", "access_token_secret"),
    "bearer": ("bearer_token",),
    "admin": ("admin_username", "admin_password"),
    "ims": ("ims_client_id", "ims_client_secret"),
}
_LENGTH = 32  # of each of the four values of an integration


def build_auth(config: Mapping[str, Any]) -> AuthBase:
    """The ``requests`` auth object for a tap's settings; call it anew for every try.

    Its attribute ``scheme`` names the way it works, for :func:`explain_auth_error`.

    Raises:
        ConfigError: Settings are missing, contradict one another, or cannot be right.
        UnreachableError: The credential store does not answer.
    """
    credential = _open(config)
    values = credential.values
    scheme = _scheme(values)
    if scheme == "oauth1":
        return AdobeOAuth1(*(_integration_value(values, key) for key in _SCHEMES["oauth1"]))
    if scheme == "bearer":
        protect(values["bearer_token"])
        return BearerAuth(str(values["bearer_token"]).strip())
    if scheme == "admin":
        url = str(values.get("base_url") or "")
        return AdminAuth(url, str(values["admin_username"]), str(values["admin_password"]))
    # Imported here: its OAuth client takes a tenth of a second, and most shops do not need it.
    from adobe_commerce._ims import ImsAuth  # noqa: PLC0415

    return ImsAuth(values, credential.store, credential.name)


def stored_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the stored credential's values below them; raises as :func:`build_auth`."""
    return _open(config).values


def is_cloud_service(config: Mapping[str, Any]) -> bool:
    """Whether the shop is Adobe Commerce as a Cloud Service (SaaS); raises as :func:`build_auth`.

    There the tenant is part of ``base_url``, there is no ``/rest``, and the store is a header.
    """
    return _scheme(_open(config).values) == "ims"


def _open(config: Mapping[str, Any]) -> OpenCredential:
    try:
        return open_credential(config, DEFAULT_CREDENTIAL)
    except RetriableStoreError as error:
        raise UnreachableError(str(error)) from error
    except CredentialStoreError as error:
        raise ConfigError(str(error)) from error


def _scheme(values: Mapping[str, Any]) -> str:
    """The one scheme whose settings are all there."""
    complete = [scheme for scheme, keys in _SCHEMES.items() if all(values.get(key) for key in keys)]
    if len(complete) > 1:
        names = " and ".join("/".join(_SCHEMES[scheme]) for scheme in complete)
        msg = f"There is more than one kind of credentials: {names}. Keep one."
        raise ConfigError(msg)
    if not complete:
        raise ConfigError(_incomplete(values))
    host = urlsplit(str(values.get("base_url") or "")).hostname or ""
    if host.endswith(CLOUD_SERVICE_DOMAIN) and complete != ["ims"]:
        msg = (
            f"{host} is Adobe Commerce as a Cloud Service, which accepts only ims_client_id, "
            "ims_client_secret and ims_org_id. Create them in the Adobe Developer Console."
        )
        raise ConfigError(msg)
    return complete[0]


def _incomplete(values: Mapping[str, Any]) -> str:
    for keys in _SCHEMES.values():
        missing = [key for key in keys if not values.get(key)]
        if len(missing) < len(keys):
            return (
                f"The credentials are incomplete: set {', '.join(missing)} as well, "
                "or put them in the credential store."
            )
    return (
        "There are no credentials for the shop. Set consumer_key, consumer_secret, access_token "
        "and access_token_secret of an integration (System > Integrations in the shop), or set "
        "credentials to a store that holds them."
    )


def _integration_value(values: Mapping[str, Any], key: str) -> str:
    value = str(values[key]).strip()
    protect(value)
    if len(value) != _LENGTH:
        msg = (
            f"{key} has {len(value)} characters; a shop's integration has {_LENGTH}. "
            "Copy it again from System > Integrations."
        )
        raise ConfigError(msg)
    return value
