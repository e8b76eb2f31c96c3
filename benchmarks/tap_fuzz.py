"""Does anything that comes from outside get past the tap's border?

Valid answers of a shop, STATE and catalogs are bent (types swapped, members removed, bytes flipped,
cut, nested, numbers and texts that cannot be) and read by the real streams, without a network. Each
must end in records or in an error of our own: `foreign` counts the others, `hung` what took longer
than five seconds.

    uv run benchmarks/tap_fuzz.py --json --inputs 20000
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import logging
import random
import re
import sys
import tempfile
import time
from collections import Counter
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from requests import Response

from commerce_sandbox import shop
from tap_adobe_commerce import _answers, inputs
from tap_adobe_commerce.client import Answer
from tap_adobe_commerce.exceptions import AdobeCommerceError, GaveUpError
from tap_adobe_commerce.shop import Shop
from tap_adobe_commerce.tap import TapAdobeCommerce

STREAMS = ("orders", "invoices", "credit_memos", "tax_rates", "categories", "store_views")
KINDS = {"orders": "order", "invoices": "invoice", "creditmemos": "creditmemo",
         "products": "product", "taxRates/search": "tax_rate"}  # fmt: skip
STORES = {
    "store/websites": [{"id": 1, "code": "base"}],
    "store/storeConfigs": [{"id": 1, "timezone": "Europe/Amsterdam"}],
    "store/storeViews": [{"id": 1, "code": "nl", "website_id": 1}],
}
ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 2**70, 10**400, "", "x", "\ud800", "\x1b[2J\n", "9" * 5000, [],
    {}, [[]], [1, 2, 3], {"a": {}}, "2026-02-31 00:00:00", "0000-00-00 00:00:00", "1e999999",
]  # fmt: skip
CALLS = 60
SLOW = 5.0
CATALOGS = 50  # every so many inputs one is a catalog
CONFIG: dict[str, Any] = {
    "base_url": "https://shop.example",
    "bearer_token": "b" * 32,
    "max_wait_seconds": 0,
    "page_size": 4,
    "parallel": 1,
    "unreadable": "park",
}


class Bender:
    """Bends values and texts, the same way for the same seed."""

    def __init__(self, seed: int) -> None:
        """Begin."""
        self.rng = random.Random(seed)  # noqa: S311  # reproducible, no secrets

    def value(self, value: Any) -> Any:
        """Change a value in one to three places."""
        value = json.loads(json.dumps(value))
        for _ in range(self.rng.randint(1, 3)):
            value = self._once(value)
        return value

    def answer(self, content: Any) -> Any:
        """Change a list's answer, mostly within one of its rows."""
        if not isinstance(content, dict) or not content["items"] or self.rng.random() < 0.2:  # noqa: PLR2004
            return self.value(content)
        items = list(content["items"])
        place = self.rng.randrange(len(items))
        items[place] = self.value(items[place])
        return content | {"items": items}

    def _once(self, value: Any) -> Any:
        rng = self.rng
        if not isinstance(value, dict | list) or not value or rng.random() < 0.15:  # noqa: PLR2004
            return copy.deepcopy(rng.choice(ODD))
        key: Any = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        if rng.random() < 0.15:  # noqa: PLR2004  # a share
            del value[key]
        else:
            value[key] = self._once(value[key])
        return value

    def text(self, text: bytes) -> bytes:
        """Change a text somewhere."""
        rng = self.rng
        place = rng.randrange(len(text) + 1)
        return rng.choice(
            [
                text[:place],
                text[:place] + bytes([rng.randrange(256)]) + text[place + 1 :],
                b"<br /><b>Notice</b>: x in y<br />" + text,
                text + b"<b>Warning</b>",
                text[:place] + b"[" * rng.choice([10, 990, 5000]) + text[place:],
                b"[" * 990 + text + b"]" * 990,
                text.replace(b":", b":1e999999999999999999999,", 1),
                text.replace(b'"', b'"\\ud800', rng.randint(1, 3)),
            ]
        )


class BentShop:
    """In the place of the tap's client: answers without a network, some of them bent."""

    has_answered = True
    requests_sent = bytes_received = 0

    def __init__(self, valid: dict[str, Any], bender: Bender) -> None:
        """Take valid answers by route."""
        self._valid = valid
        self._bender = bender
        self._calls = 0

    def server_now(self) -> datetime:
        """Some clock."""
        return datetime.now(UTC) + timedelta(hours=self._bender.rng.choice([0, 0, 30, -30]))

    def get(self, route: str, query: str = "", *, patient: bool = True) -> Answer:
        """Answer, as a response that the real checks see."""
        del query, patient
        self._calls += 1
        if self._calls > CALLS:
            msg = "enough"
            raise GaveUpError(msg)
        rng = self._bender.rng
        content = self._valid.get(route, {"items": [], "total_count": 0})
        if rng.random() < 0.35:  # noqa: PLR2004  # a share
            content = self._bender.answer(content)
        body = json.dumps(content).encode()
        if rng.random() < 0.05:  # noqa: PLR2004  # a share
            body = self._bender.text(body)
        response = Response()
        response.status_code = rng.choice([200] * 200 + [400, 401, 403, 404, 429, 500, 503, 302])
        response.headers.update(
            {
                "Content-Type": rng.choice(["application/json"] * 60 + ["text/html", ""]),
                "Retry-After": rng.choice(["1", "x", "²", "9" * 40, "Mon, 99 Jan 2026"]),
            }
        )
        _answers.raise_for_answer(response, body, route, rng.choice(["oauth1", "bearer", "ims"]))
        return Answer(body, route)


