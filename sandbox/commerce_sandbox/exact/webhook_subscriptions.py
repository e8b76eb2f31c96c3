"""Subscriptions to webhooks: one for each app, topic and company; the address is tried first.

Callback addresses are ``https://`` as the real ones; the sandbox calls them without TLS and on
loopback only, as a proxy in front of the receiver would.
"""

from __future__ import annotations

import http.client
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from commerce_sandbox.exact import messages, store
from commerce_sandbox.exact.messages import Message
from commerce_sandbox.exceptions import SignalError
from commerce_sandbox.signals.sending import Sender
from commerce_sandbox.signals.signing import Signal, Signer

if TYPE_CHECKING:
    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.exact.booking import Posting
    from commerce_sandbox.exact.store import Row
    from commerce_sandbox.signals.sending import Delivery

RESOURCE = "webhooks/WebhookSubscriptions"
TOPICS = frozenset({
    "Accounts", "BankAccounts", "BankEntries", "CashEntries", "Contacts", "CostTransactions",
    "DocumentAttachments", "Documents", "FinancialTransactions", "GLAccounts",
    "GeneralJournalEntries", "GoodsDeliveries", "Items", "JournalStatusList", "Opportunities",
    "ProjectPlanning", "PurchaseEntries", "PurchaseOrders", "Quotations", "SalesEntries",
    "SalesInvoices", "SalesItemPrices", "SalesOrders", "StockPositions", "Subscriptions",
    "TimeTransactions",
})  # fmt: skip
#: Setting: whether the empty request comes before the answer to the subscription, or after it.
VALIDATION = "exact.webhook_validation"
_LATER_SECONDS = 1.0
_VALIDATION_SECONDS = 5.0
_ACCEPTED = (200, 201)


def check(posting: Posting, row: Row, new: bool) -> None:  # noqa: FBT001 -- one signature
    """Fill in what the server knows, and try the address."""
    url, topic = str(row.get("CallbackURL") or ""), row.get("Topic")
    if topic not in TOPICS:
        posting.problems.append(messages.invalid("Topic"))
    if urlsplit(url).scheme != "https":
        posting.problems.append(messages.invalid("CallbackURL"))
    same = store.find(posting.connection, RESOURCE, posting.division, Topic=topic)
    if any(other["ID"] != row.get("ID") for other in same):
        posting.problems.append(messages.DATA_EXISTS)
    if posting.problems:
        return
    if posting.settings[VALIDATION] == "after":
        threading.Timer(_LATER_SECONDS, _status, [url]).start()
    elif new and (status := _status(url)) not in _ACCEPTED:
        text = f"Post to callback URL endpoint returns {status}"
        posting.problems.append(Message((f"Ongeldig: {text}", *[f"Invalid: {text}"] * 4)))


def _status(url: str) -> int | None:
    """Return what the receiver answers to an empty request."""
    try:
        sender = Sender(_on_loopback(url), timeout=_VALIDATION_SECONDS)
    except (SignalError, ValueError, http.client.InvalidURL):
        return None
    return sender.send(Signal(b"", {})).status


def _on_loopback(url: str) -> str:
    return url.replace("https://", "http://", 1)


def tell(
    context: SandboxContext, division: int, topic: str, key: str, action: str = "Update"
) -> list[Delivery]:
    """Send what Exact sends when a record has changed, to whoever has subscribed.

    Args:
        context: The sandbox.
        division: The company.
        topic: What changed.
        key: The record's GUID.
        action: What was done.
    """
    database = context.database
    found = store.find(database.connection(), RESOURCE, division, Topic=topic)
    signal = Signer.of(database).exact(division, topic, key, action)
    return [Sender(_on_loopback(one["CallbackURL"])).send(signal) for one in found]
