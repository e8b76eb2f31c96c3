"""Delivering signals to a receiver on loopback, as the real senders do."""

from __future__ import annotations

import http.client
import ipaddress
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from commerce_sandbox.exceptions import SignalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from random import Random

    from commerce_sandbox.signals.signing import Signal

_TIMEOUT = 10.0
_SLOW_PAUSE = 0.05
_OK = range(200, 300)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one attempt to deliver a signal.

    Attributes:
        status: Of the answer; None when there was none in time.
        seconds: How long it took.
        attempt: Counted from 0.
    """

    status: int | None
    seconds: float
    attempt: int = 0


class Sender:
    """Delivers signals to one receiver on loopback."""

    def __init__(self, url: str, *, timeout: float = _TIMEOUT) -> None:
        """Take the receiver's URL.

        Args:
            url: ``http://`` and a loopback address.
            timeout: Seconds that an answer may take.

        Raises:
            SignalError: The address is not on loopback.
        """
        address = urlsplit(url)
        host = address.hostname or ""
        try:
            is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            is_loopback = False
        if not is_loopback or address.scheme != "http":
            raise SignalError.not_loopback(url)
        self._host, self._port = host, address.port
        self._path = address.path or "/"
        self._timeout = timeout

    def send(
        self, signal: Signal, *, attempt: int = 0, bytes_per_second: float | None = None
    ) -> Delivery:
        """Deliver a signal once.

        Args:
            signal: What to send.
            attempt: Told in ``x-adobe-retry-count`` when it is not the first.
            bytes_per_second: Let the body drip.
        """
        headers = {**signal.headers, "Content-Length": str(len(signal.body))}
        if attempt:
            headers["x-adobe-retry-count"] = str(attempt)
        return self._exchange("POST", self._path, headers, signal.body, attempt, bytes_per_second)

    def challenge(self, text: str | None = None) -> bool:
        """Register as I/O Events does: the receiver must give the challenge back."""
        text = text or str(uuid.uuid4())
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        try:
            connection.request("GET", f"{self._path}?challenge={quote(text)}")
            answer = connection.getresponse()
            return answer.status in _OK and text in answer.read().decode(errors="replace")
        except OSError:
            return False
        finally:
            connection.close()

    def _exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        attempt: int,
        bytes_per_second: float | None,
    ) -> Delivery:
        began = time.monotonic()
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        status = None
        try:
            connection.putrequest(method, path)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            size = max(1, round((bytes_per_second or len(body) / _SLOW_PAUSE + 1) * _SLOW_PAUSE))
            for position in range(0, len(body), size):
                connection.send(body[position : position + size])
                if bytes_per_second:
                    time.sleep(_SLOW_PAUSE)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            status = None  # no answer, or the receiver has hung up
        finally:
            connection.close()
        return Delivery(status, time.monotonic() - began, attempt)


def pauses() -> Iterator[float]:
    """Yield the seconds between the attempts of I/O Events: doubled up to 15 minutes, for 24 h."""
    pause, left = 60.0, 24 * 3600.0
    while left > 0:
        yield pause
        left -= pause
        pause = min(pause * 2, 900.0)


def deliver(
    sender: Sender,
    signals: Iterable[Signal],
    *,
    rng: Random,
    duplicates: float = 0.0,
    shuffle: bool = False,
    wait: Callable[[float], object] | None = None,
) -> list[Delivery]:
    """Deliver signals as the real ones come: some twice, in any order, again until taken.

    Args:
        sender: Where to.
        signals: What happened, in order.
        rng: Chance.
        duplicates: Share of the signals that come twice.
        shuffle: Whether their order is lost.
        wait: Lets the time between two attempts pass; without it there is one attempt, as
            Adobe Commerce's own webhooks have it.
    """
    queue = [each for signal in signals for each in [signal] * (1 + (rng.random() < duplicates))]
    if shuffle:
        rng.shuffle(queue)
    done = []
    for signal in queue:
        delivery = sender.send(signal)
        done.append(delivery)
        for attempt, pause in enumerate(pauses() if wait else (), 1):
            if delivery.status in _OK or wait is None:
                break
            wait(pause)
            delivery = sender.send(signal, attempt=attempt)
            done.append(delivery)
    return done
