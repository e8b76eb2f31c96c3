"""Answers that are not what was sent, over real calls: what is believed, taken back, or unknown."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from commerce_sandbox.testing import SandboxHandle
from exact_online.errors import DocumentRefusedError, OutcomeUnknownError, TransientApiError
from target_exact_online import documents
from target_exact_online.documents import sales_invoice, sales_order
from target_exact_online.exceptions import ChangedByPeopleError, NotSeenError, NotYetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

D = Decimal
AT = datetime(2026, 2, 10, 12, tzinfo=UTC)
ENTRIES, INVOICES = "salesentry/SalesEntries", "salesinvoice/SalesInvoices"
ORDERS, ORDER_LINES = "salesorder/SalesOrders", "salesorder/SalesOrderLines"
PRINTED = "salesinvoice/PrintedSalesInvoices"
SOMEBODY = "00000000-0000-4000-8000-000000000001"


@dataclass
class Altered:
    """Makes real calls and changes what comes back of one resource."""

    client: Any
    resource: str
    change: Callable[[dict[str, Any]], dict[str, Any]]
    deleted: list[str] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)

    def post(self, resource: str, payload: dict[str, Any], **more: Any) -> dict[str, Any]:
        self.posted.append(payload)
        row = self.client.post(resource, payload, **more)
        return self.change(row) if resource == self.resource else row

    def now(self) -> Any:
        return self.client.now()

    def get(self, resource: str, **more: Any) -> Any:
        return self.client.get(resource, **more)

    def delete(self, resource: str, key: str, **more: Any) -> None:
        self.deleted.append(key)
        self.client.delete(resource, key, **more)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    handle = SandboxHandle(tmp_path_factory.mktemp("sandbox"), "empty")
    handle.set("exact.minute_limit", 100_000)
    yield handle
    handle.stop()


@pytest.fixture(scope="module")
def company(shared: SandboxHandle, open_exact: Callable[[SandboxHandle], Any]) -> Any:
    return open_exact(shared)


@pytest.fixture
def number(request: pytest.FixtureRequest) -> int:
    """A number of its own for each test."""
    return zlib.crc32(request.node.nodeid.encode()) % 10**8


def altered(company: Any, resource: str = ENTRIES, **changes: Any) -> Altered:
    """Return a client in whose answers these properties are changed; ``...`` removes one."""

    def change(row: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in (row | changes).items() if value is not ...}

    return Altered(company.client, resource, change)


def there(shared: SandboxHandle, prepared: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = shared.exact(
        prepared.kind.resource, filter=f"YourRef eq '{prepared.reference}'"
    )
    return rows


@pytest.mark.parametrize(
    "changes",
    [
        {"YourRef": "another"},
        {"Division": 4711},
        {"Customer": SOMEBODY},
        {"YourRef": "another", "AmountFC": D(1)},
        {"SalesEntryLines": [{"EntryID": SOMEBODY}]},
        {"EntryID": None},
        {"EntryID": ...},
        {"EntryID": 17},
        {"EntryID": "no guid"},
    ],
)
def test_an_answer_of_another_document_is_not_believed(
    company: Any,
    shared: SandboxHandle,
    sales_entry: Callable[..., Any],
    number: int,
    changes: dict[str, Any],
) -> None:
    prepared = company.prepare(sales_entry(number))
    client = altered(company, **changes)
    with pytest.raises(OutcomeUnknownError):
        documents.send(prepared, client)
    assert client.deleted == []
    assert len(there(shared, prepared)) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"AmountFC": D("121.01")}, "made 121.01 EUR of a document of 121.0 EUR"),
        ({"AmountFC": "many"}, "made many EUR"),
        ({"AmountDC": D("121.01")}, "its own currency"),
        ({"Journal": "71"}, "stored Journal as 71, sent was 70"),
        ({"Journal": None}, "stored Journal as empty"),
        ({"Currency": "USD"}, "stored Currency as USD"),
        ({"PaymentCondition": "30"}, "stored PaymentCondition as 30, sent was 14"),
        ({"PaymentCondition": None}, "stored PaymentCondition as empty"),
        ({"OrderNumber": 18}, "stored OrderNumber as 18"),
        ({"Status": 5}, "the status 5"),
        ({"SalesEntryLines": [{}, {}]}, "stored 2 of 1 lines"),
    ],
)
def test_what_exact_stored_otherwise_is_deleted_and_refused(
    company: Any,
    shared: SandboxHandle,
    sales_entry: Callable[..., Any],
    number: int,
    changes: dict[str, Any],
    said: str,
) -> None:
    record = sales_entry(number, payment_condition="14", order_number=17)
    prepared = company.prepare(record)
    client = altered(company, **changes)
    with pytest.raises(DocumentRefusedError, match="It was deleted again") as caught:
        documents.send(prepared, client)
    assert said in str(caught.value)
    assert caught.value.by_exact
    assert len(client.deleted) == 1
    assert there(shared, prepared) == []


def test_a_date_that_exact_changed_is_noticed(
    company: Any, shared: SandboxHandle, sales_entry: Callable[..., Any], number: int
) -> None:
    prepared = company.prepare(sales_entry(number))

    def later(row: dict[str, Any]) -> dict[str, Any]:
        return row | {"EntryDate": row["EntryDate"].replace(day=11)}

    client = Altered(company.client, ENTRIES, later)
    with pytest.raises(DocumentRefusedError, match="EntryDate as 2026-02-11, sent was 2026-02-10"):
        documents.send(prepared, client)
    assert there(shared, prepared) == []


@pytest.mark.parametrize("missing", ["YourRef", "Division", "Customer"])
def test_what_differs_and_is_not_proven_ours_is_left(
    company: Any,
    shared: SandboxHandle,
    sales_entry: Callable[..., Any],
    number: int,
    missing: str,
) -> None:
    prepared = company.prepare(sales_entry(number))
    client = altered(company, **{missing: ...}, AmountFC=D(1))
    with pytest.raises(OutcomeUnknownError, match="is left"):
        documents.send(prepared, client)
    assert client.deleted == []
    assert len(there(shared, prepared)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        dict.fromkeys(("AmountFC", "AmountDC", "Status", "Division", "YourRef", "Customer"), ...),
        {"Description": "as Exact likes it"},
        {"PaymentReference": None},
        {"SalesEntryLines": []},
        {"SalesEntryLines": "deferred"},
    ],
)
def test_what_an_answer_does_not_say_is_not_compared(
    company: Any, sales_entry: Callable[..., Any], number: int, changes: dict[str, Any]
) -> None:
    prepared = company.prepare(sales_entry(number, payment_reference="17"))
    client = altered(company, **changes)
    stored = documents.send(prepared, client)
    assert stored.exact_id
    assert client.deleted == []


def test_an_answer_that_only_names_its_key_is_believed(
    company: Any, sales_entry: Callable[..., Any], number: int
) -> None:
    """The server may leave out the representation that was asked for."""
    prepared = company.prepare(sales_entry(number))

    def blank(row: dict[str, Any]) -> dict[str, Any]:
        return dict.fromkeys(row) | {"EntryID": row["EntryID"]}

    client = Altered(company.client, ENTRIES, blank)
    assert documents.send(prepared, client).number is None


@pytest.mark.parametrize("cents", [-2, -1, 1, 2])
def test_a_rate_may_be_rounded_by_a_cent_a_line(
    company: Any, sales_entry: Callable[..., Any], number: int, cents: int
) -> None:
    prepared = company.prepare(sales_entry(number, currency="USD", exchange_rate=D("0.9")))
    client = altered(company, AmountDC=D("108.90") + D(cents) / 100)
    if abs(cents) == 1:
        documents.send(prepared, client)
        return
    with pytest.raises(DocumentRefusedError, match=r"at a rate of 0\.9"):
        documents.send(prepared, client)


def test_a_rate_taken_the_other_way_round_is_noticed(
    company: Any, sales_entry: Callable[..., Any], number: int
) -> None:
    prepared = company.prepare(sales_entry(number, currency="USD", exchange_rate=D("0.9")))
    client = altered(company, AmountDC=D("134.44"))
    with pytest.raises(DocumentRefusedError):
        documents.send(prepared, client)


def test_what_cannot_be_deleted_may_still_be_in_exact(
    company: Any, shared: SandboxHandle, sales_entry: Callable[..., Any], number: int
) -> None:
    prepared = company.prepare(sales_entry(number))
    client = altered(company, AmountFC=D(1))
    shared.fault(f"*/{ENTRIES}*", "drop_before", method="DELETE")
    with pytest.raises(OutcomeUnknownError, match="could not be deleted"):
        documents.send(prepared, client)
    assert len(there(shared, prepared)) == 1
    shared.clear_faults()


def test_a_journal_entry_of_another_division_or_rate_is_not_believed(company: Any) -> None:
    line = {"gl_account": "1240", "amount": D("121.00")}
    record = {
        "document_key": "shop:day:J1",
        "your_ref": "J1",
        "currency": "USD",
        "exchange_rate": D("0.9"),
        "journal": "90",
        "entry_date": "2026-02-10",
        "lines": [line, line | {"amount": D("-121.00")}],
        "totals": {"amount": D("121.00"), "vat_amount": 0, "net_amount": 0},
    }
    prepared = company.prepare(record, "general_journal_entries")
    for changes in ({"Division": 1}, {"ExchangeRate": D("1.1111")}, {"JournalCode": "91"}):
        client = altered(company, prepared.kind.resource, **changes)
        with pytest.raises(OutcomeUnknownError):
            documents.send(prepared, client)
        assert client.deleted == []


# Printing


def invoice(sales_entry: Callable[..., Any], number: int, kind: str = "invoice") -> dict[str, Any]:
    record: dict[str, Any] = sales_entry(number, kind=kind)
    record["invoice_date"] = record.pop("entry_date")
    sign = -1 if kind == "credit_memo" else 1
    record["lines"][0] |= {"item": "TEA-POT", "quantity": 2 * sign, "unit_price": 50.00}
    return record


def test_printing_sends_every_flag(
    company: Any, sales_entry: Callable[..., Any], number: int
) -> None:
    for via_peppol in (False, True):
        record = invoice(sales_entry, number + via_peppol)
        prepared = company.prepare(record, "sales_invoices", send_via_peppol=via_peppol)
        client = altered(company, PRINTED)
        documents.send(prepared, client)
        sent = client.posted[1]
        assert {name: sent[name] for name in sent if name.startswith("Send")} == {
            "SendEmailToCustomer": False,
            "SendInvoiceToCustomerPostbox": False,
            "SendInvoiceViaPeppol": via_peppol,
            "SendOutputBasedOnAccount": False,
        }
        assert prepared.sent(AT).via_peppol is via_peppol


@pytest.mark.parametrize("error", ["DocumentCreationError", "PeppolCreationError"])
def test_201_with_an_error_is_no_printed_invoice_unless_its_status_says_so(
    company: Any,
    shared: SandboxHandle,
    sales_entry: Callable[..., Any],
    number: int,
    error: str,
) -> None:
    prepared = company.prepare(invoice(sales_entry, number), "sales_invoices")
    client = altered(company, PRINTED, **{error: "Geen lay-out"})
    stored = documents.send(prepared, client)
    assert "Geen lay-out" in stored.warnings[0]  # printed all the same: its status is 50
    assert there(shared, prepared)[0]["Status"] == 50

    class NotPrinted(Altered):
        def post(self, resource: str, payload: dict[str, Any], **more: Any) -> dict[str, Any]:
            if resource == PRINTED:
                return payload | {error: "Geen lay-out"}
            return super().post(resource, payload, **more)

    other = company.prepare(invoice(sales_entry, number + 1), "sales_invoices")
    client = NotPrinted(company.client, PRINTED, lambda row: row)
    with pytest.raises(DocumentRefusedError, match="Geen lay-out") as caught:
        documents.send(other, client)
    assert caught.value.by_exact
    assert there(shared, other) == []


def test_an_invoice_that_is_not_seen_yet_may_be_printed(
    company: Any, shared: SandboxHandle, sales_entry: Callable[..., Any], number: int
) -> None:
    prepared = company.prepare(invoice(sales_entry, number), "sales_invoices")

    class Lagging(Altered):
        def get(self, resource: str, **more: Any) -> Any:
            return iter(()) if resource == INVOICES else super().get(resource, **more)

    client = Lagging(company.client, PRINTED, lambda row: row | {"DocumentCreationError": "?"})
    with pytest.raises(OutcomeUnknownError, match="not show the invoice yet"):
        documents.send(prepared, client)
    assert client.deleted == []
    assert len(there(shared, prepared)) == 1


def test_the_printing_of_another_invoice_is_not_believed(
    company: Any, sales_entry: Callable[..., Any], number: int
) -> None:
    prepared = company.prepare(invoice(sales_entry, number), "sales_invoices")
    client = altered(company, PRINTED, InvoiceID=SOMEBODY)
    with pytest.raises(OutcomeUnknownError):
        documents.send(prepared, client)
    assert client.deleted == []


def test_an_entry_that_exact_does_not_show_yet_is_no_difference(
    company: Any, sales_entry: Callable[..., Any], number: int
) -> None:
    prepared = company.prepare(invoice(sales_entry, number), "sales_invoices")
    stored = documents.send(prepared, company.client)

    class Lagging(Altered):
        def get(self, resource: str, **more: Any) -> Any:
            return iter(()) if resource == ENTRIES else super().get(resource, **more)

    client = Lagging(company.client, "", lambda row: row)
    printed = [(prepared.sent(AT), stored.exact_id)]
    (one,) = sales_invoice.compare(printed, client)
    assert (one.state, one.differences) == ("not_seen", ())
    (two,) = sales_invoice.compare(printed, company.client)
    assert (two.state, two.number) == ("equal", one.number)


def test_invoices_that_count_alike_are_compared_by_their_numbers(
    company: Any, sales_entry: Callable[..., Any], number: int
) -> None:
    """Two store views with one number: each entry is compared with its own invoice."""
    first = company.prepare(invoice(sales_entry, number), "sales_invoices")
    record = invoice(sales_entry, number)
    record["lines"][0] |= {"quantity": 1, "amount": 50.00, "vat_amount": 10.50}
    record["totals"] = {"amount": 60.50, "vat_amount": 10.50, "net_amount": 50.00}
    second = company.prepare(record, "sales_invoices")
    printed = [
        (one.sent(AT), documents.send(one, company.client).exact_id) for one in (first, second)
    ]
    assert [one.state for one in sales_invoice.compare(printed, company.client)] == [
        "equal",
        "equal",
    ]
    (alone,) = sales_invoice.compare(printed[1:], company.client)
    assert alone.state == "equal"
    (swapped,) = sales_invoice.compare([(printed[0][0], printed[1][1])], company.client)
    assert swapped.state == "differs"


# Credit notes


@pytest.mark.parametrize("wanted", ["positive", "negative"])
def test_the_sign_of_a_credit_note_is_found_once_and_remembered(
    sandbox: SandboxHandle,
    open_exact: Callable[[SandboxHandle], Any],
    sales_entry: Callable[..., Any],
    wanted: str,
) -> None:
    sandbox.set("exact.credit_note_quantity", wanted)
    company = open_exact(sandbox)
    assert company.master.credit_note_quantity() is None
    for number, tries in ((1, 1 if wanted == "positive" else 2), (2, 1)):
        prepared = company.prepare(invoice(sales_entry, number, "credit_memo"), "sales_invoices")
        client = altered(company, INVOICES)
        documents.send(prepared, client)
        assert len(client.posted) == tries + 1
        (row,) = there(sandbox, prepared)
        assert (row["AmountFC"], row["Status"], row["Type"]) == (-121, 50, 8021)
        assert company.master.credit_note_quantity() == wanted
    assert len(sandbox.exact(ENTRIES)) == 2


def test_a_credit_note_that_became_a_debit_is_deleted_before_it_is_printed(
    company: Any, shared: SandboxHandle, sales_entry: Callable[..., Any], number: int
) -> None:
    record = invoice(sales_entry, number, "credit_memo")
    turned = altered(company, INVOICES, AmountFC=D(121), AmountDC=D(121))
    prepared = company.prepare(record, "sales_invoices")
    shared.set("exact.credit_note_quantity", "positive")
    with pytest.raises((DocumentRefusedError, OutcomeUnknownError)):
        documents.send(prepared, turned)
    assert there(shared, prepared) == []
    fixed = company.prepare(record, "sales_invoices", credit_note_quantity="positive")
    turned = altered(company, INVOICES, AmountFC=D(121), AmountDC=D(121))
    with pytest.raises(DocumentRefusedError, match="made 121"):
        documents.send(fixed, turned)
    assert there(shared, fixed) == []
    assert not [one for one in turned.posted if "InvoiceID" in one]


# Orders


def order(sales_entry: Callable[..., Any], number: int, *quantities: int) -> dict[str, Any]:
    record: dict[str, Any] = sales_entry(number) | {"order_date": "2026-02-10"}
    record["document_key"] = f"shop:order:{number:09}"
    (line,) = record["lines"]
    items = ("TEA-POT", "TEA-BAGS", "FABRIC-M")
    record["lines"] = [
        {key: line[key] for key in line if key != "gl_account"} | {"item": item, "quantity": one}
        for item, one in zip(items, quantities, strict=False)
    ]
    count = len(quantities)
    record["totals"] = {"amount": 121 * count, "vat_amount": 21 * count, "net_amount": 100 * count}
    return {key: record[key] for key in record if key not in {"kind", "journal", "entry_date"}}


def test_an_order_line_carries_a_price_that_gives_its_amount(
    company: Any, sales_entry: Callable[..., Any], number: int
) -> None:
    record = order(sales_entry, number, 3)
    prepared = company.prepare(record, "sales_orders")
    assert prepared.lines[0]["NetPrice"] == D("33.333333")
    record["lines"][0]["quantity"] = 100_000
    record["lines"][0]["amount"] = record["totals"]["net_amount"] = D("0.03")
    record["lines"][0]["vat_amount"] = record["totals"]["vat_amount"] = 0
    record["totals"]["amount"] = D("0.03")
    with pytest.raises(
        DocumentRefusedError, match=r"No price of six decimals makes 0\.03"
    ) as caught:
        company.prepare(record, "sales_orders")
    assert [one.where for one in caught.value.problems] == ["line 1, amount"]


@pytest.mark.parametrize("by_hand", ["added", "changed", "deleted", "described", "none"])
def test_an_order_that_people_changed_is_left_as_it_is(
    company: Any,
    shared: SandboxHandle,
    sales_entry: Callable[..., Any],
    number: int,
    by_hand: str,
) -> None:
    before = company.prepare(order(sales_entry, number, 2, 2), "sales_orders")
    exact_id = documents.send(before, company.client).exact_id
    lines = shared.exact(ORDER_LINES, filter=f"OrderID eq guid'{exact_id}'")
    if by_hand == "added":
        company.client.post(ORDER_LINES, before.lines[0] | {"OrderID": exact_id})
    if by_hand == "changed":
        company.client.put(ORDER_LINES, lines[0]["ID"], {"Quantity": 7})
    if by_hand == "deleted":
        company.client.delete(ORDER_LINES, lines[0]["ID"])
    if by_hand == "described":
        company.client.put(ORDERS, exact_id, {"Description": "Ring first"})
    now = shared.exact(ORDER_LINES, filter=f"OrderID eq guid'{exact_id}'")
    changed = company.prepare(order(sales_entry, number, 2, 5), "sales_orders")
    if by_hand == "none":
        sales_order.update(changed, before, exact_id, company.client, company.begun)
        return
    with pytest.raises(ChangedByPeopleError, match="was changed in Exact"):
        sales_order.update(changed, before, exact_id, company.client, company.begun)
    assert shared.exact(ORDER_LINES, filter=f"OrderID eq guid'{exact_id}'") == now
    with pytest.raises(ChangedByPeopleError, match="not known"):
        sales_order.update(changed, None, exact_id, company.client, company.begun)


@pytest.mark.parametrize("done", range(4))
def test_an_update_that_broke_off_is_begun_anew(
    company: Any, shared: SandboxHandle, sales_entry: Callable[..., Any], number: int, done: int
) -> None:
    before = company.prepare(order(sales_entry, number, 2, 2), "sales_orders")
    exact_id = documents.send(before, company.client).exact_id
    changed = company.prepare(order(sales_entry, number, 4, 5), "sales_orders")

    class Breaking(Altered):
        left = done

        def __getattribute__(self, name: str) -> Any:
            if name in {"post", "delete"}:
                if Breaking.left == 0:
                    message = "broken off"
                    raise TransientApiError(message)
                Breaking.left -= 1
            return super().__getattribute__(name)

    client = Breaking(company.client, "", lambda row: row)
    with pytest.raises(TransientApiError):
        sales_order.update(changed, before, exact_id, client, company.begun)
    sales_order.update(changed, before, exact_id, company.client, company.begun)
    lines = shared.exact(ORDER_LINES, filter=f"OrderID eq guid'{exact_id}'")
    assert sorted(line["Quantity"] for line in lines) == [4, 5]


def test_an_order_that_is_gone_is_not_seen(
    company: Any, sales_entry: Callable[..., Any], number: int
) -> None:
    before = company.prepare(order(sales_entry, number, 2), "sales_orders")
    exact_id = documents.send(before, company.client).exact_id
    company.client.delete(ORDERS, exact_id)
    with pytest.raises(NotSeenError, match="--again"):
        sales_order.update(before, before, exact_id, company.client, company.begun)


def test_an_order_that_was_just_changed_and_is_not_shown_is_not_given_up(
    company: Any, shared: SandboxHandle, sales_entry: Callable[..., Any], number: int
) -> None:
    """Exact's lists lag behind a change of ours: absence says nothing, and the change is made."""
    before = company.prepare(order(sales_entry, number, 2), "sales_orders")
    exact_id = documents.send(before, company.client).exact_id
    changed = company.prepare(order(sales_entry, number, 4), "sales_orders")
    shared.set("exact.index_lag_seconds", 20)
    try:
        shared.advance(30)
        for _ in range(2):  # after the change, and before the next try
            with pytest.raises(NotYetError, match="does not show"):
                sales_order.update(changed, before, exact_id, company.client, company.begun)
        shared.advance(30)
        sales_order.update(changed, before, exact_id, company.client, company.begun)
    finally:
        shared.set("exact.index_lag_seconds", 0)
    lines = shared.exact(ORDER_LINES, filter=f"OrderID eq guid'{exact_id}'")
    assert [line["Quantity"] for line in lines] == [4]


