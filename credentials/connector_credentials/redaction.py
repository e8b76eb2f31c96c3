"""Keeps known secrets out of logs and tracebacks.

Whoever reads a secret calls :func:`protect` with it. From then on every log record of the process
is cleaned when it is made, whichever library logs it and whichever handler writes it.
"""

from __future__ import annotations

import logging
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
    found |= {quote(secret, safe="") for secret in found}
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
    make_record = logging.getLogRecordFactory()
    formatter = logging.Formatter()

    def clean_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make_record(*args, **kwargs)
        message = record.getMessage()
        if (cleaned := redact(message)) != message:
            record.msg, record.args = cleaned, None
        if record.exc_info and record.exc_info[0]:
            # Formatters reuse exc_text when it is there, so this is what they print.
            record.exc_text = redact(formatter.formatException(record.exc_info))
        return record

    logging.setLogRecordFactory(clean_record)
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
