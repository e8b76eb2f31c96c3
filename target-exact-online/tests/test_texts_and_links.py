"""What documents carry beside amounts: references, links, numbers paid, and optional texts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_sandbox.testing import SandboxHandle
from exact_online.errors import DocumentRefusedError
from target_exact_online import documents
from target_exact_online.documents import finding
from target_exact_online.documents.checks import Checks
from target_exact_online.documents.relation import new_account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

D = Decimal
ENTRIES, LINES = "salesentry/SalesEntries", "generaljournalentry/GeneralJournalEntryLines"
LINK = "https://shop.example/admin/sales/order/view/order_id/{order_entity_id}"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    handle = SandboxHandle(tmp_path_factory.mktemp("sandbox"), "empty")
    handle.set("exact.minute_limit", 100_000)
    yield handle
    handle.stop()


@pytest.fixture(scope="module")
def company(shared: SandboxHandle, open_exact: Callable[[SandboxHandle], Any]) -> Any:
    return open_exact(shared)


def created(**fields: Any) -> tuple[dict[str, Any], list[str]]:
    """The body of a new relation, and what was left out of it."""
    checks = Checks()
    new = new_account({"name": "Jansen"} | fields, {}, "shop:invoice:1", "Customer", checks)
    assert checks.problems == []
    return new.payload, checks.warnings


@pytest.mark.parametrize("phone", ["+1 210-555-0100 ext. 12345", "020-5550100 / 06-55501000"])
def test_a_phone_number_that_does_not_fit_is_left_out(phone: str) -> None:
    payload, warnings = created(phone=phone, city="Delft")
    assert payload == {"Status": "C", "Name": "Jansen", "City": "Delft"}
    (warning,) = warnings
    assert "phone is left out" in warning
    assert "Exact keeps 17" in warning


def test_a_long_street_is_split_at_its_spaces() -> None:
    payload, warnings = created(
        address_line1="Industrial Estate of the Old Harbour of Rotterdam, Building 12, Gate 7",
        address_line2="Third floor",
    )
    assert payload["AddressLine1"] == "Industrial Estate of the Old Harbour of Rotterdam, Building"
    assert payload["AddressLine2"] == "12, Gate 7"
    assert payload["AddressLine3"] == "Third floor"
    assert warnings == []


def test_a_street_of_more_than_three_lines_loses_its_end_with_a_warning() -> None:
    payload, warnings = created(address_line1="word " * 40, address_line2="Third floor")
    assert [len(payload[f"AddressLine{n}"]) <= 60 for n in (1, 2, 3)] == [True] * 3
    assert "Third floor" not in payload.values()
    assert "rest of the street" in warnings[0]
    payload, warnings = created(address_line1="x" * 61)
    assert "AddressLine1" not in payload
    assert warnings


@given(st.lists(st.text(max_size=150), min_size=3, max_size=3))
def test_no_street_is_too_long_or_changed_in_silence(given_lines: list[str]) -> None:
    names = ("address_line1", "address_line2", "address_line3")
    payload, warnings = created(**dict(zip(names, given_lines, strict=True)))
    kept = [payload[name] for name in sorted(payload) if name.startswith("AddressLine")]
    assert all(0 < len(one) <= 60 for one in kept)
    said = " ".join(" ".join(given_lines).split())
    assert " ".join(" ".join(kept).split()) == said or warnings


def test_what_identifies_a_relation_is_never_left_out() -> None:
    checks = Checks()
    given_fields = {"name": "x" * 51, "search_code": "y" * 31, "email": "no address"}
    new_account(given_fields, {}, "shop:invoice:1", "Customer", checks)
    assert [one.where for one in checks.problems] == [
        "debtor, name",
        "debtor, search_code",
        "debtor, email",
    ]


def test_a_contact_without_a_name_that_fits_is_left_out() -> None:
    checks = Checks()
    contacts = [
        {"first_name": "x" * 41, "last_name": "Bos"},
        {"last_name": "y" * 41, "email": "a@example.com"},
        {"last_name": "Vos", "email": "no address", "job_title": "z" * 61},
    ]
    new = new_account({"name": "A", "contacts": contacts}, {}, "key", "Customer", checks)
    assert [one.payload for one in new.details] == [{"LastName": "Bos"}, {"LastName": "Vos"}]
    assert len(checks.warnings) == 5
    assert checks.problems == []


def test_descriptions_and_payment_references_that_do_not_fit_stop_nothing(
    company: Any, shared: SandboxHandle, sales_entry: Callable[..., Any]
) -> None:
    record = sales_entry(1, description="d" * 61, payment_reference="AMAZON-302-1234567-1234567")
    record["lines"][0]["description"] = "l" * 61
    prepared = company.prepare(record)
    assert len(prepared.warnings) == 3
    documents.send(prepared, company.client)
    (row,) = shared.exact(ENTRIES, filter="YourRef eq '000000001'")
    assert row.get("Description") is None
    assert "AMAZON" not in str(row.get("PaymentReference"))


def test_the_link_to_the_order_names_the_document_and_is_a_second_witness(
    company: Any, shared: SandboxHandle, sales_entry: Callable[..., Any]
) -> None:
    record = sales_entry(2, document_key="shop:nl:invoice:000000002")
    record["source"]["order_entity_id"] = 17
    prepared = company.prepare(record, order_link=LINK)
    expected = "https://shop.example/admin/sales/order/view/order_id/17#shop:nl:invoice:000000002"
    assert prepared.payload["ExternalLinkReference"] == expected
    documents.send(prepared, company.client)
    (found,) = company.find(prepared)
    assert (found.same, found.linked) == (True, True)
    other = company.prepare(record | {"document_key": "shop:be:invoice:000000002"}, order_link=LINK)
    assert company.find(other) == [], "it is the other store view's, whatever its amount"
    assert company.find(company.prepare(record))[0].linked, "also without the setting"
    without = company.prepare(sales_entry(3), order_link=LINK)
    assert "ExternalLinkReference" not in without.payload
    assert "link to the order is left out" in without.warnings[0]
    assert len(shared.exact(ENTRIES, filter="YourRef eq '000000002'")) == 1


def payment(**changes: Any) -> dict[str, Any]:
    return {
        "document_key": "shop:payment:000000001",
        "your_ref": "payment 000000001",
        "currency": "EUR",
        "journal": "90",
        "entry_date": "2026-02-10",
        "pays": "shop:nl:invoice:000000001",
        "lines": [
            {"gl_account": "1240", "amount": D("121.00"), "description": "Order 000000001"},
            {"gl_account": "1300", "amount": D("-121.00"), "account": "10"},
        ],
        "totals": {"amount": D("121.00"), "vat_amount": 0, "net_amount": 0},
    } | changes


def test_a_payment_names_the_number_that_exact_gave_the_document_paid(
    company: Any, shared: SandboxHandle
) -> None:
    asked: list[str] = []

    def number_of(key: str) -> int | None:
        asked.append(key)
        return 26700001

    stream = "general_journal_entries"
    prepared = company.prepare(payment(), stream, number_of=number_of)
    assert asked == ["shop:nl:invoice:000000001"]
    exact_id = documents.send(prepared, company.client).exact_id
    lines = shared.exact(LINES, filter=f"EntryID eq guid'{exact_id}'")
    assert sorted((one["AmountFC"], one.get("OurRef")) for one in lines) == [
        (-121, 26700001),
        (121, None),
    ]
    unknown = company.prepare(payment(), stream, number_of=lambda _: None)
    assert not any("OurRef" in line for line in unknown.lines)
    assert "no number yet" in unknown.warnings[0]


def test_a_journal_entry_begins_with_its_reference_and_notes_the_rest(company: Any) -> None:
    stream = "general_journal_entries"
    first = company.prepare(payment(), stream).lines[0]
    assert first["Description"] == "payment 000000001: Order 000000001"
    record = payment()
    record["lines"][0]["description"] = "d" * 50
    first = company.prepare(record, stream).lines[0]
    assert first["Description"] == "payment 000000001"
    assert first["Notes"] == "d" * 50


def test_a_journal_with_variable_rates_gets_a_rate_or_nothing_is_sent(
    company: Any, sales_entry: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a journal refuses an entry without one; Exact's own rate is as good as the shop's."""
    own = company.master.rate("USD", date(2026, 2, 10))
    prepared = company.prepare(sales_entry(4, currency="USD"))
    assert prepared.rate == prepared.payload["Rate"] == own
    documents.send(prepared, company.client)
    fixed = company.prepare(sales_entry(5, currency="USD", journal="72"))
    assert fixed.rate is None
    assert "Rate" not in fixed.payload
    monkeypatch.setattr(company.master, "rate", lambda *_: None)
    with pytest.raises(DocumentRefusedError, match="no exchange rate of USD") as caught:
        company.prepare(sales_entry(6, currency="USD"))
    assert [one.where for one in caught.value.problems] == ["exchange_rate"]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("000000001", "000000001"),
        ("x" * 30, "x" * 30),
        (" padded ", "padded"),
        ("AMAZON-302-1234567-1234567-NL-1", "AMAZON-302-1234567-12~3d709035"),
    ],
)
def test_references_as_exact_keeps_them(text: str, stored: str) -> None:
    assert finding.stored_reference(text) == stored


@given(st.text(min_size=1))
def test_a_reference_is_short_and_stays_what_it_is(text: str) -> None:
    stored = finding.stored_reference(text)
    assert len(stored) <= 30
    assert finding.stored_reference(stored) == stored
