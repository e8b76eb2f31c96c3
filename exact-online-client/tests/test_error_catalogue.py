"""Every message that integrators saw, in five languages, means the same and names its field."""

from __future__ import annotations

import pytest

from commerce_sandbox.exact import labels, messages
from exact_online.error_catalogue import explain

# Dutch, English, the field, what to find in our words
SEEN = [
    ("Verplicht: Grootboekrekening", "Mandatory: G/L Account", "gl_account", "requires"),
    ("Ongeldige referentie: Btw-code", "Invalid reference: VAT code", "vat_code", "know"),
    ("Ongeldige referentie: Kostendrager", "Invalid reference: Cost unit", "cost_unit", "know"),
    ("Ongeldig: Klant (Type)", "Invalid: Customer (Type)", "debtor", "not a customer"),
    ("Ongeldig: Factuur voor (Type)", None, "debtor", "not a customer"),
    ("Ongeldig: Grootboekrekeningtype", None, "gl_account", "books itself"),
    ("Ongeldig: Dagboek", "Invalid: Journal (type)", "journal", "refuses the value"),
    ("Niet toegestaan: Btw-code", "Not allowed: VAT code", "vat_code", "not allow"),
    ("Ongeldig: Btw-percentage", "Invalid: VAT percentage", "vat_percentage", "refuses"),
    ("Geblokkeerd: Grootboekrekening", "Blocked: Ledger account: 8900", "gl_account", "blocked"),
    ("Niet toegestaan: Wisselkoers", None, "exchange_rate", "rate"),
    ("Verplicht: Boekjaar", "Unknown: Financial year (Period-date table)", "entry_date", "year"),
    ("Periode is afgesloten: 2026-01", "Period is closed", "entry_date", "closed"),
    ("In gebruik: Boekstuknummer", "In use: Document number", "entry_number", "already used"),
    ("Verkoopordernummer: Bestaat reeds", None, "order_number", "already exists"),
    ("Gegeven bestaat reeds", "Data already exists", "document", "already exists"),
    ("Reeds verwerkt", "Already processed", "document", "already processed"),
    ("De boeking is niet in evenwicht op: 2026 / 4", None, "document", "differ"),
    ("Ongeldig: E-mail", "Invalid: Email", "debtor, email", "refuses"),
    (
        "Verplicht: Betalingsconditie",
        "Mandatory: Payment condition",
        "payment_condition",
        "requires",
    ),
    ("Artikel: Non actief", None, "item", "not active"),
    ("Artikel: Toekomstig", None, "item", "later date"),
]


@pytest.mark.parametrize(("dutch", "english", "field", "words"), SEEN)
def test_a_message_means_the_same_in_both_languages(
    dutch: str, english: str | None, field: str, words: str
) -> None:
    (explained,) = explain(dutch)
    assert explained.problem.where == field
    assert words in explained.problem.what
    assert explained.problem.original == dutch
    assert not explained.retry
    if english is not None:
        (other,) = explain(english)
        assert (other.problem.where, other.problem.what) == (field, explained.problem.what)
        assert other.duplicate == explained.duplicate


MESSAGES = {
    f"{verb} {name}": getattr(messages, verb)(name)
    for verb in ("mandatory", "invalid_reference", "invalid", "not_allowed", "in_use", "blocked",
                 "exists", "must_be_positive")
    for name in labels.LABELS
} | {
    name: getattr(messages, name)
    for name in ("DATA_EXISTS", "TOO_FINE", "PROCESSED", "NO_YEAR", "ITEM_INACTIVE", "ITEM_FUTURE",
                 "ITEM_NOT_FOR_SALE", "ITEM_NO_FRACTIONS", "LAST_LINE")
} | {
    "period": messages.period_closed(2026, 1),
    "balance": messages.out_of_balance(2026, 1, "EUR", "1000.00"),
    "used": messages.used_in("Relatie", "Boeking"),
}  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_message_means_the_same_in_five_languages(message: messages.Message) -> None:
    assert len(message.texts) == 5
    meanings = set()
    for text in message.texts:
        (explained,) = explain(text)
        problem = explained.problem
        assert problem.what != "Exact refused the document", text
        meanings.add(
            (problem.where, problem.what, problem.what_to_do, explained.retry, explained.duplicate)
        )
    assert len(meanings) == 1, meanings


@pytest.mark.parametrize(
    ("said", "where", "what"),
    [
        (
            "This entry is not balanced on: 2021 / 12 (Type: Other) - Difference: EUR 1.000,00",
            "document",
            "Debit and credit",
        ),
        ("Wisselkoers - Moet groter zijn dan: 0", "exchange_rate", "variable exchange rates"),
        ("Aantal - Moet groter zijn dan: 0", "quantity", "larger value for quantity"),
        (
            "Forbidden - Application Scope Violated. Cannot read 'crm.accounts' scope.",
            "document",
            "lacks a scope",
        ),
        (
            "Unexpected number of lines. Should be at least one line.",
            "document",
            "at least one line",
        ),
        ("Ongeldig: Btw-nummer", "debtor, vat_number", "refuses the value"),
        ("Obligatorisch: Zahlungsbedingung", "payment_condition", "requires"),
        ("Nicht genehmigt: Wechselkurs", "exchange_rate", "not allow"),
    ],
)
def test_what_people_quoted(said: str, where: str, what: str) -> None:
    (explained,) = explain(said)
    assert not explained.retry
    assert explained.problem.original == said
    assert explained.problem.where == where
    assert what in explained.problem.what


def test_several_messages_are_explained_one_by_one() -> None:
    explained = explain("Verplicht: Factuur voor\r\nVerplicht: Besteld door")
    assert [one.problem.original for one in explained] == [
        "Verplicht: Factuur voor",
        "Verplicht: Besteld door",
    ]


def test_an_unknown_message_is_shown_and_not_repeated() -> None:
    (explained,) = explain("Etwas ganz anderes")
    assert not explained.retry
    assert not explained.duplicate
    assert "Etwas ganz anderes" in str(explained.problem)


def test_only_numbers_and_codes_that_exist_are_duplicates() -> None:
    assert [dutch for dutch, *_ in SEEN if explain(dutch)[0].duplicate] == [
        "In gebruik: Boekstuknummer",
        "Verkoopordernummer: Bestaat reeds",
        "Gegeven bestaat reeds",
    ]


def test_a_deadlock_may_be_repeated() -> None:
    assert explain("Transaction was deadlocked and has been chosen as the victim")[0].retry
