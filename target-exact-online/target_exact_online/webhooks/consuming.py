"""What the next run does with signals: master data is read again, entries are compared."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from exact_online.errors import ExactError
from target_exact_online.master_data.cache import Cache
from target_exact_online.master_data.shelf import FRESH_SECONDS
from target_exact_online.webhooks import comparing, queue
from target_exact_online.webhooks.signals import MASTER_DATA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Engine

    from target_exact_online.company import Company
    from target_exact_online.ledger.store import Ledger
    from target_exact_online.summary import Summary

_LOGGER = logging.getLogger("target-exact-online")


def make_stale(engine: Engine) -> list[tuple[int, str]]:
    """Have master data that Exact signalled read again by whoever needs it next.

    Args:
        engine: The ledger's engine.

    Returns:
        Which kinds of which companies.
    """
    some = queue.waiting(engine, "exact", MASTER_DATA)
    kinds = sorted({(one.division, MASTER_DATA[one.topic]) for one in some})
    for division, kind in kinds:
        cache = Cache(engine, division)
        # Once is enough: each time counts two days, and after many all would be read anew.
        if time.time() - cache.state(kind).read_at < FRESH_SECONDS:
            cache.forget(kind)
    queue.handled(engine, some)
    return kinds


def compare_in_run(
    config: Mapping[str, Any], ledger: Ledger, company: Company, summary: Summary
) -> None:
    """Compare what was signalled at the end of a run, and tell what differs; it fails no run.

    Args:
        config: The target's settings.
        ledger: The audit trail.
        company: Makes the calls.
        summary: What the run tells.
    """
    try:
        comparing.look(config, ledger, company=company)
    except ExactError as error:
        _LOGGER.warning("Signalled entries were not compared: %s", error)
    for row in comparing.differing(ledger):
        summary.differ(row.document_key, row.order_number, row.words)
