"""`mapper-gl-rules rules ...` as a user runs it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from mapper_gl_rules.rules.loading import load_rules, parse_rules
from mapper_gl_rules.tools.lint import lint

DATA = Path(__file__).parent / "data"
MASTER = DATA / "master.json"
pytestmark = pytest.mark.usefixtures("key")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "credentials.store"


def test_versions_are_kept_encrypted_and_only_added(
    rules: Any, store: Path, example_rules: Path, tmp_path: Path
) -> None:
    rules("import", "--store", store, "--create", example_rules, "--note", "first")
    changed = tmp_path / "changed.yml"
    changed.write_text(example_rules.read_text().replace('"8100"', '"8110"'))
    assert rules("import", "--store", store, changed).splitlines()[-1].startswith("version 2, ")
    assert "gl 8100" in rules("diff", "--store", store, "1")
    assert rules("rollback", "--store", store, "1") == "version 3 is version 1 again\n"
    assert rules("diff", "--store", store, "1", "3") == "no difference\n"
    history = rules("history", "--store", store).splitlines()
    assert [line.split()[0] for line in history] == ["1", "2", "3"]
    assert history[0].endswith("first")
    assert history[2].endswith("back to version 1")
    assert b"8100" not in store.read_bytes()


def test_export_and_import_as_spreadsheet(
    rules: Any, store: Path, example_rules: Path, tmp_path: Path
) -> None:
    rules("import", "--store", store, "--create", example_rules)
    for suffix in ("xlsx", "csv", "yml"):
        file = tmp_path / f"rules.{suffix}"
        rules("export", "--store", store, file)
        rules("import", "--store", store, file)
        assert rules("diff", "--store", store, "1") == "no difference\n"
    again = rules("import", "--store", store, file)
    assert again == f"{file} is the present version: nothing is stored\n"


def test_import_shows_what_changes_and_what_is_wrong_before_it_holds(
    rules: Any, store: Path, example_rules: Path, tmp_path: Path
) -> None:
    first = rules("import", "--store", store, "--create", example_rules, "--master", MASTER)
    assert "overlapping" in first
    file = tmp_path / "rules.yml"
    text = example_rules.read_text()
    file.write_text(text.replace('gl: "8040", cost_center: WEB', 'gl: "8041", cost_center: NEW'))
    out = rules("import", "--store", store, file)
    assert "gl 8040" in out
    assert "gl 8041" in out
    assert "overlapping" not in out  # it was so before
    assert "not checked against Exact" in out
    rules("rollback", "--store", store, "1")
    given = ("import", "--store", store, file, "--master", MASTER)
    refused = rules(*given, code=1)
    assert f"nothing is stored: lint finds 2 errors ({file})" in refused
    assert rules("history", "--store", store).count("\n") == 3
    out = rules(*given, "--yes")
    assert "Exact has no GL account 8041" in out
    assert "Exact has no active cost center NEW" in out
    assert out.splitlines()[-1].startswith("version 4, ")


@pytest.mark.parametrize(("answer", "stored"), [("y", True), ("n", False), ("", False)])
def test_on_a_terminal_import_asks(
    store: Path, example_rules: Path, answer: str, stored: Any, monkeypatch: Any
) -> None:
    from click.testing import CliRunner  # noqa: PLC0415

    from mapper_gl_rules.tools import versions  # noqa: PLC0415
    from mapper_gl_rules.tools.commands import rules as group  # noqa: PLC0415

    monkeypatch.setattr(versions, "is_terminal", lambda: True)
    given = ["import", "--store", str(store), "--create", str(example_rules)]
    done = CliRunner().invoke(group, given, input=f"{answer}\n")
    assert "Store it, to hold from the next run? [y/N]" in done.output
    history = CliRunner().invoke(group, ["history", "--store", str(store)]).output
    assert bool(history) is stored
    assert done.exit_code == (0 if stored else 1)


def test_a_mistake_in_a_spreadsheet_is_told_by_its_cell(
    rules: Any, store: Path, example_rules: Path, tmp_path: Path
) -> None:
    file = tmp_path / "rules.csv"
    assert "Import a YAML file or a workbook first" in rules(
        "import", "--store", store, "--create", tmp_path / "any.csv", code=1
    )
    rules("import", "--store", store, example_rules)
    rules("export", "--store", store, file)
    file.write_bytes(file.read_bytes().replace(b",shipping,", b",shiping,", 1))
    wrong = rules("import", "--store", store, file, code=1)
    assert re.search(r"rules.csv, cell B\d+, field line\)\. Did you mean shipping", wrong)
    nowhere = tmp_path / "nowhere" / "rules.xlsx"
    assert "cannot write the rules" in rules("export", "--store", store, nowhere, code=1)


def test_a_change_holds_from_the_next_run(
    rules: Any,
    store: Path,
    example_rules: Path,
    tmp_path: Path,
    run_command: Any,
    singer_input: str,
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"rules_store": str(store)}))
    found = []
    for debtor in ("10", "90101"):
        file = tmp_path / "rules.yml"
        file.write_text(example_rules.read_text().replace('debtor: "10"', f'debtor: "{debtor}"'))
        rules("import", "--store", store, "--create", file)
        done = run_command("--config", config, input=singer_input)
        assert done.returncode == 0, done.stderr
        messages = [json.loads(line) for line in done.stdout.splitlines()]
        entry = next(one["record"] for one in messages if one.get("stream") == "sales_entries"
                     and one["type"] == "RECORD")  # fmt: skip
        found.append((entry["debtor"]["code"], entry["rules_version"]))
    assert found == [("10", "v1"), ("90101", "v2")]


def test_wrong_use_of_the_store_is_one_line(
    rules: Any, store: Path, example_rules: Path, tmp_path: Path, run_command: Any
) -> None:
    assert "no credential store" in rules("history", "--store", store, code=1)
    assert "option --store" in rules("history", code=1)
    rules("import", "--store", store, "--create", example_rules)
    assert "no version 7" in rules("rollback", "--store", store, "7", code=1)
    bad = tmp_path / "bad.yml"
    bad.write_text(example_rules.read_text().replace("sales_orders", "sales_ordesr"))
    assert "line 15, field settings.sales_ordesr" in rules("import", "--store", store, bad, code=1)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"rules_store": str(store), "rules_file": "x.yml"}))
    done = run_command("--config", config, input="")
    assert done.returncode == 1
    assert "two sources of rules" in done.stderr


def test_the_example_is_right_for_the_company(rules: Any, example_rules: Path) -> None:
    out = rules("lint", "--rules", example_rules, "--master", MASTER)
    assert out.splitlines()[-1].startswith("0 errors")


def cached(file: Path, *divisions: int) -> str:
    """Keep the master data as the target does, and give the ledger's address."""
    url = f"sqlite:///{file}"
    engine = sa.create_engine(url)
    names = {
        "Divisions": "division",
        "GLAccounts": "gl_accounts",
        "VATCodes": "vat_codes",
        "Costcenters": "cost_centers",
        "Costunits": "cost_units",
        "Journals": "journals",
        "Accounts": "accounts",
    }
    with engine.begin() as connection:
        connection.execute(sa.text("create table master_rows (division int, kind text, data blob)"))
        for name, entries in json.loads(MASTER.read_text()).items():
            for entry in entries:
                if entry.get("EndDate"):
                    entry["EndDate"] = datetime.fromisoformat(entry["EndDate"]).replace(tzinfo=UTC)
                for division in divisions:
                    row = {"n": division, "k": names[name], "d": msgspec.msgpack.encode(entry)}
                    connection.execute(sa.text("insert into master_rows values (:n, :k, :d)"), row)
    engine.dispose()
    return url


