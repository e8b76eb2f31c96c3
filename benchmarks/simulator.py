"""Simulate shops, Exact Online and people for thousands of days, and compare the books each day.

    uv run benchmarks/simulator.py --seeds 100 --days 20 --json

The real posting loop, ledger and client run against the sandbox in this process, on a virtual
clock. One seed draws everything that happens: what shops sell and change, kills, restored backups,
late and lost answers, limits, people at work in Exact, a clock that is wrong. The same seed gives
the same life, call by call.

Figures, each of which counts a finding once:

- `lost`: a document of which the ledger knows nothing although STATE says that it is safe, or that
  after the last, quiet days is not in Exact without a reason that the simulator knows of
- `doubled`: Exact has it twice because of us, alone or in a day's entry; or a debtor twice
- `wrong_company`: it is in another division than its own
- `false_reports`: the ledger says something that Exact contradicts: posted and not there, not
  posted and there, another amount, another document's entry
- `chain_broken`: `audit verify` finds a fault

What people edited, deleted, typed or skipped on purpose does not count. Neither does what a
restored ledger cannot know yet: it counts once the ledger has looked at the document again.
Documents of two store views with one number, one amount and one debtor are alike in Exact: without
a link to the order they are counted together.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import simulator_life


def run(seeds: list[int], days: int, jobs: int = 1) -> tuple[dict[str, int], list[str]]:
    """Live so many lives; return their figures and what was found.

    Args:
        seeds: One life each.
        days: Of a life, besides the quiet ones at its end.
        jobs: Processes.
    """
    total: Counter[str] = Counter()
    found: list[str] = []
    with ProcessPoolExecutor(jobs) as pool:
        for life in pool.map(live, seeds, [days] * len(seeds)):
            total.update(life.figures)
            found += life.found
            for line in life.found:
                print(line, file=sys.stderr, flush=True)
    return dict(total), found


def live(seed: int, days: int) -> simulator_life.Result:
    """Live one life, in a folder of its own."""
    logging.disable(logging.CRITICAL)
    memory = Path("/dev/shm")  # noqa: S108  # nothing here has to survive a power cut
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    try:
        return simulator_life.live(seed, days, folder)
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=100, help="How many lives.")
    parser.add_argument("--days", type=int, default=20, help="Days of each.")
    parser.add_argument("--seed", type=int, default=1, help="The first life's seed.")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="Processes.")
    parser.add_argument("--json", action="store_true", help="Only the figures, as one JSON object.")
    options = parser.parse_args()
    began = time.perf_counter()
    seeds = list(range(options.seed, options.seed + options.seeds))
    figures, found = run(seeds, options.days, options.jobs)
    seconds = round(time.perf_counter() - began, 1)
    if not options.json:
        for name, value in figures.items():
            print(f"{name:<20}{value}")
    print(json.dumps(figures | {"seconds": seconds}))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
