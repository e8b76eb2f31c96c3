"""The recorded shop as Singer records, and the command as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import settings

from connector_credentials import generate_key
from mapper_gl_rules.cli import main
from mapper_gl_rules.rules.loading import parse_rules
from mapper_gl_rules.source.decoding import Decoder
from mapper_gl_rules.source.messages import encode_any

if TYPE_CHECKING:
    from collections.abc import Callable

settings.register_profile("suite", max_examples=300, deadline=None)
settings.register_profile("thorough", max_examples=10_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

DATA = Path(__file__).parent / "data"
EXAMPLE_RULES = Path(__file__).parents[3] / "examples" / "rules.yml"
STORES = {1: "nl", 2: "de", 3: "be", 4: "intl", 5: "b2b_nl", 6: "uk"}
WEBSITES = {5: "b2b", 6: "uk"}


def recorded(name: str) -> list[dict[str, Any]]:
    text = (DATA / "recorded" / f"{name}.json").read_text()
    return json.loads(text, parse_float=Decimal)


def as_record(document: dict[str, Any]) -> dict[str, Any]:
    """Give a document the shape of contract 1."""
    store = document["store_id"]
    record = dict(document)
    for key in ("created_at", "updated_at"):
        record[key] = document[key].replace(" ", "T") + "Z"
    record["source"] = {
        "instance": "demo",
        "host": "127.0.0.1",
        "store_code": STORES[store],
        "website_code": WEBSITES.get(store, "base"),
        "timezone": "Europe/London" if store == 6 else "Europe/Amsterdam",
        "extracted_at": "2026-11-23T12:00:00Z",
    }
    return record


def dump(value: Any) -> str:
    """Write JSON with Decimal as a number, digit for digit."""
    import simplejson  # noqa: PLC0415  # the SDK's own dependency

    return simplejson.dumps(value, use_decimal=True)


@pytest.fixture(scope="session")
def example_rules() -> Path:
    return EXAMPLE_RULES


@pytest.fixture(scope="session")
def recorded_orders() -> dict[int, dict[str, Any]]:
    return {order["entity_id"]: order for order in recorded("orders")}


@pytest.fixture(scope="session")
def recorded_records(recorded_orders: Any) -> list[tuple[str, dict[str, Any]]]:
    """All recorded documents as (stream, record) of contract 1."""
    records = [("orders", as_record(order)) for order in recorded_orders.values()]
    for stream, name in (("invoices", "invoices"), ("credit_memos", "creditmemos")):
        for document in recorded(name):
            record = as_record(document)
            record["order"] = as_record(recorded_orders[document["order_id"]])
            records.append((stream, record))
    return records


@pytest.fixture(scope="session")
def singer_input(recorded_records: Any) -> str:
    """The recorded shop as a tap writes it."""
    lines = [
        dump({"type": "RECORD", "stream": stream, "record": record})
        for stream, record in recorded_records
    ]
    lines.append(dump({"type": "STATE", "value": {"bookmarks": {"invoices": {"a": 1}}}}))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def run_command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `mapper-gl-rules` in a process of its own."""
    command = Path(sys.executable).with_name("mapper-gl-rules")

    def run(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(command), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            **options,
        )

    return run


@pytest.fixture
def key(monkeypatch: Any) -> None:
    monkeypatch.setenv("CONNECTOR_KEY", generate_key())


