"""Meltano's environment `sandbox` reaches no real shop, whatever its settings say."""

from __future__ import annotations

import pytest

from adobe_commerce.client import check_base_url
from adobe_commerce.errors import ConfigError


def test_the_sandbox_environment_refuses_a_real_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_base_url("https://shop.example") == "shop.example"
    monkeypatch.setenv("MELTANO_ENVIRONMENT", "prod")
    assert check_base_url("https://shop.example") == "shop.example"
    monkeypatch.setenv("MELTANO_ENVIRONMENT", "sandbox")
    with pytest.raises(ConfigError, match="environment sandbox reaches no real shop"):
        check_base_url("https://shop.example")
    assert check_base_url("http://127.0.0.1:8000") == "127.0.0.1:8000"
