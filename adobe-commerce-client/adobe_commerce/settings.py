"""The settings of a shop's address and login, as JSON Schema for programs; `auth` reads them."""

from __future__ import annotations

from typing import Any

_TEXT = {"type": ["string", "null"]}
_SECRET = _TEXT | {"secret": True, "writeOnly": True}

LOGIN_SETTINGS: dict[str, dict[str, Any]] = {
    "base_url": _TEXT
    | {
        "title": "Base URL",
        "description": (
            "Address of the shop without /rest, for example https://shop.example. Cloud service: "
            "with the tenant, https://na1.api.commerce.adobe.com/TENANT. Required, here or in the "
            "credential store."
        ),
    },
    "instance": _TEXT
    | {
        "title": "Instance",
        "description": "Name of this shop in records, if there are several. Default: its host.",
    },
    "consumer_key": _SECRET
    | {
        "title": "Consumer key",
        "description": "OAuth 1.0a consumer key of the integration.",
    },
    "consumer_secret": _SECRET
    | {
        "title": "Consumer secret",
        "description": "OAuth 1.0a consumer secret of the integration.",
    },
    "access_token": _SECRET
    | {
        "title": "Access token",
        "description": "OAuth 1.0a access token of the integration.",
    },
    "access_token_secret": _SECRET
    | {
        "title": "Access token secret",
        "description": "OAuth 1.0a access token secret of the integration.",
    },
    "bearer_token": _SECRET
    | {
        "title": "Bearer token",
        "description": "Access token sent as bearer, for shops that allow it.",
    },
    "admin_username": _TEXT
    | {
        "title": "Admin user name",
        "description": "Admin user, for shops without an integration.",
    },
    "admin_password": _SECRET
    | {
        "title": "Admin password",
        "description": "Password of the admin user.",
    },
    "ims_client_id": _TEXT
    | {
        "title": "IMS client id",
        "description": "Cloud service: client id of the server-to-server credential.",
    },
    "ims_client_secret": _SECRET
    | {
        "title": "IMS client secret",
        "description": "Cloud service: client secret of the server-to-server credential.",
    },
    "ims_org_id": _TEXT
    | {
        "title": "IMS organisation",
        "description": "Cloud service: organisation id, ending in @AdobeOrg.",
    },
    "ims_token_url": _TEXT
    | {
        "title": "IMS token URL",
        "description": "Cloud service: token endpoint, if it is not Adobe's own.",
    },
    "credentials": _SECRET
    | {
        "title": "Credential store",
        "description": "URL of an encrypted credential store to use instead of the settings above.",
    },
    "credential": _TEXT
    | {
        "title": "Credential",
        "default": "adobe-commerce",
        "description": "Name of the credential in the store.",
    },
}