def test_lint_reads_the_targets_cache(tmp_path: Path, rules: Any, example_rules: Path) -> None:
    url = cached(tmp_path / "ledger.db", 1)
    assert "0 errors" in rules("lint", "--rules", example_rules, "--master", url)
    missing = rules("lint", "--rules", example_rules, "--master", "sqlite:///nowhere.db", code=1)
    assert "cannot read the master data" in missing
    assert not Path("nowhere.db").exists()


def test_lint_checks_each_rule_in_the_division_where_it_books(
    tmp_path: Path, rules: Any, example_rules: Path
) -> None:
    url = cached(tmp_path / "ledger.db", 1, 2)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        found = sa.text("delete from master_rows where division = 2 and instr(data, :code)")
        connection.execute(found, {"code": msgspec.msgpack.encode({"Code": "8050"})[1:]})
    engine.dispose()
    ambiguous = rules("lint", "--rules", example_rules, "--master", url, code=1)
    assert "several divisions (option --division). Name one of 1, 2." in ambiguous
    shared = ("lint", "--rules", example_rules, "--master", url, "--division")
    assert "0 errors" in rules(*shared, "1")
    assert "Exact has no GL account 8050" in rules(*shared, "2", code=2)
    text = example_rules.read_text()
    for when, wrong in (("website: uk", True), ("country: GB", True), ("website: b2b", True),
                        ("country: DE", False), ("store: nl, country: NL", False)):  # fmt: skip
        chosen = f"rules:\n  - {{name: second, when: {{line: document, {when}}}, "
        file = tmp_path / "rules.yml"
        file.write_text(text.replace("rules:\n", chosen + "book: {division: 2}}\n", 1))
        out = rules("lint", "--rules", file, "--master", url, code=2 if wrong else 0)
        assert ("division 2: rule 'goods, uk': Exact has no GL account 8050" in out) is wrong
    file.write_text(file.read_text().replace("division: 2", "division: 3"))
    assert "division 3, which the master data lacks" in rules(
        "lint", "--rules", file, "--master", url, "--division", "1", code=2
    )


