"""Validation messages as the product words them, in the language of the user.

A message is a verb, a colon and the label of the field on screen. Several messages of one
call are joined with a carriage return and a line feed.
"""

from __future__ import annotations

from dataclasses import dataclass

from commerce_sandbox.exact.labels import LANGUAGES, VERBS, label


@dataclass(frozen=True)
class Message:
    """One message in every language of :data:`.labels.LANGUAGES`, in that order."""

    texts: tuple[str, ...]

    def text(self, language: str) -> str:
        """Return the message in a language.

        Args:
            language: One of :data:`.labels.LANGUAGES`.
        """
        return self.texts[LANGUAGES.index(language)]


def _message(verb: str, name: str, detail: str = "") -> Message:
    tail = f" - {detail}" if detail else ""
    words = zip(VERBS[verb], label(name), strict=True)
    return Message(tuple(f"{said}: {field}{tail}" for said, field in words))


def mandatory(name: str) -> Message:
    """A field is missing."""
    return _message("mandatory", name)


def invalid_reference(name: str) -> Message:
    """A GUID or code does not exist in this division."""
    return _message("reference", name)


def invalid(name: str, detail: str = "") -> Message:
    """A value is not acceptable."""
    return _message("invalid", name, detail)


def not_allowed(name: str) -> Message:
    """A field may not be given here."""
    return _message("not_allowed", name)


def in_use(name: str) -> Message:
    """A number is taken."""
    return _message("in_use", name)


def blocked(name: str, detail: str = "") -> Message:
    """The thing referred to is blocked."""
    return _message("blocked", name, detail)


def exists(name: str) -> Message:
    """A number that must be unique is taken (orders)."""
    words = zip(label(name), VERBS["exists"], strict=True)
    return Message(tuple(f"{field}: {said}" for field, said in words))


def must_be_positive(name: str) -> Message:
    """A number must be greater than zero."""
    said = (
        "Moet groter zijn dan: 0", "Must be greater than: 0", "Doit être supérieur à : 0",
        "Muss größer sein als: 0", "Debe ser mayor que: 0",
    )  # fmt: skip
    return Message(
        tuple(f"{field} - {text}" for field, text in zip(label(name), said, strict=True))
    )


DATA_EXISTS = Message((
    "Gegeven bestaat reeds", "Data already exists", "La donnée existe déjà",
    "Daten bereits vorhanden", "El dato ya existe",
))  # fmt: skip
TOO_FINE = Message((
    "Ongeldig: Bedrag (decimalen)", "Invalid: Amount (decimals)", "Non valide: Montant (décimales)",
    "Ungültig: Betrag (Dezimalstellen)", "No válido: Importe (decimales)",
))  # fmt: skip
PROCESSED = Message((
    "Reeds verwerkt", "Already processed", "Déjà traité", "Bereits verarbeitet", "Ya procesado",
))  # fmt: skip
NO_YEAR = Message((
    "Verplicht: Boekjaar", "Unknown: Financial year (Period-date table)",
    "Inconnu: Exercice (Table période-date)", "Unbekannt: Geschäftsjahr (Perioden-Datum-Tabelle)",
    "Desconocido: Ejercicio (Tabla de periodos)",
))  # fmt: skip
ITEM_INACTIVE = Message((
    "Artikel: Non actief", "Item: Inactive", "Article: Inactif", "Artikel: Inaktiv",
    "Artículo: Inactivo",
))  # fmt: skip
ITEM_FUTURE = Message((
    "Artikel: Toekomstig", "Item: Future", "Article: Futur", "Artikel: Zukünftig",
    "Artículo: Futuro",
))  # fmt: skip
ITEM_NOT_FOR_SALE = Message((
    "Ongeldig: Artikel (Verkoop)", "Invalid: Item (Sales)", "Non valide: Article (Vente)",
    "Ungültig: Artikel (Verkauf)", "No válido: Artículo (Venta)",
))  # fmt: skip
ITEM_NO_FRACTIONS = Message((
    "Ongeldig: Aantal (Deelbaar artikel)", "Invalid: Quantity (Fraction allowed item)",
    "Non valide: Quantité (Article fractionnable)", "Ungültig: Menge (Teilbarer Artikel)",
    "No válido: Cantidad (Artículo divisible)",
))  # fmt: skip
RECEIVABLE_DIFFERS = Message((
    "De klantenrekening is niet gelijk aan de klantenrekening van het verkoopdagboek",
    "The receivables account of the customer differs from that of the sales journal",
    "Le compte client diffère du compte client du journal des ventes",
    "Das Debitorenkonto des Kunden weicht von dem des Verkaufsjournals ab",
    "La cuenta de cliente es distinta de la del diario de ventas",
))  # fmt: skip
LAST_LINE = Message((
    "Onverwacht aantal regels. Er moet ten minste één regel zijn.",
    "Unexpected number of lines. Should be at least one line.",
    "Nombre de lignes inattendu. Il doit y avoir au moins une ligne.",
    "Unerwartete Anzahl von Zeilen. Es muss mindestens eine Zeile vorhanden sein.",
    "Número de líneas inesperado. Debe haber al menos una línea.",
))  # fmt: skip


def period_closed(year: int, period: int) -> Message:
    """The journal is closed in this period."""
    said = (
        "Periode is afgesloten", "Period is closed", "La période est clôturée",
        "Periode ist abgeschlossen", "El periodo está cerrado",
    )  # fmt: skip
    return Message(tuple(f"{text}: {year}-{period:02}" for text in said))


def out_of_balance(year: int, period: int, currency: str, difference: str) -> Message:
    """The lines of a journal entry do not add up to zero; amounts are Dutch in any language."""
    amount = f"{float(difference):,.2f}".translate(str.maketrans(",.", ".,"))
    said = (
        ("Deze boeking is niet in evenwicht op", "Type: Overig", "Verschil"),
        ("This entry is not balanced on", "Type: Other", "Difference"),
        ("Cette écriture n'est pas équilibrée sur", "Type: Autre", "Différence"),
        ("Diese Buchung ist nicht ausgeglichen in", "Typ: Sonstige", "Differenz"),
        ("Este asiento no está cuadrado en", "Tipo: Otros", "Diferencia"),
    )
    return Message(
        tuple(
            f"{text}: {year} / {period} ({kind}) - {word}: {currency} {amount}"
            for text, kind, word in said
        )
    )


def used_in(what: str, where: str) -> Message:
    """A record cannot be deleted because another refers to it."""
    said = (
        ("Kan niet verwijderen", "Gebruikt in"),
        ("Cannot delete", "Used in"),
        ("Suppression impossible", "Utilisé dans"),
        ("Löschen nicht möglich", "Verwendet in"),
        ("No se puede eliminar", "Usado en"),
    )
    return Message(tuple(f"{text}: {what} - {word}: {where}" for text, word in said))
