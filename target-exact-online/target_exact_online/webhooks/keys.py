"""The public keys of Adobe I/O Events: read from one pinned host, remembered for a day.

An event says itself under which path its key lies, and anybody may send one: so the path is only
ever looked up at Adobe's own host, it has the form of Adobe's, and few are looked up in a minute.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from exact_online.errors import ConfigError, TransientApiError
from exact_online.hosts import LOOPBACK
from exact_online.transport import NoAnswerError, NotSentError, exchange, new_session
from target_exact_online.webhooks.verifying import NotVerifiedError, public_key

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests
    from cryptography.hazmat.primitives.asymmetric import rsa

HOST = "static.adobeioevents.com"
FRESH_SECONDS = 86_400.0
_PATH = re.compile(r"/(?:[A-Za-z0-9_-]{1,64}/){1,4}[A-Za-z0-9_-]{1,128}\.pem")
_LONGEST_PATH = 256
_LARGEST = 16 * 1024
_A_MINUTE = 20  # look-ups; Adobe has two keys
_MOST_KEPT = 32


def check_keys_url(url: str) -> str:
    """Return the address of the keys' host.

    Raises:
        ConfigError: It is not Adobe's, nor one on loopback.
    """
    parts = urlsplit(url)
    adobe = (parts.scheme, parts.netloc) == ("https", HOST)
    local = parts.scheme in {"http", "https"} and parts.hostname in LOOPBACK
    if not (adobe or local) or parts.path.strip("/") or parts.query:
        msg = f"The setting adobe_keys_url names another host than {HOST}. Leave it out."
        raise ConfigError(msg)
    return url.rstrip("/")


@dataclass(slots=True)
class EventKeys:
    """Reads and remembers keys; thread safe.

    Attributes:
        url: Where they are read; see `check_keys_url`.
        session: Makes the calls.
        clock: Seconds that never go back.
    """

    url: str
    session: requests.Session = field(default_factory=new_session)
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, tuple[float, rsa.RSAPublicKey | None]] = field(default_factory=dict)
    _asked: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def known(self, path: str) -> rsa.RSAPublicKey | None:
        """Return a key that is remembered, without asking for it."""
        read_at, key = self._known.get(path, (0.0, None))
        return key if key is not None and self.clock() - read_at < FRESH_SECONDS else None

    def get(self, path: str) -> rsa.RSAPublicKey:
        """Return the key under a path.

        Raises:
            NotVerifiedError: It is no path of a key, or there is none.
            TransientApiError: The host does not answer, or was asked too often.
        """
        if len(path) > _LONGEST_PATH or not _PATH.fullmatch(path):
            msg = "It names its key by a path that is none of Adobe's."
            raise NotVerifiedError(msg)
        with self._lock:
            read_at, key = self._known.get(path, (0.0, None))
            if path not in self._known or self.clock() - read_at >= FRESH_SECONDS:
                key = self._read(path)
        if key is None:
            msg = "Adobe has no key under the path that it names."
            raise NotVerifiedError(msg)
        return key

    def _read(self, path: str) -> rsa.RSAPublicKey | None:
        now = self.clock()
        self._asked = [at for at in self._asked if now - at < 60]  # noqa: PLR2004  # seconds
        if len(self._asked) >= _A_MINUTE:
            msg = "Too many keys of Adobe I/O Events were looked up in this minute."
            raise TransientApiError(msg)
        self._asked.append(now)
        try:
            answer = exchange(self.session, "GET", self.url + path, clock=time.time)
        except (NotSentError, NoAnswerError) as error:
            msg = f"The keys of Adobe I/O Events cannot be read ({error})."
            raise TransientApiError(msg) from error
        if answer.status == HTTPStatus.NOT_FOUND:
            return self._keep(path, None)
        if answer.status != HTTPStatus.OK:
            msg = f"The keys of Adobe I/O Events cannot be read (HTTP {answer.status})."
            raise TransientApiError(msg)
        try:
            return self._keep(path, public_key(answer.body[:_LARGEST]))
        except ConfigError:
            return self._keep(path, None)

    def _keep(self, path: str, key: rsa.RSAPublicKey | None) -> rsa.RSAPublicKey | None:
        self._known.pop(path, None)
        while len(self._known) >= _MOST_KEPT:  # what is no key goes first: anybody may name paths
            missing = (name for name, (_, one) in self._known.items() if one is None)
            self._known.pop(next(missing, next(iter(self._known))))
        self._known[path] = (self.clock(), key)
        return key
