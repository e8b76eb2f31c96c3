"""GL accounts, cost centers and cost units as options of product attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_adobe_commerce.options import label_of

if TYPE_CHECKING:
    from collections.abc import Callable

ROUTE = "products/attributes/exact_gl_account/options"


@pytest.fixture
def shop(make_world: Callable[..., Any]) -> Any:
    return make_world(create_attributes=True)


@pytest.mark.parametrize(
    ("code", "description", "label"),
    [
        ("8000", "Revenue 21 %", "8000 Revenue 21 %"),
        ("8000", "", "8000 (no description)"),
        (" 8000 ", "  ", "8000 (no description)"),
        ("8000", " two   words ", "8000 two words"),
    ],
)
def test_a_label_is_never_a_bare_number(code: str, description: str, label: str) -> None:
    assert label_of(code, description) == label
    with pytest.raises(ValueError, match="could not convert"):
        float(label_of(code, description))


def test_accounts_become_options_once(shop: Any) -> None:
    shop.exact("gl_accounts", shop.gl(8000), shop.gl(8010), shop.gl(1300, Type=20))
    planned = shop.plan()
    assert [entry.key for entry in planned.entries] == [
        "attributes:exact_gl_account",
        "gl_accounts:8000",
        "gl_accounts:8010",
    ]
    assert planned.writes == 4  # the attribute, its set, two options
    _, outcome, writes = shop.apply()
    assert (outcome.written, writes) == ({"attributes": 1, "gl_accounts": 2}, 4)
    assert list(shop.options()) == ["8000 Revenue 8000", "8010 Revenue 8010"]
    in_set = [one["attribute_code"] for one in shop.get("products/attribute-sets/4/attributes")]
    assert "exact_gl_account" in in_set
    plan, outcome, writes = shop.apply()
    assert (outcome.total, writes, plan.writes, plan.conflicts) == (0, 0, 0, 0)


def test_an_attribute_is_made_only_when_the_settings_say_so(make_world: Callable[..., Any]) -> None:
    world = make_world()
    world.exact("gl_accounts", world.gl(8000))
    plan, _, writes = world.apply()
    assert (writes, plan.entries) == (0, ())
    assert "create_attributes" in plan.notes[0]
    assert world.client.get("/rest/V1/products/attributes/exact_gl_account").status == 404


def test_the_code_of_an_account_may_be_the_number_of_another_option(shop: Any) -> None:
    """Magento2 issue 32593: a label equal to an option's number is refused."""
    shop.exact("gl_accounts", shop.gl(8000))
    shop.apply()
    (number,) = shop.options().values()
    following = int(number) + 1
    shop.exact("gl_accounts", shop.gl(int(number), Description=""), shop.gl(following))
    _, outcome, _ = shop.apply()
    assert (outcome.written, outcome.failed) == ({"gl_accounts": 2}, {})
    assert f"{number} (no description)" in shop.options()


def test_blocked_accounts_are_marked_and_never_deleted(shop: Any) -> None:
    shop.exact("gl_accounts", shop.gl(8000), shop.gl(8010), shop.gl(8020))
    shop.apply()
    before = shop.options()
    shop.exact(
        "gl_accounts",
        shop.gl(8000, IsBlocked=True),
        {"Division": 999001, "ID": shop.guid(508_010), "_sdc_deleted_at": "2026-11-01T00:00:00Z"},
        shop.gl(8020, Type=120),
        shop.gl(8030, IsBlocked=True),  # never offered
    )
    plan, outcome, _ = shop.apply()
    assert outcome.written == {"gl_accounts": 3}
    after = shop.options()
    assert list(after) == [f"{one} Revenue {one} (blocked)" for one in (8000, 8010, 8020)]
    assert list(after.values()) == list(before.values())
    (unknown,) = [one for one in plan.entries if one.code == "8030"]
    assert (unknown.action, unknown.calls) == ("skip", ())
    shop.exact("gl_accounts", shop.gl(8000))
    shop.apply()
    assert "8000 Revenue 8000" in shop.options()


def test_what_store_views_call_an_option_survives_a_change(shop: Any) -> None:
    shop.exact("gl_accounts", shop.gl(8000))
    shop.apply()
    (number,) = shop.options().values()
    own = [{"store_id": 2, "label": "8000 Erlöse"}]
    shop.put(f"{ROUTE}/{number}", option={"label": "8000 Revenue 8000", "store_labels": own})
    shop.exact("gl_accounts", shop.gl(8000, Description="Revenue 9 %"))
    _, outcome, _ = shop.apply()
    assert outcome.written == {"gl_accounts": 1}
    assert list(shop.options()) == ["8000 Revenue 9 %"]
    assert list(shop.options(store="de")) == ["8000 Erlöse"]
    assert list(shop.options(store="nl")) == ["8000 Revenue 9 %"]