@pytest.fixture
def rules(monkeypatch: Any, capsys: Any) -> Any:
    """Run a command as the installed script does and give its output."""

    def run(*arguments: Any, code: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["mapper-gl-rules", "rules", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        assert (left.value.code or 0) == code, out + err
        if code == 1:
            assert err.startswith("ERROR: ")
            assert err.count("\n") == 1
        return str(err if code == 1 else out)

    return run


@pytest.fixture
def documents(tmp_path: Path, singer_input: str) -> Path:
    file = tmp_path / "documents.jsonl"
    file.write_text(singer_input)
    return file


@pytest.fixture
def run_mapper(run_command: Any, tmp_path: Any) -> Callable[..., list[dict[str, Any]]]:
    """Run the Singer mapper over lines and give its messages."""

    def run(text: str, **config: Any) -> list[dict[str, Any]]:
        config_file = tmp_path / "config.json"
        config_file.write_text(json.dumps({"rules_file": str(EXAMPLE_RULES), **config}))
        done = run_command("--config", config_file, input=text)
        assert done.returncode == 0, done.stderr
        return [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]

    return run


RULES = """\
settings:
  journal: "70"
  general_journal: "90"
  home_country: NL
  registrations: [GB]
  time_zone: Europe/Amsterdam
  ledger_currency: EUR
  debtor: "10"
vat_codes:
  "21": {rate: 21, gl: "1500", supply: domestic, country: NL}
  "9": {rate: 9, gl: "1501", supply: domestic, country: NL}
  "0": {rate: 0, supply: none}
  "Z": {rate: 0, supply: domestic, country: NL}
rules:
  - {name: products, when: {line: product}, book: {gl: "8000", vat_code: auto}}
  - {name: shipping, when: {line: shipping}, book: {gl: "8100", vat_code: auto}}
  - {name: discount, when: {line: discount}, book: {gl: "8200", vat_code: product}}
  - {name: rounding, when: {line: rounding}, book: {gl: "4990", vat_code: "0"}}
"""
MORE = {
    "adjustment": 'book: {gl: "8300", vat_code: auto}',
    "gift_card": 'book: {gl: "1700", vat_code: "0"}',
    "store_credit": 'book: {gl: "1710", vat_code: "0"}',
    "reward": 'book: {gl: "1720", vat_code: "0"}',
    "surcharge": 'book: {gl: "8110", vat_code: auto}',
    "fixed_product_tax": 'book: {gl: "8130", vat_code: auto}',
    "gift_wrap": 'book: {gl: "8120", vat_code: auto}',
}


@pytest.fixture(scope="session")
def make_rules() -> Callable[..., Any]:
    """Make rules: settings by keyword, further rules as YAML flow mappings first."""

    def make(*rules: str, every_kind: bool = True, more_codes: str = "", **options: Any) -> Any:
        text = RULES.replace("vat_codes:\n", f"vat_codes:\n{more_codes}\n")
        if "debtor" in options:
            text = text.replace('  debtor: "10"\n', "")
        if "registrations" in options:
            text = text.replace("  registrations: [GB]\n", "")
        for name, value in options.items():
            text = text.replace("settings:\n", f"settings:\n  {name}: {json.dumps(value)}\n")
        text = text.replace("rules:\n", "rules:\n" + "".join(f"  - {{{one}}}\n" for one in rules))
        if every_kind:
            for kind, outcome in MORE.items():
                text += f"  - {{name: {kind}, when: {{line: {kind}}}, {outcome}}}\n"
        return parse_rules(text, origin="rules.yml")

    return make


@pytest.fixture(scope="session")
def make_document() -> Callable[..., Any]:
    """Make an invoice or credit memo with its order.

    A line is (sku, net, rate) with optional fields of the document line; totals follow from the
    lines unless given.
    """

    def make(*lines: Any, order: Any = None, base: bool = False, **header: Any) -> Any:
        items, order_items = [], []
        for number, (sku, price, rate, *more) in enumerate(lines, 1):
            fields = more[0] if more else {}
            net = Decimal(str(price))
            vat = fields.get("tax_amount")
            if vat is None:
                less = Decimal(str(fields.get("discount_amount", 0)))
                hidden = Decimal(str(fields.get("discount_tax_compensation_amount", 0)))
                vat = ((net - less + hidden) * Decimal(str(rate)) / 100).quantize(Decimal("0.01"))
            item = {"order_item_id": number, "sku": sku, "qty": 1, "row_total": net}
            items.append({**item, **fields, "tax_amount": vat})
            order_items.append(
                {
                    "item_id": number,
                    "sku": sku,
                    "name": sku.title(),
                    "product_type": "simple",
                    "tax_percent": rate,
                    "row_total": net,
                    "tax_amount": vat,
                    **{key: value for key, value in fields.items() if key in _ORDER_FIELDS},
                },
            )
            for key in _ORDER_ONLY:
                items[-1].pop(key, None)

        def total(key: str) -> Decimal:
            return sum((Decimal(str(item.get(key, 0))) for item in items), Decimal(0))

        shipping_tax = Decimal(str(header.get("shipping_tax_amount", 0)))
        document = {
            "entity_id": 7,
            "increment_id": "000000007",
            "order_id": 5,
            "created_at": "2026-03-02 09:00:00",
            "order_currency_code": "EUR",
            "base_currency_code": "EUR",
            "subtotal": total("row_total"),
            "discount_amount": -total("discount_amount"),
            "discount_tax_compensation_amount": total("discount_tax_compensation_amount"),
            "tax_amount": total("tax_amount") + shipping_tax,
            "items": items,
            "source": {"instance": "demo", "store_code": "nl"},
            **header,
        }
        if "grand_total" not in document:
            document["grand_total"] = sum(
                Decimal(str(document.get(key, 0)))
                for key in (
                    "subtotal",
                    "discount_amount",
                    "shipping_amount",
                    "tax_amount",
                    "discount_tax_compensation_amount",
                    "shipping_discount_tax_compensation_amount",
                    "adjustment_positive",
                )
            ) - Decimal(str(document.get("adjustment_negative", 0)))
        document["order"] = {
            "entity_id": 5,
            "increment_id": "000000005",
            "grand_total": document["grand_total"],
            "created_at": "2026-03-02 08:00:00",
            "order_currency_code": "EUR",
            "customer_email": "customer@example.com",
            "billing_address": {"country_id": "NL", "firstname": "Anna", "lastname": "Gast"},
            "payment": {"method": "checkmo"},
            "items": order_items,
            **(order or {}),
        }
        raw = msgspec.Raw(encode_any(document))
        return Decoder(base=base).document(raw)

    return make


_ORDER_ONLY = ("product_type", "parent_item_id", "weee_tax_applied_amount", "product")
_ORDER_FIELDS = (*_ORDER_ONLY, "discount_amount", "discount_tax_compensation_amount", "tax_amount")
