"""What the tap reads: a shop's answers, STATE, catalogs."""

from __future__ import annotations

import io
import json
import tempfile
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fuzz_bending import dump
from requests import Response

from adobe_commerce import answers
from adobe_commerce.client import Answer
from adobe_commerce.errors import ConfigError, GaveUpError
from commerce_sandbox import shop
from connector_program import inputs
from tap_adobe_commerce.shop import Shop
from tap_adobe_commerce.tap import TapAdobeCommerce

if TYPE_CHECKING:
    from collections.abc import Callable

    from fuzz_bending import Bender

STREAMS = ("orders", "invoices", "credit_memos", "tax_rates", "categories", "store_views")
KINDS = {"orders": "order", "invoices": "invoice", "creditmemos": "creditmemo",
         "products": "product", "taxRates/search": "tax_rate"}  # fmt: skip
STORES = {
    "store/websites": [{"id": 1, "code": "base"}],
    "store/storeConfigs": [{"id": 1, "timezone": "Europe/Amsterdam"}],
    "store/storeViews": [{"id": 1, "code": "nl", "website_id": 1}],
}
CALLS = 60
CONFIG: dict[str, Any] = {
    "base_url": "https://shop.example",
    "bearer_token": "b" * 32,
    "max_wait_seconds": 0,
    "page_size": 4,
    "parallel": 1,
    "unreadable": "park",
}
BOOKMARK = {
    "replication_key": "updated_at",
    "replication_key_value": "2026-05-01T00:00:00Z",
    "overlap_before": "2026-05-01T00:00:00Z",
    "seen": "1:a,2:b",
    "parked": [3],
}


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
        bender, rng = self._bender, self._bender.rng
        content = self._valid.get(route, {"items": [], "total_count": 0})
        if bender.one_in(3):
            is_list = isinstance(content, dict) and content["items"] and not bender.one_in(5)
            content = (
                content | {"items": bender.rows(content["items"])}
                if is_list
                else bender.value(content)
            )
        body = dump(content)
        if bender.one_in(20):
            body = bender.text(body)
        response = Response()
        response.status_code = rng.choice([200] * 200 + [400, 401, 403, 404, 429, 500, 503, 302])
        response.headers.update(
            {
                "Content-Type": rng.choice(["application/json"] * 60 + ["text/html", ""]),
                "Retry-After": rng.choice(["1", "x", "²", "9" * 40, "Mon, 99 Jan 2026"]),
            }
        )
        answers.raise_for_answer(response, body, route, rng.choice(["oauth1", "bearer", "ims"]))
        return Answer(body, route)


def _valid_answers() -> dict[str, Any]:
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


def shop_answers(_: Path) -> Callable[[Bender], None]:
    """Read one stream of a bent shop from a bent STATE, and write what comes."""
    valid = _valid_answers()
    tap = TapAdobeCommerce(config=CONFIG)

    def read(bender: Bender) -> None:
        name = bender.rng.choice(STREAMS)
        state: Any = {"bookmarks": {name: BOOKMARK}, "store_views": {"host": "x", "views": {}}}
        body = bender.json(state) if bender.one_in(5) else dump(state)
        held: Any = tap.state
        held.clear()
        tap.load_state(inputs.read_object(_file(body), "STATE", ConfigError))
        one = Shop(CONFIG, held)
        one.__dict__["client"] = BentShop(valid, bender)
        stream: Any = tap.streams[name]
        for cached in ("listing", "_orders"):
            stream.__dict__.pop(cached, None)
        stream._shop = one  # noqa: SLF001  # no network
        with redirect_stdout(io.TextIOWrapper(io.BytesIO())):
            stream.sync()

    return read


def catalogs(_: Path) -> Callable[[Bender], None]:
    """Read a bent catalog."""
    catalog = TapAdobeCommerce(config=CONFIG, setup_mapper=False).catalog_dict
    catalog["streams"] = catalog["streams"][:2]

    def read(bender: Bender) -> None:
        content = inputs.read_catalog(_file(bender.json(catalog)), ConfigError)
        TapAdobeCommerce(config=CONFIG, catalog=content, setup_mapper=False)

    return read


def _file(body: bytes) -> io.BytesIO:
    file = io.BytesIO(body)
    file.name = "file"
    return file
