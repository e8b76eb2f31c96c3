"""What Exact's messages mean: Dutch or English in, field and plain advice out.

A message reads ``<kind>: <label>`` or ``<label>: <kind>``, several joined by line ends, in the
language of the user who gave consent. The kind tells what is wrong, the label which field. Unknown
words are not guessed at: they are shown as they are and count as permanent, because Exact answers
business errors with HTTP 500 and repeating one spends the hourly error allowance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from exact_online.errors import Problem


@dataclass(frozen=True, slots=True)
class Explanation:
    """One message of Exact, explained.

    Attributes:
        problem: What is wrong, where, and what to do, with Exact's own words.
        retry: True when the same document may be accepted later without a change.
        duplicate: True when the message means that the number or code exists already.
    """

    problem: Problem
    retry: bool = False
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class _Kind:
    """One word of Exact's message vocabulary."""

    words: str
    what: str
    what_to_do: str
    retry: bool = False
    duplicate: bool = False


# Specific messages first: the first match wins. `{label}` is our word for the field.
_KINDS = (
    _Kind(
        r"deadlock|time-?out|try again|probeer het (later )?opnieuw",
        "Exact was too busy to store the document",
        "Nothing to do: it is asked for and sent again.",
        retry=True,
    ),
    _Kind(
        r"periode is afgesloten|period is closed|periode.*gesloten",
        "The booking period is closed",
        "Reopen the period in Exact, or set closed_period to next_open_day.",
    ),
    _Kind(
        r"(verplicht|mandatory|unknown|onbekend): ?(boekjaar|financial year)",
        "Exact has no financial year for this date",
        "Create the financial year in Exact (Financial, Periods), then replay the document.",
    ),
    _Kind(
        r"(klant|factuur voor|besteld door|customer|invoice to|ordered by)\s*\(type\)",
        "The debtor is not a customer in Exact",
        "Set the status of the relation to Customer in Exact, then replay the document.",
    ),
    _Kind(
        r"klantenrekening.*verkoopdagboek|receivable.*(not equal|differs).*journal",
        "The debtor has another receivables account than the sales journal",
        "Give the relation the receivables account of the journal, or use another journal.",
    ),
    _Kind(
        r"(invalid|ongeldig): ?(grootboekrekeningtype|g/l account type|ledger account type)",
        "The GL account is a receivables, payables or VAT account, which Exact books itself",
        "Choose a revenue or balance sheet account of another type in the rules.",
    ),
    _Kind(
        r"(niet toegestaan|not allowed): ?(wisselkoers|exchange rate)",
        "The journal does not allow an exchange rate of our own",
        "Allow variable exchange rates on the journal in Exact, or leave the rate to Exact.",
    ),
    _Kind(
        r"niet in evenwicht|out of balance",
        "Debit and credit of the entry differ",
        "Report this with the document's key: the entry was in balance when it was made.",
    ),
    _Kind(
        r"reeds verwerkt|already processed",
        "The document was already processed in Exact",
        "Compare it in Exact; correct it with a credit note, not with a change.",
    ),
    _Kind(
        r"kan niet verwijderen|cannot (be )?delete",
        "Exact does not delete what is in use",
        "Remove what uses it first.",
    ),
    _Kind(
        r"in gebruik|in use",
        "{label} is already used in Exact",
        "Look it up in Exact: it may be this very document, or somebody booked it by hand.",
        duplicate=True,
    ),
    _Kind(
        r"bestaat reeds|already exists",
        "{label} already exists in Exact",
        "Look it up in Exact: it may be this very document, or somebody made it by hand.",
        duplicate=True,
    ),
    _Kind(
        r"geblokkeerd|blocked",
        "{label} is blocked in Exact",
        "Unblock it in Exact, or choose another one in the rules.",
    ),
    _Kind(
        r"non actief|niet actief|inactive",
        "{label} is not active in Exact",
        "Activate it in Exact, or choose another one.",
    ),
    _Kind(
        r"toekomstig|future",
        "{label} is valid only from a later date",
        "Change its start date in Exact.",
    ),
    _Kind(
        r"ongeldige referentie|invalid reference|onbekend|unknown|niet gevonden|not found",
        "Exact does not know this {label}",
        "Check that it exists in this division; it may have been deleted a moment ago.",
    ),
    _Kind(
        r"niet toegestaan|not allowed",
        "Exact does not allow {label} here",
        "Remove it in the rules, or allow it on the account or journal in Exact.",
    ),
    _Kind(
        r"verplicht|mandatory|required",
        "Exact requires {label}",
        "Fill it in the rules, or make it optional in Exact.",
    ),
    _Kind(
        r"ongeldig|invalid",
        "Exact refuses the value of {label}",
        "Correct the value in the shop or in the rules, then replay the document.",
    ),
)

_UNKNOWN = _Kind(
    "",
    "Exact refused the document",
    "Read Exact's own words, correct the document or Exact's settings, then replay it.",
)

# Exact's labels (Dutch, English) to the field names of this target's records.
_LABELS = (
    (r"btw-?percentage|vat percentage", "vat_percentage"),
    (r"btw-?bedrag|vat amount", "vat_amount"),
    (r"btw|vat", "vat_code"),
    (r"grootboek|g/l account|gl ?account|ledger account", "gl_account"),
    (r"kostenplaats|cost cent(er|re)", "cost_center"),
    (r"kostendrager|cost unit", "cost_unit"),
    (r"dagboek|journal", "journal"),
    (r"betalingsconditie|payment condition", "payment_condition"),
    (r"boekstuknummer|document number|entry number", "entry_number"),
    (r"verkoopordernummer|sales order number|order number", "order_number"),
    (r"factuurnummer|invoice number", "entry_number"),
    (r"artikel|\bitem\b", "item"),
    (r"e-?mail", "debtor, email"),
    (r"klant|customer|relatie|account\b", "debtor"),
    (r"factuur voor|invoice to|besteld door|ordered by|leveren aan|deliver to", "debtor"),
    (r"afleveradres|delivery ?address", "delivery_address"),
    (r"wisselkoers|exchange rate", "exchange_rate"),
    (r"valuta|currency", "currency"),
    (r"periode|period|boekjaar|financial year|datum|date", "entry_date"),
    (r"aantal|quantity", "quantity"),
    (r"bedrag|amount", "amount"),
)


def explain(text: str) -> tuple[Explanation, ...]:
    """Explain what Exact answered.

    Args:
        text: ``error.message.value``; several messages are separated by line ends.

    Returns:
        One explanation per message, at least one.
    """
    messages = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
    return tuple(_explain_one(message) for message in messages or ["(no text)"])


def _explain_one(message: str) -> Explanation:
    kind = next((k for k in _KINDS if re.search(k.words, message, re.IGNORECASE)), _UNKNOWN)
    field = next(
        (name for words, name in _LABELS if re.search(words, message, re.IGNORECASE)), None
    )
    label = (field or "this").replace("_", " ")
    what = kind.what.format(label=label)
    problem = Problem(
        where=field or "document",
        what=what[0].upper() + what[1:],
        what_to_do=kind.what_to_do,
        original=message,
    )
    return Explanation(problem, retry=kind.retry, duplicate=kind.duplicate)
