"""Rules survive the way into a spreadsheet and back; what a person does in it is understood."""

from __future__ import annotations

import csv
import random  # noqa: TC003  # hypothesis looks it up
from contextlib import suppress
from copy import deepcopy
from datetime import datetime
from io import BytesIO, StringIO
from pathlib import Path
from time import process_time
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.comments import Comment
from ruamel.yaml import YAML

from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.rules.loading import parse_rules
from mapper_gl_rules.rules.vocabulary import CONDITIONS, OUTCOMES
from mapper_gl_rules.tools.compare import compare
from mapper_gl_rules.tools.csv_table import from_csv, to_csv
from mapper_gl_rules.tools.master_data import division_of, load_master_data
from mapper_gl_rules.tools.workbook import from_xlsx, to_xlsx

EXAMPLE = (Path(__file__).parents[3] / "examples" / "rules.yml").read_text()
ODD = """\
# ====
# =First line of the file, which is no formula.

settings:
  journal: "070"   # with a zero
  home_country: NL
  time_zone: Europe/Amsterdam
  ledger_currency: EUR
  debtor: customer
  adjustments: {refund: goods, fee: 21}
  surcharges: {extension_attributes.fee: extension_attributes.fee_tax, total.x: null}
vat_codes:
  "21": {rate: 21, gl: "0150", country: NL, from: 2012-10-01}  # since 2012
  # outside VAT
  "0": {rate: 0, supply: none}
rules:
  # A rule with everything
  # in two lines.
  - name: odd
    when: {line: product, sku: ["A|B", 'with "quotes" # and hash'], rate: 5.5}  # behind
    book: {gl: "0800", vat_code: auto, deferral_months: 12}
  - name: attributes
    when:
      attributes: {color: [red, "a;b=c|d\\\\"], size: L, width: 5, new: true}
      rate: [5.50, 21.0]
      from: 2026-01-01
    refuse: ask | first
  - name: "=SUM(A1:A9)"
    when: {line: product, sku: ["@cmd", " with spaces ", "-1", "+2", "'3", "#N/A"]}
    book: {gl: "0900", vat_code: "21"}
  - name: last
    when: {line: [product, shipping]}
    book: {gl: "8000", vat_code: "21"}
"""


def rules_of(text: str) -> Any:
    return parse_rules(text, origin="rules")


def through(way: str, text: str) -> str:
    if way == "xlsx":
        return from_xlsx(to_xlsx(text), text).text
    return from_csv(to_csv(text).encode("utf-8-sig"), text).text


def edited(text: str, change: Any) -> bytes:
    """Open a workbook as a person does, change it, save it."""
    book = load_workbook(BytesIO(to_xlsx(text)))
    change(book)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def column(sheet: Any, title: str) -> int:
    return [cell.value for cell in sheet[1]].index(title) + 1


def check(read: Any, table: Any, origin: str) -> None:
    made = read(table, ODD, origin)
    parse_rules(made.text, origin=origin, locate=made.locate)


@pytest.mark.parametrize("text", [EXAMPLE, ODD], ids=["example", "odd"])
@pytest.mark.parametrize("way", ["xlsx", "csv"])
def test_there_and_back_changes_nothing(text: str, way: str) -> None:
    back = through(way, text)
    assert compare(rules_of(text), rules_of(back)) == []
    assert through(way, back) == back


@pytest.mark.parametrize("way", ["xlsx", "csv"])
def test_a_code_that_yaml_reads_as_a_number_keeps_its_comment(way: str) -> None:
    text = EXAMPLE.replace('  "21": {', "  # high\n  21: {")
    assert text != EXAMPLE
    back = through(way, text)
    assert compare(rules_of(text), rules_of(back)) == []
    assert "# high" in back


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1).filter(
    lambda text: text == text.strip() and text.isprintable()
)
TRICKY = st.one_of(WORDS, st.text(" =+-@'|;\\#\"%,\t\n0Aa", min_size=1, max_size=8))


