"""``commerce-sandbox exact``: people at work in Exact, from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from commerce_sandbox import shop
from commerce_sandbox.cli import main
from commerce_sandbox.exact.credentials import DIVISION, SECOND_DIVISION
from commerce_sandbox.exact.query import read

if TYPE_CHECKING:
    from pathlib import Path

    from commerce_sandbox.context import SandboxContext


@pytest.fixture
def context(tmp_path: Path) -> SandboxContext:
    context = shop.open_context(tmp_path)
    shop.seed(context, "empty")
    return context


def run(context: SandboxContext, *arguments: str, division: int = DIVISION) -> Result:
    folder = str(context.database.path.parent)
    return CliRunner().invoke(
        main, ["exact", "--data-dir", folder, "--division", str(division), *arguments]
    )


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
