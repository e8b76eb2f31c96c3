"""A protected secret leaves the process neither in a log record nor in a traceback."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

from connector_credentials import CredentialStore, protect, redact

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

SECRET = "hunter2-of-the-books"  # a test


def logged(act: Callable[[logging.Logger], None]) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("somebody.elses.library")
    logger.addHandler(handler)
    try:
        act(logger)
    finally:
        logger.removeHandler(handler)
    return stream.getvalue()


def test_messages_and_arguments_are_cleaned() -> None:
    protect(SECRET)
    text = logged(lambda logger: logger.warning("token %s of %s", SECRET, "me"))
    assert text == "token *** of me\n"
    text = logged(lambda logger: logger.warning("body: %r", {"refresh_token": SECRET}))
    assert SECRET not in text
    text = logged(lambda logger: logger.warning(f"plain {SECRET}"))  # noqa: G004  # others do it
    assert text == "plain ***\n"


def test_percent_encoded_secrets_are_cleaned() -> None:
    protect("a+b/c=d+e")
    assert redact("code=a%2Bb%2Fc%3Dd%2Be&x=1") == "code=***&x=1"


def test_tracebacks_in_logs_are_cleaned() -> None:
    protect(SECRET)

    def fail(logger: logging.Logger) -> None:
        try:
            raise ValueError(SECRET)  # noqa: TRY301  # it is about the traceback
        except ValueError:
            logger.exception("failed")

    text = logged(fail)
    assert "ValueError: ***" in text
    assert SECRET not in text


def test_other_records_are_left_alone() -> None:
    protect(SECRET)
    assert logged(lambda logger: logger.warning("%d of %s", 3, "nothing")) == "3 of nothing\n"


def test_short_and_empty_values_are_not_secrets() -> None:
    protect("", None, "abc")
    assert redact("abc None") == "abc None"


def test_the_longest_secret_is_masked_whole() -> None:
    protect("overlapping", "overlapping-secret")
    assert redact("overlapping-secret") == "***"


def test_what_is_in_use_stays_protected_however_many_tokens_come() -> None:
    protect("the-secret-in-use")
    for number in range(500):
        protect(f"token-number-{number}", "the-secret-in-use")
    assert redact("the-secret-in-use token-number-499") == "*** ***"


def test_what_is_read_from_a_store_is_protected(store: CredentialStore) -> None:
    store.put("a", {"refresh_token": "stored-refresh-token", "country": "NL-country"})
    store.get("a")
    assert redact("stored-refresh-token NL-country") == "*** NL-country"


def test_an_uncaught_error_is_cleaned(python: Callable[..., subprocess.Popen[str]]) -> None:
    code = """
from connector_credentials import protect
protect("secret-in-a-crash")
raise RuntimeError("it was secret-in-a-crash")
"""
    # The secret is in the code itself here, so the code comes from standard input.
    process = python("import sys; exec(sys.argv[1])", code)
    _, errors = process.communicate(timeout=30)
    assert "it was ***" in errors
    assert "secret-in-a-crash" not in errors


def test_an_uncaught_error_in_a_thread_is_cleaned(
    python: Callable[..., subprocess.Popen[str]],
) -> None:
    code = """
import threading
from connector_credentials import protect
protect("secret-in-a-thread")
def fail():
    raise RuntimeError("it was secret-in-a-thread")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
"""
    process = python("import sys; exec(sys.argv[1])", code)
    _, errors = process.communicate(timeout=30)
    assert "it was ***" in errors
    assert "secret-in-a-thread" not in errors
