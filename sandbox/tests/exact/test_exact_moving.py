"""A company that was moved: cursors of before are worth nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commerce_sandbox.exact import moving
from commerce_sandbox.exact.credentials import DIVISION, SECOND_DIVISION

if TYPE_CHECKING:
    from commerce_sandbox.testing import SandboxHandle


def versions(sandbox: SandboxHandle, division: int = DIVISION) -> dict[str, int]:
    rows = sandbox.exact("sync/Financial/GLAccounts", division=division, filter="Timestamp gt 1L")
    return {row["ID"]: row["Timestamp"] for row in rows}


def test_a_cursor_of_before_the_move_finds_nothing_any_more(sandbox: SandboxHandle) -> None:
    before, other = versions(sandbox), versions(sandbox, SECOND_DIVISION)

    moving.move(sandbox.context)
    sandbox.bookkeeper().block("gl-account", "8000")

    after = versions(sandbox)
    assert after.keys() == before.keys()
    assert max(after.values()) < min(before.values())
    assert versions(sandbox, SECOND_DIVISION) == other
    moved = {row["Code"]: row.get("DivisionMoveDate") for row in sandbox.exact("system/Divisions")}
    assert moved[DIVISION] is not None
    assert moved[SECOND_DIVISION] is None


def test_a_second_move_gives_other_versions_again(sandbox: SandboxHandle) -> None:
    moving.move(sandbox.context)
    first = set(versions(sandbox).values())
    moving.move(sandbox.context)
    assert first.isdisjoint(versions(sandbox).values())


def test_classifications_are_read_by_version(sandbox: SandboxHandle) -> None:
    rows = sandbox.exact("sync/Financial/GLClassifications", filter="Timestamp gt 1L")
    assert {row["Code"] for row in rows} >= {"BVor", "WOmz"}
