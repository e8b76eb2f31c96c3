"""What a store promises, for a file, SQLite and PostgreSQL alike."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector_credentials import CredentialStore, derive_key, generate_key, open_store
from connector_credentials.exceptions import (
    CredentialNotFoundError,
    InvalidNameError,
    MissingKeyError,
    StoreCorruptError,
    StoreExistsError,
    StoreNotFoundError,
    StoreUnavailableError,
    WrongKeyError,
)
from connector_credentials.store import create_store, store_label

VALUE = {"client_id": "the-client", "client_secret": "très-secret", "issued_at": 12.5}


def test_what_is_put_comes_back(store: CredentialStore, url: str, key: str) -> None:
    store.put("exact-online", VALUE)
    store.put("adobe-commerce", {"a": 1})
    again = open_store(url, key)
    assert again.get("exact-online") == VALUE
    assert again.names() == ["adobe-commerce", "exact-online"]
    store.put("exact-online", {"b": True})
    assert again.get("exact-online") == {"b": True}
    again.delete("exact-online")
    assert store.names() == ["adobe-commerce"]


def test_documents_keep_their_bytes_and_notes(store: CredentialStore) -> None:
    data = bytes(range(256)) * 40
    store.put_blob("rules/2026-01", data, {"author": "Carla"})
    store.put_blob("rules/2026-02", b"", None)
    store.put_blob("other", b"x")
    assert store.get_blob("rules/2026-01") == data
    listed = store.blobs("rules/")
    assert [(info.name, info.size) for info in listed] == [
        ("rules/2026-01", 10240),
        ("rules/2026-02", 0),
    ]
    assert listed[0].metadata == {"author": "Carla"}
    assert listed[0].updated_at.tzinfo is not None
    assert store.names() == []
    store.delete_blob("other")
    assert len(store.blobs()) == 2


@given(name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,40}", fullmatch=True), data=st.binary())
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_document_comes_back(store: CredentialStore, name: str, data: bytes) -> None:
    store.put_blob(name, data)
    assert store.get_blob(name) == data


def test_what_is_missing_is_named(store: CredentialStore) -> None:
    for act in (store.get, store.delete, store.get_blob, store.delete_blob):
        with pytest.raises(CredentialNotFoundError, match=r"no (credential|blob) 'nobody'"):
            act("nobody")


@pytest.mark.parametrize("name", ["", "../etc", "a b", "x" * 201, "é"])
def test_names_that_cannot_be(store: CredentialStore, name: str) -> None:
    with pytest.raises(InvalidNameError):
        store.put(name, {})
    with pytest.raises(InvalidNameError):
        store.lock(name)


def test_values_that_are_not_json(store: CredentialStore) -> None:
    with pytest.raises(InvalidNameError, match="'bad'"):
        store.put("bad", {"token": object()})


def test_nothing_there_is_an_error_not_an_empty_store(url: str, key: str) -> None:
    with pytest.raises(StoreNotFoundError, match="connector-credentials init"):
        open_store(url, key)


def test_a_store_is_never_made_over_another(store: CredentialStore, url: str, key: str) -> None:
    store.put("exact-online", VALUE)
    with pytest.raises(StoreExistsError):
        create_store(url, key)
    with pytest.raises(WrongKeyError):
        open_store(url, generate_key(), create=True)
    assert open_store(url, key).get("exact-online") == VALUE


def test_the_wrong_key_opens_nothing(store: CredentialStore, url: str) -> None:
    with pytest.raises(WrongKeyError, match="does not open"):
        open_store(url, generate_key())
    assert store.names() == []


def test_no_key(store: CredentialStore, url: str) -> None:
    with pytest.raises(MissingKeyError, match="CONNECTOR_KEY"):
        open_store(url)
    assert store.names() == []


@pytest.mark.parametrize("key", ["short", "x" * 44, ",", "ü" * 44])
def test_text_that_is_not_a_key(url: str, key: str) -> None:
    with pytest.raises(MissingKeyError, match="is not a key") as caught:
        open_store(url, key, create=True)
    assert "short" not in str(caught.value)


def test_a_rotated_key(store: CredentialStore, url: str, key: str) -> None:
    store.put("exact-online", VALUE)
    store.put_blob("rules/1", b"rules")
    new = generate_key()
    assert store.rotate(new) == 2
    assert store.get("exact-online") == VALUE
    rotated = open_store(url, new)
    assert rotated.get_blob("rules/1") == b"rules"
    with pytest.raises(WrongKeyError):
        open_store(url, key)


def test_a_process_with_the_old_key_cannot_write_any_more(
    store: CredentialStore, url: str, key: str
) -> None:
    store.put("exact-online", VALUE)
    old = open_store(url, key)
    new = generate_key()
    store.rotate(new)
    with pytest.raises(WrongKeyError):
        old.get("exact-online")
    with pytest.raises(WrongKeyError):
        old.put("exact-online", {"lost": True})
    assert open_store(url, new).get("exact-online") == VALUE


def test_two_keys_during_a_rotation(store: CredentialStore, url: str, key: str) -> None:
    store.put("exact-online", VALUE)
    new = generate_key()
    both = open_store(url, f"{new}, {key}")
    assert both.get("exact-online") == VALUE
    both.rotate(new)
    assert open_store(url, f"{new},{key}").get("exact-online") == VALUE


def test_the_key_from_the_environment(
    store: CredentialStore, url: str, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store.put("a", VALUE)
    monkeypatch.setenv("CONNECTOR_KEY", key)
    assert open_store(url).get("a") == VALUE
    monkeypatch.delenv("CONNECTOR_KEY")
    path = tmp_path / "key"
    path.write_text(f"{generate_key()}\n{key}\n")
    monkeypatch.setenv("CONNECTOR_KEY_FILE", str(path))
    assert open_store(url).get("a") == VALUE
    monkeypatch.setenv("CONNECTOR_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(MissingKeyError, match="cannot be read"):
        open_store(url)


def test_a_copy_in_another_store(store: CredentialStore, tmp_path: Path) -> None:
    store.put("exact-online", VALUE)
    store.put_blob("rules/1", b"rules", {"author": "Carla"})
    other = open_store(str(tmp_path / "copy"), generate_key(), create=True)
    assert store.copy_to(other) == 2
    assert other.get("exact-online") == VALUE
    assert other.blobs()[0].metadata == {"author": "Carla"}


def _everything_stored(url: str) -> str:
    if "://" not in url:
        return Path(url).read_text()
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM connector_entries")).all()
    engine.dispose()
    return str(rows)


def test_a_stolen_store_tells_nothing_without_the_key(
    store: CredentialStore, url: str, key: str
) -> None:
    store.put("exact-online", VALUE)
    store.put_blob("rules/1", b"the rules of the house", {"author": "Carla"})
    stolen = _everything_stored(url)
    assert "exact-online" in stolen  # names are not secret
    for secret in ("the-client", "secret", "rules of", "Carla", key):
        assert secret not in stolen


def test_entries_cannot_be_swapped(tmp_path: Path, key: str) -> None:
    path = tmp_path / "store"
    store = open_store(str(path), key, create=True)
    store.put("rich", {"token": "rich-token"})
    store.put("poor", {"token": "poor-token"})
    text = path.read_text()
    tokens = dict(re.findall(r'"credential/(rich|poor)": "([^"]+)"', text))
    path.write_text(text.replace(tokens["poor"], tokens["rich"]))
    with pytest.raises(StoreCorruptError, match="another entry"):
        store.get("poor")


def test_a_changed_entry_is_refused(tmp_path: Path, key: str) -> None:
    path = tmp_path / "store"
    store = open_store(str(path), key, create=True)
    store.put("a", VALUE)
    text = path.read_text()
    token = re.findall(r'"credential/a": "([^"]+)"', text)[0]
    path.write_text(
        text.replace(token, token[:40] + ("A" if token[40] != "A" else "B") + token[41:])
    )
    with pytest.raises(WrongKeyError):
        store.get("a")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b"[]", b'{"format": 9, "entries": {}}', b"\xff", b"[" * 60_000,
        b'{"format": 1, "entries": []}', b'{"format": 1, "entries": {"check": true}}',
        b'{"format": 1, "entries": {"check": "\\ud800"}}',
    ],
    ids=range(9),
)  # fmt: skip
def test_a_file_that_is_not_a_store(tmp_path: Path, key: str, content: bytes) -> None:
    path = tmp_path / "store"
    path.write_bytes(content)
    with pytest.raises(StoreCorruptError, match="is not a credential store"):
        open_store(str(path), key, create=True)
    assert path.read_bytes() == content


def test_a_store_without_its_check(tmp_path: Path, key: str) -> None:
    path = tmp_path / "store"
    path.write_text('{"format": 1, "entries": {}}')
    with pytest.raises(StoreCorruptError):
        open_store(str(path), key)


def test_only_the_owner_can_read_the_file(tmp_path: Path, key: str) -> None:
    path = tmp_path / "store"
    store = open_store(f"file:{path}", key, create=True)
    store.put("a", VALUE)
    with store.lock("a"):
        pass
    for found in tmp_path.iterdir():
        assert stat.S_IMODE(found.stat().st_mode) == 0o600, found


def test_what_a_killed_writer_left_is_swept_up(tmp_path: Path, key: str) -> None:
    store = open_store(str(tmp_path / "store"), key, create=True)
    left_over = tmp_path / ".store.0123.tmp"
    left_over.write_text("half")
    store.put("a", VALUE)
    assert not left_over.exists()


def test_a_place_that_cannot_be_written(tmp_path: Path, key: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailableError, match="cannot be used"):
        open_store(str(tmp_path / "file" / "store"), key, create=True)


def test_a_database_that_does_not_answer(key: str) -> None:
    url = "postgresql://me:hush-hush@127.0.0.1:1/nothing"
    with pytest.raises(StoreUnavailableError) as caught:
        open_store(url, key)
    assert "hush-hush" not in str(caught.value)
    assert "hush-hush" not in store_label(url)


@pytest.mark.parametrize("url", ["nosuch://x", "postgresql://", "mysql://u@h/d", "://"])
def test_a_url_that_cannot_be(url: str, key: str) -> None:
    with pytest.raises(StoreUnavailableError):
        open_store(url, key)


def test_a_derived_key_is_the_same_every_time() -> None:
    assert derive_key("secret", "one") == derive_key("secret", "one")
    assert derive_key("secret", "one") != derive_key("secret", "two")
    assert derive_key("secret", "one") != derive_key("secreT", "one")


def test_the_representation_tells_no_secret(store: CredentialStore, key: str) -> None:
    store.put("a", VALUE)
    assert key not in repr(store)
    assert "secret" not in repr(store)
