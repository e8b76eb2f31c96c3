"""Does anything that comes from outside get past the border?

Valid answers, records, rules, workbooks, settings, STATE, ledgers, stores and audit files are bent
(types swapped, members removed, bytes flipped, cut, nested, numbers and texts that cannot be) and
read by the real parsers, without a network. Each input must end in what it says, or in an error of
our own: `foreign` counts the others, `hung` what took longer than `SLOW` seconds of CPU, `peak_mb`
is the memory of the hungriest parser's process.

    uv run benchmarks/fuzz.py --json [--inputs 100000] [--seed 1] [--parser NAME]
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fuzz_books
import fuzz_exact
import fuzz_files
import fuzz_shop
from fuzz_bending import Bender

from adobe_commerce.errors import AdobeCommerceError
from connector_credentials import generate_key
from connector_credentials.exceptions import CredentialStoreError
from exact_online.errors import ExactError
from mapper_gl_rules.exceptions import MapperError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

SLOW, LATE = 5.0, 120.0  # seconds of CPU, and of any time, for one input
OWN = (AdobeCommerceError, ExactError, MapperError, CredentialStoreError, fuzz_files.RefusedError)
_SHOWN = 20


@dataclass(frozen=True)
class Parser:
    """One way in.

    Attributes:
        share: Of all inputs, in ten thousandths; what is slow to read gets less.
        open: Returns, in a folder of its own, what reads one bent input.
    """

    share: int
    open: Callable[[Path], Callable[[Bender], None]]


PARSERS = {
    "shop_answers": Parser(1700, fuzz_shop.shop_answers),
    "catalogs": Parser(50, fuzz_shop.catalogs),
    "shop_records": Parser(2800, fuzz_books.shop_records),
    "shop_lines": Parser(1600, fuzz_books.shop_lines),
    "rules": Parser(60, fuzz_books.rules),
    "csv": Parser(60, fuzz_books.csv_tables),
    "xlsx": Parser(60, fuzz_books.workbooks),
    "rule_inputs": Parser(1000, fuzz_books.rule_inputs),
    "documents": Parser(300, fuzz_exact.documents),
    "exact_answers": Parser(300, fuzz_exact.exact_answers),
    "token_answers": Parser(1500, fuzz_exact.token_answers),
    "postings": Parser(8, fuzz_exact.postings),
    "comparisons": Parser(2, fuzz_exact.comparisons),
    "shop_files": Parser(20, fuzz_exact.shop_files),
    "audit_files": Parser(10, fuzz_exact.audit_files),
    "ledgers": Parser(20, fuzz_files.ledgers),
    "settings": Parser(20, fuzz_files.settings),
    "stores": Parser(500, fuzz_files.stores),
}


class HungError(BaseException):
    """An input took too long; nothing that reads it catches this."""


def _give_up(*_: int | FrameType | None) -> None:
    raise HungError


def measure(name: str, count: int, seed: int) -> dict[str, Any]:
    """Figures of so many inputs of one parser, in this process."""
    os.environ["CONNECTOR_KEY"] = generate_key()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, _give_up)
    signal.signal(signal.SIGALRM, _give_up)
    foreign: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    hung = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        read = PARSERS[name].open(Path(folder))
        for number in range(count):
            bender = Bender(seed * 1_000_003 + number)
            signal.setitimer(signal.ITIMER_PROF, SLOW)
            signal.setitimer(signal.ITIMER_REAL, LATE)
            try:
                read(bender)
            except OWN as error:
                refused[type(error).__name__] += 1
            except HungError:
                hung += 1
                print(f"{name} hung on input {number}", file=sys.stderr)
            except Exception as error:  # noqa: BLE001  # that is what is counted
                foreign[f"{name} {number}: {_told(error)}"] += 1
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
                signal.setitimer(signal.ITIMER_REAL, 0)
    for text, times in _alike(foreign).most_common(_SHOWN):
        print(f"{times:>6}  {text}", file=sys.stderr)
    return {
        "inputs": count,
        "foreign": foreign.total(),
        "hung": hung,
        "read": count - foreign.total() - refused.total() - hung,
        "refused": dict(refused.most_common()),
        "peak_mb": _peak_mb(),
        "seconds": round(time.monotonic() - began, 1),
    }


def _told(error: Exception) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__} at {where}: {str(error)[:80]!r}"


def _alike(foreign: Counter[str]) -> Counter[str]:
    """Count together what came up in one place, under the first of its inputs."""
    first: dict[str, str] = {}
    alike: Counter[str] = Counter()
    for text, times in foreign.items():
        place = re.sub(r" \d+: ", " ", text).partition(": '")[0]
        alike[first.setdefault(place, text)] += times
    return alike


def _peak_mb() -> int:
    """Peak of this process alone; ``getrusage`` counts what it was forked from as well."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return round(int(found[1]) / 1024) if found else 0


def measure_all(count: int, seed: int) -> dict[str, Any]:
    """Figures of all parsers, each in a process of its own."""
    total = sum(one.share for one in PARSERS.values())
    found: dict[str, dict[str, Any]] = {}
    for name, parser in PARSERS.items():
        inputs = max(1, -(-count * parser.share // total))
        command = [sys.executable, __file__, "--json", "--parser", name,
                   "--inputs", str(inputs), "--seed", str(seed)]  # fmt: skip
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found[name] = json.loads(done.stdout.splitlines()[-1])
        print(f"{name}: {found[name]}", file=sys.stderr)
    figures = {
        name: sum(one[name] for one in found.values()) for name in ("inputs", "foreign", "hung")
    }
    peak = max(one["peak_mb"] for one in found.values())
    return figures | {"peak_mb": peak, "parsers": found}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parser", choices=PARSERS, help="only this one")
    parser.add_argument("--json", action="store_true", help="figures as JSON on the last line")
    options = parser.parse_args()
    if options.parser:
        figures = measure(options.parser, options.inputs, options.seed)
    else:
        figures = measure_all(options.inputs, options.seed)
    print(json.dumps(figures) if options.json else figures)


if __name__ == "__main__":
    main()
