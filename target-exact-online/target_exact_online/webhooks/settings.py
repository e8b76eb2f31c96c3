"""The settings of the receiver; part of the target's, and of what its store may hold."""

from __future__ import annotations

from typing import Any

from singer_sdk import typing as th

WEBHOOK_SETTINGS: dict[str, Any] = th.PropertiesList(
    th.Property(
        "webhook_credential",
        th.StringType,
        title="Webhook credential",
        default="webhooks",
        description="Name under which the store of `credentials` may hold the settings of "
        "`webhooks serve` that follow.",
    ),
    th.Property(
        "exact_webhook_secret",
        th.StringType,
        secret=True,
        title="Exact's webhook secret",
        description="The app's webhook secret from the Exact App Center; not its client secret.",
    ),
    th.Property(
        "exact_webhook_secret_before",
        th.StringType,
        secret=True,
        title="Exact's webhook secret before",
        description="The one before, as long as Exact may still sign with it.",
    ),
    th.Property(
        "adobe_signature",
        th.StringType,
        title="Adobe's signature",
        default="rsa",
        allowed_values=["rsa", "hmac"],
        description="How the shop's webhooks are signed: `rsa` as Adobe's own sample checks it "
        "(`adobe_public_key`), or `hmac` as its page says (`adobe_webhook_secret`).",
    ),
    th.Property(
        "adobe_signed",
        th.StringType,
        title="What Adobe signs",
        default="base64",
        allowed_values=["base64", "raw"],
        description="Whether the signature is over the body's base64 text, as in Adobe's sample, "
        "or over the body itself.",
    ),
    th.Property(
        "adobe_public_key",
        th.StringType,
        title="Adobe's public key",
        description="The PEM text that the shop's admin shows for its webhooks.",
    ),
    th.Property(
        "adobe_webhook_secret",
        th.StringType,
        secret=True,
        title="Adobe's webhook secret",
        description="The shared secret of webhooks that are signed by `hmac`.",
    ),
    th.Property(
        "adobe_events_client_id",
        th.StringType,
        title="Client ID of Adobe I/O Events",
        description="The client ID of the project that is registered for events: those for "
        "another one are refused.",
    ),
    th.Property(
        "adobe_keys_url",
        th.StringType,
        title="Keys of Adobe I/O Events",
        default="https://static.adobeioevents.com",
        description="Where the keys of events are read. No other host is taken but one on "
        "loopback, for tries.",
    ),
).to_dict()["properties"]
