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