def test_many_references_are_asked_for_at_once(
    company: Any, sales_entry: Callable[..., Any], number: int
) -> None:
    prepared = company.prepare(sales_entry(number))
    documents.send(prepared, company.client)
    asked = [prepared.reference, "nobody's", "nobody's'"]
    found = documents.having("sales_entries", company.division, asked, company.client)
    assert found == {prepared.reference}
    assert documents.having("sales_entries", company.division, [], company.client) == set()
    assert documents.having("accounts", company.division, asked, company.client) == set()


def test_what_was_created_since_a_moment_is_read(
    company: Any, shared: SandboxHandle, sales_entry: Callable[..., Any], number: int
) -> None:
    prepared = company.prepare(sales_entry(number))
    stored = documents.send(prepared, company.client)
    moment = shared.now() - timedelta(hours=1)
    found = documents.since("sales_entries", company.division, moment, company.client)
    assert found is not None
    assert prepared.reference in [one.reference for one in found]
    assert stored.exact_id in [one.exact_id for one in found]
    later = shared.now() + timedelta(hours=3)
    assert documents.since("sales_entries", company.division, later, company.client) == []
    assert documents.since("accounts", company.division, moment, company.client) == []


def test_a_change_that_broke_off_is_ours_though_the_shop_changed_the_order_again(
    company: Any, shared: SandboxHandle, sales_entry: Callable[..., Any], number: int
) -> None:
    versions = [
        company.prepare(order(sales_entry, number, 2, quantity), "sales_orders")
        for quantity in (2, 5, 7)
    ]
    exact_id = documents.send(versions[0], company.client).exact_id
    shared.fault(f"*/{ORDER_LINES}", "drop_after", method="POST")
    with pytest.raises(OutcomeUnknownError):
        sales_order.update(versions[1], versions[0], exact_id, company.client, company.begun)
    sales_order.update(versions[2], versions[0], exact_id, company.client, company.begun)
    lines = shared.exact(ORDER_LINES, filter=f"OrderID eq guid'{exact_id}'")
    assert sorted(line["Quantity"] for line in lines) == [2, 7]
    assert company.begun.versions(company.division, exact_id) == []
    # From here on such a line is somebody's work again.
    company.client.post(ORDER_LINES, versions[1].lines[1] | {"OrderID": exact_id})
    with pytest.raises(ChangedByPeopleError):
        sales_order.update(versions[0], versions[2], exact_id, company.client, company.begun)


