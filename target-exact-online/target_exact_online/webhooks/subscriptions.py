"""Which topics Exact tells this app of, for each company; subscribing again changes nothing.

Exact keeps one subscription for each app, topic and company. While it makes one, it sends an empty
request to the address and expects 200.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from exact_online.errors import ConfigError, DocumentRefusedError, OutcomeUnknownError

if TYPE_CHECKING:
    from exact_online.client import ExactClient

RESOURCE = "webhooks/WebhookSubscriptions"
_SELECT = "ID,Topic,CallbackURL"
_LONGEST_URL = 2_000
Done = Literal["subscribed", "already subscribed", "moved"]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription.

    Attributes:
        id: Its GUID.
        division: The company.
        topic: What it tells of.
        url: Whom it tells.
    """

    id: str
    division: int
    topic: str
    url: str


def subscriptions(client: ExactClient, division: int) -> list[Subscription]:
    """Return the subscriptions of a company, by topic."""
    rows = client.get(RESOURCE, division=division, select=_SELECT)
    found = [
        Subscription(str(row["ID"]), division, str(row["Topic"]), str(row["CallbackURL"]))
        for row in rows
    ]
    return sorted(found, key=lambda one: (one.topic, one.url))


def subscribe(
    client: ExactClient, division: int, topic: str, url: str, *, replace: bool = False
) -> Done:
    """Have Exact tell of a topic; nothing changes when it does so already.

    Args:
        client: Makes the calls.
        division: The company.
        topic: What to tell of.
        url: Whom to tell; see `check_url`.
        replace: Whether to take the place of a subscription with another address.

    Raises:
        ConfigError: Another address has it, or Exact cannot reach this one.
        ExactError: Exact could not be asked.
    """
    there = [one for one in subscriptions(client, division) if one.topic == topic]
    if any(one.url == url for one in there):
        return "already subscribed"
    if there and not replace:
        msg = (
            f"{topic} of division {division} is told to {there[0].url} already, and Exact keeps "
            "one address for each topic. Use --replace to move it here."
        )
        raise ConfigError(msg)
    for one in there:
        client.delete(RESOURCE, one.id, division=division)
    try:
        client.post(RESOURCE, {"Topic": topic, "CallbackURL": url}, division=division)
    except (DocumentRefusedError, OutcomeUnknownError) as error:
        # Somebody else may have been first, or the answer was lost: what is there tells.
        if not any((one.topic, one.url) == (topic, url) for one in subscriptions(client, division)):
            if isinstance(error, OutcomeUnknownError):
                raise
            msg = (
                f"Exact does not subscribe {topic} of division {division}: {error} Is "
                f"`webhooks serve` up, and does {url} reach it over https from the internet?"
            )
            raise ConfigError(msg) from error
    return "moved" if there else "subscribed"


def remove(client: ExactClient, division: int, topics: frozenset[str]) -> list[Subscription]:
    """Remove subscriptions of some topics, or of all when none is named; return them."""
    found = [one for one in subscriptions(client, division) if not topics or one.topic in topics]
    for one in found:
        client.delete(RESOURCE, one.id, division=division)
    return found


def check_url(url: str) -> str:
    """Return an address that Exact may be given.

    Raises:
        ConfigError: It is none, or not https.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.fragment:
        msg = f"{url!r} is no address that Exact takes: write it as https://host/exact."
        raise ConfigError(msg)
    if len(url) > _LONGEST_URL or not url.isprintable() or " " in url:
        msg = "The address is too long, or has characters that no address has."
        raise ConfigError(msg)
    return url