def test_a_label_that_only_the_shop_changed_stays_and_is_reported(shop: Any) -> None:
    shop.exact("gl_accounts", shop.gl(8000))
    shop.apply()
    (number,) = shop.options().values()
    shop.put(f"{ROUTE}/{number}", option={"label": "8000 Sales"})
    plan, _, writes = shop.apply()
    (entry,) = [one for one in plan.entries if one.kind == "gl_accounts"]
    assert (writes, entry.action, entry.changes[0].verdict) == (0, "skip", "keep")
    shop.exact("gl_accounts", shop.gl(8000, Description="Turnover"))
    plan, _, writes = shop.apply()
    (entry,) = [one for one in plan.entries if one.kind == "gl_accounts"]
    assert (writes, entry.action) == (0, "conflict")
    _, _, writes = shop.apply(conflicts="exact")
    assert (writes, list(shop.options())) == (1, ["8000 Turnover"])


def test_options_of_the_shop_are_found_by_their_code(shop: Any) -> None:
    shop.exact("gl_accounts", shop.gl(8000))
    shop.apply()
    shop.post(ROUTE, option={"label": "8010 Revenue 8010"})
    for label in ("8020 One", "8020 Two"):
        shop.post(ROUTE, option={"label": label})
    shop.exact("gl_accounts", shop.gl(8010), shop.gl(8020))
    plan, _, writes = shop.apply()
    found = {one.code: one for one in plan.entries if one.kind == "gl_accounts"}
    assert writes == 0
    assert (found["8010"].action, found["8020"].action) == ("skip", "conflict")
    assert "8020 One, 8020 Two" in found["8020"].reason


def test_an_option_that_somebody_deleted_is_not_made_again_by_itself(shop: Any) -> None:
    shop.exact("gl_accounts", shop.gl(8000))
    shop.apply()
    (number,) = shop.options().values()
    shop.client.write("DELETE", f"/rest/all/V1/{ROUTE}/{number}", {})
    plan, _, writes = shop.apply()
    (entry,) = [one for one in plan.entries if one.kind == "gl_accounts"]
    assert (writes, entry.action) == (0, "conflict")
    assert "pairs forget gl_accounts:8000" in entry.reason
    assert shop.command("pairs", "forget", "gl_accounts:8000").code == 0
    _, outcome, _ = shop.apply()
    assert outcome.written == {"gl_accounts": 1}


def test_cost_centers_and_units_have_attributes_of_their_own(shop: Any) -> None:
    center = {"Division": 999001, "ID": shop.guid(1), "Code": "NL", "Description": "Nederland"}
    ended = {**center, "ID": shop.guid(2), "Code": "BE", "EndDate": "2020-01-01"}
    shop.exact("cost_centers", center, ended)
    shop.exact("cost_units", {**center, "Code": "P1", "Description": "Project"})
    _, outcome, _ = shop.apply()
    assert outcome.written == {"attributes": 2, "cost_centers": 1, "cost_units": 1}
    assert list(shop.options("exact_cost_center")) == ["NL Nederland"]
    assert list(shop.options("exact_cost_unit")) == ["P1 Project"]


@pytest.mark.parametrize("kind", ["error_after", "drop_after", "truncate", "error_before"])
def test_a_lost_answer_is_settled_by_reading(shop: Any, kind: str) -> None:
    shop.exact("gl_accounts", shop.gl(8000))
    shop.apply()
    shop.exact("gl_accounts", shop.gl(8010), shop.gl(8000, Description="Other"))
    shop.sandbox.fault(f"*/{ROUTE}*", kind, method="POST")
    shop.sandbox.fault(f"*/{ROUTE}/*", kind, method="PUT")
    _, outcome, writes = shop.apply()
    assert writes == 2
    if kind == "error_before":
        assert outcome.total == 0
        assert sorted(outcome.unsettled) == ["gl_accounts:8000", "gl_accounts:8010"]
        plan, outcome, _ = shop.apply(settle_after_seconds=3600)
        waits = [one for one in plan.entries if one.code == "8010"]
        assert "answer was lost" in waits[0].reason
        _, outcome, _ = shop.apply()
    assert sorted(shop.options()) == ["8000 Other", "8010 Revenue 8010"]
    assert shop.apply()[2] == 0
