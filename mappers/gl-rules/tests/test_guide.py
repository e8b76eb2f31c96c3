"""The accountant's guide is true: its commands are run, and print what it says.

A block ```console has commands after `$ ` and their output; `...` stands for lines left out.
Each block of rules (```yaml) is loaded, and each line of its table of recorded documents is booked.
"""

from __future__ import annotations

import json
import re
import shlex
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook

from mapper_gl_rules.rules.loading import load_rules, parse_rules
from mapper_gl_rules.tools.book import book_documents
from mapper_gl_rules.tools.documents import shop_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "accountant.md").read_text()
ENGINEERS = (ROOT / "docs" / "data-engineer.md").read_text()
MASTER = Path(__file__).parent / "data" / "master.json"
CHANGING = (  # what differs from run to run, or with every rule that is added to the example
    (re.compile(r"\bline \d+\b"), "line *"),
    (re.compile(r"\b\d+ rules\b"), "* rules"),
    (re.compile(r"\b\d+ warnings\b"), "* warnings"),
    (re.compile(r"sha256:[0-9a-f]{12}"), "sha256:*"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*  \S+"), "moment  user"),
)


def blocks(kind: str, page: str = GUIDE) -> list[str]:
    found = re.findall(rf"^( *)```{kind}\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    return [dedent(text) for _, text in found]


def commands(page: str) -> Iterator[tuple[str, list[str]]]:
    for block in blocks("console", page):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *output = part.splitlines()
            if command.startswith("mapper-gl-rules"):
                yield command, [line for line in output if line.strip()]


def normal(line: str) -> str:
    for pattern, instead in CHANGING:
        line = pattern.sub(instead, line)
    return line.strip()


def missing(expected: list[str], printed: list[str]) -> str | None:
    """Give the first expected line that is not printed in its place."""
    place, gap = 0, False
    for line in map(normal, expected):
        if line == "...":
            gap = True
            continue
        while gap and place < len(printed) and printed[place] != line:
            place += 1
        if place >= len(printed) or printed[place] != line:
            return line
        place, gap = place + 1, False
    return None if gap or place == len(printed) else f"more: {printed[place]}"


def shop_file(orders: list[Any], invoices: list[Any] = (), memos: list[Any] = ()) -> str:  # type: ignore[assignment]
    shape = {"orders": orders, "invoices": invoices, "creditmemos": memos}
    return json.dumps(shape, default=float)


@pytest.fixture
def folder(tmp_path: Path, example_rules: Path, singer_input: str, recorded_records: Any) -> Path:
    """The files that the guide's commands name."""
    text = example_rules.read_text()
    documents = {(stream, one["increment_id"]): one for stream, one in recorded_records}
    invoice, memo = (
        documents[one] for one in (("invoices", "000000005"), ("credit_memos", "000000006"))
    )
    day = [documents["invoices", number] for number in ("000000018", "000000019", "000000020")]
    order = documents["orders", "000000006"]

    def changed(**fields: Any) -> str:
        """The invoice with other amounts, in its order, too."""
        new, ordered = deepcopy(invoice), deepcopy(order)
        del new["order"]
        for one in (new, ordered):
            extension = one.setdefault("extension_attributes", {})
            for name, value in fields.items():
                target = one if name in one else extension
                target[name] = value
        return shop_file([ordered], [new])

    def plain(document: Any) -> Any:
        return {key: value for key, value in document.items() if key != "order"}

    daily = (
        "rules:\n  - {name: days, when: {line: document}, book: {mode: daily_journal}}\n"
        "  - {name: checks, when: {line: document, payment_method: checkmo}, "
        'book: {clearing_gl: "1245"}}\n'
    )
    files = {
        "rules.yml": text,
        "invoice.json": shop_file([order], [plain(invoice)]),
        "memo.json": shop_file([memo["order"]], [], [plain(memo)]),
        "day.json": shop_file([one["order"] for one in day], [plain(one) for one in day]),
        "short.json": changed(grand_total=87.50),
        "fee.json": changed(grand_total=90.32, payment_fee=2.5),
        "gift-card.json": changed(
            grand_total=62.82, gift_cards_amount=20, customer_balance_amount=5
        ),
        "separate.yml": text.replace("discounts: net", "discounts: separate"),
        "daily.yml": text.replace("rules:\n", daily, 1),
        "proposal.yml": text.replace("    fee: none ", "    fee: goods ").replace(
            '"8310", cost_center: WEB, vat_code: "0"', '"8310", cost_center: WEB, vat_code: auto'
        ),
        "wrong.yml": text.replace("cost_center: WEB", "cost_centre: WEB", 1),
        "no-center.yml": text.replace("cost_center: WEB, vat_code: auto, item: SHIPPING",
                                      "cost_center: SHIP, vat_code: auto, item: SHIPPING"),
        "documents.jsonl": singer_input,
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def edit(file: Path) -> None:
    """Do what the guide says is done in the workbook."""
    book = load_workbook(file)
    sheet = book["Rules"]
    titles = [cell.value for cell in sheet[1]]
    for row in sheet.iter_rows(min_row=2):
        if row[0].value == "business debtor, other stores":
            row[titles.index("payment_condition")].value = 14
    book.save(file)


def differences(page: str, folder: Path, run_command: Any) -> list[str]:
    """Run a page's commands, and say where they print something else."""
    found = []
    for command, expected in commands(page):
        arguments = shlex.split(command.replace("$LEDGER_URL", str(MASTER)), comments=True)[1:]
        done = run_command(*arguments, cwd=folder)
        lines = (done.stdout + done.stderr).splitlines()
        printed = [normal(line) for line in lines if line.strip()]
        first = missing(expected, printed)
        if first is not None:
            found.append("\n".join([f"$ {command}", f"expected: {first}", *printed]))
        if "export rules.xlsx" in command:
            edit(folder / "rules.xlsx")
    return found


@pytest.mark.usefixtures("key")
def test_the_commands_print_what_the_guide_says(
    folder: Path, run_command: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("RULES_STORE", str(folder / "rules.store"))
    assert len(list(commands(GUIDE))) > 12
    assert differences(GUIDE, folder, run_command) == []


def test_first_rules_are_made_as_the_data_engineers_guide_says(
    folder: Path, run_command: Any
) -> None:
    (folder / "rules.yml").unlink()
    (folder / "tax_rates.json").write_bytes(MASTER.with_name("tax_rates.json").read_bytes())
    assert len(list(commands(ENGINEERS))) > 1
    assert differences(ENGINEERS, folder, run_command) == []


def test_the_rules_that_it_shows_can_be_used(example_rules: Path) -> None:
    head, _, rules = example_rules.read_text().partition("rules:\n")
    for text in (one for one in blocks("yaml") if one.lstrip().startswith("- name:")):
        indented = "\n".join(f"  {line}" for line in text.strip().splitlines())
        named = re.findall(r"name: (.*)", text)
        others = "\n".join(
            part
            for part in re.split(r"(?m)^(?=  - name)", rules)
            if part.split("\n")[0][10:] not in named
        )
        parse_rules(f"{head}rules:\n{indented}\n{others}", origin="the guide")
    assert len(blocks("yaml")) > 2


def test_recorded_documents_are_booked_as_the_table_says(folder: Path, example_rules: Path) -> None:
    documents = shop_documents(folder / "documents.jsonl")
    booked = book_documents(documents, load_rules(example_rules))
    entries = {(one["kind"], one["ref"]): one for one in booked["documents"]}
    rows = re.findall(r"^\| [^|]+ \| invoice (\d+)[^|]* \| ([^|]+) \|$", GUIDE, re.MULTILINE)
    assert len(rows) == 7
    for number, said in rows:
        entry = entries["sales_invoice", number]
        lines = {(line["gl"], line["vat_code"]): line for line in entry["lines"]}
        for gl, code, amount in re.findall(r"(\d{4}) / (\w+)(?:: ([\d.]+\d))?", said):
            line = lines[gl, code]
            assert not amount or line["credit"] == amount, (number, said)
        vat = {line["credit"] for line in entry["lines"] if line["role"] == "vat"}
        for text in re.findall(r"VAT ([\d.]+\d(?: and [\d.]+\d)?)", said):
            assert set(text.split(" and ")) == vat, (number, said)
        if "no VAT" in said:
            assert vat == set()
        center = re.search(r"cost center (\w+)", said)
        if center:
            assert {line["cost_center"] for line in entry["lines"]} >= {center[1]}
        rate = re.search(rf"invoice {number}, rate ([\d.]+\d)", GUIDE)
        if rate:
            assert Decimal(entry["rate"]) == Decimal(rate[1])
