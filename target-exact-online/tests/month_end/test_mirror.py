"""Values of Exact's answers, as a comparison takes them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exact_online.errors import TransientApiError
from target_exact_online.month_end.mirror import as_amount, as_whole


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
