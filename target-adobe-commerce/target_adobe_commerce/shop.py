"""The shop: what this target reads of it, and the few routes that it writes to."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from adobe_commerce.answers import decode
from adobe_commerce.auth import build_auth
from adobe_commerce.client import Client
from adobe_commerce.errors import NotCommerceError, PageTooLargeError, RequestRefusedError
from adobe_commerce.search import Filter, Search, among
from target_adobe_commerce.exceptions import UnwritableRouteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from target_adobe_commerce.settings import Settings

Record = dict[str, Any]

#: What may be written to; orders, invoices, credit memos and shipments are not among them.
_WRITABLE = tuple(
    (method, re.compile(pattern, re.ASCII))
    for method, pattern in (
        ("POST", r"customers"),
        ("PUT", r"customers/\d+"),
        ("POST", r"products/attributes"),
        ("POST", r"products/attributes/[a-z0-9_]+/options"),
        ("PUT", r"products/attributes/[a-z0-9_]+/options/\d+"),
        ("POST", r"products/attribute-sets/attributes"),
        ("PUT", r"products/[^/]+"),
    )
)
_PAGE = 300
#: Values in one ``in`` filter.
LISTED = 100
_NOT_FOUND = 404
_BAD_REQUEST = 400
_ITEMS = msgspec.json.Decoder(dict[str, Any])
_VALUE = msgspec.json.Decoder(Any)


class Shop:
    """One shop during one run."""

    def __init__(self, settings: Settings, config: Mapping[str, Any]) -> None:
        """Take the settings; nothing is called yet."""
        self._settings = settings
        self._config = config
        self._clients: dict[str | None, Client] = {}
        self.writes = 0

    @cached_property
    def _auth(self) -> Any:
        return build_auth(self._config)

    def client(self, store: str = "all") -> Client:
        """The connection for a store view; ``all`` has the values for all of them."""
        # The cloud service has no store code in its paths; it takes a header instead.
        code = None if self._settings.cloud_service else store
        if code not in self._clients:
            self._clients[code] = Client(
                self._settings.base_url,
                self._auth,
                store=code,
                timeout=self._settings.request_timeout,
                max_wait=self._settings.max_wait,
                connections=2,
            )
        return self._clients[code]

    @property
    def calls(self) -> int:
        """How many requests were sent."""
        return sum(client.requests_sent for client in self._clients.values())

    # Reading

    def value(self, route: str, query: str = "", store: str = "all") -> Any:
        """Read a route."""
        answer = self.client(store).get(route, query)
        return decode(answer.body, answer.where, _VALUE)

    def one(self, route: str) -> Record | None:
        """Read one record; None when the shop does not have it."""
        try:
            found = self.value(route)
        except RequestRefusedError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        if not isinstance(found, dict):
            msg = f"The shop answers {route} with something else than a record."
            raise NotCommerceError(msg)
        return found

    def search(
        self, route: str, filters: tuple[Filter, ...] = (), *, fields: str | None = None
    ) -> list[Record]:
        """Read all records of a list that match."""
        search = Search(filters, page_size=_PAGE, fields=fields)
        found: list[Record] = []
        while True:
            try:
                answer = self.client().get(route, search.query())
            except PageTooLargeError as error:
                search = replace(search, page_size=error.maximum)
                continue
            page = decode(answer.body, answer.where, _ITEMS)
            rows = page.get("items") or []
            found += rows
            # Older releases repeat the last page when asked for one behind the end.
            if not rows or len(found) >= int(page.get("total_count") or 0):
                return found
            search = replace(search, page=search.page + 1)

    def matching(
        self,
        route: str,
        column: str,
        values: Iterable[str],
        extra: tuple[Filter, ...] = (),
        *,
        fields: str | None = None,
    ) -> Iterator[Record]:
        """Read the records whose column has one of many values, in few calls."""
        wanted = sorted({value for value in values if value})
        plain = [value for value in wanted if "," not in value]
        for start in range(0, len(plain), LISTED):
            part = among(column, plain[start : start + LISTED])
            yield from self.search(route, (part, *extra), fields=fields)
        for value in wanted:  # a comma would be read as two values
            if "," in value:
                equal = Filter(column, "eq", value)
                yield from self.search(route, (equal, *extra), fields=fields)

    def knows_customer_attribute(self, code: str) -> bool:
        """Tell whether customers have an attribute: filtering by an unknown one is refused."""
        search = Search((Filter(code, "eq", "?"),), page_size=1)
        try:
            self.client().get("customers/search", search.query())
        except RequestRefusedError as error:
            if error.status == _BAD_REQUEST:
                return False
            raise
        return True

    def attribute(self, code: str) -> Record | None:
        """Read a product attribute with its options; None when there is none."""
        return self.one(f"products/attributes/{code}")

    def options(self, code: str, store: str = "all") -> dict[str, str]:
        """Read an attribute's options: label by number."""
        return option_labels(self.value(f"products/attributes/{code}/options", store=store))

    @cached_property
    def store_codes(self) -> Mapping[str, int]:
        """Store views: number by code, without the administration."""
        views = self.value("store/storeViews")
        return {str(view["code"]): int(view["id"]) for view in views if int(view["id"])}

    def product_route(self, sku: str) -> str:
        """Return the route of a product."""
        return f"products/{quote(sku, safe='')}"

    # Writing

    def write(self, method: str, route: str, body: Record) -> Any:
        """Write to one of the few routes, one record a call, for all store views.

        Raises:
            UnwritableRouteError: It is none of them; nothing was called.
        """
        if not any(method == one and path.fullmatch(route) for one, path in _WRITABLE):
            msg = f"This target never calls {method} {route}: it writes master data only."
            raise UnwritableRouteError(msg)
        self.writes += 1
        answer = self.client().send(method, route, body)
        return decode(answer.body, answer.where, _VALUE)


def option_labels(rows: Sequence[Record]) -> dict[str, str]:
    """Return labels by number of an attribute's options; the shop's first one is blank."""
    return {
        str(row["value"]): " ".join(str(row.get("label") or "").split())
        for row in rows
        if str(row.get("value") or "")
    }


def custom_values(record: Record) -> dict[str, Any]:
    """Return a record's custom attributes by code."""
    return {
        str(entry["attribute_code"]): entry.get("value")
        for entry in record.get("custom_attributes") or ()
    }