BAD = """\
settings:
  journal: "77"
  general_journal: "90"
  home_country: NL
  time_zone: Europe/Amsterdam
  ledger_currency: EUR
  debtor: "10"
vat_codes:
  "21": {rate: 21, gl: "1500"}
  "9": {rate: 6, gl: "1501"}
  "Q": {rate: 0}
rules:
  - {name: all lamps, when: {line: product, sku_pattern: "LAMP*"}, book: {gl: "8000"}}
  - {name: one lamp, when: {line: product, sku: LAMP-DESK, rate: 21}, book: {gl: "8001"}}
  - {name: wrong rate, when: {line: product, rate: 9}, book: {gl: "8000", vat_code: "21"}}
  - {name: no center, when: {line: product, sku: A}, book: {gl: "8910", cost_unit: NOPE}}
  - {name: center, when: {line: product, sku: B}, book: {gl: "8920", cost_center: WEB}}
  - {name: blocked, when: {line: product, sku: C}, book: {gl: "8900", cost_center: OLD}}
  - {name: vat account, when: {line: product, sku: D}, book: {gl: "1500"}}
  - {name: clearing, when: {line: document}, book: {clearing_gl: "1299"}}
"""


def test_lint_finds_what_documents_would_show_too_late() -> None:
    from mapper_gl_rules.tools.master_data import load_master_data  # noqa: PLC0415

    rules = parse_rules(BAD, origin="bad.yml")
    found = lint(rules, load_master_data(str(MASTER)))
    errors = {(one.line, one.kind) for one in found if one.level == "error"}
    assert errors == {
        (0, "missing default"),  # shipping and rounding: no rule takes any
        (0, "unknown VAT code"),
        (0, "unknown journal"),
        (0, "wrong VAT rate"),
        (14, "unreachable"),
        (14, "unknown GL account"),
        (15, "wrong VAT rate"),
        (16, "cost center required"),
        (16, "unknown cost unit"),
        (17, "cost center not allowed"),
        (18, "blocked GL account"),
        (18, "unknown cost center"),
        (19, "wrong GL account"),
        (20, "unknown GL account"),
    }
    warnings = [one for one in found if one.level == "warning"]
    assert {one.kind for one in warnings} == {"missing default", "overlapping"}
    assert any("also takes lines that would match" in one.text for one in warnings)


@pytest.mark.parametrize(
    ("earlier", "later", "warned"),
    [
        ("line: product, sku: A", "line: [product, discount], rate: 21", False),  # one product
        ("line: product, website: b2b, rate: 21", "line: product, rate: 21, country: NL", False),
        ("line: product, country: GB", "line: product, website: b2b", True),
        ("line: [product, discount], country: GB", "line: discount", False),
        ("line: product, website: b2b", "line: product, category: 3", True),
        ("line: product, category: 3", "line: product, website: b2b", False),
        ("line: product, sku_pattern: 'A-*'", "line: product, sku_pattern: 'B-*'", False),
        ("line: product, sku_pattern: 'A*'", "line: product, sku_pattern: '*B'", True),
        ("line: product, sku: AB", "line: product, sku_pattern: 'A*'", False),
        ("line: product, country: DE", "line: product, country: NL", False),
        ("line: product, country: NL", "line: product, supply: oss", False),  # NL is home
    ],
)
def test_lint_warns_only_where_the_earlier_rule_is_no_exception(
    make_rules: Any, earlier: str, later: str, warned: Any
) -> None:
    rules = make_rules(
        f'name: earlier, when: {{{earlier}}}, book: {{gl: "1"}}',
        f'name: later, when: {{{later}}}, book: {{gl: "2"}}',
    )
    found = [one.text for one in lint(rules) if one.kind == "overlapping"]
    assert any("'earlier' also takes" in text and "later" in text for text in found) is warned


