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


def subject(code: str, exact: str, shop: str, pair: Pair | None) -> Subject:
    return Subject(
        kind="customers",
        division=1,
        exact_id=code,
        code=code,
        desired={"f": exact},
        shop_id=code,
        found={"f": shop},
        calls=(f"PUT customers/{code}",),
        pair=pair,
    )


@settings(max_examples=200, deadline=None)
@given(EDITS, st.sampled_from(POLICIES))
def test_any_history_of_edits_loses_no_edit_of_the_shop(
    edits: list[tuple[str, str]], policy: str
) -> None:
    """Unless the policy is `exact`, only what the shop has not changed since is overwritten."""
    exact, shop, pair = "", "", Pair("1", "1", {"f": ("", "")})
    for side, value in edits:
        if side == "exact":
            exact = value
        elif side == "shop":
            shop = value
        else:
            one = subject("1", exact, shop, pair)
            entry = entry_of(one, str, Decisions(policy))
            if entry.action == "update":
                if policy != "exact":
                    assert shop == pair.seen["f"][1], "the shop's edit was overwritten"
                assert exact != pair.seen["f"][0], "Exact changed nothing"
                shop = exact
            if entry.action != "conflict":
                pair = Pair("1", "1", settled(one, entry, str))
            again = entry_of(subject("1", exact, shop, pair), str, Decisions(policy))
            assert again.action != "update", "a second run writes nothing"
            assert (again.action == "conflict") == (entry.action == "conflict")


def test_a_person_s_decision_counts_for_one_record_only() -> None:
    decisions = Decisions("ask", {"customers:1": "exact"})
    seen = {"f": ("a", "a")}
    first = entry_of(subject("1", "b", "c", Pair("1", "1", seen)), str, decisions)
    other = entry_of(subject("2", "b", "c", Pair("2", "2", seen)), str, decisions)
    assert (first.action, other.action) == ("update", "conflict")
    assert other.changes == (Change("f", "c", "b", "conflict"),)
