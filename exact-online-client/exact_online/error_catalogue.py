"""What Exact's messages mean: five languages in, field and plain advice out.

A message reads ``<kind>: <label>`` or ``<label>: <kind>``, several joined by line ends, in the
language of the user who gave consent. The kind tells what is wrong, the label which field. Unknown
words are not guessed at: they are shown as they are and count as permanent, because Exact answers
business errors with HTTP 500 and repeating one spends the hourly error allowance.

Dutch and English are as people quoted them; French, German and Spanish are UNVERIFIED.
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
        r"deadlock|time-?out|try again|probeer het (later )?opnieuw|veuillez réessayer|réessayez"
        r"|zeitüberschreitung|versuchen sie es|inténtelo de nuevo|tiempo de espera",
        "Exact was too busy to store the document",
        "Nothing to do: it is asked for and sent again.",
        retry=True,
    ),
    _Kind(
        r"periode is afgesloten|period is closed|periode.*gesloten|période.*(clôtur|ferm)"
        r"|periode.*abgeschlossen|per[ií]odo.*cerrad",
        "The booking period is closed",
        "Reopen the period in Exact, or set closed_period to next_open_day.",
    ),
    _Kind(
        r"(verplicht|mandatory|unknown|onbekend|obligatoire|inconnu|erforderlich|unbekannt"
        r"|obligatorio|desconocido) ?: ?(boekjaar|financial year|exercice|geschäftsjahr|ejercicio)",
        "Exact has no financial year for this date",
        "Create the financial year in Exact (Financial, Periods), then replay the document.",
    ),
    _Kind(
        r"(klant|factuur voor|besteld door|customer|invoice to|ordered by|client|facturer à"
        r"|commandé par|kunde|rechnung an|bestellt von|cliente|facturar a|pedido por)"
        r"\s*\((type|typ|tipo)\)",
        "The debtor is not a customer in Exact",
        "Set the status of the relation to Customer in Exact, then replay the document.",
    ),
    _Kind(
        r"klantenrekening.*verkoopdagboek|receivable.*(not equal|differs).*journal"
        r"|compte client diffère.*journal|debitorenkonto.*journals?"
        r"|cuenta de cliente.*distinta.*diario",
        "The debtor has another receivables account than the sales journal",
        "Give the relation the receivables account of the journal, or use another journal.",
    ),
    _Kind(
        r"(?<!référence )(?<!referencia )(invalid|ongeldig|non valide|ungültig|no válid[oa]) ?: ?"
        r"(grootboekrekeningtype"
        r"|g/l account type|ledger account type|type de compte général|sachkontotyp"
        r"|tipo de cuenta contable)",
        "The GL account is a receivables, payables or VAT account, which Exact books itself",
        "Choose a revenue or balance sheet account of another type in the rules.",
    ),
    _Kind(
        r"(niet toegestaan|not allowed|non autorisé|nicht erlaubt|no permitido) ?: ?(wisselkoers"
        r"|exchange rate|taux de change|wechselkurs|tipo de cambio)",
        "The journal does not allow an exchange rate of our own",
        "Allow variable exchange rates on the journal in Exact, or leave the rate to Exact.",
    ),
    _Kind(
        r"(wisselkoers|exchange rate|taux de change|wechselkurs|tipo de cambio) ?-? ?:? ?"
        r"(moet groter|must be greater|doit être supérieur|muss größer|debe ser mayor)",
        "The journal has variable exchange rates, and no rate came with the document",
        "Enter the rate of the day in Exact, or use a journal with fixed rates.",
    ),
    _Kind(
        r"niet in evenwicht|out of balance|not balanced|pas équilibrée?|nicht ausgeglichen"
        r"|no está (cuadrado|equilibrado)",
        "Debit and credit of the entry differ",
        "Report this with the document's key: the entry was in balance when it was made.",
    ),
    _Kind(
        r"reeds verwerkt|already processed|déjà traité|bereits verarbeitet|ya procesad",
        "The document was already processed in Exact",
        "Compare it in Exact; correct it with a credit note, not with a change.",
    ),
    _Kind(
        r"kan niet verwijderen|cannot (be )?delete|suppression impossible|löschen nicht möglich"
        r"|no se puede eliminar",
        "Exact does not delete what is in use",
        "Remove what uses it first.",
    ),
    _Kind(
        r"aantal regels|number of lines|nombre de lignes|anzahl (von|der) zeilen|número de líneas",
        "An entry in Exact needs at least one line",
        "Delete the whole entry instead.",
    ),
    _Kind(
        r"scope violated",
        "The app in the Exact App Center lacks a scope",
        "Tick the scope for the app, give consent again with authorize, then replay the document.",
    ),
    _Kind(
        r"in gebruik|in use|en cours d'utilisation|in gebrauch|wird verwendet|en uso",
        "{label} is already used in Exact",
        "Look it up in Exact: it may be this very document, or somebody booked it by hand.",
        duplicate=True,
    ),
    _Kind(
        r"bestaat (reeds|al)|already exists|existe déjà|bereits vorhanden|existiert bereits"
        r"|ya existe",
        "{label} already exists in Exact",
        "Look it up in Exact: it may be this very document, or somebody made it by hand.",
        duplicate=True,
    ),
    _Kind(
        r"geblokkeerd|blocked|bloqué|gesperrt|blockiert|bloquead",
        "{label} is blocked in Exact",
        "Unblock it in Exact, or choose another one in the rules.",
    ),
    _Kind(
        r"non actief|niet actief|inactive|inactif|inaktiv|nicht aktiv|inactiv[oa]",
        "{label} is not active in Exact",
        "Activate it in Exact, or choose another one.",
    ),
    _Kind(
        r"toekomstig|\bfuture?\b|\bfutur\b|zukünftig|\bfuturo\b",
        "{label} is valid only from a later date",
        "Change its start date in Exact.",
    ),
    _Kind(
        r"ongeldige referentie|invalid reference|onbekend|unknown|niet gevonden|not found"
        r"|référence (non valide|invalide)|inconnu|introuvable|ungültige referenz|unbekannt"
        r"|nicht gefunden|referencia no válida|desconocid|no encontrad",
        "Exact does not know this {label}",
        "Check that it exists in this division; it may have been deleted a moment ago.",
    ),
    _Kind(
        r"niet toegestaan|not allowed|non autorisé|nicht (erlaubt|zulässig|genehmigt)|no permitid",
        "Exact does not allow {label} here",
        "Remove it in the rules, or allow it on the account or journal in Exact.",
    ),
    _Kind(
        r"moet groter zijn|must be greater|doit être supérieur|muss größer sein|debe ser mayor",
        "Exact wants a larger value for {label}",
        "Correct the value in the shop or in the rules, then replay the document.",
    ),
    _Kind(
        r"verplicht|mandatory|required|obligatoire|requis|erforderlich|obligatorisch|pflicht"
        r"|obligatori[oa]|requerid",
        "Exact requires {label}",
        "Fill it in the rules, or make it optional in Exact.",
    ),
    _Kind(
        r"ongeldig|invalid|non valide|ungültig|no válid",
        "Exact refuses the value of {label}",
        "Correct the value in the shop or in the rules, then replay the document.",
    ),
)

_UNKNOWN = _Kind(
    "",
    "Exact refused the document",
    "Read Exact's own words, correct the document or Exact's settings, then replay it.",
)

# Exact's labels (Dutch, English, French, German, Spanish) to the field names of our records.
_LABELS = (
    (
        (
            r"btw-?percentage|vat percentage|(pourcentage|taux) (de )?tva|(mwst|ust)\.?-?satz"
            r"|porcentaje de iva"
        ),
        "vat_percentage",
    ),
    (
        r"btw-?bedrag|vat amount|montant (de )?(la )?tva|(mwst|ust)\.?-?betrag|importe de(l)? iva",
        "vat_amount",
    ),
    (
        r"btw-?nummer|vat number|numéro de tva|(ust|mwst)\.?-?id|número de iva|\bnif\b",
        "debtor, vat_number",
    ),
    (r"btw|vat|\btva\b|mwst|\bust\b|umsatzsteuer|\biva\b", "vat_code"),
    (
        (
            r"grootboek|g/l account|gl ?account|ledger account|compte général|sachkonto|hauptbuch"
            r"|cuenta (contable|de mayor)"
        ),
        "gl_account",
    ),
    (
        r"kostenplaats|cost cent(er|re)|centre de co[ûu]ts?|kostenstelle|centro de coste",
        "cost_center",
    ),
    (r"kostendrager|cost unit|unité de co[ûu]ts?|kostenträger|unidad de coste", "cost_unit"),
    (r"(?<!\w)dagboek|journal|tagebuch|\bdiario\b", "journal"),
    (
        (
            r"betalingsconditie|payment condition|condition de paiement|condición de pago"
            r"|zahlungs(bedingung|kondition)"
        ),
        "payment_condition",
    ),
    (
        (
            r"boekstuknummer|document number|entry number|numéro (d'écriture|de pièce)|belegnummer"
            r"|número de asiento"
        ),
        "entry_number",
    ),
    (
        (
            r"verkoopordernummer|sales order number|order number|numéro de commande"
            r"|(verkaufs)?auftragsnummer|número de pedido"
        ),
        "order_number",
    ),
    (
        r"factuurnummer|invoice number|numéro de facture|rechnungsnummer|número de factura",
        "entry_number",
    ),
    (
        r"verkooporder|sales order|commande client|verkaufsauftrag|pedido de venta",
        "order",
    ),
    (r"artikel|\bitem\b|\barticles?\b|artículo", "item"),
    (r"e-?mail|correo electrónico", "debtor, email"),
    (
        r"afleveradres|delivery ?address|adresse de livraison|lieferadresse|dirección de entrega",
        "delivery_address",
    ),
    (
        (
            r"klant|customer|relatie|account\b|factuur voor|invoice to|besteld door|ordered by"
            r"|leveren aan|deliver to|\bclient\b|\brelation\b|facturer à|commandé par|livrer à"
            r"|kunde|debitor|\bkonto\b|rechnung an|bestellt von|lieferung an|\bcliente\b|\bcuenta\b"
            r"|facturar a|pedido por|entregar a"
        ),
        "debtor",
    ),
    (r"wisselkoers|exchange rate|taux de change|wechselkurs|tipo de cambio", "exchange_rate"),
    (r"valuta|currency|devise|währung|divisa|moneda", "currency"),
    (
        (
            r"periode|period|période|per[ií]odo|boekjaar|financial year|exercice|geschäftsjahr"
            r"|ejercicio|datum|date\b|fecha"
        ),
        "entry_date",
    ),
    (r"aantal(?! regels)|quantity|quantité|menge|cantidad", "quantity"),
    (r"bedrag|amount|montant|betrag|importe", "amount"),
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
    what = kind.what.format(label=label).replace("this this", "this")
    problem = Problem(
        where=field or "document",
        what=what[0].upper() + what[1:],
        what_to_do=kind.what_to_do,
        original=message,
    )
    return Explanation(problem, retry=kind.retry, duplicate=kind.duplicate)
