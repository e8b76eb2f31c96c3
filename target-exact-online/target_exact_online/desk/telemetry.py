"""OpenTelemetry: a span and counts for each run, by the standard variables (extra `otel`)."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target_exact_online.summary import Summary

_NAME = "target-exact-online"
_logger = logging.getLogger(_NAME)


def tell(
    summary: Summary, division: int | None, exit_code: int, error: BaseException | None
) -> None:
    """Send what became of a run, when an ``OTEL_…`` variable asks for it; a failure fails no run.

    Only figures and words of our own are sent: no numbers of documents, names or messages.
    """
    if not any(name.startswith("OTEL_") for name in os.environ):
        return
    try:
        # Imported here: few have it, and it costs a third of a second.
        from opentelemetry import metrics, trace  # noqa: PLC0415
        from opentelemetry.instrumentation import auto_instrumentation  # noqa: PLC0415
    except ImportError:
        _logger.warning(
            "OTEL_ variables are set, but OpenTelemetry is not installed: install "
            "target-exact-online[otel]."
        )
        return
    os.environ.setdefault("OTEL_SERVICE_NAME", _NAME)
    try:
        auto_instrumentation.initialize()
        attributes = {
            "exact_online.outcome": summary.outcome(exit_code, error),
            "exact_online.division": division or 0,
        }
        counts = {
            "posted": sum(summary.posted.values()),
            "parked": len(summary.parked),
            "failed": len(summary.failed),
            "skipped": len(summary.skipped),
            "changed": len(summary.changed),
            "held": summary.held,
        }
        start = int(summary.started_at.timestamp() * 1e9)
        span = trace.get_tracer(_NAME).start_span("run", start_time=start, attributes=attributes)
        span.set_attributes({f"exact_online.{name}": count for name, count in counts.items()})
        if error is not None:
            span.set_status(trace.StatusCode.ERROR, type(error).__name__)
        span.end()
        meter = metrics.get_meter(_NAME)
        documents = meter.create_counter("exact_online.documents", "{document}")
        for name, count in counts.items():
            documents.add(count, attributes | {"exact_online.result": name})
        meter.create_counter("exact_online.calls", "{call}").add(summary.calls, attributes)
    except Exception as failure:  # noqa: BLE001  # of a library that must not fail the run
        _logger.warning("OpenTelemetry failed: %s.", type(failure).__name__)
