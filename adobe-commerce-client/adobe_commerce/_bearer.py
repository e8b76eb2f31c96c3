"""Bearer tokens: one that never changes, and those that are fetched and renewed."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from requests.auth import AuthBase

from connector_credentials import protect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import PreparedRequest, Response

FETCH_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two bytes of the answer
_YOUNG = 60.0  # seconds; a token refused at this age would be refused again


class BearerAuth(AuthBase):
    """Sends the access token of an integration, which does not expire."""

    scheme = "bearer"

    def __init__(self, token: str) -> None:
        """Take the token as the shop's administrator gave it."""
        self._token = token

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Put the token in the request's header."""
        r.headers["Authorization"] = f"Bearer {self._token}"
        return r


@dataclass(frozen=True, slots=True)
class FetchedToken:
    """A token and when to stop using it.

    Attributes:
        value: What is sent.
        fetched_at: Unix seconds.
        renew_at: Unix seconds.
    """

    value: str
    fetched_at: float
    renew_at: float


class RenewingBearer(AuthBase, ABC):
    """Fetches a token on first use, keeps it, and fetches another shortly before it ends.

    A 401 for a token that is no longer new means that it was revoked: it is renewed and the call
    sent again, once.
    """

    scheme: str

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        """Remember headers that go with every request."""
        self._headers = dict(headers or {})
        self._lock = threading.Lock()
        self._token: FetchedToken | None = None

    @abstractmethod
    def fetch(self) -> FetchedToken:
        """Get a new token."""

    def recall(self) -> FetchedToken | None:
        """A token that another process fetched and that is still good, if there is one."""
        return None

    def token(self) -> str:
        """A token that is worth sending."""
        with self._lock:
            if self._token is None:
                self._token = self.recall()
            if self._token is None or time.time() >= self._token.renew_at:
                self._renew()
            return self._current.value

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Put the token in the request's header."""
        r.headers.update(self._headers)
        r.headers["Authorization"] = f"Bearer {self.token()}"
        # requests leaves this method untyped
        r.register_hook("response", self._repeat_if_revoked)  # type: ignore[no-untyped-call]
        return r

    @property
    def _current(self) -> FetchedToken:
        if self._token is None:
            msg = "no token has been fetched"
            raise RuntimeError(msg)
        return self._token

    def _renew(self) -> None:
        self._token = self.fetch()
        protect(self._token.value)

    def _repeat_if_revoked(self, response: Response, **options: Any) -> Response:
        if response.status_code != HTTPStatus.UNAUTHORIZED:
            return response
        refused = str(response.request.headers["Authorization"]).removeprefix("Bearer ")
        with self._lock:
            if self._current.value == refused:
                if time.time() - self._current.fetched_at < _YOUNG:
                    return response
                self._renew()
            value = self._current.value
        _ = response.content  # the connection is free again once its answer has been read
        response.close()
        again = response.request.copy()
        again.headers["Authorization"] = f"Bearer {value}"
        repeated: Response = response.connection.send(again, **options)
        repeated.history.append(response)
        repeated.request = again
        return repeated
