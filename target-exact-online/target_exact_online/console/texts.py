"""The pages' texts in the reader's language, and values as the reader writes them."""

from __future__ import annotations

import gettext
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from connector_credentials import clean
from target_exact_online.console.lines import flat

LANGUAGES = ("en", "nl")
_LOCALE = Path(__file__).parent / "locale"
_CHOICE = re.compile(r"\s*([a-zA-Z*]{1,8})(?:-[a-zA-Z0-9-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*")
_LONGEST_HEADER = 1_000
_CENT, _MOST = Decimal("0.01"), Decimal("1e20")
_SWAP = str.maketrans(",.", ".,")


def N_(text: str) -> str:  # noqa: N802  # the name that catalogues are made with
    """Mark a text for the catalogues; it is translated when it is shown."""
    return text


@dataclass(frozen=True, slots=True)
class Message:
    """A text of the catalogues with its values, for whoever reads it."""

    text: str
    values: dict[str, Any]
    is_error: bool = False


#: What the ledger calls by a word of its own, in words for people.
WORDS = {
    "held": N_("held"),
    "sending": N_("sending"),
    "posted": N_("posted"),
    "parked": N_("parked"),
    "failed": N_("failed"),
    "skipped": N_("skipped"),
    "invoice": N_("invoice"),
    "credit_memo": N_("credit memo"),
    "order": N_("order"),
    "payment": N_("payment"),
    "refund": N_("refund"),
    "day": N_("daily entry"),
    "agrees": N_("agrees to the cent"),
    "differs": N_("differs"),
    "incomplete": N_("incomplete"),
    "signed": N_("signed"),
    "stale": N_("stale"),
    "ok": N_("good"),
    "needs_people": N_("needs people"),
    "retry": N_("tries again by itself"),
    "stopped": N_("stopped"),
    "line": N_("line"),
    "vat": N_("VAT"),
    "debtor": N_("debtor"),
    "error": N_("error"),
    "warning": N_("warning"),
    "replayed": N_("replayed"),
    "anonymised": N_("anonymised"),
    "month_signed": N_("month signed off"),
    "proposal_approved": N_("proposal approved"),
    "read_again": N_("read again"),
    "absent": N_("not in Exact"),
    "already_there": N_("was in Exact already"),
    "changed": N_("changed in Exact"),
    "changed_in_shop": N_("a later version came"),
    "changing": N_("change begun"),
    "compared": N_("compared with Exact"),
    "dissolved": N_("entry to be built again"),
    "doubled": N_("came twice"),
    "not_changed": N_("left unchanged in Exact"),
    "settled": N_("found in Exact"),
    "suspected": N_("may be in Exact"),
    "taken_back": N_("decision taken back"),
    "taken_over": N_("taken over from a dead run"),
    "unanswered": N_("sent, no answer"),
    "updated": N_("changed in Exact"),
    "summed": N_("part of a daily entry"),
    "left_out": N_("left out of the daily entry"),
    "attached": N_("PDF copy attached"),
    "not_attached": N_("PDF copy given up"),
    "attach_again": N_("PDF copy tried again"),
    "upgraded": N_("ledger upgraded"),
}


def language_of(header: str) -> str:
    """Return the language that a header Accept-Language prefers, English if it knows neither."""
    best, weight = LANGUAGES[0], 0.0
    for part in header[:_LONGEST_HEADER].split(","):
        found = _CHOICE.fullmatch(part)
        if found is None:
            continue
        name, told = found[1].lower(), float(found[2] or 1)
        if name in LANGUAGES and told > weight:
            best, weight = name, told
    return best


@cache
def templates(language: str) -> Environment:
    """Return the templates in a language."""
    catalogue = gettext.translation(
        "console", _LOCALE, [language], fallback=language == LANGUAGES[0]
    )
    made = Environment(
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        finalize=shown,
        loader=PackageLoader("target_exact_online.console"),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    made.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {"language": language, "flat": flat}
    made.filters |= {
        "address": lambda value: Markup(escape(value)),  # noqa: S704  # it escapes; nothing is cut
        "exact": lambda value: Markup(quote(str(value), safe="")),  # noqa: S704  # no sign is left
        "money": lambda value: _money(value, language),
        "shown": shown,
        "word": lambda value: _word(value, catalogue),
        "told": lambda message: _told(message, catalogue),
    }
    return made


def shown(value: Any) -> Any:
    """Return a value as a page shows it; what came from outside loses its control signs."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if value is None:
        return ""
    if isinstance(value, Markup | date | int | Decimal):
        return value
    return clean(value)


def _money(value: Any, language: str) -> str:
    """Return an amount with at least its cents; what is none is shown as it came."""
    try:
        amount = Decimal(value)
    except (ArithmeticError, TypeError, ValueError):
        return str(shown(value))
    if not amount.is_finite() or abs(amount) >= _MOST:
        return str(shown(value))
    if amount == amount.quantize(_CENT):
        amount = amount.quantize(_CENT)
    text = f"{amount:,f}".replace("-", "\N{MINUS SIGN}")
    return text.translate(_SWAP) if language == "nl" else text


def _word(value: str | None, catalogue: gettext.NullTranslations) -> str:
    text = WORDS.get(value or "")
    return (value or "").replace("_", " ") if text is None else catalogue.gettext(text)


def _told(message: Message, catalogue: gettext.NullTranslations) -> str:
    text = catalogue.gettext(message.text) if message.text else ""
    return text % message.values if message.values else text
