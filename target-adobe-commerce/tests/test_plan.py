"""Plans as files: what a person sees, what `apply` refuses, and what no spreadsheet runs."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def planned(world: Any, tmp_path: Path) -> Path:
    """A plan that changes one customer, and one in conflict."""
    world.customer(1)
    world.customer(2, taxvat="NL999999999B99")
    world.exact("accounts", world.account(1), world.account(2))
    path = tmp_path / "seen.json"
    done = world.command("plan", "--json", str(path), "--xlsx", str(path.with_suffix(".xlsx")))
    assert done.code == 3  # a conflict waits
    assert "taxvat: NL999999999B99 -> NL000000002B01 [CONFLICT: both changed]" in done.output
    assert "2 calls that write; 1 conflicts." in done.output
    return path


def test_a_plan_is_applied_as_it_was_seen(world: Any, planned: Path) -> None:
    assert stat.S_IMODE(planned.stat().st_mode) == 0o600
    done = world.command("apply", str(planned))
    assert done.code == 3  # the conflict still waits
    assert "Written: 2 customers." in done.output
    vat = {one["email"]: one.get("taxvat") for one in world.customers()}
    assert vat["klant1@example.com"] == "NL000000001B01"
    assert vat["klant2@example.com"] == "NL999999999B99"
    again = world.command("apply", str(planned))
    assert again.code == 1
    assert "changed in the shop" in again.errors


def test_a_plan_is_refused_when_exact_changed(world: Any, planned: Path) -> None:
    world.exact("accounts", world.account(1, VATNumber="NL000000001B77"))
    before = world.customers()
    done = world.command("apply", str(planned))
    assert (done.code, world.customers()) == (1, before)
    assert "customers:10001 changed in Exact" in done.errors
    assert "Nothing was written" in done.errors


def test_a_plan_is_refused_when_the_shop_changed(world: Any, planned: Path) -> None:
    (customer,) = [one for one in world.customers() if one["email"] == "klant1@example.com"]
    world.put(f"customers/{customer['id']}", customer={"taxvat": "X"})
    before = world.customers()
    done = world.command("apply", str(planned))
    assert (done.code, world.customers()) == (1, before)
    assert "customers:10001 changed in the shop" in done.errors


def test_a_plan_is_refused_when_exact_has_a_new_record(world: Any, planned: Path) -> None:
    world.exact("accounts", world.account(3))
    done = world.command("apply", str(planned))
    assert done.code == 1
    assert "customers:10003 is new" in done.errors


def test_a_person_decides_conflicts(world: Any, planned: Path) -> None:
    done = world.command("apply", str(planned), "--exact", "customers:10002")
    assert done.code == 0
    vat = {one["email"]: one.get("taxvat") for one in world.customers()}
    assert vat["klant2@example.com"] == "NL000000002B01"
    assert world.plan().conflicts == 0


def test_a_person_may_keep_the_shop_s_value_for_good(world: Any, planned: Path) -> None:
    done = world.command("apply", str(planned), "--shop", "customers:10002")
    assert done.code == 0
    plan = world.plan()
    assert (plan.conflicts, plan.writes) == (0, 0)
    vat = {one["email"]: one.get("taxvat") for one in world.customers()}
    assert vat["klant2@example.com"] == "NL999999999B99"


def test_a_key_that_is_in_no_conflict_is_an_error(world: Any, planned: Path) -> None:
    done = world.command("apply", str(planned), "--exact", "customers:10001")
    assert done.code == 1
    assert "customers:10001 is no record" in done.errors


@pytest.mark.parametrize(
    "change",
    [
        {"form": 99},
        {"instance": "other"},
        {"entries": [{"kind": "orders"}]},
        {"entries": "none"},
        {"unknown": 1},
    ],
)
def test_a_plan_of_something_else_is_refused(
    world: Any, planned: Path, change: dict[str, Any]
) -> None:
    planned.write_text(json.dumps(json.loads(planned.read_text()) | change))
    before = world.customers()
    done = world.command("apply", str(planned))
    assert (done.code, world.customers()) == (1, before)
    assert done.errors.startswith("ERROR: ")


def test_no_value_of_a_spreadsheet_is_a_formula(world: Any, tmp_path: Path) -> None:
    evil = '=HYPERLINK("http://evil.example","x")'
    world.customer(1, taxvat=evil)
    world.exact("accounts", world.account(1, VATNumber="=1+1"), world.account(2, Code="@SUM(1)"))
    path = tmp_path / "plan.xlsx"
    world.command("plan", "--xlsx", str(path))
    sheet = openpyxl.load_workbook(path)["Plan"]
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert evil in [cell.value for cell in cells]
    assert {cell.data_type for cell in cells} == {"s"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_pairs_are_listed(world: Any) -> None:
    customer = world.customer(1)
    world.exact("accounts", world.account(1))
    world.apply()
    done = world.command("pairs", "list", "--json")
    assert json.loads(done.output) == {
        "key": "customers:10001",
        "exact_id": world.guid(1),
        "shop_id": str(customer["id"]),
    }
    assert world.command("pairs", "forget", "customers:1").code == 1
