"""Validation messages in Dutch and English, as the product words them.

A message is a verb, a colon and the label of the field on screen. Several messages of one
call are joined with a carriage return and a line feed.
"""

from __future__ import annotations

from dataclasses import dataclass

_VERBS = {
    "mandatory": ("Verplicht", "Mandatory"),
    "reference": ("Ongeldige referentie", "Invalid reference"),
    "invalid": ("Ongeldig", "Invalid"),
    "not_allowed": ("Niet toegestaan", "Not allowed"),
    "in_use": ("In gebruik", "In use"),
    "blocked": ("Geblokkeerd", "Blocked"),
    "unknown": ("Onbekend", "Unknown"),
}

#: Property or subject: label in Dutch, label in English.
_LABELS = {
    "AccountType": ("Klant (Type)", "Customer (Type)"),
    "AmountFC": ("Bedrag", "Amount"),
    "AmountVATFC": ("Btw-bedrag", "VAT amount"),
    "Attachment": ("Bijlage", "Attachment"),
    "Code": ("Code", "Code"),
    "CodeNumeric": ("Code (numeriek)", "Code (numeric)"),
    "CostCenter": ("Kostenplaats", "Cost center"),
    "CostUnit": ("Kostendrager", "Cost unit"),
    "Currency": ("Valuta", "Currency"),
    "Customer": ("Klant", "Customer"),
    "Date": ("Datum", "Date"),
    "DeliverTo": ("Leveren aan", "Deliver to"),
    "Description": ("Omschrijving", "Description"),
    "Discount": ("Korting", "Discount"),
    "Document": ("Document", "Document"),
    "Email": ("E-mail", "Email"),
    "EntryDate": ("Factuurdatum", "Invoice date"),
    "EntryNumber": ("Boekstuknummer", "Document number"),
    "ExchangeRate": ("Wisselkoers", "Exchange rate"),
    "FinancialYear": ("Boekjaar", "Financial year (Period-date table)"),
    "GLAccount": ("Grootboekrekening", "Ledger account"),
    "GLAccountType": ("Grootboekrekeningtype", "Ledger account type"),
    "InvoiceID": ("Factuur", "Invoice"),
    "InvoiceTo": ("Factuur voor", "Invoice to"),
    "InvoiceToType": ("Factuur voor (Type)", "Invoice to (Type)"),
    "Item": ("Artikel", "Item"),
    "ItemGroup": ("Artikelgroep", "Item group"),
    "Journal": ("Dagboek", "Journal"),
    "JournalType": ("Dagboek", "Journal (type)"),
    "Journals": ("Journals", "Journals"),
    "Name": ("Naam", "Name"),
    "OrderID": ("Verkooporder", "Sales order"),
    "OrderNumber": ("Verkoopordernummer", "Sales order number"),
    "OrderedBy": ("Besteld door", "Ordered by"),
    "OrderedByType": ("Besteld door (Type)", "Ordered by (Type)"),
    "PaymentCondition": ("Betalingsconditie", "Payment condition"),
    "Quantity": ("Aantal", "Quantity"),
    "Rate": ("Wisselkoers", "Exchange rate"),
    "Subject": ("Onderwerp", "Subject"),
    "Type": ("Type", "Type"),
    "Unit": ("Eenheid", "Unit"),
    "UnitCode": ("Eenheid", "Unit"),
    "UnitPrice": ("Prijs", "Price"),
    "VATAmount": ("Btw-bedrag", "VAT amount"),
    "VATAmountFC": ("Btw-bedrag", "VAT amount"),
    "VATCode": ("Btw-code", "VAT code"),
    "VATNumber": ("Btw-nummer", "VAT number"),
    "VATPercentage": ("Btw-percentage", "VAT percentage"),
    "Warehouse": ("Magazijn", "Warehouse"),
    "Account": ("Relatie", "Account"),
    "JournalCode": ("Dagboek", "Journal"),
}


@dataclass(frozen=True)
class Message:
    """One message in both languages of the sandbox."""

    dutch: str
    english: str

    def text(self, language: str) -> str:
        """Return the message in a language.

        Args:
            language: ``nl`` or ``en``.
        """
        return self.english if language == "en" else self.dutch


def _label(name: str) -> tuple[str, str]:
    return _LABELS.get(name, (name, name))


def _message(verb: str, name: str, detail: str = "") -> Message:
    dutch, english = _VERBS[verb]
    dutch_label, english_label = _label(name)
    tail = f" - {detail}" if detail else ""
    return Message(f"{dutch}: {dutch_label}{tail}", f"{english}: {english_label}{tail}")


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
    dutch, english = _label(name)
    return Message(f"{dutch}: Bestaat reeds", f"{english}: Already exists")


DATA_EXISTS = Message("Gegeven bestaat reeds", "Data already exists")
TOO_FINE = Message("Ongeldig: Bedrag (decimalen)", "Invalid: Amount (decimals)")
PROCESSED = Message("Reeds verwerkt", "Already processed")
NO_YEAR = Message("Verplicht: Boekjaar", "Unknown: Financial year (Period-date table)")
ITEM_INACTIVE = Message("Artikel: Non actief", "Item: Inactive")
ITEM_FUTURE = Message("Artikel: Toekomstig", "Item: Future")
ITEM_NOT_FOR_SALE = Message("Ongeldig: Artikel (Verkoop)", "Invalid: Item (Sales)")
ITEM_NO_FRACTIONS = Message(
    "Ongeldig: Aantal (Deelbaar artikel)", "Invalid: Quantity (Fraction allowed item)"
)
RECEIVABLE_DIFFERS = Message(
    "De klantenrekening is niet gelijk aan de klantenrekening van het verkoopdagboek",
    "The receivables account of the customer differs from that of the sales journal",
)


def period_closed(year: int, period: int) -> Message:
    """The journal is closed in this period."""
    return Message(
        f"Periode is afgesloten: {year}-{period:02}", f"Period is closed: {year}-{period:02}"
    )


def out_of_balance(year: int, period: int, currency: str, difference: str) -> Message:
    """The lines of a journal entry do not add up to zero."""
    comma = difference.replace(".", ",")
    return Message(
        f"De boeking is niet in evenwicht op: {year} / {period} - Verschil: {currency} {comma}",
        f"The entry is out of balance on: {year} / {period} - Difference: {currency} {difference}",
    )


def used_in(what: str, where: str) -> Message:
    """A record cannot be deleted because another refers to it."""
    return Message(
        f"Kan niet verwijderen: {what} - Gebruikt in: {where}",
        f"Cannot delete: {what} - Used in: {where}",
    )
