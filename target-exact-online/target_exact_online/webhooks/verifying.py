"""Is a signal from whom it says? Pure: bytes, keys and headers in, a verdict out.

Everything fails closed: what is missing, unreadable or signed in another way is not verified.
Signatures are over the bytes as they came; nothing is written anew before it is compared.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from exact_online.errors import ConfigError, FatalError

if TYPE_CHECKING:
    from collections.abc import Iterable

MIN_KEY_BITS = 2048
_BASE64_OF_SIGNATURE = 4096  # characters; a key of 16,384 bits makes 2,732


class NotVerifiedError(FatalError):
    """A signal is not proven to come from whom it says."""


class _Signed(msgspec.Struct):
    """Exact's envelope; ``Content`` is kept as its very bytes."""

    content: msgspec.Raw = msgspec.field(name="Content")
    hash_code: str = msgspec.field(name="HashCode")


def exact_content(body: bytes, secrets: Iterable[str]) -> bytes:
    """Return the bytes of ``Content`` of a signal of Exact Online, once they are verified.

    Args:
        body: The body as it came.
        secrets: The app's webhook secret; two while one replaces the other.

    Raises:
        NotVerifiedError: No secret made its ``HashCode``.
    """
    try:
        signed = msgspec.json.decode(body, type=_Signed)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        msg = "It has no Content and HashCode."
        raise NotVerifiedError(msg) from error
    content, given = bytes(signed.content), signed.hash_code.upper().encode("ascii", "replace")
    made = [hmac.new(one.encode(), content, hashlib.sha256).hexdigest() for one in secrets if one]
    if not _one_is_same([one.upper().encode() for one in made], given):
        msg = "Its HashCode was not made with the webhook secret."
        raise NotVerifiedError(msg)
    return content


def check_adobe_hmac(body: bytes, signature: str, secret: str, *, as_base64: bool) -> None:
    """Verify a webhook of Adobe Commerce that is signed with a shared secret.

    Args:
        body: The body as it came.
        signature: The header, base64.
        secret: The shared secret.
        as_base64: Whether the body's base64 text is signed, not the body.

    Raises:
        NotVerifiedError: The signature is of something else.
    """
    made = hmac.digest(secret.encode(), _signed_bytes(body, as_base64=as_base64), "sha256")
    if not secret or not _one_is_same([made], _signature(signature)):
        msg = "Its signature was not made with the shop's webhook secret."
        raise NotVerifiedError(msg)


def check_adobe_rsa(body: bytes, signature: str, key: rsa.RSAPublicKey, *, as_base64: bool) -> None:
    """Verify a webhook of Adobe Commerce that is signed with the shop's key (PKCS #1 v1.5).

    Args:
        body: The body as it came.
        signature: The header, base64.
        key: The shop's public key.
        as_base64: Whether the body's base64 text is signed, not the body.

    Raises:
        NotVerifiedError: The signature is of something else.
    """
    if not is_signed(_signed_bytes(body, as_base64=as_base64), signature, key):
        msg = "Its signature was not made with the shop's key."
        raise NotVerifiedError(msg)


def is_signed(content: bytes, signature: str, key: rsa.RSAPublicKey) -> bool:
    """Tell whether a signature (base64) is a key's own over some bytes, by RSA and SHA-256."""
    try:
        key.verify(_signature(signature), content, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, NotVerifiedError):
        return False
    return True


def public_key(pem: str | bytes) -> rsa.RSAPublicKey:
    """Return the RSA key of a PEM text.

    Raises:
        ConfigError: It is none, or a weak one.
    """
    text = pem.encode() if isinstance(pem, str) else pem
    try:
        key = load_pem_public_key(text.strip())
    except (ValueError, UnsupportedAlgorithm) as error:
        msg = "It is no PEM text of a public key (-----BEGIN PUBLIC KEY-----)"
        raise ConfigError(msg) from error
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < MIN_KEY_BITS:
        msg = f"It is no RSA key of {MIN_KEY_BITS} bits or more"
        raise ConfigError(msg)
    return key


def _signed_bytes(body: bytes, *, as_base64: bool) -> bytes:
    return base64.b64encode(body) if as_base64 else body


def _signature(text: str) -> bytes:
    if not text or len(text) > _BASE64_OF_SIGNATURE:
        msg = "It is not signed."
        raise NotVerifiedError(msg)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        msg = "Its signature is no base64 text."
        raise NotVerifiedError(msg) from error


def _one_is_same(made: Iterable[bytes], given: bytes) -> bool:
    """Compare with each in the same time, whatever is given."""
    return any(hmac.compare_digest(one, given) for one in made)
