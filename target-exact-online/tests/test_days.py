"""A day's entry that includes what is booked already: what holds it, and what waits with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def day_entry(*numbers: int) -> dict[str, Any]:
    return {
        "document_key": "shop:day:2026-02-10-nl-EUR",
        "your_ref": "2026-02-10 nl EUR",
        "currency": "EUR",
        "journal": "90",
        "entry_date": "2026-02-10",
        "includes": [f"shop:invoice:{number:09}" for number in numbers],
        "lines": [
            {"gl_account": "1240", "amount": 121.00},
            {"gl_account": "1241", "amount": -121.00},
        ],
        "totals": {"amount": 121.00, "vat_amount": 0, "net_amount": 0},
        "source": {"instance": "shop", "kind": "day"},
    }


def test_an_entry_says_what_holds_it_and_what_waits_with_it(
    target: Any, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    target.post_here([sales_entry(number) for number in (2, 3)])
    entry = day_entry(1, 2, 3, 4, 5, 6)
    outcome = target.post_here([entry], "general_journal_entries")
    assert outcome.exit_code == 3
    (parked,) = outcome.report["parked"]
    shown = target.call("documents", "show", "shop:invoice:000000002").stdout
    (number,) = [row.split()[1] for row in shown.splitlines() if row.startswith("exact_number:")]
    assert f"booked already: shop:invoice:000000002 (as {number}), shop:" in parked["reason"]
    waiting = "shop:invoice:000000001, shop:invoice:000000004, shop:invoice:000000005 and 1 more"
    assert f"These wait with it: {waiting} (document)." in parked["reason"]
    assert "then skip this entry" in parked["reason"]


def test_an_entry_of_which_all_is_booked_needs_only_to_be_skipped(
    target: Any, sales_entry: Callable[..., dict[str, Any]]
) -> None:
    target.post_here([sales_entry(1)])
    outcome = target.post_here([day_entry(1)], "general_journal_entries")
    (parked,) = outcome.report["parked"]
    assert "wait with it" not in parked["reason"]
    assert "Skip this entry" in parked["reason"]


def test_an_entry_names_the_other_entry_that_has_its_documents(target: Any) -> None:
    first, second = day_entry(1), day_entry(1, 2)
    second |= {"document_key": "shop:day:2026-02-10-nl-EUR-2", "your_ref": "2026-02-10 nl EUR 2"}
    assert target.post_here([first], "general_journal_entries").exit_code == 0
    (parked,) = target.post_here([second], "general_journal_entries").report["parked"]
    assert "shop:invoice:000000001 (in shop:day:2026-02-10-nl-EUR)" in parked["reason"]
    assert "These wait with it: shop:invoice:000000002 (document)" in parked["reason"]


def test_a_payment_is_not_booked_beside_the_entry_that_has_its_money(target: Any) -> None:
    payment = day_entry(1) | {
        "document_key": "shop:payment:000000001",
        "your_ref": "payment 000000001",
        "source": {"instance": "shop", "kind": "payment"},
    }
    other = payment | {
        "document_key": "shop:payment:000000002",
        "your_ref": "payment 000000002",
        "includes": ["shop:invoice:000000002"],
    }
    assert target.post_here([day_entry(1)], "general_journal_entries").exit_code == 0
    outcome = target.post_here([payment, other], "general_journal_entries")
    (parked,) = outcome.report["parked"]
    assert parked["document_key"] == "shop:payment:000000001"
    assert "money is in the entry shop:day:2026-02-10-nl-EUR already" in parked["reason"]
