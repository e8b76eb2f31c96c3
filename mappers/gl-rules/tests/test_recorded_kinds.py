"""More documents of the recorded shop, and every document with a gap that nothing explains."""

from __future__ import annotations

import json
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_gl_rules.booking import Booker
from mapper_gl_rules.rules.loading import load_rules
from mapper_gl_rules.source.decoding import Decoder
from mapper_gl_rules.source.messages import encode_any

DATA = Path(__file__).parent / "data"
EXAMPLE_RULES = Path(__file__).parents[3] / "examples" / "rules.yml"
STORES = {1: "nl", 2: "de", 3: "be", 4: "intl", 5: "b2b_nl", 6: "uk"}
CENT = Decimal("0.01")
KINDS = {"invoices": "invoice", "creditmemos": "credit_memo"}


class Recorded(NamedTuple):
    """A document with its order, and the rules it belongs to."""

    kind: Any
    record: dict[str, Any]
    rules: str


def read(path: Path) -> Any:
    return json.loads(path.read_text(), parse_float=Decimal)


def of_shop(folder: Path) -> list[Recorded]:
    orders = {order["entity_id"]: order for order in read(folder / "orders.json")}
    found = []
    for name, kind in KINDS.items():
        for document in read(folder / f"{name}.json"):
            store = document["store_id"]
            website = {5: "b2b", 6: "uk"}.get(store, "base")
            source = {"instance": "demo", "store_code": STORES[store], "website_code": website}
            record = {**document, "order": orders[document["order_id"]], "source": source}
            found.append(Recorded(kind, record, "example"))
    return found


def golden() -> list[Recorded]:
    found = []
    for path in sorted((DATA / "golden").glob("P*.json")):
        source = read(path)["source"]
        every = [*source.get("orders", ()), *([source["order"]] if "order" in source else [])]
        orders = {order["entity_id"]: order for order in every}
        for name, kind in KINDS.items():
            for document in source.get(name, ()):
                record = {**document, "order": orders[document["order_id"]]}
                found.append(Recorded(kind, record, path.stem))
    return found


MORE = [
    *of_shop(DATA / "recorded" / "more"),
    Recorded(
        "credit_memo", read(DATA / "recorded" / "more" / "header-tax-differs.json"), "example"
    ),
]
EVERY = [*of_shop(DATA / "recorded"), *MORE, *golden()]
BOOKERS = {
    "example": Booker(load_rules(EXAMPLE_RULES)),
    **{
        path.name.split(".")[0]: Booker(load_rules(path))
        for path in (DATA / "golden").glob("*.rules.yml")
    },
}


def decoded(one: Recorded, *, base: bool = False) -> Any:
    return Decoder(base=base).document(msgspec.Raw(encode_any(one.record)))


def book(one: Recorded, document: Any) -> Any:
    return BOOKERS[one.rules].document(one.kind, document)[0]


def rounded(amount: Any) -> Decimal:
    return Decimal(amount).quantize(CENT, ROUND_HALF_UP)


@pytest.mark.parametrize("base", [False, True])
def test_all_of_them_are_booked_to_the_cent(base: Any) -> None:
    """In document currency, and with the shop's base amounts."""
    left_over = 0
    for one in MORE:
        booked = book(one, decoded(one, base=base))
        assert booked.stream == "sales_entries", booked.record["reason"]
        sign = -1 if one.kind == "credit_memo" else 1
        prefix = "base_" if base else ""
        totals = booked.record["totals"]
        assert totals["amount"] == sign * rounded(one.record[f"{prefix}grand_total"])
        assert totals["vat_amount"] == sign * rounded(one.record[f"{prefix}tax_amount"])
        rules = Counter(line["rule"] for line in booked.record["lines"])
        assert rules["rounding"] == rules["rounding, uk"] == 0
        left_over += rules["left over by a refund of discounted shipping"]
    assert left_over == 5


def test_the_headers_vat_is_booked_where_the_lines_have_more() -> None:
    booked = book(MORE[-1], decoded(MORE[-1]))
    assert booked.record["totals"] == {
        "amount": Decimal("-68.95"),
        "vat_amount": Decimal("-4.84"),
        "net_amount": Decimal("-64.11"),
    }
    assert [(line["vat_code"], line["amount"]) for line in booked.record["lines"]] == [
        ("G0", Decimal("-39.93")),
        ("G20", Decimal("-24.18")),
    ]


@given(
    number=st.integers(0, len(EVERY) - 1),
    cents=st.integers(6, 100_000),
    up=st.booleans(),
    field=st.sampled_from(["grand_total", "discount_amount", "shipping_amount", "tax_amount"]),
)
def test_a_gap_on_any_document_is_refused(number: int, cents: int, up: Any, field: str) -> None:
    """In the total alone, or in a header amount that the total follows."""
    one = EVERY[number]
    document = decoded(one)
    if book(one, document).stream == "refused_documents":
        return  # nothing to book as it is
    if field == "tax_amount" and cents <= len(one.record["items"]) + 2:
        return  # VAT may differ by a cent a line
    gap = Decimal(cents if up else -cents) / 100
    if field == "shipping_amount":  # without its VAT, and where there was none
        if document.shipping_amount:
            return
        gap = abs(gap)
    if field != "grand_total":
        setattr(document, field, (getattr(document, field) or Decimal(0)) + gap)
    if field in {"grand_total", "discount_amount", "tax_amount"}:
        document.grand_total += gap
    booked = book(one, document)
    assert booked.stream == "refused_documents", booked.record
    assert any(char.isdigit() for char in booked.record["reason"]), "with the arithmetic"