def valid_answers() -> dict[str, Any]:
    """Answers of the recorded shop, a few rows each."""
    with tempfile.TemporaryDirectory() as folder:
        context = shop.open_context(Path(folder))
        shop.seed(context, shop.RECORDED)
        answers: dict[str, Any] = dict(STORES)
        for route, kind in KINDS.items():
            rows = context.database.connection().execute(
                f"SELECT body FROM adobe_{kind} ORDER BY entity_id LIMIT 3"  # noqa: S608  # own names
            )
            items = [json.loads(row["body"]) for row in rows]
            answers[route] = {"items": items, "total_count": len(items)}
        context.database.close()
    return answers


BOOKMARK = {
    "replication_key": "updated_at",
    "replication_key_value": "2026-05-01T00:00:00Z",
    "overlap_before": "2026-05-01T00:00:00Z",
    "seen": "1:a,2:b",
    "parked": [3],
}


class Reader:
    """One tap, whose streams read many bent shops."""

    def __init__(self, valid: dict[str, Any]) -> None:
        """Take valid answers by route."""
        self._valid = valid
        self._tap = TapAdobeCommerce(config=CONFIG)

    def read(self, bender: Bender) -> None:
        """Read one stream of a bent shop from a bent STATE, and write what comes."""
        name = bender.rng.choice(STREAMS)
        state: Any = {"bookmarks": {name: BOOKMARK}, "store_views": {"host": "x", "views": {}}}
        if bender.rng.random() < 0.2:  # noqa: PLR2004  # a share
            state = bender.value(state)
        held: Any = self._tap.state
        held.clear()
        self._tap.load_state(_state(state))
        one = Shop(CONFIG, held)
        one.__dict__["client"] = BentShop(self._valid, bender)
        stream: Any = self._tap.streams[name]
        for cached in ("listing", "_orders"):
            stream.__dict__.pop(cached, None)
        stream._shop = one  # noqa: SLF001  # no network
        with redirect_stdout(io.TextIOWrapper(io.BytesIO())):
            stream.sync()


def _state(value: Any) -> dict[str, Any]:
    file = io.BytesIO(json.dumps(value).encode())
    file.name = "state"
    return inputs.read_state(file)


def read_files(bender: Bender) -> None:
    """Read a bent catalog and bent settings."""
    tap = TapAdobeCommerce(config=CONFIG, setup_mapper=False)
    catalog = tap.catalog_dict
    catalog["streams"] = catalog["streams"][:2]
    body = json.dumps(bender.value(catalog)).encode()
    file = io.BytesIO(bender.text(body) if bender.rng.random() < 0.2 else body)  # noqa: PLR2004
    file.name = "catalog"
    TapAdobeCommerce(config=CONFIG, catalog=inputs.read_catalog(file), setup_mapper=False)


def measure(count: int, seed: int) -> dict[str, Any]:
    """Figures of so many inputs."""
    logging.disable(logging.CRITICAL)
    reader = Reader(valid_answers())
    foreign: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    hung = 0
    for number in range(count):
        bender = Bender(seed * 1_000_003 + number)
        began = time.monotonic()
        try:
            if number % CATALOGS == 0:
                read_files(bender)
            else:
                reader.read(bender)
        except AdobeCommerceError as error:
            refused[type(error).__name__] += 1
        except Exception as error:  # noqa: BLE001  # that is what is counted
            trace = error.__traceback__
            while trace and trace.tb_next:
                trace = trace.tb_next
            where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
            foreign[f"{type(error).__name__}: {str(error)[:80]} at {where}"] += 1
        hung += time.monotonic() - began > SLOW
    for text, times in foreign.most_common(20):
        print(f"{times:>6}  {text}", file=sys.stderr)
    return {
        "inputs": count,
        "foreign": sum(foreign.values()),
        "hung": hung,
        "read": count - sum(foreign.values()) - sum(refused.values()),
        "refused": dict(refused.most_common()),
        "peak_mb": _peak_mb(),
    }


def _peak_mb() -> int:
    """Peak of this process alone; ``getrusage`` counts what it was forked from as well."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return round(int(found[1]) / 1024) if found else 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="figures as JSON on the last line")
    options = parser.parse_args()
    figures = measure(options.inputs, options.seed)
    print(json.dumps(figures) if options.json else figures)


if __name__ == "__main__":
    main()