@given(
    st.lists(WORDS, min_size=1, max_size=4, unique=True),
    st.lists(TRICKY, min_size=1, max_size=3),
    st.dictionaries(TRICKY, st.lists(TRICKY, min_size=1, max_size=3), min_size=1, max_size=3),
    TRICKY,
)
@example(["0"], ["0"], {":0": [":0"]}, ":0")
@settings(max_examples=60)
def test_any_text_survives(
    names: list[str], skus: list[str], attributes: dict[str, list[str]], gl: str
) -> None:
    tree = YAML().load(ODD)
    tree["rules"] = [
        {
            "name": name,
            "when": {"line": "product", "sku": [*skus], "attributes": deepcopy(attributes)},
            "book": {"gl": gl, "vat_code": "21"},
        }
        for name in names
    ]
    out = StringIO()
    YAML().dump(tree, out)
    before = rules_of(out.getvalue())
    for way in ("xlsx", "csv"):
        after = rules_of(through(way, out.getvalue()))
        assert [rule.name for rule in after.rules] == names
        assert after.rules[0].book == before.rules[0].book
        when = after.rules[0].when
        assert (when["sku"] if isinstance(when["sku"], list) else [when["sku"]]) == skus
        found = {
            name: one if isinstance(one, list) else [one]
            for name, one in when["attributes"].items()
        }
        assert found == attributes


@pytest.mark.parametrize("way", ["xlsx", "csv"])
def test_comments_are_kept(way: str) -> None:
    lines = [line.strip() for line in through(way, ODD).splitlines()]
    comments = [f"#{line.partition('#')[2]}" for line in lines]
    for comment in (
        "# ====",
        "# =First line of the file, which is no formula.",
        "# with a zero",
        "# since 2012",
        "# outside VAT",
        "# A rule with everything",
        "# in two lines.",
        "# behind",
    ):
        assert comment in comments
    assert lines[lines.index("# behind") + 1] == '- name: "odd"'


def test_a_comment_makes_no_yaml() -> None:
    def change(book: Any) -> None:
        sheet = book["Rules"]
        sheet.cell(2, column(sheet, "comment")).value = "a\u2028settings: {}\x85x: 1\rrules: []"

    assert compare(rules_of(ODD), rules_of(from_xlsx(edited(ODD, change)).text)) == []


def test_a_note_on_a_cell_becomes_a_comment_of_the_rule() -> None:
    def change(book: Any) -> None:
        book["Rules"]["B3"].comment = Comment("why this one?", "accountant")

    assert '# why this one?\n  - name: "attributes"' in from_xlsx(edited(ODD, change)).text


def test_text_is_written_as_text() -> None:
    book = load_workbook(BytesIO(to_xlsx(ODD)))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value]
    assert {cell.data_type for cell in cells} == {"s"}
    assert book["Settings"]["C2"].value == "====\n=First line of the file, which is no formula."
    assert "'=SUM(A1:A9)" in to_csv(ODD)
    assert not any(
        cell.startswith(("=", "+", "-", "@"))
        for line in to_csv(ODD).splitlines()
        for cell in line.replace('"', "").split(",")
    )


def test_codes_are_text_cells_so_that_zeros_stay() -> None:
    sheet = load_workbook(BytesIO(to_xlsx(ODD)))["Rules"]
    cell = sheet.cell(2, column(sheet, "gl"))
    assert (cell.value, cell.number_format) == ("0800", "@")


def test_columns_that_no_rule_uses_are_left_out() -> None:
    titles, *rows = csv.reader(StringIO(to_csv(ODD)))
    assert titles == [
        "name", "line", "sku", "rate", "attributes", "from", "gl", "vat_code",
        "deferral_months", "refuse", "comment",
    ]  # fmt: skip
    out = StringIO()
    csv.writer(out).writerows([[*titles, "Country"], [*rows[0], "DE"]])
    assert rules_of(from_csv(out.getvalue(), ODD).text).rules[0].when["country"] == "DE"


