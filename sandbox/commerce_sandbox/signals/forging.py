"""Signals that a receiver must refuse."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from commerce_sandbox.exceptions import SignalError
from commerce_sandbox.signals.signing import Signal, Signer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _signatures(headers: Mapping[str, str]) -> list[str]:
    return [name for name in headers if "signature" in name]


def _with_signatures(signal: Signal, change: Callable[[str], str]) -> Signal:
    changed = {name: change(signal.headers[name]) for name in _signatures(signal.headers)}
    body = signal.body
    start, mark, digest = body.rpartition(b'"HashCode":"')
    if mark:
        body = start + mark + change(digest[:64].decode()).encode() + digest[64:]
    return Signal(body, {**signal.headers, **changed})


def _unsigned(signal: Signal, _: Signal) -> Signal:
    body = signal.body.partition(b',"HashCode"')[0]
    kept = {n: v for n, v in signal.headers.items() if n not in _signatures(signal.headers)}
    return Signal(body if body == signal.body else body + b"}", kept)


def _key_elsewhere(signal: Signal, stranger: Signal) -> Signal:
    """Sign with a stranger's keys, and say that they lie on the stranger's own host."""
    paths = {
        name: f"https://keys.example.com{path}"
        for name, path in stranger.headers.items()
        if name.endswith("-path")
    }
    del signal
    return Signal(stranger.body, {**stranger.headers, **paths})


# How a signal is forged; each takes the genuine one and the same one signed by a stranger.
FORGERIES: dict[str, Callable[[Signal, Signal], Signal]] = {
    "unsigned": _unsigned,
    "other_key": lambda _, stranger: stranger,
    "key_elsewhere": _key_elsewhere,
    "changed_body": lambda signal, _: replace(
        signal, body=signal.body.replace(b"1", b"2").replace(b"Update", b"Delete")
    ),
    "reformatted": lambda signal, _: replace(signal, body=signal.body.replace(b":", b": ")),
    "garbage": lambda signal, _: _with_signatures(signal, lambda _: "%%not base64%%"),
    "truncated": lambda signal, _: _with_signatures(signal, lambda text: text[:-8]),
    "empty": lambda signal, _: _with_signatures(signal, lambda _: ""),
}


@cache
def _stranger() -> Signer:
    """Return one stranger for all forgeries: keys take long to make."""
    return Signer.stranger()


def forged(how: str, signer: Signer, make: Callable[[Signer], Signal]) -> Signal:
    """Return a forged signal that a receiver must refuse.

    Args:
        how: A key of :data:`FORGERIES`.
        signer: Of the genuine signal.
        make: Makes it.

    Raises:
        SignalError: There is no such forgery.
    """
    if how not in FORGERIES:
        raise SignalError.unknown(what="forgery", name=how, names=FORGERIES)
    return FORGERIES[how](make(signer), make(_stranger()))
