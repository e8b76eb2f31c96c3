"""The words of validation messages in five languages: verbs, and labels of fields on screen.

Dutch and English go back to messages that people quoted; French, German and Spanish wording is
UNVERIFIED. The order of the languages is :data:`LANGUAGES`.
"""

from __future__ import annotations

LANGUAGES = ("nl", "en", "fr", "de", "es")

VERBS: dict[str, tuple[str, ...]] = {
    "mandatory": ("Verplicht", "Mandatory", "Obligatoire", "Erforderlich", "Obligatorio"),
    "reference": (
        "Ongeldige referentie", "Invalid reference", "Référence non valide", "Ungültige Referenz",
        "Referencia no válida",
    ),
    "invalid": ("Ongeldig", "Invalid", "Non valide", "Ungültig", "No válido"),
    "not_allowed": ("Niet toegestaan", "Not allowed", "Non autorisé", "Nicht erlaubt",
                    "No permitido"),
    "in_use": ("In gebruik", "In use", "En cours d'utilisation", "In Gebrauch", "En uso"),
    "blocked": ("Geblokkeerd", "Blocked", "Bloqué", "Gesperrt", "Bloqueado"),
    "exists": ("Bestaat reeds", "Already exists", "Existe déjà", "Bereits vorhanden",
               "Ya existe"),
}  # fmt: skip

_AMOUNT = ("Bedrag", "Amount", "Montant", "Betrag", "Importe")
_VAT_AMOUNT = ("Btw-bedrag", "VAT amount", "Montant TVA", "MwSt.-Betrag", "Importe de IVA")
_JOURNAL = ("Dagboek", "Journal", "Journal", "Journal", "Diario")
_RATE = ("Wisselkoers", "Exchange rate", "Taux de change", "Wechselkurs", "Tipo de cambio")
_UNIT = ("Eenheid", "Unit", "Unité", "Einheit", "Unidad")

#: Property or subject -> its label; a name that is not here is shown as it is.
LABELS: dict[str, tuple[str, ...]] = {
    "Account": ("Relatie", "Account", "Relation", "Konto", "Cuenta"),
    "AccountType": ("Klant (Type)", "Customer (Type)", "Client (Type)", "Kunde (Typ)",
                    "Cliente (Tipo)"),
    "AmountFC": _AMOUNT,
    "AmountVATFC": _VAT_AMOUNT,
    "Attachment": ("Bijlage", "Attachment", "Pièce jointe", "Anlage", "Adjunto"),
    "CodeNumeric": ("Code (numeriek)", "Code (numeric)", "Code (numérique)", "Code (numerisch)",
                    "Código (numérico)"),
    "CostCenter": ("Kostenplaats", "Cost center", "Centre de coûts", "Kostenstelle",
                   "Centro de coste"),
    "CostUnit": ("Kostendrager", "Cost unit", "Unité de coûts", "Kostenträger",
                 "Unidad de coste"),
    "Currency": ("Valuta", "Currency", "Devise", "Währung", "Divisa"),
    "Customer": ("Klant", "Customer", "Client", "Kunde", "Cliente"),
    "Date": ("Datum", "Date", "Date", "Datum", "Fecha"),
    "DeliverTo": ("Leveren aan", "Deliver to", "Livrer à", "Lieferung an", "Entregar a"),
    "Description": ("Omschrijving", "Description", "Description", "Beschreibung", "Descripción"),
    "Discount": ("Korting", "Discount", "Remise", "Rabatt", "Descuento"),
    "Document": ("Document", "Document", "Document", "Dokument", "Documento"),
    "Email": ("E-mail", "Email", "E-mail", "E-Mail", "Correo electrónico"),
    "EntryDate": ("Factuurdatum", "Invoice date", "Date de facture", "Rechnungsdatum",
                  "Fecha de factura"),
    "EntryNumber": ("Boekstuknummer", "Document number", "Numéro d'écriture", "Belegnummer",
                    "Número de asiento"),
    "ExchangeRate": _RATE,
    "GLAccount": ("Grootboekrekening", "Ledger account", "Compte général", "Sachkonto",
                  "Cuenta contable"),
    "GLAccountType": ("Grootboekrekeningtype", "Ledger account type", "Type de compte général",
                      "Sachkontotyp", "Tipo de cuenta contable"),
    "InvoiceID": ("Factuur", "Invoice", "Facture", "Rechnung", "Factura"),
    "InvoiceTo": ("Factuur voor", "Invoice to", "Facturer à", "Rechnung an", "Facturar a"),
    "InvoiceToType": ("Factuur voor (Type)", "Invoice to (Type)", "Facturer à (Type)",
                      "Rechnung an (Typ)", "Facturar a (Tipo)"),
    "Item": ("Artikel", "Item", "Article", "Artikel", "Artículo"),
    "ItemGroup": ("Artikelgroep", "Item group", "Groupe d'articles", "Artikelgruppe",
                  "Grupo de artículos"),
    "Journal": _JOURNAL,
    "JournalCode": _JOURNAL,
    "JournalType": ("Dagboek", "Journal (type)", "Journal (type)", "Journal (Typ)",
                    "Diario (tipo)"),
    "Name": ("Naam", "Name", "Nom", "Name", "Nombre"),
    "OrderID": ("Verkooporder", "Sales order", "Commande client", "Verkaufsauftrag",
                "Pedido de venta"),
    "OrderNumber": ("Verkoopordernummer", "Sales order number", "Numéro de commande client",
                    "Verkaufsauftragsnummer", "Número de pedido de venta"),
    "OrderedBy": ("Besteld door", "Ordered by", "Commandé par", "Bestellt von", "Pedido por"),
    "OrderedByType": ("Besteld door (Type)", "Ordered by (Type)", "Commandé par (Type)",
                      "Bestellt von (Typ)", "Pedido por (Tipo)"),
    "PaymentCondition": ("Betalingsconditie", "Payment condition", "Condition de paiement",
                         "Zahlungsbedingung", "Condición de pago"),
    "Quantity": ("Aantal", "Quantity", "Quantité", "Menge", "Cantidad"),
    "Rate": _RATE,
    "Subject": ("Onderwerp", "Subject", "Objet", "Betreff", "Asunto"),
    "Type": ("Type", "Type", "Type", "Typ", "Tipo"),
    "Unit": _UNIT,
    "UnitCode": _UNIT,
    "UnitPrice": ("Prijs", "Price", "Prix", "Preis", "Precio"),
    "VATAmount": _VAT_AMOUNT,
    "VATAmountFC": _VAT_AMOUNT,
    "VATCode": ("Btw-code", "VAT code", "Code TVA", "MwSt.-Code", "Código de IVA"),
    "VATNumber": ("Btw-nummer", "VAT number", "Numéro de TVA", "USt-IdNr.", "Número de IVA"),
    "VATPercentage": ("Btw-percentage", "VAT percentage", "Pourcentage TVA", "MwSt.-Satz",
                      "Porcentaje de IVA"),
    "Warehouse": ("Magazijn", "Warehouse", "Entrepôt", "Lager", "Almacén"),
}  # fmt: skip


def label(name: str) -> tuple[str, ...]:
    """Return the label of a property in all languages."""
    return LABELS.get(name, (name,) * len(LANGUAGES))
