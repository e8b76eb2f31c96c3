"""Meltano's environment `sandbox` reaches nothing real, whatever its settings say."""

from __future__ import annotations

from typing import Any

import pytest

from exact_online.errors import ConfigError
from exact_online.hosts import base_url


@pytest.mark.parametrize(
    "settings",
    [
        {"country": "NL"},
        {"base_url": "https://start.exactonline.nl"},
        {"base_url": "https://127.0.0.1.example"},
    ],
)
def test_the_sandbox_environment_refuses_a_real_site(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert base_url(settings)
    monkeypatch.setenv("MELTANO_ENVIRONMENT", "prod")
    assert base_url(settings)
    monkeypatch.setenv("MELTANO_ENVIRONMENT", "sandbox")
    with pytest.raises(ConfigError, match="environment sandbox reaches no real Exact Online"):
        base_url(settings)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
def test_the_sandbox_environment_reaches_this_machine(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MELTANO_ENVIRONMENT", "sandbox")
    assert base_url({"base_url": f"http://{host}"}) == f"http://{host}"
