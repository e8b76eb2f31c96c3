"""The files of a comparison: what an accountant opens, prints and sends on."""

from __future__ import annotations

import re
import zipfile
from datetime import datetime
from html.parser import HTMLParser
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import openpyxl

from .conftest import invoice, oss

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Company

SHEETS = ["Summary", "Bridge", "Differences", "Documents", "VAT", "OSS", "EC list", "Gift cards"]
SHEETS += ["Clearing", "Deferred", "Debtors", "Audit", "Cut-off", "Currency", "Rounding"]


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def differing(company: Company) -> None:
    """Post three invoices; one is edited in Exact, and the shop has one more."""
    company.post(invoice(1), invoice(2), invoice(3, kind="credit_memo"))
    company.sandbox.bookkeeper("Bea Boekhouder").edit("000000001", {1: {"amount": 90}})


def written(company: Company, *arguments: str, **named: str) -> Any:
    options = [word for name, path in named.items() for word in (f"--{name}", path)]
    return company.compare(*arguments, *options, "--source", "mirror")


def sheet(path: Path, name: str) -> list[list[Any]]:
    return [list(row) for row in openpyxl.load_workbook(path)[name].iter_rows(values_only=True)]


def test_the_page_needs_nothing_and_tells_everything(company: Company, tmp_path: Path) -> None:
    differing(company)
    path = tmp_path / "october.html"
    done = written(company, html=str(path))
    assert done.exit_code == 3
    assert path.stat().st_mode & 0o777 == 0o600
    page = Page(path.read_text())
    used = {tag for tag, _ in page.elements}
    assert used.isdisjoint({"script", "link", "img", "iframe", "object", "form"})
    assert not re.search(r"https?://|url\(|@import|\son\w+=", path.read_text())
    assert "There are differences. Left unexplained: 0.00 EUR." in page.text
    assert "October 2026" in page.text
    (one,) = [found for found in done.result["findings"] if found["severity"] != "info"]
    for told in (one["document_key"], one["entry"], one["cause"], "user A"):
        assert told in page.text
    assert "Bea" not in path.read_text()
    assert "10.00" in page.text
    assert "Control statements" in page.text


def test_charts_are_told_to_those_who_do_not_see_them(company: Company, tmp_path: Path) -> None:
    differing(company)
    written(company, html=str(tmp_path / "page"))
    page = Page((tmp_path / "page").read_text())
    charts = page.named("svg")
    assert [one["aria-labelledby"] for one in charts] == [
        f"{name}-title {name}-desc" for name in ("bridge", "vat", "ageing")
    ]
    ids = [one["id"] for _, one in page.elements if "id" in one]
    assert len(ids) == len(set(ids))
    for one in charts:
        assert one["role"] == "img"
        assert set((one["aria-labelledby"] or "").split()) <= set(ids)
    told = re.search(
        r'<desc id="bridge-desc">(.*?)</desc>', (tmp_path / "page").read_text(), re.DOTALL
    )
    assert told is not None
    assert "Shop 121.00; Ledger 121.00; E2 Amount edited in Exact" in told[1]
    assert "not at 0" in told[1]


def test_the_spreadsheet_has_numbers_filters_and_frozen_heads(
    company: Company, tmp_path: Path
) -> None:
    differing(company)
    path = tmp_path / "october.xlsx"
    done = written(company, xlsx=str(path))
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == SHEETS
    for page in book:
        assert page.freeze_panes == "A2"
        assert page.auto_filter.ref
        assert page.page_setup.paperSize == 9
    head, *rows = sheet(path, "Documents")
    keys = [row[0] for row in rows]
    assert sorted(keys) == sorted(one["document_key"] for one in done.result["documents"])
    (first,) = [row for row in rows if row[0].endswith("invoice:000000001")]
    told = dict(zip(head, first, strict=True))
    assert told["Shop"] == told["Ledger"] == 121.0
    assert told["Exact"] != 121.0
    assert told["Booked on"] == datetime(2026, 10, 10)  # noqa: DTZ001  # sheets have no zones
    assert told["Classes"] == "E2"
    bridge = [row for row in sheet(path, "Bridge") if row[0] == "Sales with VAT"]
    assert bridge[-1][-1] == 0
    assert {type(row[-1]) for row in bridge} <= {int, float}
    assert [row[0] for row in sheet(path, "Differences")[1:]] == ["E2"]
    assert "Bea" not in str([sheet(path, name) for name in SHEETS])


