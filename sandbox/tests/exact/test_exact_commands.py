"""``commerce-sandbox exact``: people at work in Exact, from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from commerce_sandbox import shop
from commerce_sandbox.cli import main
from commerce_sandbox.exact.credentials import DIVISION, SECOND_DIVISION
from commerce_sandbox.exact.query import read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commerce_sandbox.context import SandboxContext


@pytest.fixture
def context(tmp_path: Path) -> Iterator[SandboxContext]:
    context = shop.open_context(tmp_path)
    shop.seed(context, "empty")
    yield context
    context.database.close()


def run(context: SandboxContext, *arguments: str, division: int = DIVISION) -> Result:
    folder = str(context.database.path.parent)
    where = ["--data-dir", folder, "--division", str(division)]
    return CliRunner().invoke(main, ["exact", *arguments, *where])


def test_periods_close_and_open(context: SandboxContext) -> None:
    def closed(division: int) -> set[str]:
        rows = read(context, "read/financial/JournalStatusList", division=division,
                    filter="Year eq 2026 and Period eq 10 and Status eq 1")  # fmt: skip
        return {row["Journal"] for row in rows}

    assert run(context, "close-period", "--year", "2026", "--period", "10").exit_code == 0
    context.database.forget()
    assert closed(DIVISION) >= {"70", "90"}
    assert closed(SECOND_DIVISION) == set()
    opened = run(context, "open-period", "--year", "2026", "--period", "10", "--journal", "70")
    assert opened.exit_code == 0
    context.database.forget()
    assert "70" not in closed(DIVISION)
    assert "90" in closed(DIVISION)


@pytest.mark.parametrize(
    ("kind", "code", "resource", "name"),
    [
        ("account", "20001", "crm/Accounts", "Blocked"),
        ("gl-account", "8000", "financial/GLAccounts", "IsBlocked"),
        ("vat-code", "9", "vat/VATCodes", "IsBlocked"),
        ("journal", "70", "financial/Journals", "IsBlocked"),
        ("cost-center", "WEB", "hrm/Costcenters", "EndDate"),
        ("cost-unit", "OFFICE", "hrm/Costunits", "EndDate"),
        ("item", "TEA-POT", "logistics/Items", "EndDate"),
    ],
)
def test_master_data_is_blocked_and_let_go(
    context: SandboxContext, kind: str, code: str, resource: str, name: str
) -> None:
    def value() -> object:
        context.database.forget()
        rows = [row for row in read(context, resource) if row["Code"].strip() == code]
        return rows[0].get(name)

    before = value()
    assert run(context, f"block-{kind}", code).exit_code == 0
    assert value()
    assert run(context, f"unblock-{kind}", code).exit_code == 0
    assert value() == before


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("block-account", "99"), "Error: division 3000001 has no account '99'"),
        (("close-period", "--year", "2031", "--period", "1"),
         "Error: division 3000001 has no period 2031-01"),
        (("close-period", "--year", "2026", "--period", "1", "--journal", "X"),
         "Error: division 3000001 has no period 2026-01 of journal X"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_in_one_line(
    context: SandboxContext, arguments: tuple[str, ...], text: str
) -> None:
    done = run(context, *arguments)
    assert (done.exit_code, done.output.strip()) == (1, text)


def test_entries_are_typed_edited_and_deleted(context: SandboxContext) -> None:
    def lines(key: str) -> dict[int, dict[str, Any]]:
        context.database.forget()
        rows = read(
            context, "financialtransaction/TransactionLines", filter=f"EntryID eq guid'{key}'"
        )
        return {row["LineNumber"]: row for row in rows}

    typed = run(
        context, "type-entry", "--as", "Bea", "--journal", "70", "--debtor", "10",
        "--date", "2026-10-31", "--reference", "R1", "--line", "8000:100:21:WEB",
    )  # fmt: skip
    key = typed.output.strip()
    assert lines(key)[1]["CostCenter"] == "WEB"
    again = run(context, "type-entry", "--like", "R1", "--as", "Bob").output.strip()
    assert lines(again)[0]["CreatorFullName"] == "Bob"
    manual = run(context, "type-entry", "--date", "2026-10-01", "--line", "8000:-5",
                 "--line", "1700:5").output.strip()  # fmt: skip
    assert {row["GLAccountCode"]: row["AmountFC"] for row in lines(manual).values()} == {
        "8000": -5, "1700": 5,
    }  # fmt: skip
    for arguments, number, name, value in (
        (("--line", "1", "--gl-account", "8070"), 1, "GLAccountCode", "8070"),
        (("--line", "1", "--vat-code", "9", "--vat-amount", "9"), 1, "VATCode", "9  "),
        (("--line", "1", "--cost-center", "B2B"), 1, "CostCenter", "B2B"),
        (("--line", "1", "--amount", "200"), 1, "AmountFC", -200),
        (("--date", "2026-11-01"), 1, "FinancialPeriod", 11),
        (("--period", "2026-12"), 1, "FinancialPeriod", 12),
        (("--debtor", "20001"), 0, "AccountCode", "20001".rjust(18)),
        (("--reference", "R2"), 1, "YourRef", "R2"),
    ):
        done = run(context, "edit", key, "--as", "Cas", *arguments)
        assert done.exit_code == 0, done.output
        assert lines(key)[number][name] == value
        assert lines(key)[number]["ModifierFullName"] == "Cas"
    assert run(context, "delete", "R2", "--as", "Dirk").exit_code == 0
    assert lines(key) == {}


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("delete", "X"), 1, "no entry with key, number or reference 'X'"),
        (("edit", "X", "--amount", "5"), 2, "--amount needs --line"),
        (("edit", "X", "--period", "November"), 2, "is written YEAR-PERIOD, such as 2026-11"),
        (("type-entry", "--line", "8000"), 2, "'8000' is not GL:AMOUNT[:VAT[:COSTCENTER]]"),
        (("type-entry", "--line", "8000:5"), 1, "niet in evenwicht"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    context: SandboxContext, arguments: tuple[str, ...], status: int, text: str
) -> None:
    done = run(context, *arguments)
    assert done.exit_code == status
    assert text in done.output


def test_periods_and_years_end(context: SandboxContext, tmp_path: Path) -> None:
    typed = run(
        context, "type-entry", "--journal", "70", "--debtor", "10", "--date", "2026-10-31",
        "--line", "8000:100:21",
    )  # fmt: skip
    assert typed.exit_code == 0
    key = run(context, "file-return", "vat", "--year", "2026", "--period", "10").output.strip()
    context.database.forget()
    filed = read(context, "read/financial/Returns")
    assert [(row["DocumentID"], row["Amount"], row["Status"]) for row in filed] == [(key, 21, 50)]
    path = tmp_path / "audit.xaf"
    assert run(context, "export-xaf", str(path), "--year", "2026", "--first", "10").exit_code == 0
    assert path.read_bytes().count(b"<trLine>") == 3
    assert run(context, "close-year", "--year", "2026").exit_code == 0
    context.database.forget()
    types = {row["Type"] for row in read(context, "financialtransaction/TransactionLines")}
    assert types == {20, 322, 325, 326, 327, 328}
    own = run(context, "type-entry", "--type", "82", "--date", "2027-01-05", "--line", "4995:1",
              "--line", "1990:-1")  # fmt: skip
    assert own.exit_code == 0
    context.database.forget()
    rows = read(context, "financialtransaction/TransactionLines", filter="Type eq 82")
    assert len(rows) == 2
