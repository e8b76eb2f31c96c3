"""One piece of work on both sides: plan, apply a plan, or both at once."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from target_adobe_commerce import plan as plans
from target_adobe_commerce import reports
from target_adobe_commerce.applying import Applying
from target_adobe_commerce.exceptions import PlanError, StalePlanError
from target_adobe_commerce.kept.database import one_at_a_time
from target_adobe_commerce.kept.keeping import Keeping
from target_adobe_commerce.planning import decide, gather
from target_adobe_commerce.settings import Settings
from target_adobe_commerce.shop import Shop
from target_adobe_commerce.subjects import Decisions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from target_adobe_commerce.applying import Outcome
    from target_adobe_commerce.plan import Plan

#: Differences that a message names.
_NAMED = 5
EXIT_ATTENTION = 3


@dataclass(frozen=True)
class Bench:
    """Both sides, open.

    Attributes:
        settings: The checked settings.
        shop: The shop.
        keeping: The target's database.
    """

    settings: Settings
    shop: Shop
    keeping: Keeping


@contextlib.contextmanager
def open_bench(config: Mapping[str, Any]) -> Iterator[Bench]:
    """Open the target's database; the shop is called when it is first needed.

    Raises:
        ConfigError: A setting is wrong, or the database cannot be used.
    """
    settings = Settings.of(config)
    keeping = Keeping.open(settings.database_url, settings.instance)
    with contextlib.closing(keeping):
        yield Bench(settings, Shop(settings, config), keeping)


def make_plan(bench: Bench) -> Plan:
    """Read both sides and say what would be written; nothing is."""
    gathered = gather(bench.settings, bench.shop, bench.keeping)
    return decide(gathered, bench.settings, bench.keeping)


def apply_at_once(
    bench: Bench, is_stopping: Callable[[], bool] = lambda: False
) -> tuple[Plan, Outcome]:
    """Plan and write; for schedules."""
    with one_at_a_time(bench.keeping.engine, bench.keeping.instance):
        gathered = gather(bench.settings, bench.shop, bench.keeping)
        plan = decide(gathered, bench.settings, bench.keeping)
        applying = Applying(gathered, plan, bench.shop, bench.keeping, is_stopping)
        return plan, applying.run()


def apply_plan(
    bench: Bench,
    planned: Plan,
    decided: Mapping[str, str],
    is_stopping: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Write what a plan says.

    Args:
        bench: Both sides.
        planned: The plan that somebody has seen.
        decided: ``exact`` or ``shop`` for records in conflict, by key.
        is_stopping: Whether to begin nothing more.

    Raises:
        PlanError: The plan is for another shop or company, or a key is in no conflict.
        StalePlanError: Either side changed since; nothing was written.
    """
    with one_at_a_time(bench.keeping.engine, bench.keeping.instance):
        gathered = gather(bench.settings, bench.shop, bench.keeping)
        now = decide(gathered, bench.settings, bench.keeping)
        if (planned.instance, planned.division) != (now.instance, now.division):
            msg = (
                f"The plan is for {planned.instance}, company {planned.division}; the settings "
                f"are for {now.instance}, company {now.division}."
            )
            raise PlanError(msg)
        if told := plans.differences(planned, now):
            more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
            msg = (
                f"The plan is out of date: {'; '.join(told[:_NAMED])}{more}. Nothing was written. "
                "Make it again with `plan`."
            )
            raise StalePlanError(msg)
        keys = {entry.key for entry in now.entries if entry.changes and entry.conflicts}
        if strangers := sorted(decided.keys() - keys):
            msg = f"{strangers[0]} is no record of the plan whose fields are in conflict."
            raise PlanError(msg)
        decisions = Decisions(bench.settings.conflicts, decided)
        final = decide(gathered, bench.settings, bench.keeping, decisions)
        applying = Applying(gathered, final, bench.shop, bench.keeping, is_stopping)
        return applying.run()


def write_files(plan: Plan, json_path: str | None, xlsx_path: str | None) -> None:
    """Write a plan to the files that are wanted."""
    if json_path:
        plans.write(plan, json_path)
    if xlsx_path:
        reports.write_workbook(plan, xlsx_path)


def exit_code(plan: Plan, outcome: Outcome | None, fail_on: str) -> int:
    """Return 0, or 3 when somebody has to look (setting ``fail_on``)."""
    failed = bool(outcome and (outcome.failed or outcome.unsettled))
    if fail_on == "never":
        return 0
    if failed or (fail_on == "conflict" and plan.conflicts):
        return EXIT_ATTENTION
    return 0
