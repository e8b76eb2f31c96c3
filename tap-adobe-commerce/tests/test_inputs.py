"""Files given on the command line: of the right form, or refused in our own words."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adobe_commerce.errors import AdobeCommerceError, ConfigError
from connector_program import inputs
from tap_adobe_commerce.tap import TapAdobeCommerce

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
CREDENTIALS = {
    "base_url": "http://127.0.0.1:1",
    "consumer_key": "k" * 32,
    "consumer_secret": "s" * 32,
    "access_token": "t" * 32,
    "access_token_secret": "x" * 32,
}


def tap_with(state: bytes) -> TapAdobeCommerce:
    given = inputs.read_object(file(state), "STATE", ConfigError)
    return TapAdobeCommerce(config=CREDENTIALS, state=given, setup_mapper=False)


def file(content: bytes) -> BinaryIO:
    handle = io.BytesIO(content)
    handle.name = "given.json"
    return handle


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[1]", b"null", b"5", b'"text"', b"\xff\xfe{}", b'{"a": NaN}', b"[" * 100_000,
        b'{"bookmarks": 5}', b'{"bookmarks": []}', b'{"bookmarks": {"orders": null}}',
        b'{"bookmarks": {"orders": [1]}}', b'{"bookmarks": {"other": "x"}}',
    ],
)  # fmt: skip
def test_a_state_of_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(ConfigError, match=r"given\.json|STATE\.bookmarks"):
        tap_with(content)


def test_a_state_without_bookmarks_is_a_first_run() -> None:
    for content in (b"{}", b'{"bookmarks": null}', b'{"bookmarks": {}}'):
        assert not tap_with(content).state.get("bookmarks")


def test_a_file_without_end_is_refused_and_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "LARGEST_FILE", 1000)

    with pytest.raises(ConfigError, match="larger than"):
        tap_with(b" " * 5000)


@given(JSON)
def test_any_state_is_taken_or_refused(value: Any) -> None:
    try:
        tap_with(json.dumps({"bookmarks": {"orders": value}}).encode())
    except AdobeCommerceError:
        text = json.dumps(value)
        assert not isinstance(value, dict) or "NaN" in text or "Infinity" in text


@given(JSON)
def test_any_catalog_is_taken_or_refused(value: Any) -> None:
    for content in (value, {"streams": value}, {"streams": [value]}):
        try:
            catalog = inputs.read_catalog(file(json.dumps(content).encode()), ConfigError)
            TapAdobeCommerce(config=CREDENTIALS, catalog=catalog, setup_mapper=False)
        except AdobeCommerceError:
            continue


@pytest.mark.parametrize("content", ["", "[]", "null", '"x"', "{", "\x00", "[" * 5000])
def test_settings_of_another_form_end_in_one_line(
    run_program: Callable[..., Run], tmp_path: Path, content: str
) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content)

    run = run_program("--config", path)

    assert run.code == 1
    assert run.error_lines[-1].startswith("ERROR: The settings file ")
    assert "Traceback" not in run.errors


def test_a_catalog_of_another_form_ends_in_one_line(
    run_program: Callable[..., Run], files: Callable[[str, Any], Path]
) -> None:
    config = files("config.json", CREDENTIALS)
    for number, content in enumerate([[], {}, {"streams": {}}, {"streams": [{"schema": 5}]}]):
        catalog = files(f"catalog{number}.json", content)

        run = run_program("--config", config, "--catalog", catalog)

        assert run.code == 1, content
        assert run.error_lines[-1].startswith("ERROR: The catalog file ")
        assert "Traceback" not in run.errors


def test_a_wrong_number_in_the_environment_ends_in_one_line(
    run_program: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAP_ADOBE_COMMERCE_PAGE_SIZE", "many")

    run = run_program("--config=ENV")

    assert run.code == 1
    assert run.error_lines[-1].startswith("ERROR: A setting in the environment is wrong")
    assert "Traceback" not in run.errors
