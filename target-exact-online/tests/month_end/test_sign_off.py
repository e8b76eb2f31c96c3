"""Sign-offs: kept, chained, and stale when something beneath them changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .conftest import invoice

if TYPE_CHECKING:
    from .conftest import Company


def test_a_month_is_signed_and_goes_stale_when_a_document_comes_late(company: Company) -> None:
    company.post(invoice(1))
    call = company.target.call
    assert "never compared" in call("reconcile", "status", "--month", "2026-10").stderr
    company.compare()
    assert call("reconcile", "status", "--month", "2026-10").exit_code == 3
    signed = call("reconcile", "sign", "--month", "2026-10", "--note", "seen by me")
    assert signed.exit_code == 0, signed.stderr
    status = call("reconcile", "status", "--month", "2026-10")
    assert (status.exit_code, "signed" in status.stdout, "seen by me" in status.stdout) == (
        0,
        True,
        True,
    )
    assert call("audit", "verify").exit_code == 0
    company.post(invoice(2))
    status = call("reconcile", "status", "--month", "2026-10")
    assert (status.exit_code, "stale" in status.stdout) == (3, True)
    again = company.compare()
    assert again.result["sign_off"]["status"] == "stale"
    history = call("reconcile", "history", "--month", "2026-10").stdout.splitlines()
    assert len(history) == 2
    assert "stale" in history[1]


def test_what_changes_in_the_mirror_makes_it_stale(company: Company) -> None:
    company.post(invoice(1))
    company.compare("--source", "mirror")
    call = company.target.call
    call("reconcile", "sign", "--month", "2026-10", "--note", "ok")
    assert call("reconcile", "status", "--month", "2026-10").exit_code == 0
    company.sandbox.bookkeeper("Bea").edit("000000001", {1: {"cost_center": "UK"}})
    company.compare("--source", "mirror")
    assert "stale" in call("reconcile", "status", "--month", "2026-10").stdout


def test_only_what_was_compared_as_it_is_now_can_be_signed(company: Company) -> None:
    company.post(invoice(1))
    company.compare()
    company.post(invoice(2))
    refused = company.target.call("reconcile", "sign", "--month", "2026-10", "--note", "ok")
    assert refused.exit_code == 1
    assert "Compare again" in refused.stderr


def test_an_unknown_proposal_is_not_approved(company: Company) -> None:
    company.post(invoice(1))
    company.compare()
    refused = company.target.call("reconcile", "approve", "accrual-1", "--month", "2026-10")
    assert (refused.exit_code, "no proposal" in refused.stderr) == (1, True)


def test_a_signature_that_was_tampered_with_shows(company: Company) -> None:
    company.post(invoice(1))
    company.compare()
    call = company.target.call
    signed = call("reconcile", "sign", "--month", "2026-10", "--note", "ok").stdout.split()[-1]
    assert call("audit", "verify", "--head", signed).exit_code == 0


def test_a_night_looks_at_earlier_months_where_something_changed(company: Company) -> None:
    company.post(invoice(1), invoice(2), invoice(3, day="2026-11-02"))
    night = ("--source", "mirror", "--changed-months")
    assert company.compare(*night, month="2026-10").exit_code == 0
    quiet = company.compare(*night, month="2026-11", with_shop=False)
    assert quiet.exit_code == 0
    assert "Period 2026-10" not in quiet.stdout
    company.sandbox.bookkeeper("Bea").delete("000000001")
    found = company.compare(*night, month="2026-11", with_shop=False)
    assert found.exit_code == 3
    assert found.stdout.count("Period 2026-") == 2
    assert "E1 Deleted in Exact: shop:nl:invoice:000000001" in found.stdout
    assert found.result["findings"] == []  # the files are of the month that was asked for
    assert company.compare(*night, month="2026-11", with_shop=False).exit_code == 0  # told once
    told = company.target.call("status").stdout.splitlines()
    assert [line.split()[:3] for line in told if " month " in line] == [
        ["ok", "month", "2026-11"],
        ["warning", "month", "2026-10"],  # until it agrees, or is signed as it is
    ]


def test_status_tells_the_last_comparison(company: Company) -> None:
    company.post(invoice(1))
    company.compare("--source", "mirror")
    told = company.target.call("status").stdout
    assert "month 2026-10" in told
    assert "agrees" in told
    assert "not signed off" in told
    company.target.call("reconcile", "sign", "--month", "2026-10", "--note", "all there")
    assert ", signed off" in company.target.call("status").stdout
    company.sandbox.bookkeeper("Bea").delete("000000001")
    company.compare("--source", "mirror")
    (line,) = [
        line
        for line in company.target.call("status").stdout.splitlines()
        if "month 2026-10" in line
    ]
    assert line.startswith("warning")
    assert "reconcile --month 2026-10" in line
