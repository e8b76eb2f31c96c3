"""Store views: what records tell of theirs, remembered in STATE for a day."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from adobe_commerce import answers
from adobe_commerce.errors import PermissionDeniedError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from adobe_commerce.client import Client

T = TypeVar("T")

logger = logging.getLogger("tap-adobe-commerce.stores")

#: Member of STATE that remembers them.
REMEMBERED = "store_views"
#: How long: a store view is renamed once in years; a new one is met at its first document.
AGE = timedelta(hours=24)
#: Store code of a record whose store view was deleted; codes of the shop begin with a letter.
NO_STORE_VIEW = "0"


@dataclass(frozen=True)
class Source:
    """Where records come from.

    Attributes:
        instance: The tap's setting of that name.
        host: The shop's host.
    """

    instance: str
    host: str


class View(NamedTuple):
    """What records tell of their store view."""

    store_code: str
    website_code: str | None
    timezone: str | None


class _Website(msgspec.Struct):
    id: int
    code: str


class _StoreConfig(msgspec.Struct):
    id: int
    timezone: str | None = None


class _StoreView(msgspec.Struct):
    id: int
    code: str
    website_id: int | None = None


class _Remembered(msgspec.Struct):
    """The member of STATE."""

    host: str
    read_at: datetime
    views: dict[int, View]


_WEBSITES = msgspec.json.Decoder(list[_Website])
_CONFIGS = msgspec.json.Decoder(list[_StoreConfig])
_VIEWS = msgspec.json.Decoder(list[_StoreView])


class Stores:
    """Store code, website code and time zone of each store view."""

    def __init__(self, client: Client, source: Source, state: MutableMapping[str, Any]) -> None:
        """Take what STATE remembers; nothing is read yet.

        Args:
            client: Where to read.
            source: Where records come from.
            state: The whole of STATE, in which store views are remembered.
        """
        self._client = client
        self._source = source
        self._state = state
        self._lock = threading.Lock()
        self._views: dict[int, View] | None = None
        self._is_fresh = False

    def source(self, store_id: object, *, has_view: bool = True) -> dict[str, Any]:
        """The ``source`` object of a record, which the caller may keep and change.

        Args:
            store_id: Store view of the record, or None if it was deleted.
            has_view: Whether records of this kind belong to a store view.
        """
        view = self._view(store_id) if has_view else None
        return {
            "instance": self._source.instance,
            "host": self._source.host,
            "store_id": store_id if view and isinstance(store_id, int) else None,
            "store_code": view.store_code if view else None,
            "website_code": view.website_code if view else None,
            "timezone": view.timezone if view else None,
            "extracted_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def _view(self, store_id: object) -> View:
        """The store view; documents of two store views never share a store code."""
        if not isinstance(store_id, int):
            return View(NO_STORE_VIEW, None, None)
        with self._lock:
            if self._views is None:
                self._views = self._remembered() or self._read({})
            if store_id not in self._views and not self._is_fresh:
                self._views = self._read(self._views)  # it may be a new one
            return self._views.get(store_id) or View(str(store_id), None, None)

    def _remembered(self) -> dict[int, View] | None:
        try:
            found = msgspec.convert(self._state.get(REMEMBERED), _Remembered, strict=False)
        except ValueError:
            return None  # of another form, or none: read again
        if found.host != self._source.host or found.read_at.tzinfo is None:
            return None
        if not timedelta(0) <= datetime.now(UTC) - found.read_at < AGE:
            return self._read(found.views)
        return found.views

    def _read(self, known: dict[int, View]) -> dict[int, View]:
        """Read all store views; those known so far stay when that is not allowed."""
        self._is_fresh = True
        try:
            websites = {site.id: site.code for site in self._list("store/websites", _WEBSITES)}
            zones = {one.id: one.timezone for one in self._list("store/storeConfigs", _CONFIGS)}
            views = self._list("store/storeViews", _VIEWS)
        except PermissionDeniedError as error:
            logger.warning(
                "Records carry the number of their store view as its code, and no website code "
                "and time zone: the credentials may not read %s. Grant it to the integration.",
                error.resources,
            )
            return known
        found = {
            view.id: View(view.code, websites.get(view.website_id or 0), zones.get(view.id))
            for view in views
        }
        self._state[REMEMBERED] = {
            "host": self._source.host,
            "read_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "views": {str(key): list(view) for key, view in found.items()},
        }
        return found

    def _list(self, route: str, decoder: msgspec.json.Decoder[list[T]]) -> list[T]:
        answer = self._client.get(route)
        rows: list[T] = answers.decode(answer.body, answer.where, decoder)
        return rows
