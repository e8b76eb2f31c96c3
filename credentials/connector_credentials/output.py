"""One cleaner for everything that a program shows: terminal, log, last error line.

Texts of shops, of Exact, of files and of people end in both. Shown as they come they could colour
or clear a terminal, forge a line of the log, fill a disk, or tell a secret that the other side
sent back.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import unicodedata
from pathlib import Path
from typing import Any

from connector_credentials.redaction import MASK, redact

#: Variable with the file in which every program of a run says how it failed, a JSON line each.
FAILURES_FILE = "CONNECTOR_FAILURES_FILE"
#: Characters of a text that are shown unless the caller says otherwise.
LIMIT = 1000
#: Characters of one log message, and of the traceback below it.
LOG_LIMIT = 4000
TRACEBACK_LIMIT = 20_000
#: Characters in which secrets are looked for by their look; far more than is ever shown.
_SEARCHED = 100_000

#: Categories of characters that are not shown as themselves: control, format (direction, joiners),
#: half a surrogate pair, private and unassigned ones, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

#: What looks like a secret even if nobody has protected it. Bounded parts: no text makes them slow.
_LOOKS_SECRET = (
    re.compile(
        r"(?i)\b((?:oauth_[a-z_]{0,30}|access_token|refresh_token|client_secret|consumer_secret"
        r"|consumer_key|api_?key|password)[\"'\\]{0,3}\s{0,3}(?:[=:]|%3D|=>)\s{0,3}[\"'\\]{0,3}"
        r"(?:%22)?)[A-Za-z0-9._~+/=%\-]{12,}"
    ),
    re.compile(r"(?i)\b((?:bearer|basic)(?:\s{1,3}|%20))[A-Za-z0-9._~+/=\-]{20,}"),
    re.compile(r"()\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{4,}(?:\.[A-Za-z0-9_\-]*)?"),
)

_lock = threading.Lock()
_installed = False


def clean(text: object, limit: int = LIMIT) -> str:
    """A text of anybody as one line that may be shown anywhere.

    Secrets are masked, control characters are shown as escapes, and the length is bounded. It
    takes no markup: print the result as it is (with *rich*: ``markup=False``, or as ``Text``).

    Args:
        text: What to show.
        limit: Most characters of the result.
    """
    line = _visible(mask(str(text)), limit)
    if len(line) <= limit:
        return line
    note = f"... ({len(str(text))} characters)"
    return (line[: max(0, limit - len(note))] + note)[:limit]


def record_failure(program: str, text: object, *, stopped: bool) -> None:
    """Add how a program failed to the file that ``CONNECTOR_FAILURES_FILE`` names, if it does.

    Whoever scheduled a run gets words and the exit code 0 or 1 from Meltano; this is the fact.

    Args:
        program: Its name.
        text: Its last error line.
        stopped: Whether somebody has to change something first; otherwise another try can help.
    """
    if not (path := os.environ.get(FAILURES_FILE)):
        return
    outcome = "stopped" if stopped else "retry"
    line = json.dumps({"program": program, "outcome": outcome, "error": clean(text)})
    try:
        with Path(path).open("a", encoding="utf-8") as file:  # one write: others add theirs
            file.write(f"{line}\n")
    except OSError as error:
        logging.getLogger(program).warning(
            "The file of %s cannot be written: %s.", FAILURES_FILE, error.strerror
        )


def mask(text: str) -> str:
    """The text without protected secrets and without what looks like one, else unchanged."""
    # All of it: a cut before this could leave half a secret, which nobody knows any more.
    text = redact(text)[:_SEARCHED]
    for pattern in _LOOKS_SECRET:
        text = pattern.sub(rf"\1{MASK}", text)
    return text


def clean_logs() -> None:
    """From now on every log record of this process is cleaned when it is made.

    Whichever library logs it, whichever handler writes it. May be called again.
    """
    global _installed  # noqa: PLW0603  # one log per process is the point
    with _lock:
        if _installed:
            return
        _installed = True
    make_record = logging.getLogRecordFactory()
    formatter = logging.Formatter()

    def clean_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make_record(*args, **kwargs)
        message = record.getMessage()
        if (cleaned := clean(message, LOG_LIMIT)) != message:
            record.msg, record.args = cleaned, None
        if record.exc_info and record.exc_info[0]:
            trace = formatter.formatException(record.exc_info)
            # Formatters reuse exc_text when it is there; the structured ones read the exception.
            record.exc_text = _clean_traceback(trace)
            if mask(trace) != trace:
                record.exc_info = None
        return record

    logging.setLogRecordFactory(clean_record)


def _clean_traceback(trace: str) -> str:
    """Indented, so that no line of it passes for a line of the log."""
    lines = mask(trace)[:TRACEBACK_LIMIT].splitlines()
    return "\n".join(f"  {_visible(line, LOG_LIMIT)[:LOG_LIMIT]}" for line in lines)


def _visible(text: str, limit: int) -> str:
    """A little more than ``limit`` characters, none of them hidden."""
    part = text[: limit + 1]
    if part.isprintable():
        return part
    return "".join(_shown(character) for character in part)


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    return _SHORT.get(character) or character.encode("unicode_escape").decode("ascii")
