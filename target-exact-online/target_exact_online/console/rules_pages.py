"""The rules: as they read, what is wrong with them, and what they do to documents of the shop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exact_online.errors import ConfigError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from target_exact_online.console.app import Form
    from target_exact_online.console.desk import Desk
    from target_exact_online.console.rules import RulesDesk

_LONGEST = 64  # characters of a number
_MOST_RULES = 1_000


def show(desk: Desk, request: Request) -> Response:
    """Show the rules and what is wrong with them."""
    if desk.rules is None or desk.rules.rules_file is None:
        return desk.page(request, "rules", rules=None, is_installed=desk.rules is not None)
    rows = desk.rules.rows()
    return desk.page(
        request,
        "rules",
        rules=desk.rules.rules(),
        rows=rows[:_MOST_RULES],
        total=len(rows),
        findings=desk.rules.findings(),
        has_documents=desk.rules.documents_file is not None,
        is_installed=True,
    )


def coverage(desk: Desk, request: Request) -> Response:
    """Show what becomes of the shop's documents."""
    return desk.page(request, "coverage", found=_rules(desk).coverage())


def explain(desk: Desk, request: Request) -> Response:
    """Explain the documents of a number."""
    number = request.query_params.get("number", "").strip()[:_LONGEST]
    if not number:
        msg = "Give the number of an order, an invoice or a credit memo."
        raise ConfigError(msg)
    return desk.page(request, "explain", number=number, found=_rules(desk).explain(number))


def simulate(desk: Desk, request: Request, form: Form) -> Response:
    """Show what a changed rules file would do; nothing is kept of it."""
    text = form.text("rules")
    if not text.strip():
        msg = "Choose a rules file (YAML)."
        raise ConfigError(msg)
    name = form.text("rules.filename") or "rules.yml"
    return desk.page(request, "simulate", found=_rules(desk).simulate(text, name))


def _rules(desk: Desk) -> RulesDesk:
    if desk.rules is None:
        msg = "The rules need mapper-gl-rules: pip install mapper-gl-rules."
        raise ConfigError(msg)
    return desk.rules