# What the sandbox itself does wrong on request


@pytest.mark.parametrize("fault", ["swapped_answer", "other_division"])
def test_an_answer_of_somebody_else_deletes_nothing(
    company: Any, shared: SandboxHandle, sales_entry: Callable[..., Any], number: int, fault: str
) -> None:
    documents.send(company.prepare(sales_entry(number)), company.client)
    prepared = company.prepare(sales_entry(number + 1))
    before = [one["path"] for one in shared.requests(method="DELETE")]
    shared.fault(f"*/{ENTRIES}", fault, method="POST")
    with pytest.raises(OutcomeUnknownError):
        documents.send(prepared, company.client)
    shared.clear_faults()
    deleted = [one["path"] for one in shared.requests(method="DELETE")]
    assert deleted == before
    assert len(there(shared, prepared)) == 1
    (found,) = company.find(prepared)
    assert found.same


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PaymentCondition", "30"),
        ("EntryDate", "2026-02-12T00:00:00"),
        ("OrderNumber", 4711),
        ("Journal", "71"),
    ],
)
def test_a_field_that_exact_changed_in_silence_is_noticed(
    company: Any,
    shared: SandboxHandle,
    sales_entry: Callable[..., Any],
    number: int,
    name: str,
    value: Any,
) -> None:
    prepared = company.prepare(sales_entry(number, payment_condition="14", order_number=17))
    shared.fault(f"*/{ENTRIES}", "changed_field", method="POST", field=name, value=value)
    with pytest.raises(DocumentRefusedError, match=name):
        documents.send(prepared, company.client)
    shared.clear_faults()
    assert there(shared, prepared) == []


