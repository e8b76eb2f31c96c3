"""Answers of any shape: read, or refused in our own words."""

from __future__ import annotations

import contextlib
import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exact_online import answers, refusals
from exact_online.answers import Answer, UnreadableAnswerError
from exact_online.errors import ExactError, OutcomeUnknownError, TransientApiError

JSON = {"Content-Type": "application/json"}

NAMES = st.sampled_from(
    [
        "d", "results", "__next", "__deferred", "__metadata", "error", "message", "value",
        "AmountFC", "EntryDate", "EntryNumber", "YourRef", "ID", "Blocked", "Lines",
    ]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["/Date(0)/", "/Date(253402300800000)/", "/Date(-99999999999999999)/", "/Date(x)/", "x"]
    )
)
SHAPES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=25,
)
BODIES = (
    SHAPES.map(lambda shape: json.dumps(shape).encode())
    | SHAPES.map(lambda shape: json.dumps({"d": shape}).encode())
    | SHAPES.map(lambda shape: json.dumps({"d": {"results": [shape]}}).encode())
    | SHAPES.map(lambda shape: json.dumps({"error": shape}).encode())
    | st.binary(max_size=60)
)


def check(body: bytes) -> None:
    """Give a body to everything that reads one: it ends in a value or an own error."""
    assert answers.error_text(body) is None or isinstance(answers.error_text(body), str)
    for read in (answers.rows_and_next, answers.entity):
        try:
            found = read(answers.decode(body))
        except UnreadableAnswerError:
            continue
        rows: list[Any] = found[0] if isinstance(found, tuple) else [found]
        assert all(isinstance(row, dict) for row in rows)
        msgspec.json.encode(rows)  # nothing in it is odd
        for row in rows:
            with pytest.raises((TransientApiError, OutcomeUnknownError)):
                row["no such property"]
    for status in (200, 201, 204, 302, 400, 401, 403, 404, 408, 500, 503):
        answer = Answer(status, JSON, body)
        for judge in (refusals.raise_for_read, refusals.raise_for_write):
            with contextlib.suppress(ExactError):
                judge(answer, "crm/Accounts", 1)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BODIES)
@example(b'{"d": {}}')
@example(b'{"d": {"results": [null]}}')
@example(b'{"d": {"results": [{"AmountFC": "x"}]}}')
@example(b'{"d": {"results": [{"AmountFC": true}]}}')
@example(b'{"d": {"EntryDate": "/Date(253402300800000)/"}}')
@example(b'{"d": {"results": [], "__next": {"a": 1}}}')
@example(b'{"error": {"message": {"value": 5}}}')
@example(b'{"error": []}')
@example(b"[" * 100_000)
@example(b'{"d":' * 5_000 + b"1" + b"}" * 5_000)
@example(b'{"d": [' + b'{"Lines": ' * 400 + b"1" + b"}" * 400 + b"]}")
@example(b'{"d": [{"AmountFC": ' + b"9" * 6_000 + b"}]}")
@example(b'{"d": [{"AmountFC": 1e999999999}]}')
@example(b'{"d": [{"AmountFC": 1e-999999999}]}')
@example(b'{"d": [{"AmountFC": NaN}]}')
@example(b'{"d": [{"YourRef": "\\ud800"}]}')
@example(b'{"d": [{"YourRef": "\xff"}]}')
@example(b"\xef\xbb\xbf{}")
@example(b"")
def test_any_answer_ends_in_our_own_words(body: bytes) -> None:
    check(body)


def test_any_damaged_answer_ends_in_our_own_words() -> None:
    row = {
        "__metadata": {"uri": "x"},
        "EntryID": "c1",
        "AmountFC": 121.5,
        "EntryDate": "/Date(1769990400000)/",
        "SalesEntryLines": {"results": [{"VATCode": "21 ", "AmountFC": 100}]},
    }
    whole = json.dumps({"d": {"results": [row], "__next": "https://x/?$skiptoken=1"}}).encode()
    chance = random.Random(7)  # noqa: S311  # seeded, so that a run can be repeated
    for _ in range(1_000):
        body = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(body))
            how = chance.random()
            if how < 0.4:
                body[at] = chance.randrange(256)
            elif how < 0.7:
                del body[at : at + chance.randint(1, 30)]
            else:
                body[at:at] = chance.choice([b'"', b"[", b"{", b"null", b"9" * 30, b"\\u"])
            if not body:
                break
        check(bytes(body))


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"AmountFC": "x"}, "AmountFC is the text 'x'"),
        ({"AmountFC": "121.00"}, "AmountFC is the text"),
        ({"AmountFC": True}, "AmountFC is a flag"),
        ({"AmountFC": [1]}, "AmountFC is a list"),
        ({"EntryDate": "2026-02-10"}, "EntryDate is the text"),
        ({"EntryDate": 5}, "EntryDate is a number"),
        ({"EntryDate": "/Date(253402300800000)/"}, "is no date"),
        ({"EntryDate": "/Date()/"}, "is no date"),
        ({"YourRef": 5}, "YourRef is a number"),
        ({"YourRef": {"a": 1}}, "YourRef is an object"),
        ({"EntryNumber": "x"}, "EntryNumber is the text"),
        ({"EntryNumber": 1e300}, "too large"),
        ({"SalesEntryLines": {"results": [{"AmountFC": "x"}]}}, "AmountFC is the text 'x'"),
        ({"SalesEntryLines": {"results": [None]}}, "a row of the answer is empty"),
        (None, "a row of the answer is empty"),
        ("x", "a row of the answer is the text 'x'"),
        ([], "a row of the answer is a list"),
    ],
)
def test_what_is_of_another_type_is_named(row: Any, what: str) -> None:
    with pytest.raises(UnreadableAnswerError, match=what):
        answers.rows_and_next(answers.decode(json.dumps({"d": [row]}).encode()))


def test_what_is_right_stays() -> None:
    row = {
        "AmountFC": None,
        "AmountDC": 5,
        "VATAmountFC": 0.1,
        "EntryDate": "/Date(253402214400000)/",
        "Timestamp": "12345678901",
        "IsBlocked": 1,
        "Blocked": False,
        "EntryNumber": 26700001,
        "Unknown": {"results": []},
    }
    rows, following = answers.rows_and_next(answers.decode(json.dumps({"d": [row]}).encode()))
    assert following is None
    assert rows == [
        row
        | {
            "VATAmountFC": Decimal("0.1"),
            "EntryDate": datetime(9999, 12, 31, tzinfo=UTC),
            "Unknown": [],
        }
    ]


def test_a_long_reason_is_cut() -> None:
    body = json.dumps({"error": {"message": {"value": "x" * 300_000}}}).encode()
    said = answers.error_text(body)
    assert said is not None
    assert len(said) < 2_100
    assert said.endswith("[...]")


def test_a_missing_property_is_an_error_of_the_answer() -> None:
    (row,), _ = answers.rows_and_next({"d": [{"ID": "1", "Lines": [{"ID": "2"}]}]})
    assert row["ID"] == "1"
    assert row.get("Code") is None
    with pytest.raises(TransientApiError, match="lacks the property Code"):
        row["Code"]
    with pytest.raises(TransientApiError, match="lacks the property Code"):
        row["Lines"][0]["Code"]
    stored = answers.entity({"d": {"EntryID": "1"}})
    with pytest.raises(OutcomeUnknownError, match="lacks the property EntryNumber"):
        stored["EntryNumber"]
