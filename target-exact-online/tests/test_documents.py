"""Documents against the sandbox: what is right arrives as it is, what is wrong never leaves."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from commerce_sandbox.exact import store
from commerce_sandbox.testing import SandboxHandle
from target_exact_online import documents
from target_exact_online.company import ExactCompany, open_company
from target_exact_online.documents.prepared import DocumentSettings, ExpectedLine
from target_exact_online.exceptions import DocumentRefusedError
from target_exact_online.ledger.store import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

D = Decimal


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    """One sandbox for all tests that leave its master data alone."""
    handle = SandboxHandle(tmp_path_factory.mktemp("sandbox"), "empty")
    handle.set("exact.minute_limit", 100_000)
    handle.set("exact.day_limit", 1_000_000)
    yield handle
    handle.stop()


@pytest.fixture(scope="module")
def company(
    shared: SandboxHandle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ExactCompany]:
    folder = tmp_path_factory.mktemp("company")
    engine = Ledger.open(f"sqlite:///{folder}/ledger.db").engine
    config = shared.exact_config() | {"ledger_url": f"sqlite:///{folder}/ledger.db"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        company = open_company(config, engine)
        yield company
        company.close()
    engine.dispose()


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
    company: ExactCompany, record: dict[str, Any], stream: str = "sales_entries", **settings: Any
) -> list[str]:
    """Prepare, and return where the problems are."""
    master = company.master(company.division)
    with pytest.raises(DocumentRefusedError) as caught:
        documents.prepare(stream, record, master, DocumentSettings(**settings))
    assert not caught.value.by_exact
    for problem in caught.value.problems:
        assert problem.what
        assert problem.what_to_do.endswith(".")
    return [problem.where for problem in caught.value.problems]


def post(
    company: ExactCompany, record: dict[str, Any], stream: str = "sales_entries", **settings: Any
) -> documents.prepared.Stored:
    master = company.master(company.division)
    prepared = documents.prepare(stream, record, master, DocumentSettings(**settings))
    return documents.send(prepared, company.client)


def stored(shared: SandboxHandle, resource: str, reference: str) -> dict[str, Any]:
    (row,) = shared.exact(resource, filter=f"YourRef eq '{reference}'")
    return row


def test_a_sales_entry_arrives_to_the_cent(company: ExactCompany, shared: SandboxHandle) -> None:
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
    company: ExactCompany, shared: SandboxHandle
) -> None:
    post(company, entry("E2"))
    credit = entry("E2", line(amount=D("-100.00"), vat_amount=D("-21.00")))
    master = company.master(company.division)
    prepared = documents.prepare("sales_entries", credit, master, DocumentSettings())
    assert documents.settle(prepared, company.client) is None
    result = documents.send(prepared, company.client)
    rows = shared.exact("salesentry/SalesEntries", filter="YourRef eq 'E2'")
    assert sorted((D(str(row["AmountFC"])), row["Type"]) for row in rows) == [
        (D(-121), 21),
        (D(121), 20),
    ]
    found = documents.settle(prepared, company.client)
    assert found is not None
    assert found.exact_id == result.exact_id


def test_settling_refuses_another_amount_and_a_double(company: ExactCompany) -> None:
    master = company.master(company.division)
    post(company, entry("E3"))
    other = documents.prepare(
        "sales_entries", entry("E3", line(amount=D("99.00"))), master, DocumentSettings()
    )
    with pytest.raises(DocumentRefusedError, match=r"of 121 instead of 120\.00 EUR"):
        documents.settle(other, company.client)
    post(company, entry("E3"))
    double = documents.prepare("sales_entries", entry("E3"), master, DocumentSettings())
    with pytest.raises(DocumentRefusedError, match="2 times"):
        documents.settle(double, company.client)


def test_a_foreign_currency_brings_its_rate(company: ExactCompany, shared: SandboxHandle) -> None:
    post(company, entry("E4", currency="USD", exchange_rate=D("0.9153")))
    row = stored(shared, "salesentry/SalesEntries", "E4")
    assert row["Currency"] == "USD"
    assert D(str(row["Rate"])) == D("0.9153")
    assert D(str(row["AmountDC"])) == D("110.75")


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
        ({"description": "x" * 61}, ["description"]),
        ({"your_ref": ""}, ["your_ref"]),
        ({"your_ref": "1" * 41}, ["your_ref"]),
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
    company: ExactCompany, changes: dict[str, Any], where: list[str]
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
        ({"description": "x" * 61}, ["description"]),
        ({"from": "2026-02-10"}, ["from"]),
        ({"from": "2026-02-10", "to": "2026-02-09"}, ["from"]),
    ],
)
def test_a_wrong_line_is_refused_before_any_call(
    company: ExactCompany, changes: dict[str, Any], where: list[str]
) -> None:
    expected = [f"line 1, {field}" for field in where]
    assert refused(company, entry("R2", line(**changes))) == expected


def test_an_amount_finer_than_a_cent_is_refused(company: ExactCompany) -> None:
    assert "line 1, amount" in refused(company, entry("R2", line(amount=D("100.001"))))
    yen = line(amount=D("100.50"))
    record = entry("R2", yen, currency="JPY", exchange_rate=D("0.006"))
    assert refused(company, record) == ["line 1, amount"]


def test_every_problem_is_named_at_once_with_the_closest_codes(company: ExactCompany) -> None:
    record = entry("R3", line(gl_account="8011"), line(cost_center="WEP"), journal="77")
    master = company.master(company.division)
    before = company.client.call_count
    with pytest.raises(DocumentRefusedError) as caught:
        documents.prepare("sales_entries", record, master, DocumentSettings())
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


def test_a_percentage_counts_on_the_documents_date(company: ExactCompany) -> None:
    record = entry(
        "R4",
        line(gl_account="8040", vat_code="D19", vat_amount=D(16), vat_percentage=D(16)),
    )
    assert refused(company, record) == ["line 1, vat_percentage"]


def test_a_closed_period_is_refused_or_moved(company: ExactCompany, shared: SandboxHandle) -> None:
    closed = entry("R5", entry_date="2025-06-15")
    assert refused(company, closed) == ["entry_date"]
    master = company.master(company.division)
    moved = documents.prepare(
        "sales_entries", closed, master, DocumentSettings(closed_period="next_open_day")
    )
    assert moved.document_date.isoformat() == "2026-01-01"
    assert "2025-06-15" in moved.warnings[0]
    documents.send(moved, company.client)
    row = stored(shared, "salesentry/SalesEntries", "R5")
    assert row["EntryDate"].startswith("2026-01-01")


def test_a_sales_order_arrives(company: ExactCompany, shared: SandboxHandle) -> None:
    record = order("O1", order_line(), order_line(item="FABRIC-M", quantity=D("0.35")))
    result = post(company, record, "sales_orders")
    row = stored(shared, "salesorder/SalesOrders", "O1")
    assert row["OrderNumber"] == result.number
    assert D(str(row["AmountFC"])) == D("242.00")


def test_a_changed_order_is_changed_while_it_is_open(
    company: ExactCompany, shared: SandboxHandle
) -> None:
    master = company.master(company.division)
    before = order("O2", order_line(), order_line(item="TEA-POT"), order_line(item="FABRIC-M"))
    sent = post(company, before, "sales_orders")
    after = order("O2", order_line(), order_line(item="TEA-POT", quantity=D(5)),
                  description="Changed", delivery_date="2026-03-01")  # fmt: skip
    changed = documents.prepare("sales_orders", after, master, DocumentSettings())
    for _ in range(2):  # what was done before is not done again
        assert documents.update(changed, sent.exact_id, company.client).number == sent.number
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
        documents.update(
            documents.prepare("sales_orders", other, master, DocumentSettings()),
            sent.exact_id,
            company.client,
        )
    with shared.database.transaction() as connection:  # somebody delivers it
        table = "salesorder/SalesOrders"
        (order_row,) = store.find(connection, table, company.division, YourRef="O2")
        store.update(connection, table, order_row | {"Status": 21}, "2026-03-01T00:00:00.000")
    with pytest.raises(DocumentRefusedError, match="already delivered"):
        documents.update(changed, sent.exact_id, company.client)


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
    company: ExactCompany, changes: dict[str, Any], where: list[str]
) -> None:
    record = order("R6", order_line() | changes)
    assert refused(company, record, "sales_orders") == [f"line 1, {field}" for field in where]


def test_a_sales_invoice_is_printed_and_its_entry_compared(
    company: ExactCompany, shared: SandboxHandle
) -> None:
    master = company.master(company.division)
    prepared = []
    for reference, sign in (("I1", 1), ("I2", -1)):
        lines = [
            line(item="TEA-BAGS", quantity=D(3) * sign, unit_price=D("33.40"),
                 amount=D("100.20") * sign, vat_amount=D("21.05") * sign, cost_center="WEB"),
            line(item="FABRIC-M", quantity=D("0.5") * sign, unit_price=D("10.00"),
                 amount=D("5.00") * sign, vat_amount=D("1.05") * sign),
        ]  # fmt: skip
        record = entry(reference, *lines) | {"invoice_date": "2026-02-11"}
        one = documents.prepare("sales_invoices", record, master, DocumentSettings())
        result = documents.send(one, company.client)
        assert documents.settle(one, company.client) is not None
        row = stored(shared, "salesinvoice/SalesInvoices", reference)
        assert row["InvoiceID"] == result.exact_id
        assert row["Status"] == 50
        assert row["Type"] == (8020 if sign > 0 else 8021)
        prepared.append(one)
    answers = documents.compare(prepared, company.client)
    for one in prepared:
        number, differences = answers[one.document_key]
        assert differences == []
        entry_row = stored(shared, "salesentry/SalesEntries", one.your_ref)
        assert number == entry_row["EntryNumber"]
        assert D(str(entry_row["AmountFC"])) == one.expected_total


def test_an_entry_that_differs_from_the_invoice_is_reported_line_by_line(
    company: ExactCompany,
) -> None:
    master = company.master(company.division)
    record = entry("I4", line(item="TEA-POT", quantity=D(1), unit_price=D(100)))
    record["invoice_date"] = "2026-02-11"
    prepared = documents.prepare("sales_invoices", record, master, DocumentSettings())
    number = documents.send(prepared, company.client)
    assert number.number is None
    expected = ExpectedLine("8010", "21", "", "", D("100.00"))
    wrong = replace(prepared, expected_total=D("120.00"), expected_lines=(expected,))
    missing = replace(prepared, document_key="other", your_ref="I5")
    answers = documents.compare([wrong, missing], company.client)
    assert answers[prepared.document_key][1] == [
        "the total is 121, expected was 120.00",
        "8000 / 21 has 100, expected was 0",
        "8010 / 21 has 0, expected was 100.00",
    ]
    assert answers["other"] == (None, ["Exact has 0 entries of the printed invoice I5"])


def test_an_invoice_that_was_stored_but_not_printed_is_printed_when_settled(
    company: ExactCompany, shared: SandboxHandle
) -> None:
    master = company.master(company.division)
    record = entry("I3", line(item="TEA-BAGS", quantity=D(1), unit_price=D(100)))
    record["invoice_date"] = "2026-02-11"
    prepared = documents.prepare("sales_invoices", record, master, DocumentSettings())
    company.client.post(prepared.resource, prepared.payload)
    assert documents.settle(prepared, company.client) is not None
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


def test_a_journal_entry_is_booked_and_found_again(
    company: ExactCompany, shared: SandboxHandle
) -> None:
    master = company.master(company.division)
    record = journal_entry("2026-02-10 default EUR")
    prepared = documents.prepare("general_journal_entries", record, master, DocumentSettings())
    assert documents.settle(prepared, company.client) is None
    result = documents.send(prepared, company.client)
    found = documents.settle(prepared, company.client)
    assert found is not None
    assert (found.exact_id, found.number) == (result.exact_id, result.number)
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
    company: ExactCompany, changes: dict[str, Any], where: list[str]
) -> None:
    record = journal_entry("R7", **changes)
    assert refused(company, record, "general_journal_entries") == where


def test_debit_and_credit_that_differ_are_refused(company: ExactCompany) -> None:
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
