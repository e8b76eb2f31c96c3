"""Which schemes a receiver verifies by, out of the settings and the credential store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connector_credentials import open_credential
from exact_online.errors import ConfigError, TransientApiError
from exact_online.stored_login import store_errors
from target_exact_online.webhooks import signals
from target_exact_online.webhooks.keys import EventKeys, check_keys_url
from target_exact_online.webhooks.settings import WEBHOOK_SETTINGS
from target_exact_online.webhooks.verifying import (
    NotVerifiedError,
    check_adobe_hmac,
    check_adobe_rsa,
    exact_content,
    is_signed,
    public_key,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric import rsa

    from target_exact_online.webhooks.signals import Signal

WEBHOOK_HEADER = "x-adobe-commerce-webhook-signature"
_SIGNATURE, _KEY_PATH = "x-adobe-digital-signature-{}", "x-adobe-public-key{}-path"


@dataclass(frozen=True, slots=True)
class ExactScheme:
    """Webhooks of Exact Online.

    Attributes:
        secrets: The app's webhook secret; two while one replaces the other.
    """

    secrets: tuple[str, ...]

    def signals(self, body: bytes) -> list[Signal]:
        """Return what a body is about.

        Raises:
            NotVerifiedError: It is not proven to come from Exact.
            NotUnderstoodError: It is of another form.
        """
        return signals.of_exact(exact_content(body, self.secrets))


@dataclass(frozen=True, slots=True)
class WebhookScheme:
    """Webhooks of Adobe Commerce.

    Attributes:
        key: The shop's public key; None: they are signed with a shared secret.
        secret: That secret.
        as_base64: Whether the body's base64 text is signed, not the body.
    """

    key: rsa.RSAPublicKey | None
    secret: str
    as_base64: bool

    def signals(self, body: bytes, headers: Mapping[str, str]) -> list[Signal]:
        """Return what a body is about; errors as of `ExactScheme.signals`."""
        signature = headers.get(WEBHOOK_HEADER, "")
        if self.key is None:
            check_adobe_hmac(body, signature, self.secret, as_base64=self.as_base64)
        else:
            check_adobe_rsa(body, signature, self.key, as_base64=self.as_base64)
        return signals.of_webhook(body)


@dataclass(frozen=True, slots=True)
class EventScheme:
    """Events of Adobe I/O.

    Attributes:
        client_id: Whom they must be for.
        keys: Adobe's public keys.
    """

    client_id: str
    keys: EventKeys

    def at_once(self, body: bytes, headers: Mapping[str, str]) -> list[Signal] | None:
        """Return what a body is about if a remembered key proves it; None: Adobe must be asked.

        Raises:
            NotVerifiedError: It is for somebody else.
            NotUnderstoodError: It is of another form.
        """
        self._check_recipient(body)
        for number in (1, 2):
            key = self.keys.known(headers.get(_KEY_PATH.format(number), ""))
            if key and is_signed(body, headers.get(_SIGNATURE.format(number), ""), key):
                return signals.of_event(body)
        return None

    def signals(self, body: bytes, headers: Mapping[str, str]) -> list[Signal]:
        """Return what a body is about; errors as of `ExactScheme.signals`.

        Raises:
            TransientApiError: Adobe's keys cannot be read now.
        """
        self._check_recipient(body)
        away: TransientApiError | None = None
        for number in (1, 2):
            try:
                key = self.keys.get(headers.get(_KEY_PATH.format(number), ""))
            except NotVerifiedError:
                continue
            except TransientApiError as error:
                away = error
                continue
            if is_signed(body, headers.get(_SIGNATURE.format(number), ""), key):
                return signals.of_event(body)
        if away is not None:
            raise away
        msg = "None of its two signatures was made with a key of Adobe I/O Events."
        raise NotVerifiedError(msg)

    def _check_recipient(self, body: bytes) -> None:
        if signals.recipient_of(body) != self.client_id:
            msg = "It is for another client ID."
            raise NotVerifiedError(msg)


@dataclass(frozen=True, slots=True)
class Schemes:
    """What is listened to; None: it is not.

    Attributes:
        exact: Webhooks of Exact Online.
        webhook: Webhooks of Adobe Commerce.
        event: Events of Adobe I/O.
    """

    exact: ExactScheme | None = None
    webhook: WebhookScheme | None = None
    event: EventScheme | None = None


def of_settings(config: Mapping[str, Any]) -> Schemes:
    """Return the schemes that are set up, in the settings or in the credential store.

    Raises:
        ConfigError: A setting is wrong, or there is nothing to verify with.
        TransientApiError: The credential store does not answer.
    """
    values = _values(config)
    found = Schemes(_exact(values), _webhook(values), _event(values))
    if found == Schemes():
        msg = (
            "There is nothing to verify signals with. Set exact_webhook_secret, adobe_public_key "
            "(or adobe_webhook_secret with adobe_signature hmac) or adobe_events_client_id, or put "
            "them into the credential store under the name webhooks."
        )
        raise ConfigError(msg)
    return found


def _values(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings over the values of the store's credential, over the defaults."""
    name = config.get("webhook_credential") or WEBHOOK_SETTINGS["webhook_credential"]["default"]
    asked = {one: config[one] for one in (*WEBHOOK_SETTINGS, "credentials") if config.get(one)}
    with store_errors():
        found = open_credential(asked | {"credential": name}, str(name)).values
    given = {one: setting.get("default") for one, setting in WEBHOOK_SETTINGS.items()} | found
    return {one: str(given[one]).strip() for one in WEBHOOK_SETTINGS if given.get(one)}


def _exact(values: Mapping[str, str]) -> ExactScheme | None:
    names = ("exact_webhook_secret", "exact_webhook_secret_before")
    secrets = tuple(values[name] for name in names if values.get(name))
    return ExactScheme(secrets) if secrets else None


def _webhook(values: Mapping[str, str]) -> WebhookScheme | None:
    as_base64 = _choice(values, "adobe_signed", ("base64", "raw")) == "base64"
    if _choice(values, "adobe_signature", ("rsa", "hmac")) == "hmac":
        secret = values.get("adobe_webhook_secret", "")
        return WebhookScheme(None, secret, as_base64) if secret else None
    pem = values.get("adobe_public_key")
    if not pem:
        return None
    try:
        return WebhookScheme(public_key(pem.replace("\\n", "\n")), "", as_base64)
    except ConfigError as error:
        msg = f"The setting adobe_public_key is wrong: {error}. Copy it from the shop's admin."
        raise ConfigError(msg) from None


def _event(values: Mapping[str, str]) -> EventScheme | None:
    url = check_keys_url(values["adobe_keys_url"])
    client_id = values.get("adobe_events_client_id")
    return EventScheme(client_id, EventKeys(url)) if client_id else None


def _choice(values: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = values[name]
    if value not in choices:
        msg = f"The setting {name} is none of {', '.join(choices)}."
        raise ConfigError(msg)
    return value
