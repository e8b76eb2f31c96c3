"""Months: what was compared, the report of `reconcile`, and the sign-off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exact_online.errors import ConfigError
from target_exact_online.console.documents import reason_in
from target_exact_online.console.texts import N_
from target_exact_online.desk.status import compared_months
from target_exact_online.month_end import proposals, report_html, sign_off
from target_exact_online.month_end.kept import open_month

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from target_exact_online.console.app import Form
    from target_exact_online.console.desk import Desk
    from target_exact_online.month_end.kept import KeptMonth

_LARGEST = 2**31 - 1


def show_all(desk: Desk, request: Request) -> Response:
    """Show every month that was compared."""
    return desk.page(request, "months", months=compared_months(desk.ledger))


def show(desk: Desk, request: Request) -> Response:
    """Show a month: its report, its comparisons and its signature."""
    kept = _month(desk, request.query_params)
    return desk.page(
        request,
        "month",
        kept=kept,
        result=kept.result,
        report=report_html.body(kept.result),
        newest=kept.history[0],
    )


def sign(desk: Desk, request: Request, form: Form) -> Response:
    """Sign the comparison off that was shown."""
    del request
    kept = _seen(desk, form)
    sign_off.sign(desk.ledger, kept.month, reason_in(form))
    return desk.back(_address(kept), N_("%(month)s is signed off."), month=_name(kept))


def approve(desk: Desk, request: Request, form: Form) -> Response:
    """Approve an entry that the comparison proposes: the next run sends it, and its reversal."""
    del request
    kept, proposal = _seen(desk, form), form.own("proposal")
    proposals.approve(desk.ledger, kept.month, kept.result.proposals, proposal)
    return desk.back(_address(kept), N_("Approved: %(proposal)s"), proposal=proposal)


def _seen(desk: Desk, form: Form) -> KeptMonth:
    """Return the month of a form, if its newest comparison is the one that was shown."""
    kept = _month(desk, form)
    if kept.history[0].made_at.isoformat() != form.own("made_at"):
        msg = "This month was compared again since you opened the page. Look at it again first."
        raise ConfigError(msg)
    return kept


def _month(desk: Desk, given: Mapping[str, str]) -> KeptMonth:
    numbers = []
    for name in ("division", "year", "period"):
        value = given.get(name, "")
        if not value.isdecimal() or len(value) > len(str(_LARGEST)) or int(value) > _LARGEST:
            msg = "This address names no month. Choose one from the list of months."
            raise ConfigError(msg)
        numbers.append(int(value))
    division, year, period = numbers
    return open_month(desk.ledger, division, year, period, with_names=desk.options.with_names)


def _name(kept: KeptMonth) -> str:
    return f"{kept.month.year}-{kept.month.period:02}"


def _address(kept: KeptMonth) -> str:
    one = kept.month
    return f"/month?division={one.division}&year={one.year}&period={one.period}"
