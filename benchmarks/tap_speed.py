"""How fast does the tap read orders, in how much memory, and what does it ask of the shop?

The tap and a tap as the SDK's template makes it (stock settings: pages by number, one call after
the other, every value conformed to the schema, standard JSON codec) read the same sandbox with the
same schema and the same authentication, one after the other. Rates include the start of the
process. `--latency` adds to each call what a shop across the internet costs.

    uv run benchmarks/tap_speed.py --json                      # 20,000 orders, under two minutes
    uv run benchmarks/tap_speed.py --json --orders 200000      # memory stays flat
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from commerce_sandbox.testing import SandboxHandle, select_streams

TAP = Path(sys.executable).with_name("tap-adobe-commerce")
#: Orders the stock tap reads; its rate does not depend on how many there are.
STOCK_ORDERS = 4000
STOCK = """
from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.pagination import PageNumberPaginator
from tap_adobe_commerce import schemas
from adobe_commerce.auth import build_auth

class Pages(PageNumberPaginator):
    def has_more(self, response):
        size, last = 100, 4000 // 100
        return len(response.json()["items"]) == size and self.current_value < last

class Orders(RESTStream):
    name = "orders"
    path = "/rest/all/V1/orders"
    primary_keys = ("entity_id",)
    replication_key = "updated_at"
    records_jsonpath = "$.items[*]"
    schema = schemas.load("orders")

    @property
    def url_base(self):
        return self.config["base_url"]

    @property
    def authenticator(self):
        return build_auth(self.config)

    def get_new_paginator(self):
        return Pages(1)

    def get_url_params(self, context, next_page_token):
        sort = "searchCriteria[sortOrders][0]"
        return {
            "searchCriteria[pageSize]": 100,
            "searchCriteria[currentPage]": next_page_token or 1,
            f"{sort}[field]": "updated_at",
            f"{sort}[direction]": "ASC",
        }

class Stock(Tap):
    name = "tap-stock"
    config_jsonschema = th.PropertiesList(th.Property("base_url", th.StringType)).to_dict()

    def discover_streams(self):
        return [Orders(self)]

Stock.cli()
"""


def run(command: list[str | Path]) -> dict[str, Any]:
    """Run a tap; returns its seconds, records, peak memory and the metrics it logged."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    errors: list[bytes] = []
    reader = threading.Thread(target=lambda: errors.extend(process.stderr or ()))
    reader.start()
    records = size = 0
    for line in process.stdout or ():
        if line.startswith((b'{"type":"RECORD"', b'{"type": "RECORD"')):
            records += 1
            size += len(line)
    reader.join()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(b"".join(errors[-5:]).decode())
    log = b"".join(errors).decode()
    return {
        "seconds": time.monotonic() - began,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "records": records,
        "bytes": size,
        "peak_mb": usage.ru_maxrss / 1024,
        "calls": re.search(r'"http_request_count","value":(\d+).*?"bytes":(\d+)', log),
    }


def measure(orders: int, latency: float, *, compressed: bool) -> dict[str, Any]:
    """Figures of both taps."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sandbox = SandboxHandle(folder / "sandbox", f"generated:{orders}")
        try:
            sandbox.set("adobe.gzip", compressed)
            if latency:
                sandbox.fault("*/V1/*", "latency", times=0, seconds=latency)
            config, select, stock = (folder / part for part in ("config", "catalog", "stock.py"))
            config.write_text(json.dumps(sandbox.adobe_config()))
            found = subprocess.run([TAP, "--discover"], capture_output=True, check=True).stdout
            select.write_text(json.dumps(select_streams(found, "orders")))
            stock.write_text(STOCK)
            ours = run([TAP, "--config", config, "--catalog", select])
            theirs = run([sys.executable, stock, "--config", config])
        finally:
            sandbox.stop()
    expected = min(orders, STOCK_ORDERS)
    if ours["records"] != orders or theirs["records"] != expected:
        sys.exit(f"read {ours['records']} of {orders}, stock {theirs['records']} of {expected}")
    rates = [each["records"] / each["seconds"] for each in (ours, theirs)]
    costs = [each["cpu_seconds"] / each["records"] for each in (ours, theirs)]
    requests, received = (int(part) for part in ours["calls"].groups())
    return {
        "orders": orders,
        "latency_ms": round(latency * 1000),
        "records_per_s": round(rates[0]),
        "stock_records_per_s": round(rates[1]),
        "ratio_to_stock": round(rates[0] / rates[1], 2),
        "cpu_ratio_to_stock": round(costs[1] / costs[0], 2),
        "peak_mb": round(ours["peak_mb"]),
        "stock_peak_mb": round(theirs["peak_mb"]),
        "requests_per_1000": round(1000 * requests / orders, 1),
        "bytes_per_1000": round(1000 * received / orders),
        "record_bytes": round(ours["bytes"] / orders),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds added to each call")
    parser.add_argument("--gzip", action="store_true", help="the shop compresses its answers")
    parser.add_argument("--json", action="store_true", help="figures as JSON on the last line")
    options = parser.parse_args()
    figures = measure(options.orders, options.latency, compressed=options.gzip)
    for name, value in figures.items():
        print(f"{name:>22}  {value}")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
