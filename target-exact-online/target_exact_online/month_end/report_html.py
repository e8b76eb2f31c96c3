"""The report of a month as one page: without script, without network, for screen and paper."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from connector_credentials import clean
from target_exact_online.month_end import charts
from target_exact_online.month_end.text import VERDICTS, differs

if TYPE_CHECKING:
    from target_exact_online.month_end.model import Result

MOST_ROWS = 500
"""Rows of a table on the page; the spreadsheet has all of them, and the page says so."""
_SEVERITIES = {"error": "Error", "warning": "Warning", "info": "Explained"}


def write(result: Result, file: IO[bytes]) -> None:
    """Write the page.

    Args:
        result: The comparison.
        file: Where to.
    """
    page = _TEMPLATES.get_template("month.html.jinja").stream(_told(result))
    page.enable_buffering(100)
    page.dump(file, encoding="utf-8")


def body(result: Result) -> Markup:
    """Return what is on the page, without its head: for a page that has one of its own.

    Args:
        result: The comparison.
    """
    return Markup(_TEMPLATES.get_template("month_body.html.jinja").render(_told(result)))  # noqa: S704  # nosec B704  # it escapes


def style() -> str:
    """Return how the page looks, as CSS."""
    return _TEMPLATES.get_template("month.css").render()


def _told(result: Result) -> dict[str, Any]:
    statements = {one.number: one for one in result.statements}
    drawn = {1: charts.vat(statements[1], result), 8: charts.ageing(statements[8], result)}
    return {one.name: getattr(result, one.name) for one in fields(result)} | {
        "result": result,
        "month": f"{result.first:%B %Y}",
        "verdict": VERDICTS[result.outcome],
        "counted": {
            word: sum(one.severity == name for one in result.findings)
            for name, word in _SEVERITIES.items()
        },
        "severities": _SEVERITIES,
        "bridge_chart": charts.bridge(result.bridges[0], "bridge"),
        "charts": drawn,
        "most": MOST_ROWS,
    }


def _finalize(value: Any) -> Any:
    """Show a value as the page shows it; what came from outside is cleaned of control signs."""
    if isinstance(value, Decimal):
        return f"{value:,}".replace("-", "\N{MINUS SIGN}")
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if value is None:
        return ""
    return value if isinstance(value, Markup | date) else clean(value)


_TEMPLATES = Environment(
    autoescape=True,
    finalize=_finalize,
    loader=PackageLoader("target_exact_online.month_end"),
    lstrip_blocks=True,
    trim_blocks=True,
    undefined=StrictUndefined,
)
_TEMPLATES.filters["sides"] = lambda one: (
    defaultdict(str) | {row.kind: row.amount for row in one.rows}
)
_TEMPLATES.tests["differing"] = lambda one: bool(one.unexplained) or differs(one)
_TEMPLATES.tests["amount"] = lambda value: isinstance(value, Decimal | int)