def test_the_sheet_and_the_page_of_oss_have_its_columns(company: Company, tmp_path: Path) -> None:
    goods = oss(1)
    services = oss(2, line={"nature": "services", "dispatch_country": None})
    company.post(goods, services, oss(3, line={"nature": None, "dispatch_country": None}))
    html, xlsx = tmp_path / "page.html", tmp_path / "sheet.xlsx"
    written(company, html=str(html), xlsx=str(xlsx))
    head, *rows = sheet(xlsx, "OSS")
    assert head[4:6] == ["Goods or services", "Dispatched from"]
    assert [row[4:] for row in rows[:3]] == [
        ["goods", "NL", "D19", 100, 19],
        ["services", None, "D19", 100, 19],
        ["unknown", "unknown", "D19", 100, 19],
    ]
    page = Page(html.read_text())
    for told in (
        "Goods or services",
        "Dispatched from",
        "Unknown: booked before",
        "services 100.00, unknown 100.00.",
    ):
        assert told in page.text


def test_names_are_there_when_they_are_asked_for(company: Company, tmp_path: Path) -> None:
    differing(company)
    html, xlsx = tmp_path / "page.html", tmp_path / "sheet.xlsx"
    written(company, "--with-names", html=str(html), xlsx=str(xlsx))
    assert "Bea Boekhouder" in html.read_text()
    assert "Bea Boekhouder" in str(sheet(xlsx, "Differences"))


def test_a_text_of_anybody_is_text_everywhere(company: Company, tmp_path: Path) -> None:
    evil = '=HYPERLINK("http://x","1")<script>alert(1)</script>'
    one = invoice(1)
    one["rules_version"] = evil
    company.post(one)
    html, xlsx = tmp_path / "page.html", tmp_path / "sheet.xlsx"
    done = written(company, html=str(html), xlsx=str(xlsx))
    assert evil in str(done.result["rules_versions"])
    page = Page(html.read_text())
    assert evil in page.text
    assert page.named("script") == []
    assert evil in str(sheet(xlsx, "Audit"))
    with zipfile.ZipFile(xlsx) as parts:
        sheets = [parts.read(name) for name in parts.namelist() if "worksheets/" in name]
        styles = parts.read("xl/styles.xml")
    assert not any(b"<f>" in part or b"<hyperlink" in part for part in sheets)
    assert b'quotePrefix="1"' in styles


def test_a_file_that_cannot_be_written_is_said_before_any_call(
    company: Company, tmp_path: Path
) -> None:
    company.post(invoice(1))
    for name in ("html", "xlsx"):
        before = len(company.sandbox.requests())
        done = written(company, **{name: str(tmp_path / "missing" / "file")})
        assert done.exit_code == 1
        assert "cannot be written" in done.stderr
        assert "Traceback" not in done.stderr
        assert len(company.sandbox.requests()) == before


def test_texts_and_bars_stand_out_from_the_paper() -> None:
    style = files("target_exact_online.month_end").joinpath("templates/month.css")
    colors = dict(re.findall(r"(--\w+|fill): (#\w{6})", style.read_text()))
    texts = {name: color for name, color in colors.items() if name not in {"--line", "fill"}}
    fills = re.findall(r"fill: (#\w{6})", style.read_text())
    assert len(texts) >= 5
    assert len(fills) >= 5
    for background in ("#ffffff", "#f4f6f8"):
        assert min(contrast(color, background) for color in texts.values()) >= 4.5
        assert min(contrast(color, background) for color in fills) >= 3


def contrast(one: str, other: str) -> float:
    """Return the ratio of two colors as WCAG has it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