def test_the_workbook_offers_values_and_names() -> None:
    master = division_of(load_master_data(str(Path(__file__).parent / "data/master.json")), None)
    book = load_workbook(BytesIO(to_xlsx(EXAMPLE, master)))
    sheet = book["Rules"]
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref == sheet.dimensions
    row = next(number for number in range(2, 99) if sheet.cell(number, 1).value == "NL 9 %")
    assert sheet.cell(row, column(sheet, "gl (name)")).value == "Revenue NL 9 %"
    assert sheet.cell(row, column(sheet, "cost_center (name)")).value == "Web shop consumers"
    lists = book["Lists"]
    assert lists.sheet_state == "hidden"
    offered = {}
    for one in sheet.data_validations.dataValidation:
        letters = one.formula1.split("$")[1]
        values = [cell.value for cell in lists[letters] if cell.value]
        offered[sheet[str(one.sqref).split(":")[0][:-1] + "1"].value] = values
        assert not one.showErrorMessage
    assert offered["line"] == list(CONDITIONS["line"].choices)
    assert "8010" in offered["gl"]
    assert offered["cost_center"] == ["B2B", "BE", "DE", "INTL", "STORE", "UK", "WEB"]
    assert offered["vat_code"][:3] == ["auto", "product", "21"]
    meant = {row[0].value for row in book["Meanings"].iter_rows(min_row=2)}
    assert meant == {*CONDITIONS, *OUTCOMES}
    back = from_xlsx(to_xlsx(EXAMPLE, master), EXAMPLE).text
    assert compare(rules_of(EXAMPLE), rules_of(back)) == []


def test_what_a_person_types_in_excel_is_understood() -> None:
    def change(book: Any) -> None:
        sheet = book["Rules"]
        titles = [cell.value for cell in sheet[1]]
        row: dict[str, Any] = {
            "name": "typed",
            "line": "product |shipping",
            "rate": 0.21,
            "from": datetime(2026, 7, 1, 12),  # noqa: DTZ001  # as a cell has it
            "gl": 8010.0,
            "vat_code": 21,
            "deferral_months": 3,
        }
        sheet.append([row.get(title) for title in titles])
        sheet.cell(sheet.max_row, titles.index("rate") + 1).number_format = "0.0%"
        codes = book["VAT codes"]
        codes.append(["5 ", "5,5 %", "0150", "FR", "oss"])
        sheet["A1"].value = "Name "
        sheet.cell(7, 3).value = None

    rules = rules_of(from_xlsx(edited(ODD, change), ODD).text)
    typed = rules.rules[-1]
    assert typed.when == {
        "line": ["product", "shipping"],
        "rate": 21,
        "from": datetime(2026, 7, 1).date(),  # noqa: DTZ001
    }
    assert (typed.book.gl, typed.book.vat_code, typed.book.deferral_months) == ("8010", "21", 3)
    assert f"{rules.vat_code('5').rate:f}" == "5.5"


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-8", ","), ("utf-8-sig", ";"), ("cp1252", ";"), ("utf-16", "\t"), ("utf-8", "\t")],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_csv_as_spreadsheet_programs_save_it(encoding: str, delimiter: str, newline: str) -> None:
    text = ODD.replace("name: last", "name: Café, thé; crème")
    rows = [line.split(",") for line in to_csv(ODD).splitlines()]
    assert '"' not in "".join(rows[-1])
    rows = [rows[0], ["Café, thé; crème", *rows[-1][1:]]]
    quoted = [[f'"{cell}"' if set(cell) & set(",;") else cell for cell in row] for row in rows]
    table = "".join(delimiter.join(row) + newline for row in quoted)
    if delimiter == ";":
        table = f"sep=;{newline}{table}"
    base = "\n".join(line for line in text.splitlines() if "refuse" not in line)
    found = rules_of(from_csv(table.encode(encoding), base).text).rules[0]
    assert found.name == "Café, thé; crème"
    assert found.when["line"] == ["product", "shipping"]


