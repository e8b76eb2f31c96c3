"""A month compared by the real command, over the sandbox's Exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .conftest import invoice

if TYPE_CHECKING:
    from .conftest import Company

SOURCES = ("api", "mirror")


def of(*numbers: int) -> list[Any]:
    return [invoice(number) for number in numbers]


@pytest.mark.parametrize("source", SOURCES)
def test_a_month_that_nobody_touched_agrees(company: Company, source: str) -> None:
    company.post(*of(1, 2), invoice(3, kind="credit_memo", net="40.00"))
    found = company.compare("--source", source)
    assert (found.exit_code, found.codes) == (0, [])
    assert found.result["outcome"] == "agrees"
    rows = [(row["kind"], row["amount"]) for row in found.bridge()["rows"]]
    assert rows == [("shop", "193.60"), ("ledger", "193.60"), ("exact", "193.60")]
    assert found.result["unexplained"] == "0.00"
    assert found.result["calls"]["total"] <= 15


@pytest.mark.parametrize("source", SOURCES)
def test_an_entry_deleted_in_exact(company: Company, source: str) -> None:
    company.post(*of(1, 2))
    company.compare("--source", source)  # the mirror knows it
    company.sandbox.bookkeeper("Bea").delete("000000001")
    found = company.compare("--source", source, "--with-names")
    one = found.finding("E1")
    assert (found.exit_code, found.codes) == (3, ["E1"])
    assert (one["amount"], one["document_key"]) == ("-121.00", "shop:nl:invoice:000000001")
    if source == "mirror":
        assert (
            one["who"] == company.sandbox.bookkeeper("Bea").user.user_id
        )  # no line tells her name
        assert one["when"].startswith("2026-11-04T09:0")
    assert found.result["unexplained"] == "0.00"


def test_people_are_named_only_when_asked(company: Company) -> None:
    company.post(*of(1, 2))
    company.sandbox.bookkeeper("Bea").edit("000000001", {1: {"gl_account": "8070"}})
    found = company.compare("--source", "mirror")
    assert found.finding("E3")["who"] == "user A"
    assert "Bea" not in found.stdout
    assert "Bea" not in str(found.result)
    assert company.compare("--source", "mirror", "--with-names").finding("E3")["who"] == "Bea"


@pytest.mark.parametrize("source", SOURCES)
def test_an_invoice_typed_again_by_hand(company: Company, source: str) -> None:
    company.post(*of(1, 2))
    company.sandbox.bookkeeper("Bea").type_entry(like="000000001")
    found = company.compare("--source", source, "--with-names")
    one = found.finding("E7")
    assert (found.codes, one["amount"], one["who"]) == (["E7"], "121.00", "Bea")
    assert found.bridge()["rows"][-2]["code"] == "E7"
    assert found.bridge()["unexplained"] == "0.00"


@pytest.mark.parametrize("source", SOURCES)
def test_a_gl_account_moved(company: Company, source: str) -> None:
    company.post(*of(1, 2))
    company.sandbox.bookkeeper("Bea").edit("000000001", {1: {"gl_account": "8070"}})
    found = company.compare("--source", source)
    one = found.finding("E3")
    assert (found.codes, one["amount"], one["field"]) == (["E3"], "0.00", "gl_account")
    assert (one["ours"], one["theirs"], one["line"]) == ("8000", "8070", 1)
    moved = {row["scope"]: row["amount"] for row in one["effects"]}
    assert moved == {"gl:8000": "-100.00", "gl:8070": "100.00"}
    assert found.result["unexplained"] == "0.00"


@pytest.mark.parametrize("source", SOURCES)
def test_a_cost_center_changed(company: Company, source: str) -> None:
    company.post(*of(1, 2))
    company.sandbox.bookkeeper("Bea").edit("000000001", {1: {"cost_center": "B2B"}})
    found = company.compare("--source", source)
    one = found.finding("E3")
    assert (found.codes, one["amount"], one["field"]) == (["E3"], "0.00", "cost_center")
    moved = {row["scope"]: row["amount"] for row in one["effects"]}
    assert moved == {"cost_center:WEB": "-100.00", "cost_center:B2B": "100.00"}


@pytest.mark.parametrize("source", SOURCES)
def test_a_vat_code_changed_after_the_return_was_filed(company: Company, source: str) -> None:
    company.post(*of(1, 2))
    company.sandbox.bookkeeper("Bea").file_return("vat", 2026, 10)
    company.sandbox.advance(3600)
    company.sandbox.bookkeeper("Bea").edit("000000001", {1: {"vat_code": "9"}})
    found = company.compare("--source", source)
    one = found.finding("E4")
    assert (found.codes, one["amount"]) == (["B3", "E4"], "-12.00")
    assert (one["ours"], one["theirs"]) == ("21 (21.00)", "9 (9.00)")
    moved = {row["scope"]: row["amount"] for row in one["effects"]}
    assert moved["gl:1500"] == "-21.00"
    assert moved["gl:1501"] == "9.00"
    assert found.finding("B3")["amount"] == "0.00"
    assert found.result["unexplained"] == "0.00"


def test_a_document_posted_after_the_return_was_filed(company: Company) -> None:
    company.post(*of(1))
    company.sandbox.bookkeeper("Bea").file_return("vat", 2026, 10)
    company.sandbox.advance(3600)
    company.post(*of(2))
    found = company.compare("--source", "mirror")
    assert (found.codes, found.finding("B3")["number"]) == (["B3"], "000000002")
    assert company.compare("--source", "mirror", month="2026-11").codes == []


@pytest.mark.parametrize("source", SOURCES)
def test_an_entry_moved_into_november_shows_in_both_months(company: Company, source: str) -> None:
    company.post(*of(1, 2), invoice(3, day="2026-11-02"))
    company.compare("--source", source)
    company.sandbox.bookkeeper("Bea").edit("000000001", date="2026-11-01")
    october = company.compare("--source", source)
    assert (october.codes, october.finding("E5")["amount"]) == (["E5"], "-121.00")
    november = company.compare("--source", source, month="2026-11")
    assert (november.codes, november.finding("E5")["amount"]) == (["E5"], "121.00")
    assert october.result["unexplained"] == november.result["unexplained"] == "0.00"


@pytest.mark.parametrize("source", SOURCES)
def test_manual_journals_on_accounts_of_the_rules(company: Company, source: str) -> None:
    company.post(
        invoice(
            1,
            lines=[
                {
                    "gl_account": "8000",
                    "amount": 100.0,
                    "vat_code": "21",
                    "vat_amount": 21.0,
                    "cost_center": "WEB",
                    "rule": "default",
                },
                {"gl_account": "1700", "amount": -21.0, "rule": "gift card"},
            ],
            totals={"amount": 100.0, "vat_amount": 21.0, "net_amount": 79.0},
        )
    )
    bea = company.sandbox.bookkeeper("Bea")
    for account, amount in (("8000", -500), ("1700", 30)):
        bea.type_entry(
            [
                {"gl_account": account, "amount": amount},
                {"gl_account": "1990", "amount": -amount},
            ],
            date="2026-10-15",
        )
    found = company.compare("--source", source)
    assert found.codes == ["X3", "X3"]
    assert found.bridge()["rows"][-2]["amount"] == "470.00"
    assert found.result["unexplained"] == "0.00"


def test_an_invoice_changed_and_a_memo_imported_without_a_change_time(company: Company) -> None:
    company.post(*of(1, 2))
    changed = company.records[0][1] | {
        "lines": [company.records[0][1]["lines"][0] | {"amount": 90.0, "vat_amount": 18.9}],
        "totals": {"amount": 108.9, "vat_amount": 18.9, "net_amount": 90.0},
    }
    company.records[0] = ("sales_entries", changed)
    memo = invoice(9, kind="credit_memo", net="10.00")
    found = company.compare("--shop", company.shop(memo))
    assert found.codes == ["S1", "S4"]
    assert (found.finding("S4")["amount"], found.finding("S1")["amount"]) == ("12.10", "12.10")
    assert (found.finding("S4")["ours"], found.finding("S4")["theirs"]) == ("121.00", "108.90")
    assert found.result["unexplained"] == "0.00"


def test_a_document_that_the_shop_lost(company: Company) -> None:
    company.post(*of(1, 2))
    del company.records[0]
    found = company.compare()
    assert (found.codes, found.finding("S5")["amount"]) == (["S5"], "121.00")


def test_an_amount_edited_and_a_debtor_changed(company: Company) -> None:
    company.post(*of(1, 2))
    bea = company.sandbox.bookkeeper("Bea")
    bea.edit("000000001", {1: {"amount": 90}})
    bea.edit("000000002", debtor="20001")
    found = company.compare("--source", "mirror")
    assert found.codes == ["E2", "E6"]
    assert found.finding("E2")["amount"] == "-12.10"
    assert (found.finding("E2")["ours"], found.finding("E2")["theirs"]) == ("100.00", "90.00")
    assert found.finding("E6")["amount"] == "0.00"
    assert found.result["unexplained"] == "0.00"


def test_a_document_that_waits_and_was_typed_by_hand(company: Company) -> None:
    company.post(*of(1))
    parked = invoice(2, lines=[invoice(2)["lines"][0] | {"gl_account": "7777"}])
    assert company.target.post_here([parked]).exit_code == 3
    waits = company.compare("--shop", company.shop(parked))
    assert (waits.codes, waits.finding("S2")["amount"]) == (["S2"], "-121.00")
    company.sandbox.bookkeeper("Bea").type_entry(
        like="000000001", reference="000000002", date="2026-10-12"
    )
    typed = company.compare("--shop", company.shop(parked))
    assert typed.codes == ["S2", "X1"]
    assert typed.finding("X1")["amount"] == "121.00"
    assert typed.result["unexplained"] == "0.00"


def test_an_entry_without_any_document(company: Company) -> None:
    company.post(*of(1))
    company.sandbox.bookkeeper("Bea").type_entry(
        [{"gl_account": "8000", "amount": 55, "vat_code": "21"}],
        journal="70",
        date="2026-10-12",
        reference="by hand",
        debtor="10",
    )
    found = company.compare()
    assert (found.codes, found.finding("X2")["amount"]) == (["X2"], "66.55")


def test_a_year_end_is_no_sale(company: Company) -> None:
    company.post(*of(1), invoice(2, day="2026-12-10"))
    company.sandbox.bookkeeper("Bea").close_year(2026)
    for source in SOURCES:
        found = company.compare("--source", source, month="2026-12")
        assert (found.codes, found.exit_code) == ([], 0)


def test_an_audit_file_needs_no_call(company: Company) -> None:
    company.post(*of(1, 2))
    path = company.folder / "october.xaf"
    bea = company.sandbox.bookkeeper("Bea")
    bea.export_xaf(path, 2026, first=10, last=10)
    company.sandbox.clear_requests()
    found = company.compare("--source", "xaf", str(path))
    assert found.codes == []
    assert found.bridge()["unexplained"] == "0.00"
    assert company.sandbox.requests(system="exact") == []
    bea.edit("000000001", {1: {"gl_account": "8070"}})
    bea.export_xaf(path, 2026, first=10, last=10)
    assert company.compare("--source", "xaf", str(path)).codes == ["E3"]
    bea.delete("000000002")
    bea.export_xaf(path, 2026, first=10, last=10)
    assert company.compare("--source", "xaf", str(path)).codes == ["E1", "E3"]

    whole = path.read_bytes()
    for damaged in (whole[:-300], whole.replace(b"</trLine>", b"</x>", 1)):
        path.write_bytes(damaged)
        refused = company.compare("--source", "xaf", str(path))
        assert refused.exit_code == 1
        assert "october.xaf cannot be read" in refused.stderr


def test_a_fifth_of_the_day_is_left_to_posting_and_the_rest_is_compared_later(
    company: Company,
) -> None:
    company.post(invoice(1))
    used = len(company.sandbox.requests(system="exact"))
    limit = (used + 7) * 10 // 8  # the comparison may make seven calls: not enough
    company.sandbox.set("exact.day_limit", limit)
    found = company.compare("--source", "mirror")
    assert (found.exit_code, found.result["outcome"]) == (1, "incomplete"), found.stdout
    assert found.result["resume_at"]
    assert "Go on after" in found.stdout
    assert len(company.sandbox.requests(system="exact")) <= limit * 4 // 5
    signed = company.target.call("reconcile", "sign", "--month", "2026-10", "--note", "x")
    assert (signed.exit_code, "incomplete" in signed.stderr) == (1, True)
    company.post(invoice(2))  # there are calls left for it
    company.sandbox.set("exact.day_limit", 5_000)
    company.sandbox.advance(86_400)
    assert company.compare("--source", "mirror").exit_code == 0
