"""What a run tells OpenTelemetry, as a collector on loopback gets it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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


def test_a_run_is_a_span_with_figures_and_no_names(
    target: Any,
    sales_entry: Callable[..., dict[str, Any]],
    collector: tuple[str, dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, got = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    outcome = target.post([sales_entry(1)])
    assert outcome.exit_code == 0, outcome.stderr
    spans, figures = got["/v1/traces"], got["/v1/metrics"]
    for expected in (b"target-exact-online", b"exact_online.outcome", b"exact_online.posted"):
        assert expected in spans
    for expected in (b"exact_online.documents", b"exact_online.calls", b"parked"):
        assert expected in figures
    for secret in (b"000000001", target.config["refresh_token"].encode()):
        assert secret not in spans + figures


def test_a_collector_that_is_away_fails_no_run(
    target: Any, sales_entry: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    outcome = target.post([sales_entry(1)])
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.state is not None  # written all the same
