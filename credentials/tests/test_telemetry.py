"""What a run tells OpenTelemetry, as a collector on loopback gets it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = """
import contextlib
from connector_credentials.telemetry import told

with contextlib.suppress(ValueError), told("tap-of-a-test", "shop", ERRORS) as counts:
    counts["invoices"] += 2
    raise ValueError("about order 7")
"""


@pytest.fixture
def collector() -> Iterator[tuple[str, dict[str, bytes]]]:
    got: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            got[self.path] = got.get(self.path, b"") + self.rfile.read(size)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", got
        server.shutdown()


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def test_a_run_that_was_stopped_is_a_span_with_figures_and_no_texts(
    collector: tuple[str, dict[str, bytes]],
) -> None:
    url, got = collector
    run(
        RUN.replace("ERRORS", "lambda error: type(error) is ValueError"),
        OTEL_EXPORTER_OTLP_ENDPOINT=url,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_EXPORTER_OTLP_COMPRESSION="none",
    )
    spans, figures = got["/v1/traces"], got["/v1/metrics"]
    for word in (b"tap-of-a-test", b"shop.outcome", b"stopped", b"shop.invoices", b"ValueError"):
        assert word in spans
    for word in (b"shop.records", b"{record}", b"shop.stream", b"invoices", b"stopped"):
        assert word in figures
    assert b"order 7" not in spans + figures


def test_without_the_variables_nothing_is_imported() -> None:
    code = RUN.replace("ERRORS", "bool") + "import sys; print('opentelemetry' in sys.modules)"
    assert run(code).stdout == "False\n"


def test_without_the_extra_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['opentelemetry'] = None\n" + RUN.replace("ERRORS", "bool")
    done = run(code, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert "install tap-of-a-test[otel]." in done.stderr