def test_lint_exits_with_2_on_errors(rules: Any, tmp_path: Path) -> None:
    file = tmp_path / "bad.yml"
    file.write_text(BAD)
    out = rules("lint", "--rules", file, code=2)
    assert (
        "error: line 14: unreachable: rule 'one lamp' never matches: 'all lamps' (line 13)" in out
    )


def test_explain_says_which_rule_and_why_not_the_earlier(
    rules: Any, documents: Path, example_rules: Path
) -> None:
    out = rules("explain", "--rules", example_rules, "--input", documents, "--order", "5000000002")
    assert "not 'goods, uk': country is BE" in out
    name = "intra-EU goods, business"
    (line,) = [one.line for one in load_rules(example_rules).rules if one.name == name]
    assert f"{name!r} (line {line}): GL 8020, VAT code 7, cost center B2B" in out
    assert "sales invoice 5000000002, 2026-" in out
    assert "journal 70, EUR, debtor BE0000000097" in out
    assert re.search(r"invoice 5000000002, rules sha256:", out)
    missing = rules(
        "explain", "--rules", example_rules, "--input", documents, "--order", "1", code=1
    )
    assert "there is no order 1 among the documents" in missing


def test_explain_shows_refusals_too(rules: Any, documents: Path, tmp_path: Path) -> None:
    text = "\n".join(
        line for line in BAD.splitlines() if "wrong rate" not in line and "all lamps" not in line
    )
    file = tmp_path / "rules.yml"
    file.write_text(text)
    out = rules("explain", "--rules", file, "--input", documents, "--order", "000000009")
    assert "no rule matches: the document is refused" in out


