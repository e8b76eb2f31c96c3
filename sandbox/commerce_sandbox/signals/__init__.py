"""Signals of both systems: signed, forged, late, twice, in any order, and of what never was.

Adobe Commerce webhooks, Adobe I/O Events and Exact Online webhooks, as their documents say and
their own samples verify them. They go to loopback addresses only.
"""

from commerce_sandbox.signals.following import SHOWN, ShopSignals
from commerce_sandbox.signals.forging import FORGERIES, forged
from commerce_sandbox.signals.sending import Delivery, Sender, deliver, pauses
from commerce_sandbox.signals.signing import KEYS_PATH, WEBHOOK_HEADER, Signal, Signer

__all__ = [
    "FORGERIES",
    "KEYS_PATH",
    "SHOWN",
    "WEBHOOK_HEADER",
    "Delivery",
    "Sender",
    "ShopSignals",
    "Signal",
    "Signer",
    "deliver",
    "forged",
    "pauses",
]
