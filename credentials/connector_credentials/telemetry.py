"""OpenTelemetry: a span and counts for each run, by the standard variables (extra `otel`)."""

from __future__ import annotations

import contextlib
import logging
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Figures of a run that ended: words of our own only, no numbers of documents, names, texts.

    Attributes:
        program: Who ran.
        prefix: First part of the names of what is told, such as ``exact_online``.
        started_at: When.
        outcome: What whoever scheduled it should do next.
        counted: What `counts` are of, such as ``document``.
        by: What `counts` are by, such as ``result``.
        counts: How many, by that.
        calls: HTTP calls; None where there are none to make.
        attributes: What else tells runs apart.
        error: What ended it early, or None.
    """

    program: str
    prefix: str
    started_at: datetime
    outcome: str
    counted: str
    by: str
    counts: Mapping[str, int]
    calls: int | None = None
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    error: BaseException | None = None


@contextlib.contextmanager
def told(
    program: str, prefix: str, is_for_a_person: Callable[[BaseException], bool]
) -> Iterator[Counter[str]]:
    """Tell what becomes of the run inside.

    Args:
        program: Who runs.
        prefix: As in `Ended`.
        is_for_a_person: Whether an error stays until somebody has changed something.

    Yields:
        The records of each stream, for the run to count.
    """
    started_at, counts, outcome = datetime.now(UTC), Counter[str](), "ok"
    error: BaseException | None = None
    try:
        yield counts
    except BaseException as failure:
        error, outcome = failure, "stopped" if is_for_a_person(failure) else "retry"
        raise
    finally:
        tell(
            Ended(
                program=program,
                prefix=prefix,
                started_at=started_at,
                outcome=outcome,
                counted="record",
                by="stream",
                counts=counts,
                error=error,
            )
        )


def tell(ended: Ended) -> None:
    """Send what became of a run, when an ``OTEL_…`` variable asks for it; a failure fails no run.

    Args:
        ended: The run.
    """
    if not any(name.startswith("OTEL_") for name in os.environ):
        return
    logger = logging.getLogger(ended.program)
    try:
        # Imported here: few have it, and it costs a third of a second.
        from opentelemetry import metrics, trace  # noqa: PLC0415
        from opentelemetry.instrumentation import auto_instrumentation  # noqa: PLC0415
    except ImportError:
        logger.warning(
            "OTEL_ variables are set, but OpenTelemetry is not installed: install %s[otel].",
            ended.program,
        )
        return
    os.environ.setdefault("OTEL_SERVICE_NAME", ended.program)
    try:
        auto_instrumentation.initialize()
        named = {"outcome": ended.outcome, **ended.attributes}
        attributes = {f"{ended.prefix}.{name}": value for name, value in named.items()}
        start = int(ended.started_at.timestamp() * 1e9)
        tracer = trace.get_tracer(ended.program)
        span = tracer.start_span("run", start_time=start, attributes=attributes)
        span.set_attributes({f"{ended.prefix}.{by}": count for by, count in ended.counts.items()})
        if ended.error is not None:
            span.set_status(trace.StatusCode.ERROR, type(ended.error).__name__)
        span.end()
        meter = metrics.get_meter(ended.program)
        counter = meter.create_counter(f"{ended.prefix}.{ended.counted}s", f"{{{ended.counted}}}")
        for by, count in ended.counts.items():
            counter.add(count, attributes | {f"{ended.prefix}.{ended.by}": by})
        if ended.calls is not None:
            calls = meter.create_counter(f"{ended.prefix}.calls", "{call}")
            calls.add(ended.calls, attributes)
    except Exception as failure:  # noqa: BLE001  # of a library that must not fail the run
        logger.warning("OpenTelemetry failed: %s.", type(failure).__name__)
