"""What the mapper reads: records, Singer lines, rules, spreadsheets, files for its commands."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape
from zipfile import ZipFile

import msgspec
from fuzz_bending import ODD, dump

from mapper_gl_rules.mapper import MapperGLRules
from mapper_gl_rules.rules.loading import load_rules, parse_rules
from mapper_gl_rules.source.messages import LineReader, encode_any
from mapper_gl_rules.tools.book import book_documents
from mapper_gl_rules.tools.csv_table import from_csv, to_csv
from mapper_gl_rules.tools.documents import read_tax_rates, shop_documents
from mapper_gl_rules.tools.lint import lint
from mapper_gl_rules.tools.master_data import load_master_data
from mapper_gl_rules.tools.workbook import from_xlsx, to_xlsx

if TYPE_CHECKING:
    from collections.abc import Callable

    from fuzz_bending import Bender

    from mapper_gl_rules.tools.spreadsheet import Edited

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "mappers" / "gl-rules" / "tests" / "data" / "recorded"
RULES = ROOT / "examples" / "rules.yml"
_STORES = {1: "nl", 2: "de", 3: "be", 4: "intl", 5: "b2b_nl", 6: "uk"}
_MASTER: dict[str, Any] = {
    "Divisions": [{"Code": 1, "Currency": "EUR", "Country": "NL"}],
    "GLAccounts": [{"ID": "a", "Code": "8000", "Description": "Sales", "IsBlocked": False}],
    "VATCodes": [{"ID": "b", "Code": "21 ", "Percentage": 0.21, "IsBlocked": False}],
    "Costcenters": [{"Code": "WEB", "Description": "Web"}],
    "Accounts": [{"ID": "c", "Code": "                10", "Name": "Web"}],
}
# Small, as reading YAML with its comments takes long.
_SMALL = """\
settings:
  journal: "70"
  home_country: NL
  time_zone: Europe/Amsterdam
  ledger_currency: EUR
  debtor: 0010
vat_codes:
  21: {rate: 21, gl: "1500"}  # since 2012
rules:
  # All goods.
  - name: goods
    when: {line: [product, shipping], rate: 21, attributes: {color: [red, 7]}}
    book: {gl: "8000", vat_code: auto}
  - name: rest
    when: {line: product, sku: ["@cmd", "=A1*"], website: base}
    book: {gl: "8010", vat_code: "21", cost_center: WEB}
"""
_TAX_RATES = {"items": [{"tax_country_id": "NL", "rate": 21, "code": "NL 21"}], "total_count": 1}


class ForeignError(Exception):
    """A refusal that tells an error of the program's as its reason."""


def recorded() -> list[tuple[str, dict[str, Any]]]:
    """All recorded documents as stream and record of contract 1."""
    orders = {one["entity_id"]: _record(one) for one in _read("orders")}
    records = [("orders", order) for order in orders.values()]
    for stream, name in (("invoices", "invoices"), ("credit_memos", "creditmemos")):
        records += [
            (stream, _record(one) | {"order": orders[one["order_id"]]}) for one in _read(name)
        ]
    return records


def _read(name: str) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads(
        (RECORDED / f"{name}.json").read_text(encoding="utf-8"), parse_float=Decimal
    )
    return read


def _record(document: dict[str, Any]) -> dict[str, Any]:
    source = {
        "instance": "shop",
        "host": "shop.example",
        "store_code": _STORES[document["store_id"]],
        "website_code": {5: "b2b", 6: "uk"}.get(document["store_id"], "base"),
        "timezone": "Europe/Amsterdam",
        "extracted_at": "2026-11-23T12:00:00Z",
    }
    moments = {
        name: document[name].replace(" ", "T") + "Z" for name in ("created_at", "updated_at")
    }
    return document | moments | {"source": source}


def _mappers(folder: Path) -> list[MapperGLRules]:
    other = folder / "rules.yml"
    more = "  amounts: base\n  surcharges: {extension_attributes.fee: extension_attributes.tax}\n"
    text = RULES.read_text(encoding="utf-8")
    other.write_text(text.replace("  sales_orders: true", f"{more}  sales_orders: true"))
    return [MapperGLRules(config={"rules_file": str(name)}) for name in (RULES, other)]


