"""Moments of Exact are Dutch wall clock time, in answers and in filters."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from exact_online import local_time


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-01-15T12:00", "2026-01-15T11:00"),
        ("2026-07-15T12:00", "2026-07-15T10:00"),
        ("2026-07-15T00:30", "2026-07-14T22:30"),
        ("2026-10-25T02:30", "2026-10-25T00:30"),  # comes twice: the first
        ("2026-10-25T03:00", "2026-10-25T02:00"),
    ],
)
def test_what_exact_writes_is_the_time_in_amsterdam(written: str, meant: str) -> None:
    moment = datetime.fromisoformat(written).replace(tzinfo=UTC)
    found = local_time.utc(moment)
    assert found == datetime.fromisoformat(meant).replace(tzinfo=UTC)
    assert local_time.literal(found) == f"datetime'{written}:00'"


def test_a_filter_begins_with_the_second_before() -> None:
    moment = datetime(2026, 3, 29, 1, 59, 59, 999_000, tzinfo=UTC)
    assert local_time.literal(moment) == "datetime'2026-03-29T03:59:59'"
