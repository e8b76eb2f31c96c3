"""The audit trail: its head, whether it is whole, and who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_exact_online.console import privacy
from target_exact_online.console.texts import N_
from target_exact_online.desk import activity
from target_exact_online.desk.documents import words_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from target_exact_online.console.app import Form
    from target_exact_online.console.desk import Desk

_ROWS = 50
_EVENTS = 50_000  # looked at for one page: people act seldom among what runs do
_LONGEST = 18


def show(desk: Desk, request: Request) -> Response:
    """Show the page."""
    given = request.query_params.get("before", "")
    before = int(given) if given.isdecimal() and len(given) <= _LONGEST else None
    found = activity.acts(desk.ledger, before=before, limit=_ROWS, among=_EVENTS)
    acts = []
    for one in found.newest:
        words = words_of(desk.ledger, one.note) or ""
        told = words if desk.options.with_names else privacy.masked(words)
        acts.append((one, desk.people.tell("", one.by), told))
    return desk.page(
        request,
        "audit",
        found=found,
        acts=acts,
        verification=desk.verification,
        older=found.searched_from if found.searched_from > 1 else None,
    )


def verify(desk: Desk, request: Request, form: Form) -> Response:
    """Recompute the trail in the background."""
    del request, form
    if desk.verify():
        return desk.back("/audit", N_("The audit trail is being recomputed."))
    return desk.back("/audit", N_("The audit trail is being recomputed already."))
