"""A run in which every twentieth document is bad: Exact is asked nothing that it must refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.testing import SandboxHandle

DOCUMENTS, EVERY = 200, 20

# What the shop, the rules or Exact's own settings get wrong, and the field that is named for it.
BAD: tuple[tuple[Callable[[dict[str, Any]], object], str], ...] = (
    (lambda record: record["lines"][0].update(gl_account="9999"), "gl_account"),
    (lambda record: record["lines"][0].update(vat_code="77"), "vat_code"),
    (lambda record: record["lines"][0].update(vat_amount=6, vat_percentage=6), "line 1"),
    (lambda record: record["lines"][0].update(cost_center="NOWHERE"), "cost_center"),
    (lambda record: record.update(entry_date="2019-01-01"), "entry_date"),
    (lambda record: record.update(currency="XXX"), "currency"),
    (lambda record: record.update(journal="ZZ"), "journal"),
    (lambda record: record["totals"].update(amount=120.99), "totals"),
    (lambda record: record.update(debtor={"code": "999999"}), "debtor"),
    (lambda record: record.update(payment_condition="ZZ"), "payment_condition"),
)


@pytest.mark.parametrize("day_limit", [5_000, 120])
def test_bad_documents_cost_no_call_and_no_limit_is_run_into(
    target: Any,
    sandbox: SandboxHandle,
    sales_entry: Callable[..., dict[str, Any]],
    day_limit: int,
) -> None:
    sandbox.set("exact.minute_limit", 1_000)  # what Exact gives in a minute would take four
    sandbox.set("exact.day_limit", day_limit)
    records = [sales_entry(number) for number in range(DOCUMENTS)]
    named = {}
    for (spoil, field), record in zip(BAD, records[::EVERY], strict=True):
        spoil(record)
        named[record["document_key"]] = field

    outcome = target.post(records)

    calls = [call for call in sandbox.requests(system="exact") if "/api/v1/" in call["path"]]
    assert len(calls) <= day_limit
    assert not [call for call in calls if call["status"] >= 400]
    posted = len(sandbox.exact("salesentry/SalesEntries"))
    if day_limit > DOCUMENTS:
        assert outcome.exit_code == 3
        parked = {line["document_key"]: line["reason"] for line in outcome.report["parked"]}
        assert parked.keys() == named.keys()
        assert {key: field for key, field in named.items() if field not in parked[key]} == {}
        assert posted == DOCUMENTS - len(BAD)
    else:
        assert 0 < posted < DOCUMENTS - len(BAD)
        assert outcome.report["held"] > 0
    assert outcome.state == {"records": DOCUMENTS}
