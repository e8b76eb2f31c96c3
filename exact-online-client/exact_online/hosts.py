"""Which Exact Online site a company is on: its country decides."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from exact_online.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

LOOPBACK = ("127.0.0.1", "localhost", "::1")

HOSTS = {
    "NL": "https://start.exactonline.nl",
    "BE": "https://start.exactonline.be",
    "UK": "https://start.exactonline.co.uk",
    "DE": "https://start.exactonline.de",
    "FR": "https://start.exactonline.fr",
    "ES": "https://start.exactonline.es",
    "US": "https://start.exactonline.com",
}


def base_url(settings: Mapping[str, Any]) -> str:
    """The site named by the settings ``base_url`` or ``country``.

    Raises:
        ConfigError: Neither is there, the country has no Exact Online, or it is a real site in
            Meltano's environment ``sandbox``.
    """
    url = _site(settings)
    real = urlsplit(url).hostname not in LOOPBACK
    if real and os.environ.get("MELTANO_ENVIRONMENT") == "sandbox":
        msg = (
            f"The environment sandbox reaches no real Exact Online, and this is {url} (settings "
            "country, base_url). Choose the environment prod by its name: meltano --environment "
            "prod run ..."
        )
        raise ConfigError(msg)
    return url


def _site(settings: Mapping[str, Any]) -> str:
    if url := str(settings.get("base_url") or "").strip().rstrip("/"):
        parts = urlsplit(url)
        if parts.scheme not in {"https", "http"} or not parts.hostname:
            msg = f"The setting base_url is not a web address: {url!r}. Use country instead."
            raise ConfigError(msg)
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            msg = f"The setting base_url would send secrets in the clear: {url!r}. Use https."
            raise ConfigError(msg)
        return url
    country = str(settings.get("country") or "").strip().upper()
    if country not in HOSTS:
        found = f"is {country!r}" if country else "is missing"
        msg = f"The setting country {found}. Choose one of {', '.join(HOSTS)}."
        raise ConfigError(msg)
    return HOSTS[country]
