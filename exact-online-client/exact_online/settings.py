"""The settings that `exact_online.client.open_client` reads, as JSON Schema for programs."""

from __future__ import annotations

from typing import Any

from exact_online.hosts import HOSTS
from exact_online.patience import DEFAULT_MAX_WAIT_SECONDS
from exact_online.stored_login import DEFAULT_CREDENTIAL

_TEXT = {"type": ["string", "null"]}
_SECRET = _TEXT | {"secret": True, "writeOnly": True}

LOGIN_SETTINGS: dict[str, dict[str, Any]] = {
    "country": _TEXT
    | {
        "title": "Country",
        "enum": list(HOSTS),
        "description": "Country of the Exact Online site. Give this or `base_url`.",
    },
    "base_url": _TEXT
    | {
        "title": "Base URL",
        "description": "Address of the Exact Online site, instead of `country`.",
    },
    "client_id": _TEXT
    | {
        "title": "Client ID",
        "description": "The app's client ID from the Exact App Center.",
    },
    "client_secret": _SECRET
    | {
        "title": "Client secret",
        "description": "The app's client secret.",
    },
    "redirect_uri": _TEXT
    | {
        "title": "Redirect URI",
        "description": "The app's redirect URI, as registered; only `authorize` needs it.",
    },
    "refresh_token": _SECRET
    | {
        "title": "Refresh token",
        "description": "A first refresh token. It is used once; the ones that follow are kept "
        "encrypted in the store.",
    },
    "credentials": _SECRET  # a database URL has a password
    | {
        "title": "Credential store",
        "description": "File, SQLite or PostgreSQL URL of the encrypted store that holds client "
        "ID, client secret and tokens, instead of the three settings above.",
    },
    "credential": _TEXT
    | {
        "title": "Credential",
        "default": DEFAULT_CREDENTIAL,
        "description": "Name of the credential in the store.",
    },
}
"""Each setting of a login, and its schema."""

CLIENT_SETTINGS: dict[str, dict[str, Any]] = LOGIN_SETTINGS | {
    "division": {
        "type": ["integer", "null"],
        "title": "Division",
        "description": "Number of the Exact company for documents that name none.",
    },
    "max_wait_seconds": {
        "type": ["number", "null"],
        "minimum": 0,
        "title": "Longest wait",
        "default": int(DEFAULT_MAX_WAIT_SECONDS),
        "description": "How long a run waits in all while Exact takes no calls (away, busy, or a "
        "limit that it does not name). After that, what is left waits for the next run.",
    },
}
"""Those, the company, and how long to wait for Exact."""
