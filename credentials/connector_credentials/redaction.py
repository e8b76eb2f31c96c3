"""Keeps known secrets out of logs and tracebacks.

Whoever reads a secret calls :func:`protect` with it. From then on every log record of the process
is cleaned when it is made, whichever library logs it and whichever handler writes it.
"""

from __future__ import annotations

import json
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

MASK = "***"
_SHORTEST = 6  # shorter values would also hit ordinary words
_KEPT = 200  # the least recently used are dropped: tokens of long ago are worth nothing

_lock = threading.Lock()
_secrets: dict[str, None] = {}  # in order of use
_longest_first: tuple[str, ...] = ()
_installed = False


def protect(*secrets: object) -> None:
    """Never let these values appear in a log record or traceback of this process."""
    global _longest_first  # noqa: PLW0603  # one set of secrets per process is the point
    found = {str(secret) for secret in secrets if secret and len(str(secret)) >= _SHORTEST}
    # As it stands in an address, in JSON, and in PHP's JSON.
    written = {json.dumps(secret)[1:-1] for secret in found}
    found |= {quote(secret, safe="") for secret in found} | written
    found |= {secret.replace("/", "\\/") for secret in written}
    with _lock:
        for secret in found:
            _secrets.pop(secret, None)
            _secrets[secret] = None
        while len(_secrets) > _KEPT:
            del _secrets[next(iter(_secrets))]
        _longest_first = tuple(sorted(_secrets, key=len, reverse=True))
        _install()


def redact(text: str) -> str:
    """The text with every protected secret masked."""
    for secret in _longest_first:
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def _install() -> None:
    global _installed  # noqa: PLW0603  # as above
    if _installed:
        return
    _installed = True
    from connector_credentials.output import clean_logs  # noqa: PLC0415  # it needs this module

    clean_logs()
    sys.excepthook = _clean_hook(sys.excepthook)
    thread_hook = threading.excepthook

    def clean_thread_hook(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None and _tells_a_secret(failed.exc_value):
            sys.stderr.write(redact("".join(traceback.format_exception(failed.exc_value))))
        else:
            thread_hook(failed)

    threading.excepthook = clean_thread_hook


def _clean_hook(previous: Callable[..., Any]) -> Callable[..., None]:
    def clean_hook(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if _tells_a_secret(error):
            sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))
        else:
            previous(kind, error, trace)

    return clean_hook


def _tells_a_secret(error: BaseException) -> bool:
    text = "".join(traceback.format_exception(error))
    return redact(text) != text