def book(mapper: MapperGLRules, lines: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Return stream and record of what becomes of Singer lines."""
    found: list[tuple[str, dict[str, Any]]] = []

    def take(one: Any) -> None:
        found.extend((booked.stream, booked.record) for booked in mapper.book(one))

    callbacks: dict[str, Any] = {
        "RECORD": take,
        "SCHEMA": lambda one: list(mapper.map_schema_message(one)),
        "STATE": lambda one: list(mapper.map_state_message(one)),
        "BATCH": lambda one: list(mapper.map_batch_message(one)),
    }
    LineReader().process_lines(BytesIO(lines), callbacks)
    for _, record in found:
        msgspec.json.decode(encode_any(record))  # it can be written
        if "Error: " in str(record.get("reason", "")):
            raise ForeignError(record["reason"])
    return found


def _line(stream: str, record: Any) -> bytes:
    return dump({"type": "RECORD", "stream": stream, "record": record}) + b"\n"


def shop_records(folder: Path) -> Callable[[Bender], None]:
    """Book a bent record."""
    mappers, records = _mappers(folder), recorded()

    def read(bender: Bender) -> None:
        stream, record = bender.rng.choice(records)
        book(bender.rng.choice(mappers), _line(stream, bender.value(record)))

    return read


def shop_lines(folder: Path) -> Callable[[Bender], None]:
    """Book bent lines: whatever a tap may write to a pipe."""
    mappers, records = _mappers(folder), recorded()

    def read(bender: Bender) -> None:
        stream, record = bender.rng.choice(records)
        state = {"type": "STATE", "value": {"bookmarks": {"orders": {}}}}
        schema = {"type": "SCHEMA", "stream": stream, "schema": {}, "key_properties": []}
        others = [state, schema, {"type": "BATCH", "stream": stream}, {"type": "ACTIVATE_VERSION"}]
        message = bender.rng.choice(others)
        line = _line(stream, record).rstrip()
        lines = (
            [line, bender.json(message)] if bender.one_in(2) else [bender.text(line), dump(state)]
        )
        bender.rng.shuffle(lines)
        book(bender.rng.choice(mappers), b"\n".join(lines) + b"\n")

    return read


def rules(folder: Path) -> Callable[[Bender], None]:
    """Read a bent rules file."""
    file = folder / "rules.yml"

    def read(bender: Bender) -> None:
        text = _SMALL.encode()
        for _ in range(bender.rng.choice([1, 1, 2, 3])):
            text = bender.text(text)
        file.write_bytes(text)
        lint(load_rules(file))

    return read


def _accept(edited: Edited) -> None:
    parse_rules(edited.text, origin="table", locate=edited.locate)


def csv_tables(_: Path) -> Callable[[Bender], None]:
    """Read a bent CSV file of rules."""
    whole = to_csv(_SMALL).encode("utf-8-sig")

    def read(bender: Bender) -> None:
        table = whole
        for _ in range(bender.rng.choice([1, 1, 2, 3])):
            table = bender.text(table)
        _accept(from_csv(table, _SMALL, "rules.csv"))

    return read


def _bent_part(bender: Bender, part: bytes) -> bytes:
    """Change XML somewhere, or what stands between its tags and quotes."""
    values = list(re.finditer(rb'(?<=>)[^<]+(?=<)|(?<=")[^"<>]*(?=")', part))
    if bender.one_in(3) or not values:
        return bender.text(part)
    value = bender.rng.choice(values)
    odd = escape(str(bender.rng.choice(ODD))[:5_000], {'"': "&quot;"})
    return part[: value.start()] + odd.encode("utf-8", "replace") + part[value.end() :]


def workbooks(_: Path) -> Callable[[Bender], None]:
    """Read a bent workbook: its bytes, or a part of it."""
    whole = to_xlsx(_SMALL)
    with ZipFile(BytesIO(whole)) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}

    def read(bender: Bender) -> None:
        if bender.one_in(4):
            _accept(from_xlsx(bender.flipped(whole), _SMALL, "rules.xlsx"))
            return
        bent = bender.rng.choice([name for name in parts if "theme" not in name])
        out = BytesIO()
        with ZipFile(out, "w") as packed:
            for name, part in parts.items():
                if name != bent:
                    packed.writestr(name, part)
                elif not bender.one_in(20):
                    packed.writestr(name, _bent_part(bender, part))
        _accept(from_xlsx(out.getvalue(), _SMALL, "rules.xlsx"))

    return read


def rule_inputs(folder: Path) -> Callable[[Bender], None]:
    """Read bent files of documents, master data and tax rates, as the commands for rules do."""
    file = folder / "input.json"
    loaded = load_rules(RULES)
    records = recorded()
    orders = {one["entity_id"]: one for one in _read("orders")}
    invoices = [one for one in _read("invoices") if one["order_id"] in orders]

    def read(bender: Bender) -> None:
        match bender.rng.randrange(4):
            case 0:
                stream, record = bender.rng.choice(records)
                file.write_bytes(bender.text(_line(stream, bender.value(record))))
            case 1:
                invoice = bender.rng.choice(invoices)
                shown = {"order": orders[invoice["order_id"]], "invoices": [invoice]}
                file.write_bytes(bender.json(shown | {"creditmemos": []}))
            case 2:
                file.write_bytes(bender.json({"1": _MASTER} if bender.one_in(2) else _MASTER))
                lint(loaded, load_master_data(str(file)))
                return
            case _:
                file.write_bytes(bender.json(_TAX_RATES))
                read_tax_rates(file)
                return
        book_documents(shop_documents(file), loaded)

    return read
