"""Keeps known secrets out of logs and tracebacks.

Whoever reads a secret calls :func:`protect` with it. From then on every log record of the process
is cleaned when it is made, whichever library logs it and whichever handler writes it.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from types import TracebackType

MASK = "***"
_SHORTEST = 6  # shorter values would also hit ordinary words

_lock = threading.Lock()
_secrets: set[str] = set()
_pattern: re.Pattern[str] | None = None
_installed = False


def protect(*secrets: object) -> None:
    """Never let these values appear in a log record or traceback of this process."""
    global _pattern  # noqa: PLW0603  # one set of secrets per process is the point
    found = {str(secret) for secret in secrets if secret and len(str(secret)) >= _SHORTEST}
    found |= {quote(secret, safe="") for secret in found}
    with _lock:
        if found <= _secrets:
            return
        _secrets.update(found)
        longest_first = sorted(_secrets, key=len, reverse=True)
        _pattern = re.compile("|".join(map(re.escape, longest_first)))
        _install()


def redact(text: str) -> str:
    """The text with every protected secret masked."""
    pattern = _pattern
    return pattern.sub(MASK, text) if pattern else text


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
    previous_hook = sys.excepthook

    def clean_hook(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        text = "".join(traceback.format_exception(kind, error, trace))
        if redact(text) == text:
            previous_hook(kind, error, trace)
        else:
            sys.stderr.write(redact(text))

    sys.excepthook = clean_hook
