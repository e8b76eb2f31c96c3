"""Three-way decisions: any order of edits on both sides."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_adobe_commerce.kept.keeping import Pair
from target_adobe_commerce.plan import Change
from target_adobe_commerce.subjects import Decisions, Subject, entry_of, settled
from target_adobe_commerce.three_way import POLICIES, Sides, Verdict, verdict

VALUE = st.sampled_from(["", "a", "b", "c"])
EDITS = st.lists(st.tuples(st.sampled_from(["exact", "shop", "run"]), VALUE), max_size=30)


@pytest.mark.parametrize(
    ("exact", "shop", "seen", "policy", "expected"),
    [
        ("a", "a", None, "ask", Verdict.SAME),
        ("a", "", None, "ask", Verdict.WRITE),
        ("", "a", None, "ask", Verdict.AGREED),
        ("a", "b", None, "ask", Verdict.CONFLICT),
        ("b", "a", ("a", "a"), "ask", Verdict.WRITE),
        ("", "a", ("a", "a"), "ask", Verdict.WRITE),
        ("a", "b", ("a", "a"), "ask", Verdict.KEEP),
        ("a", "b", ("a", "a"), "exact", Verdict.KEEP),
        ("b", "c", ("a", "a"), "ask", Verdict.CONFLICT),
        ("b", "c", ("a", "a"), "exact", Verdict.WRITE),
        ("b", "c", ("a", "a"), "shop", Verdict.DECLINE),
        ("b", "b", ("a", "a"), "ask", Verdict.SAME),
        ("b", "c", ("b", "c"), "ask", Verdict.AGREED),
    ],
)
def test_each_case(
    exact: str, shop: str, seen: tuple[str, str] | None, policy: str, expected: Verdict
) -> None:
    assert verdict(Sides(exact, shop, seen), str, policy) is expected


@settings(max_examples=200, deadline=None)
@given(EDITS, st.sampled_from(POLICIES))
def test_any_history_of_edits_loses_no_edit_of_the_shop(
    edits: list[tuple[str, str]], policy: str
) -> None:
    """Unless the policy is `exact`, a value typed in the shop is overwritten only by a later one.

    That is: only when Exact changed after the value was typed and had been seen by a run.
    """
    exact, shop, pair = "", "", Pair("1", "c", {"f": ("", "")})
    typed_since_run = False
    changed_since_settled = False
    for side, value in edits:
        if side == "exact":
            exact = value
        elif side == "shop":
            typed_since_run = typed_since_run or value != shop
            shop = value
        else:
            subject = Subject(
                kind="customers",
                division=1,
                exact_id="x",
                code="c",
                desired={"f": exact},
                shop_id="1",
                found={"f": shop},
                calls=("PUT customers/1",),
                pair=pair,
            )
            entry = entry_of(subject, str, Decisions(policy))
            written = entry.action == "update"
            seen = pair.seen["f"]
            if written and policy != "exact":
                assert shop == seen[1], "the shop's edit was overwritten"
            if written:
                assert entry.calls
                shop = exact
            if entry.action != "conflict":
                pair = Pair("1", "c", settled(subject, entry, str))
            again = entry_of(
                Subject(
                    kind="customers",
                    division=1,
                    exact_id="x",
                    code="c",
                    desired={"f": exact},
                    shop_id="1",
                    found={"f": shop},
                    calls=("PUT customers/1",),
                    pair=pair,
                ),
                str,
                Decisions(policy),
            )
            assert again.action != "update", "a second run writes nothing"
            assert (again.action == "conflict") == (entry.action == "conflict")
    del typed_since_run, changed_since_settled


def test_a_person_s_decision_counts_for_one_record_only() -> None:
    def subject(code: str) -> Subject:
        return Subject(
            kind="customers",
            division=1,
            exact_id=code,
            code=code,
            desired={"f": "b"},
            shop_id=code,
            found={"f": "c"},
            calls=("PUT",),
            pair=Pair(code, code, {"f": ("a", "a")}),
        )

    decisions = Decisions("ask", {"customers:1": "exact"})
    assert entry_of(subject("1"), str, decisions).action == "update"
    other = entry_of(subject("2"), str, decisions)
    assert other.action == "conflict"
    assert other.changes == (Change("f", "c", "b", "conflict"),)
