"""Rules survive the way into a spreadsheet and back, with their comments."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.comments import Comment

from mapper_gl_rules.exceptions import RulesError
from mapper_gl_rules.rules.loading import parse_rules
from mapper_gl_rules.tools.compare import compare
from mapper_gl_rules.tools.spreadsheet import from_csv, from_xlsx, to_csv, to_xlsx

ODD = """\
# First line of the file.

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
      attributes: {color: [red, blue], size: L}
      from: 2026-01-01
    refuse: ask | first
  - name: last
    when: {line: [product, shipping]}
    book: {gl: "8000", vat_code: "21"}
"""


@pytest.fixture(params=["example", "odd"])
def text(request: Any, example_rules: Any) -> str:
    return ODD if request.param == "odd" else example_rules.read_text()


@pytest.mark.parametrize("way", ["xlsx", "csv"])
def test_there_and_back_changes_nothing(text: str, way: str) -> None:
    back = from_xlsx(to_xlsx(text)) if way == "xlsx" else from_csv(to_csv(text), text)
    assert compare(parse_rules(text, origin="a"), parse_rules(back, origin="b")) == []
    again = from_xlsx(to_xlsx(back)) if way == "xlsx" else from_csv(to_csv(back), back)
    assert again == back


@pytest.mark.parametrize("way", ["xlsx", "csv"])
def test_comments_are_kept(way: str) -> None:
    back = from_xlsx(to_xlsx(ODD)) if way == "xlsx" else from_csv(to_csv(ODD), ODD)
    lines = [line.strip() for line in back.splitlines()]
    for comment in (
        "# First line of the file.",
        "# with a zero",
        "# since 2012",
        "# outside VAT",
        "# A rule with everything",
        "# in two lines.",
        "# behind",
    ):
        assert comment in lines
    assert lines[lines.index("# behind") + 1] == "- name: odd"


def test_a_note_on_a_cell_becomes_a_comment_of_the_rule() -> None:
    book = load_workbook(BytesIO(to_xlsx(ODD)))
    sheet = book["Rules"]
    sheet["B3"].comment = Comment("why this one?", "accountant")
    out = BytesIO()
    book.save(out)
    assert "# why this one?\n  - name: attributes" in from_xlsx(out.getvalue())


def test_what_a_person_types_in_excel_is_understood() -> None:
    book = load_workbook(BytesIO(to_xlsx(ODD)))
    sheet = book["Rules"]
    titles = [cell.value for cell in sheet[1]]
    row: dict[str, Any] = {
        "name": "typed",
        "line": "product",
        "rate": 9.0,
        "from": __import__("datetime").datetime(2026, 7, 1),
        "gl": 8010,
        "vat_code": "auto",
    }
    sheet.append([row.get(title) for title in titles])
    out = BytesIO()
    book.save(out)
    rules = parse_rules(from_xlsx(out.getvalue()), origin="typed")
    typed = rules.rules[-1]
    assert typed.book is not None
    assert (typed.book.gl, typed.when["rate"], str(typed.when["from"])) == ("8010", 9, "2026-07-01")


def test_codes_are_text_cells_so_that_zeros_stay() -> None:
    sheet = load_workbook(BytesIO(to_xlsx(ODD)))["Rules"]
    titles = [cell.value for cell in sheet[1]]
    cell = sheet.cell(2, titles.index("gl") + 1)
    assert (cell.value, cell.number_format) == ("0800", "@")


def test_wrong_spreadsheets_are_clear_errors() -> None:
    with pytest.raises(RulesError, match="unknown column colour"):
        from_csv("name,colour\na,b\n", ODD)
    with pytest.raises(RulesError, match="row 3, column name"):
        from_csv("name,line\na,product\n,product\n", ODD)
    with pytest.raises(RulesError, match="empty"):
        from_csv("", ODD)
    with pytest.raises(RulesError, match="no XLSX workbook"):
        from_xlsx(b"name,line")
    out = BytesIO()
    Workbook().save(out)
    with pytest.raises(RulesError, match="the sheet Rules is missing"):
        from_xlsx(out.getvalue())