def test_explain_shows_the_entry_with_names(
    rules: Any, documents: Path, example_rules: Path
) -> None:
    given = ("--rules", example_rules, "--input", documents, "--order", "5000000002")
    out = rules("explain", *given, "--master", MASTER)
    rows = [line.split("  ") for line in out.splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert ["1300", "Debtors (accounts receivable)", "debtor", "119.60"] in cells
    assert [
        "8100", "Shipping revenue", "revenue", "B2B", "7", "4.95", "shipping, business"
    ] in cells  # fmt: skip
    assert ["119.60", "119.60"] in cells
    _, invoice = json.loads(rules("explain", *given, "--json"))
    assert invoice["number"] == "5000000002"
    assert invoice["lines"][0]["books"]["GL"] == "8020"
    assert invoice["lines"][0]["not_matched"]["goods, uk"] == "country is BE"
    assert invoice["entries"][0]["total_debit"] == "119.60"


def test_coverage_counts_every_document_once(
    rules: Any, documents: Path, example_rules: Path, tmp_path: Path
) -> None:
    out = rules("coverage", "--rules", example_rules, "--input", documents, code=2).splitlines()
    assert "205 lines: 0 without a rule, 53 by a default" in out
    assert out[-1] == "159 documents: 148 booked, 2 refused, 9 skipped"
    file = tmp_path / "rules.yml"
    text = example_rules.read_text().replace("sku: GIFT-VOUCHER", "sku: OTHER")
    text = text.replace("sales_orders: true", "sales_orders: false")
    file.write_text(text.replace("name: NL 0 %\n    when: {", "name: NL 0 %\n    when: {sku: X, "))
    given = ("--rules", file, "--input", documents)
    out = rules("coverage", *given, code=2)
    assert "NO RULE: product GIFT-VOUCHER, 0 %, NL: 1 lines, 50.00 EUR" in out
    refused = "refused, 1: no rule matches product GIFT-VOUCHER of ... with VAT 0.00 at 0 %"
    assert refused in out
    assert "84 documents: 81 booked, 2 refused, 1 skipped" in out
    found = json.loads(rules("coverage", *given, "--json", code=2))
    waiting = [*found["refused"].values(), *found["skipped"].values()]
    assert found["booked"] + sum(map(len, waiting)) == 84
    assert found["unwanted"] == 75
    late = rules("coverage", *given, "--since", "2026-11-01")
    assert "GIFT-VOUCHER" not in late


def test_coverage_counts_documents_that_do_not_add_up(
    rules: Any, example_rules: Path, tmp_path: Path
) -> None:
    source = json.loads((DATA / "golden" / "P01.json").read_text())["source"]
    source["invoices"][0]["grand_total"] += 10
    file = tmp_path / "documents.json"
    file.write_text(json.dumps(source))
    out = rules("coverage", "--rules", example_rules, "--input", file, code=2).splitlines()
    assert out[-1].startswith("2 documents: 1 booked, 1 refused, 0 skipped")
    assert any(
        line.startswith("refused, 1: grand_total is ... more than its parts") for line in out
    )


def test_simulate_shows_the_money_per_account(
    rules: Any, documents: Path, example_rules: Path, tmp_path: Path
) -> None:
    file = tmp_path / "new.yml"
    text = example_rules.read_text().replace('"8100", cost_center: WEB', '"8110", cost_center: WEB')
    file.write_text(text.replace("fee: none", "fee: 21"))
    out = rules(
        "simulate", "--rules", file, "--current", example_rules, "--input", documents
    ).splitlines()
    moved = re.search(r"GL 8110: 0.00 -> ([\d.]+) EUR \(\+\1\)", "\n".join(out))
    assert moved
    assert any(line.startswith("refused by the new rules: credit_memo 000000006") for line in out)
    assert out[-1].endswith("documents would be booked differently")
    same = rules(
        "simulate", "--rules", example_rules, "--current", example_rules, "--input", documents
    )
    assert same == "0 documents would be booked differently\n"


def test_input_may_be_rest_documents(rules: Any, example_rules: Path, tmp_path: Path) -> None:
    source = json.loads((DATA / "golden" / "P01.json").read_text())["source"]
    file = tmp_path / "documents.json"
    (invoice,) = source["invoices"]
    order = source["order"]
    for shape in (
        source,
        {"orders": [order], "invoices": [invoice]},
        {"order": order, "invoice": invoice},
        {"invoices": [{**invoice, "order": order}]},
    ):
        file.write_text(json.dumps(shape))
        out = rules("explain", "--rules", example_rules, "--input", file, "--order", "000000101")
        assert f"sales invoice {invoice['increment_id']}" in out
        assert "148.79" in out
    for wrong, problem in (
        ('{"invoices": [{"entity_id": "x"}]}', "invoices[0]"),
        ('{"invoice": 5}', "documents.json, invoice)"),
        ("{}", "there are no documents"),
        ("[]", "cannot read the documents"),
        ("{" * 5000, "cannot read the documents"),
        ('{"invoices": [' + "[" * 100_000, "cannot read the documents"),
        ('{"type": "RECORD", "stream": "orders", "record": {}}', "documents.json, line 1"),
    ):
        file.write_text(wrong)
        assert problem in rules("coverage", "--rules", example_rules, "--input", file, code=1)


def test_book_prints_a_table_for_people_and_json_for_machines(
    example_rules: Path, run_command: Any, tmp_path: Path
) -> None:
    source = json.loads((DATA / "golden" / "P01.json").read_text())["source"]
    source["invoices"].append({**source["invoices"][0], "increment_id": "9", "order_id": 1})
    file = tmp_path / "documents.json"
    file.write_text(json.dumps(source))
    given = ("book", "--rules", example_rules, "--input", file)
    done = run_command(*given)
    report = json.loads(done.stdout)
    assert [len(report[name]) for name in ("documents", "refused", "skipped")] == [1, 1, 0]
    assert json.loads(run_command(*given, "--json").stdout) == report
    table = run_command(*given, "--table", "--master", MASTER).stdout
    assert "sales invoice 000000201, 2026-03-02" in table
    assert re.search(r"8000 +Revenue NL 21 % +revenue +WEB +21 +100.00 +NL 21 %", table)
    assert "refused: invoice 9: order 1 did not come with the document (order)." in table
    assert "1 entries, 1 refused and 0 skipped" in table
