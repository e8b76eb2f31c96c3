"""What waits for a person, by cause, and one decision for all of a cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exact_online.errors import ConfigError
from target_exact_online.console import privacy
from target_exact_online.console.desk import BUSY
from target_exact_online.console.documents import reason_in
from target_exact_online.console.texts import N_
from target_exact_online.desk import documents as desk_of
from target_exact_online.desk import waiting

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from target_exact_online.console.app import Form
    from target_exact_online.console.desk import Desk
    from target_exact_online.desk.waiting import Group

DECISIONS = ("replay", "read_again", "skip")
_NAMED = 20
_LONGEST = 9  # digits of a count
_MOST_GROUPS = 200


def show(desk: Desk, request: Request) -> Response:
    """Show the groups, the largest first."""
    groups = waiting.groups(desk.ledger)
    return desk.page(
        request,
        "waiting",
        groups=groups[:_MOST_GROUPS],
        total=sum(one.count for one in groups),
        more=len(groups) - _MOST_GROUPS,
        named=_NAMED,
        causes=causes(desk, groups[:_MOST_GROUPS]),
    )


def causes(desk: Desk, groups: list[Group]) -> dict[str, str]:
    """Return the causes of groups, without names unless they were asked for."""
    if desk.options.with_names:
        return {one.id: one.cause for one in groups}
    return {
        one.id: privacy.masked(
            one.cause, privacy.names_in(desk_of.opened(desk.ledger, one.example))
        )
        for one in groups
    }


def decide(desk: Desk, request: Request, form: Form) -> Response:
    """Decide about all documents of a group."""
    del request
    decision, seen = form.text("decision"), form.text("seen")
    if decision not in DECISIONS or not seen.isdecimal() or len(seen) > _LONGEST:
        msg = "Choose what becomes of the documents: tried again, read again, or never posted."
        raise ConfigError(msg)
    group, count = form.text("group"), int(seen)
    if decision == "read_again":
        orders = waiting.orders_of(desk.ledger, group, count)
        if not desk.read_again(orders):
            raise ConfigError(BUSY)
        return desk.back(
            "/waiting", N_("%(count)s orders are being read again."), count=len(orders)
        )
    reason = reason_in(form) if decision == "skip" else None
    done = waiting.decide(desk.ledger, group, count, skip_because=reason)
    if reason is None:
        return desk.back("/waiting", N_("The next run tries %(count)s documents."), count=len(done))
    return desk.back("/waiting", N_("%(count)s documents are never posted."), count=len(done))
