"""Documents against the sandbox: what is right arrives as it is, what is wrong never leaves."""

from __future__ import annotations

import uuid
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from commerce_sandbox.exact import store
from commerce_sandbox.testing import SandboxHandle
from exact_online.errors import DocumentRefusedError
from target_exact_online import documents
from target_exact_online.documents import sales_invoice, sales_order
from target_exact_online.documents.prepared import ExpectedLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from target_exact_online.documents.prepared import Stored

D = Decimal
NOW = datetime(2026, 2, 10, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    """One sandbox for all tests that leave its master data alone."""
    handle = SandboxHandle(tmp_path_factory.mktemp("sandbox"), "empty")
    handle.set("exact.minute_limit", 100_000)
    handle.set("exact.day_limit", 1_000_000)
    yield handle
    handle.stop()


@pytest.fixture(scope="module")
def company(shared: SandboxHandle, open_exact: Callable[[SandboxHandle], Any]) -> Any:
    return open_exact(shared)


def entry(reference: str, *lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A sales entry with these lines, by default one of 100.00 and 21.00 VAT."""
    given = list(lines) or [line()]
    net = sum((D(one["amount"]) for one in given), D(0))
    vat = sum((D(one.get("vat_amount") or 0) for one in given), D(0))
    kind = "credit_memo" if net + vat < 0 else "invoice"
    return {
        "document_key": f"shop:{kind}:{reference}",
        "your_ref": reference,
        "description": f"Order {reference}",
        "kind": kind,
        "journal": "70",
        "entry_date": "2026-02-10",
        "currency": "EUR",
        "debtor": {"code": "10"},
        "lines": given,
        "totals": {"amount": net + vat, "vat_amount": vat, "net_amount": net},
    } | changes


def line(**changes: Any) -> dict[str, Any]:
    return {
        "gl_account": "8000",
        "amount": D("100.00"),
        "vat_code": "21",
        "vat_amount": D("21.00"),
        "vat_percentage": D(21),
        "rule": "default",
    } | changes


def order(reference: str, *lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    given = list(lines) or [order_line()]
    record = entry(reference, *given) | {"order_date": "2026-02-10"}
    for field in ("kind", "journal", "entry_date"):
        del record[field]
    return record | {"document_key": f"shop:order:{reference}"} | changes


def order_line(**changes: Any) -> dict[str, Any]:
    plain = line(item="TEA-BAGS", quantity=D(2)) | changes
    return {name: plain[name] for name in plain if name not in {"gl_account", "vat_percentage"}}


def refused(
    company: Any, record: dict[str, Any], stream: str = "sales_entries", **settings: Any
) -> list[str]:
    """Prepare, and return where the problems are."""
    with pytest.raises(DocumentRefusedError) as caught:
        company.prepare(record, stream, **settings)
    assert not caught.value.by_exact
    for problem in caught.value.problems:
        assert problem.what
        assert problem.what_to_do.endswith(".")
    return [problem.where for problem in caught.value.problems]


def post(
    company: Any, record: dict[str, Any], stream: str = "sales_entries", **settings: Any
) -> Stored:
    return documents.send(company.prepare(record, stream, **settings), company.client)


def stored(shared: SandboxHandle, resource: str, reference: str) -> dict[str, Any]:
    (row,) = shared.exact(resource, filter=f"YourRef eq '{reference}'")
    return row


def test_a_sales_entry_arrives_to_the_cent(company: Any, shared: SandboxHandle) -> None:
    record = entry(
        "E1",
        line(amount=D("10.07"), vat_amount=D("2.12"), cost_center="WEB", quantity=D("1.5")),
        line(amount=D("-0.05"), vat_amount=D("-0.01"), description="Rounding"),
        line(gl_account="8010", amount=D("0.10"), vat_code="9", vat_amount=D("0.01"),
             vat_percentage=D(9), cost_unit="OFFICE"),
        line(gl_account="1700", amount=D("-5.00"), vat_code="0", vat_amount=D(0),
             vat_percentage=D(0)),
        payment_reference="000000001",
        order_number=17,
    )  # fmt: skip
    result = post(company, record)
    row = stored(shared, "salesentry/SalesEntries", "E1")
    assert row["EntryID"] == result.exact_id
    assert row["EntryNumber"] == result.number
    assert D(str(row["AmountFC"])) == D("7.24")
    assert D(str(row["VATAmountFC"])) == D("2.12")
    assert (row["OrderNumber"], row["PaymentReference"]) == (17, "000000001")
    lines = shared.exact("salesentry/SalesEntryLines", filter=f"EntryID eq guid'{row['EntryID']}'")
    assert [D(str(one["VATAmountFC"])) for one in lines] == [D("2.12"), D("-0.01"), D("0.01"), D(0)]
    assert lines[0]["CostCenter"] == "WEB"


def test_a_credit_memo_is_negative_and_told_apart_from_its_invoice(
    company: Any, shared: SandboxHandle
) -> None:
    post(company, entry("E2"))
    credit = entry("E2", line(amount=D("-100.00"), vat_amount=D("-21.00")))
    prepared = company.prepare(credit)
    assert company.find(prepared) == []
    result = documents.send(prepared, company.client)
    rows = shared.exact("salesentry/SalesEntries", filter="YourRef eq 'E2'")
    assert sorted((D(str(row["AmountFC"])), row["Type"]) for row in rows) == [
        (D(-121), 21),
        (D(121), 20),
    ]
    (found,) = company.find(prepared)
    assert (found.same, found.exact_id) == (True, result.exact_id)


def test_every_row_with_the_reference_is_found_and_told_apart(company: Any) -> None:
    first = post(company, entry("E3"))
    other = company.prepare(entry("E3", line(amount=D("99.00"))))
    (found,) = company.find(other)
    assert (found.same, found.exact_id) == (False, first.exact_id)
    assert found.differences == ("the amount is 121 instead of 120.00",)
    post(company, entry("E3"))
    double = company.prepare(entry("E3"))
    assert [one.same for one in company.find(double)] == [True, True]
    assert [one.same for one in company.find(double, date="2026-02-11")] == [False, False]
    assert company.find(double, journal="71") == []
    assert company.find(double, reference="E33") == []


def test_a_foreign_currency_brings_its_rate(company: Any, shared: SandboxHandle) -> None:
    post(company, entry("E4", currency="USD", exchange_rate=D("0.9153")))
    row = stored(shared, "salesentry/SalesEntries", "E4")
    assert row["Currency"] == "USD"
    assert D(str(row["Rate"])) == D("0.9153")
    assert D(str(row["AmountDC"])) == D("110.75")


def test_a_journal_that_wants_a_rate_gets_exacts_own(company: Any, shared: SandboxHandle) -> None:
    prepared = company.prepare(entry("E5", currency="USD", journal="70"))
    assert prepared.payload["Rate"] > 0
    post(company, entry("E5", currency="USD", journal="70"))
    row = stored(shared, "salesentry/SalesEntries", "E5")
    assert D(str(row["Rate"])) == prepared.payload["Rate"]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"journal": "7"}, ["journal"]),
        ({"journal": "90"}, ["journal"]),
        ({"journal": "79"}, ["journal"]),
        ({"entry_date": "2019-05-05"}, ["entry_date"]),
        ({"entry_date": "soon"}, ["entry_date"]),
        ({"entry_date": "2026-02-10T12:00:00Z"}, ["entry_date"]),
        ({"currency": "XXX"}, ["exchange_rate", "currency"]),
        ({"currency": "USD", "journal": "71"}, ["currency"]),
        ({"currency": "USD", "journal": "72", "exchange_rate": D("0.9")}, ["exchange_rate"]),
        ({"exchange_rate": D("0.9")}, ["exchange_rate"]),
        ({"debtor": {"code": "4711"}}, ["debtor"]),
        ({"debtor": {"match": {"email": "nobody@example.com"}}}, ["debtor"]),
        ({"debtor": {}}, ["debtor"]),
        ({"your_ref": ""}, ["your_ref"]),
        ({"entry_number": 2**31}, ["entry_number"]),
        ({"order_number": "A1"}, ["order_number"]),
        ({"payment_condition": "99"}, ["payment_condition"]),
        ({"due_date": "2026-02-09"}, ["due_date"]),
        ({"kind": "credit_memo"}, ["totals, amount"]),
        ({"lines": []}, ["lines", "totals, net_amount", "totals, vat_amount"]),
        (
            {"totals": {"amount": D("121.01"), "vat_amount": D(21), "net_amount": D(100)}},
            ["totals"],
        ),
        (
            {"totals": {"amount": D(122), "vat_amount": D(21), "net_amount": D(101)}},
            ["totals, net_amount"],
        ),
    ],
)
def test_a_wrong_header_is_refused_before_any_call(
    company: Any, changes: dict[str, Any], where: list[str]
) -> None:
    assert refused(company, entry("R1", **changes)) == where


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"gl_account": "8001"}, ["gl_account"]),
        ({"gl_account": "8900"}, ["gl_account"]),
        ({"gl_account": "1300"}, ["gl_account"]),
        ({"gl_account": "1500"}, ["gl_account"]),
        ({"gl_account": "1600"}, ["gl_account"]),
        ({"vat_code": "22"}, ["vat_code"]),
        ({"vat_code": "21I"}, ["vat_code"]),
        ({"vat_code": "P21"}, ["vat_code"]),
        ({"vat_code": "O19"}, ["vat_code"]),
        ({"vat_code": "Z"}, ["vat_percentage", "vat_amount"]),
        ({"vat_code": None}, ["vat_code"]),
        ({"vat_code": None, "vat_amount": D(0)}, ["vat_code"]),
        ({"vat_percentage": D(9)}, ["vat_percentage"]),
        ({"vat_amount": D(-21)}, ["vat_amount"]),
        ({"gl_account": "8910"}, ["cost_center"]),
        ({"gl_account": "8920", "cost_center": "WEB"}, ["cost_center"]),
        ({"gl_account": "8930"}, ["cost_unit"]),
        ({"gl_account": "8940", "cost_unit": "OFFICE"}, ["cost_unit"]),
        ({"cost_center": "WEBB"}, ["cost_center"]),
        ({"cost_center": "OLD"}, ["cost_center"]),
        ({"cost_unit": "OLDUNIT"}, ["cost_unit"]),
        ({"from": "2026-02-10"}, ["from"]),
        ({"from": "2026-02-10", "to": "2026-02-09"}, ["from"]),
    ],
)
def test_a_wrong_line_is_refused_before_any_call(
    company: Any, changes: dict[str, Any], where: list[str]
) -> None:
    expected = [f"line 1, {field}" for field in where]
    assert refused(company, entry("R2", line(**changes))) == expected


def test_an_amount_finer_than_a_cent_is_refused(company: Any) -> None:
    assert "line 1, amount" in refused(company, entry("R2", line(amount=D("100.001"))))
    yen = line(amount=D("100.50"))
    record = entry("R2", yen, currency="JPY", exchange_rate=D("0.006"))
    assert refused(company, record) == ["line 1, amount"]


def test_every_problem_is_named_at_once_with_the_closest_codes(company: Any) -> None:
    record = entry("R3", line(gl_account="8011"), line(cost_center="WEP"), journal="77")
    before = company.client.call_count
    with pytest.raises(DocumentRefusedError) as caught:
        company.prepare(record)
    assert [problem.where for problem in caught.value.problems] == [
        "journal",
        "line 1, gl_account",
        "line 2, cost_center",
    ]
    text = str(caught.value)
    assert "8010 (Revenue NL 9 %)" in text
    assert "WEB (Web shop consumers)" in text
    assert "72 (Sales, rate of the day)" in text
    assert company.client.calls["POST", "salesentry/SalesEntries"] >= 0
    assert company.client.call_count - before <= 12


def test_a_percentage_counts_on_the_documents_date(company: Any) -> None:
    record = entry(
        "R4",
        line(gl_account="8040", vat_code="D19", vat_amount=D(16), vat_percentage=D(16)),
    )
    assert refused(company, record) == ["line 1, vat_percentage"]


def test_a_closed_period_is_refused_or_moved(company: Any, shared: SandboxHandle) -> None:
    closed = entry("R5", entry_date="2025-06-15")
    assert refused(company, closed) == ["entry_date"]
    moved = company.prepare(closed, closed_period="next_open_day")
    assert moved.document_date.isoformat() == "2026-01-01"
    assert "2025-06-15" in moved.warnings[0]
    documents.send(moved, company.client)
    row = stored(shared, "salesentry/SalesEntries", "R5")
    assert row["EntryDate"].startswith("2026-01-01")


def test_a_sales_order_arrives(company: Any, shared: SandboxHandle) -> None:
    record = order("O1", order_line(), order_line(item="FABRIC-M", quantity=D("0.35")))
    result = post(company, record, "sales_orders")
    row = stored(shared, "salesorder/SalesOrders", "O1")
    assert row["OrderNumber"] == result.number
    assert D(str(row["AmountFC"])) == D("242.00")


def test_a_changed_order_is_changed_while_it_is_open(company: Any, shared: SandboxHandle) -> None:
    record = order("O2", order_line(), order_line(item="TEA-POT"), order_line(item="FABRIC-M"))
    before = company.prepare(record, "sales_orders")
    sent = documents.send(before, company.client)
    after = order("O2", order_line(), order_line(item="TEA-POT", quantity=D(5)),
                  description="Changed", delivery_date="2026-03-01")  # fmt: skip
    changed = company.prepare(after, "sales_orders")

    def update() -> int | None:
        arguments = (before, sent.exact_id, company.client, company.begun)
        return sales_order.update(changed, *arguments).number

    for _ in range(2):  # what was done before is not done again
        assert update() == sent.number
    row = stored(shared, "salesorder/SalesOrders", "O2")
    assert (row["Description"], row["DeliveryDate"][:10]) == ("Changed", "2026-03-01")
    assert D(str(row["AmountFC"])) == D(242)
    lines = shared.exact("salesorder/SalesOrderLines", filter=f"OrderID eq guid'{sent.exact_id}'")
    assert sorted((one["ItemCode"], one["Quantity"]) for one in lines) == [
        ("TEA-BAGS", 2),
        ("TEA-POT", 5),
    ]
    posts = shared.requests(system="exact", method="POST")
    assert sum(call["path"].endswith("/SalesOrderLines") for call in posts) == 1

    other = order("O2", debtor={"code": "90101"})
    with pytest.raises(DocumentRefusedError, match="debtor of order"):
        sales_order.update(
            company.prepare(other, "sales_orders"),
            before,
            sent.exact_id,
            company.client,
            company.begun,
        )
    with shared.database.transaction() as connection:  # somebody delivers it
        table = "salesorder/SalesOrders"
        (order_row,) = store.find(connection, table, company.division, YourRef="O2")
        store.update(connection, table, order_row | {"Status": 21}, "2026-03-01T00:00:00.000")
    with pytest.raises(DocumentRefusedError, match="already delivered"):
        update()


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"item": "UNKNOWN"}, ["item"]),
        ({"item": ""}, ["item"]),
        ({"quantity": D("0.5")}, ["quantity"]),
        ({"vat_code": None, "vat_amount": D(0)}, ["vat_code"]),
        ({"cost_center": "OLD"}, ["cost_center"]),
    ],
)
def test_a_wrong_order_line_is_refused_before_any_call(
    company: Any, changes: dict[str, Any], where: list[str]
) -> None:
    record = order("R6", order_line() | changes)
    assert refused(company, record, "sales_orders") == [f"line 1, {field}" for field in where]


def invoice(reference: str, sign: int = 1, **changes: Any) -> dict[str, Any]:
    lines = [
        line(item="TEA-BAGS", quantity=D(3) * sign, unit_price=D("33.40"),
             amount=D("100.20") * sign, vat_amount=D("21.05") * sign, cost_center="WEB"),
        line(item="FABRIC-M", quantity=D("0.5") * sign, unit_price=D("10.00"),
             amount=D("5.00") * sign, vat_amount=D("1.05") * sign),
    ]  # fmt: skip
    return entry(reference, *lines) | {"invoice_date": "2026-02-11"} | changes


def test_a_sales_invoice_is_printed_and_its_entry_compared(
    company: Any, shared: SandboxHandle
) -> None:
    printed = []
    for reference, sign in (("I1", 1), ("I2", -1)):
        prepared = company.prepare(invoice(reference, sign), "sales_invoices")
        result = documents.send(prepared, company.client)
        row = stored(shared, "salesinvoice/SalesInvoices", reference)
        assert row["InvoiceID"] == result.exact_id
        assert (row["Status"], row["Type"]) == (50, 8020 if sign > 0 else 8021)
        assert D(str(row["AmountFC"])) == prepared.total
        (found,) = company.find(prepared)
        assert (found.same, found.processed) == (True, True)
        printed.append((prepared.sent(NOW), result.exact_id))
    for (sent, _), compared in zip(
        printed, sales_invoice.compare(printed, company.client), strict=True
    ):
        entry_row = stored(shared, "salesentry/SalesEntries", sent.reference)
        assert (compared.state, compared.number) == ("equal", entry_row["EntryNumber"])


def test_an_entry_that_differs_from_the_invoice_is_reported_line_by_line(
    company: Any,
) -> None:
    record = entry("I4", line(item="TEA-POT", quantity=D(1), unit_price=D(100)))
    record["invoice_date"] = "2026-02-11"
    prepared = company.prepare(record, "sales_invoices")
    result = documents.send(prepared, company.client)
    assert result.number is None
    expected = (ExpectedLine("8010", "21", "", "", D("100.00")),)
    wrong = structs.replace(prepared.sent(NOW), amount="120.00", expected=expected)
    unseen = structs.replace(prepared.sent(NOW), reference="I5")
    there = (wrong, result.exact_id), (unseen, str(uuid.uuid4()))
    differs, not_seen = sales_invoice.compare(there, company.client)
    assert differs.state == "differs"
    assert differs.differences == (
        "the total is 121, expected was 120.00",
        "8000 / 21 has 100, expected was 0",
        "8010 / 21 has 0, expected was 100.00",
    )
    assert not_seen == sales_invoice.Compared("not_seen")


def test_an_invoice_that_was_stored_but_not_printed_is_finished(
    company: Any, shared: SandboxHandle
) -> None:
    prepared = company.prepare(invoice("I3"), "sales_invoices")
    row = company.client.post(prepared.kind.resource, prepared.payload)
    sent = prepared.sent(NOW)
    (compared,) = sales_invoice.compare([(sent, row["InvoiceID"])], company.client)
    assert compared.state == "not_printed"
    (found,) = company.find(prepared)
    assert (found.same, found.processed) == (True, False)
    sales_invoice.finish(sent, found, company.client)
    assert stored(shared, "salesinvoice/SalesInvoices", "I3")["Status"] == 50
    assert len(shared.exact("salesentry/SalesEntries", filter="YourRef eq 'I3'")) == 1


def journal_entry(reference: str, **changes: Any) -> dict[str, Any]:
    return {
        "document_key": f"shop:day:{reference}",
        "your_ref": reference,
        "description": "Sales of the day",
        "currency": "EUR",
        "journal": "90",
        "entry_date": "2026-02-10",
        "includes": ["shop:invoice:1"],
        "lines": [
            {"gl_account": "1240", "amount": D("121.00"), "description": "Sales ideal"},
            {"gl_account": "8000", "amount": D("-100.00"), "vat_code": "21",
             "vat_amount": D("-21.00"), "vat_base_amount": D("-100.00"), "cost_center": "WEB"},
        ],
        "totals": {"amount": D("121.00"), "vat_amount": D("-21.00"), "net_amount": D("21.00")},
    } | changes  # fmt: skip


def test_a_journal_entry_is_booked_and_found_again(company: Any, shared: SandboxHandle) -> None:
    record = journal_entry("2026-02-10 default EUR")
    prepared = company.prepare(record, "general_journal_entries")
    assert company.find(prepared) == []
    result = documents.send(prepared, company.client)
    (found,) = company.find(prepared)
    assert (found.same, found.exact_id, found.number) == (True, result.exact_id, result.number)
    assert company.find(prepared, reference="2026-02-10 default", description="") == []
    kind, division = "general_journal_entries", company.division
    asked = [prepared.reference, "2026-02-10 default"]
    assert documents.having(kind, division, asked, company.client) == {prepared.reference}
    since = documents.since(kind, division, shared.now() - timedelta(hours=1), company.client)
    assert prepared.reference in [one.reference for one in since or ()]
    (other,) = company.find(prepared, amount="120.00")
    assert other.differences == ("the amount is 121 instead of 120.00",)
    rows = shared.exact(
        "financialtransaction/TransactionLines", filter=f"EntryID eq guid'{result.exact_id}'"
    )
    assert sum(D(str(row["AmountFC"])) for row in rows) == 0


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"journal": "70"}, ["journal"]),
        ({"journal": "91"}, ["line 2, vat_code"]),
        (
            {"totals": {"amount": D("120.00"), "vat_amount": D(-21), "net_amount": D(21)}},
            ["totals, amount"],
        ),
        ({"lines": []}, ["lines", "totals, amount", "totals, vat_amount"]),
    ],
)
def test_a_wrong_journal_entry_is_refused_before_any_call(
    company: Any, changes: dict[str, Any], where: list[str]
) -> None:
    record = journal_entry("R7", **changes)
    assert refused(company, record, "general_journal_entries") == where


def test_debit_and_credit_that_differ_are_refused(company: Any) -> None:
    record = deepcopy(journal_entry("R8"))
    record["lines"][0]["amount"] = D("121.01")
    record["totals"]["amount"] = D("121.01")
    assert refused(company, record, "general_journal_entries") == ["lines"]
    record["lines"][0] |= {"gl_account": "1300", "amount": D("121.00")}
    record["totals"]["amount"] = D("121.00")
    assert refused(company, record, "general_journal_entries") == ["line 1, account"]


def test_what_was_checked_is_never_refused_by_exact(shared: SandboxHandle) -> None:
    """All tests above together: Exact answered no error to anything that was prepared."""
    calls = [call for call in shared.requests(system="exact") if "/api/v1/" in call["path"]]
    assert calls
    assert not [call for call in calls if call["status"] >= 400]
