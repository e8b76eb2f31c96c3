"""A PDF copy of a shop's document, with the record itself as a file in it.

Adobe Commerce has no API for the invoice that the customer got, so this is a copy of its data, and
says so. The same record gives the same bytes.
"""

from __future__ import annotations

import logging
import unicodedata
from typing import TYPE_CHECKING, Any, cast

import fontpkg_noto_sans
from fpdf import FPDF, Align
from fpdf.fonts import FontFace

from target_exact_online._money import digits
from target_exact_online.copies.calls import file_name, subject
from target_exact_online.ledger import payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from fpdf.fonts import TTFFont

logging.getLogger("fontTools").setLevel(logging.WARNING)  # eighty lines for every copy

_FONT = fontpkg_noto_sans.ROOT / "files" / "NotoSans[wdth,wght].ttf"
_FAMILY = "noto"
_TITLE, _TEXT, _SMALL = 14, 9, 7  # sizes in points
_ROW, _SMALL_ROW = 5, 4  # heights in millimetres
_NOTE = (
    "A copy of the shop's data as it was booked, made by target-exact-online. It is not the "
    "invoice or credit memo that the customer got. The data itself is a file in this PDF: {name}"
)
# Heading, width in parts of the page, alignment.
_COLUMNS = (
    ("Line", 6, Align.R),
    ("Description", 38, Align.L),
    ("GL account", 14, Align.L),
    ("Cost center", 14, Align.L),
    ("Cost unit", 12, Align.L),
    ("VAT code", 13, Align.L),
    ("VAT %", 10, Align.R),
    ("Net", 17, Align.R),
    ("VAT", 15, Align.R),
)


def make(record: dict[str, Any], *, exact_number: str | None, made_at: datetime) -> bytes:
    """Return the PDF copy of a record of ``sales_entries``, dated at some moment (UTC)."""
    pdf = _Copy(record)
    pdf.set_creation_date(made_at)
    pdf.set_title(pdf.readable(subject(record)))
    pdf.set_lang("en")
    pdf.add_page()
    pdf.paragraph(subject(record), _TITLE)
    data = file_name(record, "json")
    pdf.paragraph(_NOTE.format(name=data), _SMALL)
    pdf.facts(list(_facts(record, exact_number)))
    pdf.lines(record["lines"])
    pdf.facts(list(_totals(record)))
    pdf.embed_file(
        bytes=payload.encode(record),
        basename=data,
        desc="The record that was booked",
        mime_type="application/json",
        modification_date=made_at,
    )
    return bytes(pdf.output())


class _Copy(FPDF):
    """Pages with one font; what the font does not have is shown by its code."""

    def __init__(self, record: dict[str, Any]) -> None:
        super().__init__()
        self.add_font(_FAMILY, "", _FONT)
        self.set_font(_FAMILY, size=_TEXT)
        self._has = cast("TTFFont", self.fonts[_FAMILY]).cmap
        self._foot = self.readable(str(record["document_key"]))

    def footer(self) -> None:
        """Write the document's key and the page on every page."""
        self.set_y(-15)
        self.set_font(_FAMILY, size=_SMALL)
        self.cell(0, _ROW, f"{self._foot}, page {self.page_no()} of {{nb}}", align=Align.C)

    def readable(self, value: Any) -> str:
        """Return text with every character that cannot be printed as its code, never dropped."""
        text = unicodedata.normalize("NFC", str(value))
        return "".join(
            char if ord(char) in self._has and char.isprintable() else f"[U+{ord(char):04X}]"
            for char in text
        )

    def paragraph(self, text: str, size: int) -> None:
        """Write text over the whole width."""
        self.set_font(_FAMILY, size=size)
        self.multi_cell(0, text=self.readable(text), new_x="LMARGIN", new_y="NEXT")
        self.ln(2)

    def facts(self, facts: list[tuple[str, Any]]) -> None:
        """Write names and values below each other."""
        self.set_font(_FAMILY, size=_TEXT)
        with self.table(
            col_widths=(30, 70),
            borders_layout="NONE",
            line_height=_ROW,
            first_row_as_headings=False,
        ) as table:
            for name, value in facts:
                table.row((name, self.readable(value)))
        self.ln(4)

    def lines(self, lines: list[dict[str, Any]]) -> None:
        """Write the lines of the document; the headings are repeated on every page."""
        self.set_font(_FAMILY, size=_SMALL)
        with self.table(
            col_widths=tuple(width for _, width, _ in _COLUMNS),
            text_align=tuple(align for *_, align in _COLUMNS),
            borders_layout="SINGLE_TOP_LINE",
            line_height=_SMALL_ROW,
            headings_style=FontFace(fill_color=(230, 230, 230)),
        ) as table:
            table.row(tuple(name for name, *_ in _COLUMNS))
            for number, line in enumerate(lines, 1):
                table.row((str(number), *map(self.readable, _cells(line))))
        self.ln(4)


def _facts(record: dict[str, Any], exact_number: str | None) -> Iterator[tuple[str, Any]]:
    source = record.get("source") or {}
    debtor = record.get("debtor") or {}
    known = (debtor.get("create") or {}) | (debtor.get("match") or {})
    facts = {
        "Shop": source.get("instance"),
        "Website, store view": _joined(source.get("website_code"), source.get("store_code")),
        "Document in the shop": source.get("increment_id"),
        "Order": source.get("order_increment_id"),
        "Made in the shop (UTC)": source.get("created_at"),
        "Payment method": source.get("payment_method"),
        "Description": record.get("description"),
        "Reference": record["your_ref"],
        "Debtor in Exact": debtor.get("code"),
        "Customer": known.get("name"),
        "Address": _joined(known.get("address_line1"), known.get("postcode"), known.get("city")),
        "Country": known.get("country"),
        "VAT number": known.get("vat_number"),
        "E-mail": known.get("email"),
        "Search code": known.get("search_code"),
        "Journal": record["journal"],
        "Entry in Exact": exact_number,
        "Entry date": record["entry_date"],
        "Due date": record.get("due_date"),
        "Payment condition": record.get("payment_condition"),
        "Payment reference": record.get("payment_reference"),
        "Currency": record["currency"],
        "Exchange rate": record.get("exchange_rate"),
        "Rules version": record.get("rules_version"),
    }
    return ((name, value) for name, value in facts.items() if value not in (None, ""))


def _totals(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, field in (("Net", "net_amount"), ("VAT", "vat_amount"), ("Total", "amount")):
        yield name, f"{digits(record['totals'][field])} {record['currency']}"


def _cells(line: dict[str, Any]) -> Iterator[str]:
    yield _joined(line.get("description"), line.get("rule") and f"rule {line['rule']}")
    for name in ("gl_account", "cost_center", "cost_unit", "vat_code", "vat_percentage"):
        value = line.get(name)
        yield "" if value is None else str(value)
    yield digits(line["amount"])
    yield "" if line.get("vat_amount") is None else digits(line["vat_amount"])


def _joined(*parts: Any) -> str:
    return ", ".join(str(part) for part in parts if part)