def test_an_invoice_that_exact_does_not_print_is_refused_in_its_words(
    company: Any, shared: SandboxHandle, sales_entry: Callable[..., Any], number: int
) -> None:
    prepared = company.prepare(invoice(sales_entry, number), "sales_invoices")
    words = {"property": "DocumentCreationError", "text": "Geen lay-out gevonden"}
    shared.fault(f"*/{PRINTED}", "unprinted", method="POST", **words)
    with pytest.raises(DocumentRefusedError, match="Geen lay-out gevonden"):
        documents.send(prepared, company.client)
    shared.clear_faults()
    assert there(shared, prepared) == []


def test_a_long_reference_is_found_as_exact_keeps_it(
    company: Any, shared: SandboxHandle, sales_entry: Callable[..., Any]
) -> None:
    """Exact cuts at thirty characters: two long ones that begin alike are kept apart."""
    alike = "MARKETPLACE-2026-NL-0000000000"
    first, second = (
        company.prepare(sales_entry(1, your_ref=alike + end, document_key=f"shop:invoice:{end}"))
        for end in ("1", "2")
    )
    assert len(first.reference) == 30
    assert first.reference != second.reference
    assert "30 characters" in first.warnings[0]
    documents.send(first, company.client)
    assert [one.same for one in company.find(first)] == [True]
    assert company.find(second) == []
    assert len(there(shared, first)) == 1


def test_rows_that_were_not_asked_for_are_left_out(
    company: Any, sales_entry: Callable[..., Any], number: int
) -> None:
    """An answer of another question, or a filter that the server ignores."""
    prepared = company.prepare(sales_entry(number))
    row = {"EntryID": SOMEBODY, "Journal": "70", "AmountFC": D(121), "Currency": "EUR"}

    class Mixed(Altered):
        def get(self, resource: str, **more: Any) -> Any:
            assert resource == ENTRIES
            assert more["division"] == company.division
            other = row | {"YourRef": "another"}
            journal = row | {"YourRef": prepared.reference, "Journal": "71"}
            return iter([other, journal, row | {"YourRef": prepared.reference}])

    client = Mixed(company.client, "", lambda answer: answer)
    assert [one.same for one in documents.find(prepared.sent(AT), client)] == [True]
