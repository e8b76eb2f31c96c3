"""What a line supplies, from the mapper to the ledger: a fact beside the content of a document."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from mapper_gl_rules.booking.booker import Booker
from mapper_gl_rules.booking.postings import Posting
from mapper_gl_rules.rules.loading import parse_rules
from mapper_gl_rules.source.decoding import Decoder
from mapper_gl_rules.source.messages import encode_any
from target_exact_online.ledger import payload

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "mappers" / "gl-rules" / "tests" / "data" / "recorded"
STORES = {1: "nl", 2: "de", 3: "be", 4: "intl", 5: "b2b_nl", 6: "uk"}
Kind = Literal["invoice", "credit_memo"]


def recorded(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        (RECORDED / f"{name}.json").read_text(), parse_float=Decimal
    )
    return found


def documents() -> list[tuple[Kind, dict[str, Any]]]:
    """Every recorded document, with each second product downloadable."""
    orders = {one["entity_id"]: one for one in recorded("orders")}
    for order in orders.values():
        for item in order["items"][1::2]:
            item["product_type"] = "downloadable"
    found: list[tuple[Kind, dict[str, Any]]] = []
    kinds: tuple[tuple[Kind, str], ...] = (("invoice", "invoices"), ("credit_memo", "creditmemos"))
    for kind, name in kinds:
        for one in recorded(name):
            source = {"instance": "demo", "store_code": STORES[one["store_id"]]}
            found.append((kind, one | {"source": source, "order": orders[one["order_id"]]}))
    return found


def booked(mode: str) -> list[dict[str, Any]]:
    """The documents as the target reads them."""
    text = (ROOT / "examples" / "rules.yml").read_text()
    paid = '  - {name: paid, when: {line: document}, book: {clearing_gl: "1245"}}'
    for old, new in (("settings:", f"  mode: {mode}"), ("rules:", paid)):
        assert text.count(f"\n{old}\n") == 1
        text = text.replace(f"\n{old}\n", f"\n{old}\n{new}\n")
    rules = parse_rules(text, origin="rules.yml")
    made = []
    for kind, document in documents():
        decoded = Decoder(base=False).document(msgspec.Raw(encode_any(document)))
        made += [one.record for one in Booker(rules).document(kind, decoded)]
    return [payload.decode(encode_any(one)) for one in made]


def as_before(self: Posting) -> dict[str, str | None]:
    return {"supply": self.supply, "country": self.country}


@pytest.mark.parametrize("mode", ["sales_entry", "sales_invoice", "daily_journal"])
def test_no_document_that_was_posted_before_is_another_one_now(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = booked(mode)
    monkeypatch.setattr(Posting, "supplied", property(as_before))
    before = booked(mode)
    more = [
        len(a.get("lines", ())) - len(b.get("lines", ())) for a, b in zip(now, before, strict=True)
    ]
    assert (sum(one > 0 for one in more) > 5) == (mode != "sales_invoice"), "lines told apart"
    assert [payload.content_hash(one) for one in now] == [
        payload.content_hash(one) for one in before
    ]
    natures = {line["nature"] for one in now for line in one.get("lines", ())}
    assert natures >= {"goods", "services"}
