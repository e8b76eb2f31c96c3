"""Values of Exact's answers, as a comparison takes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
import sqlalchemy as sa

from commerce_sandbox.exact import moving
from exact_online.errors import TransientApiError
from target_exact_online.ledger.store import Ledger
from target_exact_online.month_end.mirror import as_amount, as_whole
from target_exact_online.month_end.tables import exact_lines, exact_mirrors

from .conftest import invoice

if TYPE_CHECKING:
    from .conftest import Company

LINES = "sync/Financial/TransactionLines"


def test_numbers_come_as_numbers_or_as_text() -> None:
    assert [as_whole(one) for one in (None, "", 7, "7", Decimal(7))] == [0, 0, 7, 7, 7]
    assert [as_amount(one) for one in (5, "1.5", Decimal("0.125"))] == [
        Decimal("5.00"), Decimal("1.50"), Decimal("0.125"),
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["x", [1], {}, "NaN-", Decimal("Infinity")])
def test_what_is_no_number_is_an_error_of_the_answer(value: Any) -> None:
    with pytest.raises(TransientApiError, match="where a number belongs"):
        as_amount(value)
    if value:
        with pytest.raises(TransientApiError, match="where a number belongs"):
            as_whole(value)


def last_read(company: Company, days_ago: int) -> None:
    """Let the mirror have been read some days ago."""
    ledger = Ledger.open(company.target.config["ledger_url"])
    at = datetime.now(UTC) - timedelta(days=days_ago)
    with ledger.engine.begin() as connection:
        connection.execute(exact_mirrors.update().values(read_at=at))
    ledger.close()


def rows_asked(company: Company) -> int:
    """How often the list of lines was asked from its beginning."""
    calls = company.sandbox.requests(system="exact", method="GET")
    asked = [unquote(f"{one['path']}?{one.get('query') or ''}") for one in calls]
    return sum(LINES in one and "Timestamp gt 1L" in one.replace("+", " ") for one in asked)


def mirrored(company: Company) -> list[tuple[str, bool, str | None]]:
    """Reference of each line on 8000, whether it is gone, and who deleted it."""
    ledger = Ledger.open(company.target.config["ledger_url"])
    query = sa.select(exact_lines).where(exact_lines.c.gl_account == "8000")
    with ledger.engine.connect() as connection:
        rows = connection.execute(query.order_by(exact_lines.c.reference)).all()
    ledger.close()
    return [(row.reference, row.deleted_at is not None, row.deleted_by) for row in rows]


def test_a_mirror_of_a_company_that_exact_moved_is_read_anew(
    company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    """All versions become other, lower ones: a change after that is behind the mirror's mark."""
    company.post(invoice(1), invoice(2), invoice(3))
    company.compare("--source", "mirror")
    bea = company.sandbox.bookkeeper("Bea")
    bea.delete("000000001")
    assert company.compare("--source", "mirror").codes == ["E1"]
    who = mirrored(company)[0][2]
    moving.move(company.sandbox.context)
    bea.edit("000000002", {1: {"cost_center": "UK"}})

    found = company.compare("--source", "mirror")

    assert found.codes == ["E1", "E3"]
    assert "moved in Exact" in caplog.text
    assert found.result["unexplained"] == "0.00"
    assert mirrored(company) == [
        ("000000001", True, who), ("000000002", False, None), ("000000003", False, None),
    ]  # fmt: skip
    company.sandbox.clear_requests()
    assert company.compare("--source", "mirror").codes == ["E1", "E3"]
    assert rows_asked(company) == 0  # once is enough


@pytest.mark.parametrize(("days", "anew"), [(57, False), (60, True)])
def test_a_mirror_older_than_deletions_are_told_is_read_anew(
    company: Company, days: int, *, anew: bool
) -> None:
    company.post(invoice(1), invoice(2))
    company.compare("--source", "mirror")
    last_read(company, days)
    company.sandbox.bookkeeper("Bea").delete("000000001")
    if anew:  # nothing tells of the deletion any more
        company.sandbox.database.connection().execute("DELETE FROM exact_deleted")
    company.sandbox.clear_requests()

    found = company.compare("--source", "mirror")

    assert found.codes == ["E1"]
    assert found.result["unexplained"] == "0.00"
    assert (rows_asked(company) == 1) is anew
    assert (mirrored(company)[0][2] is None) is anew
