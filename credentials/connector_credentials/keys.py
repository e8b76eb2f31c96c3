"""Where the store's key comes from.

A key is 32 random bytes in URL-safe base64 (a Fernet key). Several keys may be given, separated
by commas: the first one encrypts, all of them decrypt, which is how a key is rotated.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from connector_credentials._durable import sync_folder
from connector_credentials.exceptions import MissingKeyError, StoreUnavailableError
from connector_credentials.redaction import protect

KEY_VARIABLE = "CONNECTOR_KEY"
KEY_FILE_VARIABLE = "CONNECTOR_KEY_FILE"
KEYRING_SERVICE = "connector-credentials"


def generate_key() -> str:
    """A fresh random key."""
    return Fernet.generate_key().decode()


def derive_key(secret: str, purpose: str) -> str:
    """A key that whoever knows ``secret`` can compute again.

    Only for secrets with the entropy of a key, such as an OAuth client secret: there is no
    stretching that would protect a password.
    """
    material = HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())
    return base64.urlsafe_b64encode(material).decode()


def cipher(keys: str, *, origin: str) -> MultiFernet:
    """The cipher for one key or several separated by commas; errors as of `ciphers`."""
    return MultiFernet(ciphers(keys, origin=origin))


def ciphers(keys: str, *, origin: str) -> list[Fernet]:
    """One cipher for each of the keys separated by commas, at least one.

    Raises:
        MissingKeyError: No key, or text that is not a key; ``origin`` says where it came from.
    """
    parts = keys.replace(",", " ").split()
    protect(*parts)
    try:
        fernets = [Fernet(part) for part in parts]
    except ValueError:
        fernets = []
    if not fernets:
        msg = (
            f"The key from {origin} is not a key (44 characters that end in '='). "
            "Make one with `connector-credentials new-key`."
        )
        raise MissingKeyError(msg)
    return fernets


def find_keys(store: str) -> tuple[str, str]:
    """The keys for a store and where they were found.

    Looks at ``CONNECTOR_KEY``, then at the file named by ``CONNECTOR_KEY_FILE``, then in the
    operating system's keyring under the store's URL without password.

    Raises:
        MissingKeyError: There is none.
    """
    if found := configured_keys():
        return found
    if stored := keyring_get(store):
        return stored, "the keyring"
    msg = (
        f"No key for the credential store {store}. Set {KEY_VARIABLE}, or {KEY_FILE_VARIABLE} to "
        "a file that holds it, or put it in the keyring with `connector-credentials init "
        "--keyring`."
    )
    raise MissingKeyError(msg)


def configured_keys() -> tuple[str, str] | None:
    """The keys that the environment names, if it does, and where they were found.

    Raises:
        MissingKeyError: The key file that it names cannot be read.
    """
    if keys := os.environ.get(KEY_VARIABLE, "").strip():
        return keys, KEY_VARIABLE
    if path := os.environ.get(KEY_FILE_VARIABLE, "").strip():
        return read_key_file(Path(path)), f"the key file {path}"
    return None


def read_key_file(path: Path) -> str:
    """The keys in a key file, one a line or separated by commas.

    Raises:
        MissingKeyError: The file cannot be read.
    """
    try:
        return ",".join(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        reason = type(error).__name__
        msg = f"The key file {path} cannot be read ({reason}). Check {KEY_FILE_VARIABLE}."
        raise MissingKeyError(msg) from None


def write_key_file(path: Path, keys: str) -> None:
    """Write a key file that only its owner can read, with its folder; an existing one is kept.

    Raises:
        StoreUnavailableError: The file is there already or cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(keys.split(",")) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        msg = f"The key file {path} cannot be written: {error.strerror}. Choose another path."
        raise StoreUnavailableError(msg) from None


def replace_key_file(path: Path, keys: str) -> None:
    """Put other keys into a key file, in one step.

    Raises:
        StoreUnavailableError: The file cannot be written.
    """
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    write_key_file(new, keys)
    new.replace(path)
    sync_folder(path.parent)


def keyring_get(store: str) -> str | None:
    """The keys the operating system's keyring holds for a store, if it has a keyring."""
    try:
        import keyring  # noqa: PLC0415  # looks for backends on import; most machines need none
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError:  # the extra is not installed
        return None
    try:
        return keyring.get_password(KEYRING_SERVICE, store)
    except KeyringError:
        return None


def keyring_set(store: str, keys: str) -> None:
    """Put the keys of a store in the operating system's keyring.

    Raises:
        MissingKeyError: There is no usable keyring.
    """
    try:
        import keyring  # noqa: PLC0415  # as above
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError:
        msg = (
            "The keyring needs the extra: install connector-credentials[keyring], or use "
            f"{KEY_VARIABLE} or a key file."
        )
        raise MissingKeyError(msg) from None
    try:
        keyring.set_password(KEYRING_SERVICE, store, keys)
    except KeyringError as error:
        msg = f"The keyring refuses ({type(error).__name__}). Use {KEY_VARIABLE} or a key file."
        raise MissingKeyError(msg) from None
