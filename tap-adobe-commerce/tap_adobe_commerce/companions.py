"""What accountants need beside an order: its transactions, its invoices, its tax rates.

Each is fetched with one call per page of records. A member that the credentials do not allow, or
that nobody selected, is absent; an empty list means that there is none.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from adobe_commerce import answers
from adobe_commerce.errors import (
    PermissionDeniedError,
    RecordFormError,
    UnreadableRecordError,
)
from adobe_commerce.search import Filter, among, parts
from tap_adobe_commerce.keyset import read_by_key
from tap_adobe_commerce.records import key_in, objects_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from adobe_commerce.search import Projection
    from tap_adobe_commerce.listing import Listing, ListPage

logger = logging.getLogger("tap-adobe-commerce.companions")

#: Members of an order that this tap adds, and what is asked for each.
TRANSACTION: Projection = dict.fromkeys(
    ("transaction_id", "order_id", "txn_type", "txn_id", "parent_txn_id", "created_at", "is_closed")
)
INVOICE: Projection = dict.fromkeys(
    ("entity_id", "order_id", "increment_id", "created_at", "updated_at", "state")
)
TAX_RATE: Projection = dict.fromkeys(("id", "code", "tax_country_id", "rate"))

#: Payment methods of Adobe's own that move no money by themselves.
OFFLINE = frozenset({"banktransfer", "cashondelivery", "checkmo", "free", "purchaseorder"})
#: Codes in one call's address; each may have 255 characters, most have twenty.
CODES = 20


class OfOrders:
    """Rows of another list that belong to orders, such as their transactions."""

    def __init__(self, listing: Listing, member: str, wanted: Projection) -> None:
        """Take the list; nothing is read yet.

        Args:
            listing: The list.
            member: What the orders carry it as.
            wanted: Members of a row; the others are left out.
        """
        self._listing = listing
        self._member = member
        self._wanted = [name for name in wanted if name != "order_id"]
        self._allowed = True

    def attach(self, orders: Iterable[dict[str, Any]]) -> None:
        """Put the rows on the orders they belong to."""
        if not self._allowed:
            return
        by_key = {key_in(order, "entity_id"): order for order in orders}
        try:
            found = self._read(sorted(by_key))
        except UnreadableRecordError as error:
            msg = f"one of its {self._member} cannot be read ({error})"
            raise RecordFormError(msg) from error
        except PermissionDeniedError as error:
            self._allowed = False
            logger.warning(
                "Orders will not carry their %s: the credentials may not read %s. Grant it to "
                "the integration to have them.",
                self._member,
                error.resources,
            )
            return
        for key, order in by_key.items():
            order[self._member] = found[key]

    def _read(self, keys: list[int]) -> dict[int, list[dict[str, Any]]]:
        found: dict[int, list[dict[str, Any]]] = {key: [] for key in keys}
        for part in parts(keys):
            for rows, _ in read_by_key(self._listing, filters=(among("order_id", part),)):
                for row in rows:
                    record = answers.record(row.raw)
                    owner = found.get(key_in(record, "order_id"))
                    if owner is not None:
                        owner.append({name: record.get(name) for name in self._wanted})
        return found


class TaxRates:
    """Tax rates behind the codes of applied taxes, each read once in a run."""

    def __init__(self, listing: Listing) -> None:
        """Take the list of tax rates; nothing is read yet."""
        self._listing = listing
        self._known: dict[str, dict[str, Any] | None] = {}
        self._allowed = True
        self._is_all: bool | None = None
        self._lock = threading.Lock()

    def attach(self, orders: Iterable[dict[str, Any]]) -> None:
        """Put ``tax_rates`` on orders."""
        codes = [(order, _codes(order)) for order in orders]
        with self._lock:
            if not self._allowed:
                return
            try:
                self._read({code for _, own in codes for code in own} - self._known.keys())
            except PermissionDeniedError as error:
                self._allowed = False
                logger.warning(
                    "Orders will not carry their tax rates: the credentials may not read %s. "
                    "Grant it to the integration to have them.",
                    error.resources,
                )
                return
            for order, own in codes:
                order["tax_rates"] = [rate for code in own if (rate := self._known.get(code))]

    def _read(self, codes: set[str]) -> None:
        if codes and self._is_all is None:  # most shops have fewer of them than a page holds
            page = self._take(())
            self._is_all = page.total <= len(page.rows)
        codes -= self._known.keys()
        if self._is_all:
            return
        # A code with a comma cannot stand in a list.
        alone = [[code] for code in sorted(codes) if "," in code]
        listed = sorted(code for code in codes if "," not in code)
        several = [listed[start : start + CODES] for start in range(0, len(listed), CODES)]
        for part in alone + several:
            self._read_part(part)
        self._known |= dict.fromkeys(codes - self._known.keys())

    def _read_part(self, codes: list[str]) -> None:
        one = len(codes) == 1
        page = self._take((Filter("code", "eq", codes[0]) if one else among("code", codes),))
        if page.total > len(page.rows) and not one:  # the shop's pages are shorter than that
            half = len(codes) // 2
            self._read_part(codes[:half])
            self._read_part(codes[half:])

    def _take(self, filters: tuple[Filter, ...]) -> ListPage:
        page = self._listing.page(filters, ())
        for row in page.rows:
            rate = answers.record(row.raw)
            members = {name: rate.get(name) for name in TAX_RATE if name != "id"}
            self._known[str(rate.get("code"))] = members
        return page


def is_online(order: Mapping[str, Any], documents: Iterable[Mapping[str, Any]] = ()) -> bool:
    """Whether an order may have transactions at a payment provider.

    Args:
        order: The order.
        documents: Its invoices or credit memos, if they are known.
    """
    payment = order.get("payment")
    if isinstance(payment, dict):
        if payment.get("method") not in OFFLINE or payment.get("last_trans_id"):
            return True
    elif payment is not None:
        return True
    return any(document.get("transaction_id") for document in documents)


def _codes(order: dict[str, Any]) -> list[str]:
    """Codes of the taxes that an order was charged, each once."""
    extension = order.get("extension_attributes")
    if not isinstance(extension, dict):  # PHP writes an empty object as an empty list
        return []
    taxes = objects_in(extension, "applied_taxes")
    for item in objects_in(extension, "item_applied_taxes"):
        taxes = taxes + objects_in(item, "applied_taxes")
    return list(dict.fromkeys(code for tax in taxes if isinstance(code := tax.get("code"), str)))
