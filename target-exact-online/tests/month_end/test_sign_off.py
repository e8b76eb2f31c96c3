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
