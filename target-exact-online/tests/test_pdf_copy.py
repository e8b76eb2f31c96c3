"""The PDF copy of a document: readable, dated, with the record in it, whatever the names."""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_online.errors import ConfigError, DocumentRefusedError
from target_exact_online.copies import calls as copies
from target_exact_online.copies import check_installed
from target_exact_online.copies import pdf as pdf_copy
from target_exact_online.ledger import payload

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)


def copy(record: dict[str, Any]) -> pypdf.PdfReader:
    content = pdf_copy.make(record, exact_number="26700001", made_at=NOON)
    return pypdf.PdfReader(io.BytesIO(content), strict=True)


def text(record: dict[str, Any]) -> str:
    return "\n".join(page.extract_text() for page in copy(record).pages)


@pytest.fixture
def record(sales_entry: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """An invoice with exact amounts, as the ledger gives it back."""
    made = sales_entry(7, debtor={"code": "10", "create": {"name": "Tenten & Zn."}})
    made["lines"][0] |= {"cost_center": "WEB", "vat_percentage": 21}
    read: dict[str, Any] = payload.decode(json.dumps(made).encode())
    return read


def test_it_says_what_was_booked_and_that_it_is_a_copy(record: dict[str, Any]) -> None:
    said = text(record)
    for expected in (
        "Copy of invoice 000000007",
        "not the invoice or credit memo that the customer got",
        "Order 000000007",
        "Tenten & Zn.",
        "Entry in Exact 26700001",
        "Tent, rule default 8000 WEB 21 21 100.00 21.00",
        "Net 100.00 EUR",
        "VAT 21.00 EUR",
        "Total 121.00 EUR",
        "Rules version 1",
        "shop:invoice:000000007, page 1 of 1",
    ):
        assert expected in said


def test_the_record_is_in_it_to_the_last_digit(record: dict[str, Any]) -> None:
    record["lines"][0]["amount"] = Decimal("100.10")
    record["exchange_rate"] = Decimal("0.30000000000000000001")
    (name, (content,)) = next(iter(copy(record).attachments.items()))
    assert name == "invoice-000000007.json"
    assert payload.decode(content) == record
    assert b"100.10" in content
    assert b"0.30000000000000000001" in content


def test_the_same_record_gives_the_same_bytes(record: dict[str, Any]) -> None:
    one, two = (pdf_copy.make(record, exact_number=None, made_at=NOON) for _ in range(2))
    assert one == two


def test_every_script_is_readable_or_shown_by_its_code(record: dict[str, Any]) -> None:
    record["debtor"]["create"]["name"] = "Łódź Γιάννης Иван e\u0301 王 🙂\u0007"
    said = text(record)
    assert "Łódź Γιάννης Иван é [U+738B] [U+1F642][U+0007]" in said


def test_long_documents_have_pages_with_headings(record: dict[str, Any]) -> None:
    record["lines"] *= 120
    pages = [page.extract_text() for page in copy(record).pages]
    assert len(pages) > 2
    assert all("GL account" in page for page in pages[:-1])
    assert f"page {len(pages)} of {len(pages)}" in pages[-1]
    assert "\n120 Tent" in "\n".join(pages)


def test_a_file_name_has_no_path_in_it() -> None:
    record = {"kind": "credit_memo", "your_ref": "../Ω 1/2"}
    assert copies.file_name(record, "pdf") == "credit-memo------1-2.pdf"
    assert copies.subject(record) == "Copy of credit memo ../Ω 1/2"


@settings(deadline=None, max_examples=15)
@given(st.text(max_size=40), st.text(max_size=60))
def test_no_text_breaks_it(name: str, description: str) -> None:
    record = {
        "document_key": "shop:invoice:1",
        "kind": "invoice",
        "your_ref": "1",
        "journal": "70",
        "entry_date": "2026-02-10",
        "currency": "EUR",
        "debtor": {"create": {"name": name}},
        "lines": [{"gl_account": "8000", "amount": 1, "description": description}],
        "totals": {"amount": 1, "vat_amount": 0, "net_amount": 1},
    }
    content = pdf_copy.make(record, exact_number=None, made_at=NOON)
    reader = pypdf.PdfReader(io.BytesIO(content))
    assert payload.decode(reader.attachments["invoice-1.json"][0]) == record


def test_making_it_fills_nobodys_log(
    record: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    copy(record)
    assert [line.name for line in caplog.records] == []


def test_a_copy_that_exact_does_not_take_is_refused_before_it_is_encoded() -> None:
    copies.check_size(b"x" * 7_499_000)
    with pytest.raises(DocumentRefusedError, match="attach a copy in Exact by hand"):
        copies.check_size(b"x" * 7_500_000)


def test_without_the_extra_the_setting_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check_installed({"attach_documents": True})
    monkeypatch.setattr("target_exact_online.copies.find_spec", lambda _: None)
    check_installed({"attach_documents": False})
    check_installed({})
    with pytest.raises(ConfigError, match=r"pip install 'target-exact-online\[copies\]'"):
        check_installed({"attach_documents": True})