def test_csv_of_another_encoding_is_refused() -> None:
    with pytest.raises(RulesError, match="neither UTF-8 nor Windows-1252"):
        from_csv(b"name\n\x81\x8d", ODD)


@pytest.mark.parametrize(
    ("sheet", "cell", "value", "where", "problem"),
    [
        ("Rules", "B2", "produkt", "sheet Rules, cell B2, field line", "Did you mean product"),
        ("Rules", "D2", "high", "sheet Rules, cell D2, field rate", "not right here"),
        ("Rules", "H2", "22", "sheet Rules, cell H2, field vat_code", "not under vat_codes"),
        ("Rules", "F3", "1 July", "sheet Rules, cell F3, field from", "must look like"),
        ("Rules", "G2", None, "sheet Rules, cell G2, field gl", "books on no GL account"),
        ("Rules", "A3", "odd", "sheet Rules, cell A3", "exists twice, first in row 2"),
        ("Rules", "A3", None, "sheet Rules, cell A3", "has no name"),
        ("Rules", "G2", "=8000+1", "sheet Rules, cell G2", "a formula stands in a cell"),
        ("Rules", "G2", "#REF!", "sheet Rules, cell G2", "an error or a formula"),
        ("Rules", "N4", "x", "sheet Rules, cell N4", "no title above it"),
        ("Rules", "N1", "colour", "sheet Rules, cell N1", "unknown column colour"),
        ("Rules", "N1", "rate", "sheet Rules, cell N1", "the column rate exists twice"),
        ("Rules", "D1", None, "sheet Rules, row 1", "the column rate is missing, and the present"),
        ("VAT codes", "B2", "lots", "sheet VAT codes, cell B2, field rate", "not right here"),
        ("VAT codes", "C2", None, "sheet VAT codes, cell C2, field gl", "has a rate but no GL"),
        ("VAT codes", "A3", "21", "sheet VAT codes, cell A3", "VAT code '21' exists twice"),
        ("VAT codes", "B1", None, "sheet VAT codes, row 1", "the column rate is missing"),
        ("Settings", "B5", "Mars", "sheet Settings, cell B5, field time_zone", "no time zone"),
        ("Settings", "A3", "jurnal", "sheet Settings, cell B3, field jurnal", "Did you mean jour"),
        ("Settings", "A4", "journal", "sheet Settings, cell A4", "setting 'journal' exists twice"),
        ("Settings", "B3", None, "sheet Settings, cell B3, field journal", "''"),
    ],
)
def test_errors_say_sheet_and_cell(
    sheet: str, cell: str, value: Any, where: str, problem: str
) -> None:
    def change(book: Any) -> None:
        if cell == "D1":
            book[sheet].delete_cols(4)
        elif cell == "B1":
            book[sheet].delete_cols(2)
        else:
            book[sheet][cell].value = value

    with pytest.raises(RulesError) as caught:
        check(from_xlsx, edited(ODD, change), "rules.xlsx")
    assert f"rules.xlsx, {where}" in str(caught.value)
    assert problem in str(caught.value)


def test_errors_of_a_csv_say_row_and_column() -> None:
    table = to_csv(ODD).replace("\nodd,product", "\n\n\nodd,produkt")
    with pytest.raises(RulesError, match=r"rules.csv, cell B4, field line"):
        check(from_csv, table, "rules.csv")
    with pytest.raises(RulesError, match=r"row 1.*Export the rules again"):
        from_csv("name,line\na,product\n", ODD)
    with pytest.raises(RulesError, match="the table is empty"):
        from_csv("", ODD)
    with pytest.raises(RulesError, match=r"no CSV.*line 2"):
        from_csv('name,line\na"b,"x"y\n"', ODD)
    with pytest.raises(RulesError, match="larger than field limit"):
        from_csv("name\n" + "x" * 200_000, ODD)
    with pytest.raises(RulesError, match="more than 5000 rows"):
        from_csv("name\n" + "x\n" * 6000, ODD)
    with pytest.raises(RulesError, match=r"more than .* 100 columns"):
        from_csv("name" + "," * 200, ODD)


