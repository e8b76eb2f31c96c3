"""Who signs a signal, and how: RSA as Adobe's samples verify it, HMAC as pages and Exact say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from commerce_sandbox.adobe.credentials import IMS_CLIENT_ID
from commerce_sandbox.adobe.php_json import dumps
from commerce_sandbox.exceptions import SignalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commerce_sandbox.database import Database

WEBHOOK_HEADER = "x-adobe-commerce-webhook-signature"
KEYS_PATH = "/prod/keys/"  # where the sandbox's server shows the public keys of I/O Events
EXACT_SECRET = "sandbox-exact-webhook-secret"  # noqa: S105 -- opens the sandbox only
WEBHOOK_SECRET = "sandbox-adobe-webhook-secret"  # noqa: S105 -- opens the sandbox only
_MAX_EVENT_BYTES = 64 * 1024
_KEYS = "signals.keys"  # setting: private keys as PEM by name
_NAMES = ("webhook", "event-1", "event-2")


@dataclass(frozen=True, slots=True)
class Signal:
    """One request to a receiver: its headers and the bytes of its body."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Signer:
    """Signs signals with the keys of one sandbox.

    Attributes:
        keys: Private keys by name: ``webhook``, and ``event-1`` and ``event-2`` of I/O Events.
        webhook_secret: Of webhooks that are signed by HMAC.
        exact_secret: The app's webhook secret in Exact.
    """

    keys: Mapping[str, rsa.RSAPrivateKey]
    webhook_secret: str = WEBHOOK_SECRET
    exact_secret: str = EXACT_SECRET

    @classmethod
    def of(cls, database: Database) -> Signer:
        """Return the signer of a sandbox; its keys are made once and kept."""
        stored = database.setting(_KEYS)
        if stored is None:
            signer = cls.stranger()
            database.set_setting(_KEYS, {name: _pem(key) for name, key in signer.keys.items()})
            return replace(signer, webhook_secret=WEBHOOK_SECRET, exact_secret=EXACT_SECRET)
        return cls({name: _key(text) for name, text in stored.items()})

    @classmethod
    def stranger(cls) -> Signer:
        """Return a signer whose keys and secrets nobody knows."""
        made = {name: rsa.generate_private_key(65537, 2048) for name in _NAMES}
        return cls(made, uuid.uuid4().hex, uuid.uuid4().hex)

    def rotate(self, database: Database, name: str) -> Signer:
        """Replace one key, at once, and return the new signer."""
        keys = {**self.keys, name: rsa.generate_private_key(65537, 2048)}
        database.set_setting(_KEYS, {each: _pem(key) for each, key in keys.items()})
        return replace(self, keys=keys)

    def public_key(self, name: str) -> str:
        """Return a public key as PEM.

        Raises:
            SignalError: There is no such key.
        """
        if name not in self.keys:
            raise SignalError.unknown(what="key", name=name, names=self.keys)
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        public = self.keys[name].public_key()
        return public.public_bytes(serialization.Encoding.PEM, form).decode()

    def webhook(
        self, payload: Any, *, algorithm: str = "rsa", signed: str = "base64", pad: int = 0
    ) -> Signal:
        """Return a webhook of Adobe Commerce.

        Args:
            payload: What JSON shows, such as ``{"invoice": {...}}``.
            algorithm: ``rsa`` (what Adobe's sample verifies) or ``hmac`` (what its page says).
            signed: ``base64`` (the signature is over the body's base64 text) or ``raw``.
            pad: Bytes of blank space after the JSON.
        """
        body = dumps(payload).encode() + b" " * pad
        content = base64.b64encode(body) if signed == "base64" else body
        if algorithm == "rsa":
            signature = self._sign("webhook", content)
        else:
            signature = hmac.digest(self.webhook_secret.encode(), content, hashlib.sha256)
        text = base64.b64encode(signature).decode()
        return Signal(body, {"Content-Type": "application/json", WEBHOOK_HEADER: text})

    def event(
        self,
        name: str,
        value: Any,
        *,
        client_id: str = IMS_CLIENT_ID,
        event_id: str | None = None,
    ) -> Signal:
        """Return an event of Adobe I/O, signed twice.

        Args:
            name: Such as ``observer.sales_order_invoice_save_commit_after``.
            value: The event's fields.
            client_id: Whom it is for; a receiver takes its own only.
            event_id: Repeated by a duplicate; a new one by default.

        Raises:
            SignalError: It is too large; the shop would not make it.
        """
        event_id = event_id or str(uuid.uuid4())
        code = f"com.adobe.commerce.{name}"
        source = "urn:uuid:8b3f1d2c-5f5e-4a35-9a7e-1f6f6f5d2c11"
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": source,
            "type": code,
            "datacontenttype": "application/json",
            "data": {"key": event_id, "source": source, "value": value},
        }
        payload = {"event_id": event_id, "event": event, "recipient_client_id": client_id}
        body = dumps(payload).encode()
        if len(body) > _MAX_EVENT_BYTES:
            raise SignalError.too_large(len(body), _MAX_EVENT_BYTES)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "x-adobe-event-id": event_id,
            "x-adobe-event-code": code,
            "x-adobe-delivery-id": str(uuid.uuid4()),
        }
        for number in (1, 2):
            key = f"event-{number}"
            signature = base64.b64encode(self._sign(key, body)).decode()
            headers[f"x-adobe-digital-signature-{number}"] = signature
            headers[f"x-adobe-public-key{number}-path"] = f"{KEYS_PATH}{key}.pem"
        return Signal(body, headers)

    def exact(self, division: int, topic: str, key: str, action: str = "Update") -> Signal:
        """Return a webhook of Exact Online: the hash is over the bytes of ``Content``."""
        url = f"https://start.exactonline.nl/api/v1/{division}/{topic}(guid'{key}')"
        content = dumps(
            {
                "Topic": topic,
                "ClientId": IMS_CLIENT_ID,
                "Division": division,
                "Action": action,
                "Key": key,
                "ExactOnlineEndpoint": url,
            }
        ).encode()
        digest = hmac.new(self.exact_secret.encode(), content, hashlib.sha256).hexdigest().upper()
        body = b'{"Content":%s,"HashCode":"%s"}' % (content, digest.encode())
        return Signal(body, {"Content-Type": "application/json"})

    def _sign(self, name: str, content: bytes) -> bytes:
        return self.keys[name].sign(content, padding.PKCS1v15(), hashes.SHA256())


def _pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    ).decode()


def _key(text: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(text.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise SignalError.unknown(what="key", name=type(key).__name__, names=("RSA",))
    return key
