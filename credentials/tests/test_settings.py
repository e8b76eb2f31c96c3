"""Settings files: read, or refused in one line that quotes no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connector_credentials import SettingsError, read_settings
from connector_credentials.settings import LARGEST_SETTINGS

if TYPE_CHECKING:
    from pathlib import Path


def test_later_files_win_and_the_environment_is_only_named(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text('{"a": 1, "b": 1.5}')
    second.write_text('\ufeff{"b": "2"}', encoding="utf-8")
    assert read_settings([first, "ENV", second]) == ({"a": 1, "b": "2"}, True)
    assert read_settings([]) == ({}, False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[1]", "must be an object"),
        (b"null", "must be an object"),
        (b'"secret"', "must be an object"),
        (b"[" * 60_000, "is not JSON"),
        (b'{"a": NaN}', "is not JSON"),
        (b'{"a": 1e999}', "is not JSON"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "is not JSON"),
        (b'{"a": "secret\\ud800"}', "no UTF-8"),
        (b'{"a": "secret\xff"}', "no UTF-8"),
        (b" " * (LARGEST_SETTINGS + 1), "is larger than 4 MB"),
    ],
    ids=range(12),
)
def test_what_is_no_settings_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"config\.json") as caught:
        read_settings([file])
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.json", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings([str(tmp_path / name)])