def test_wrong_workbooks_are_clear_errors() -> None:
    with pytest.raises(RulesError, match="no XLSX workbook"):
        from_xlsx(b"name,line")
    out = BytesIO()
    Workbook().save(out)
    with pytest.raises(RulesError, match="the sheet Rules is missing"):
        from_xlsx(out.getvalue())
    with pytest.raises(RulesError, match="too long for a cell"):
        to_xlsx(ODD.replace("ask | first", "x" * 40_000))
    with pytest.raises(RulesError, match=r"control character.*sheet Rules, cell A5"):
        to_xlsx(ODD.replace("name: last", 'name: "a\\x07"'))


def zipped(**parts: bytes | str) -> bytes:
    """Make a workbook with some parts replaced."""
    out = BytesIO()
    with ZipFile(BytesIO(to_xlsx(ODD))) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            short = name.rpartition("/")[2].partition(".")[0]
            new.writestr(name, parts.pop(short, old.read(name)))
        for name, content in parts.items():
            new.writestr(f"xl/{name}.xml", content)
    return out.getvalue()


CELL = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 9}">' for n in range(9)
)


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"sheet1": f'{CELL}<row r="1048576"><c r="A1048576"/></row>'}, "row 1048576, column 1"),
        ({"sheet1": f'{CELL}<row r="1048576"><c t="s"><v>0</v></c></row>'}, "row 1048576"),
        ({"sheet1": f'{CELL}<row r="1"><c r="XFD1"/></row>'}, "row 1, column 16384"),
        ({"sheet1": CELL + "<row/>" * 6000 + "<row><c/></row>"}, "row 6001"),
        ({"sheet1": CELL + "<a>" * 70}, "more than 60 levels"),
        ({"sheet1": CELL + "<a/>" * 1_100_000}, "1000000 elements"),
        ({"sharedStrings": "<sst><si><t>" + "x" * 400_000_000}, "bytes unpacked"),
        ({"more": b"\0" * 50_000_000}, "bytes unpacked"),
        ({"workbook": LAUGHS + "]><workbook>&h;</workbook>"}, "entities of its own"),
        ({str(number): "<a/>" for number in range(600)}, "parts with"),
        ({"sheet1": f'{CELL}<row r="x"><c/></row>'}, "damaged"),
        ({"sheet1": f'{CELL}<row r="1"><c r="?"/></row>'}, "damaged"),
        ({"sheet1": ""}, "damaged"),
    ],
    ids=range(13),
)
def test_bombs_are_refused_before_they_are_read(parts: Any, problem: str) -> None:
    data = zipped(**parts)
    begin = process_time()
    with pytest.raises(RulesError) as caught:
        from_xlsx(data, None, "bomb.xlsx")
    assert problem in str(caught.value)
    assert "bomb.xlsx" in str(caught.value)
    assert process_time() - begin < 10


@given(st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_a_damaged_workbook_is_read_or_refused(chance: random.Random) -> None:
    with ZipFile(BytesIO(to_xlsx(ODD))) as book:
        name = chance.choice(book.namelist())
        part = bytearray(book.read(name))
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(part))
        part[place : place + chance.randint(0, 3)] = chance.choice([b"", b"<", b'"', b"0", b"\xff"])
    data = bytearray(zipped(**{name.rpartition("/")[2].partition(".")[0]: bytes(part)}))
    if chance.random() < 0.3:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    with suppress(RulesError):
        check(from_xlsx, bytes(data), "workbook")
