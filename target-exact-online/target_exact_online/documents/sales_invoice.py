"""Sales invoices that Exact issues: stored as open, compared, then printed, which books them.

A credit memo is a credit note (type 8021). Companies differ in the sign that its quantities need,
so both may be tried: the total that Exact computed is compared before printing, because a printed
invoice is final.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from exact_online import odata, values
from exact_online.errors import (
    DocumentRefusedError,
    FatalError,
    OutcomeUnknownError,
    Problem,
    RetriableError,
)
from target_exact_online.documents import answer_checks, finding, header, lines
from target_exact_online.documents.prepared import (
    DocumentSettings,
    ExpectedLine,
    Found,
    Kind,
    Prepared,
    Sent,
    Stored,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exact_online.client import ExactClient
    from target_exact_online.master_data import MasterData
    from target_exact_online.master_data.models import CreditNoteQuantity

KIND = Kind(
    stream="sales_invoices",
    resource="salesinvoice/SalesInvoices",
    lines="SalesInvoiceLines",
    id="InvoiceID",
    number="InvoiceNumber",
    journal="Journal",
    account="OrderedBy",
    date="OrderDate",
    statuses=frozenset({10, 20}),
)
PRINTED, ENTRIES = "salesinvoice/PrintedSalesInvoices", "salesentry/SalesEntries"
INVOICE, CREDIT_NOTE = 8020, 8021
_SIGNED = ("Quantity", "AmountFC", "VATAmountFC")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_CORRECT = "Correct the layout or the settings of the invoice in Exact, then replay the document."
_PRINTING_FAILED = (
    "DocumentCreationError", "PeppolCreationError", "PostboxMessageCreationError",
    "EmailCreationError",
)  # fmt: skip
_ALREADY = (
    "reeds verwerkt", "already processed", "déjà traité", "bereits verarbeitet", "ya procesad",
)  # fmt: skip


def prepare(record: dict[str, Any], master: MasterData, settings: DocumentSettings) -> Prepared:
    """Check a record of the stream `sales_invoices` and make its payload.

    Raises:
        DocumentRefusedError: With everything that is wrong.
    """
    draft = header.begin(
        KIND, record, master, settings, "invoice_date", journal_type=header.SALES, takes_rate=False
    )
    if draft.rate is not None and draft.is_foreign:
        draft.checks.add(
            "exchange_rate",
            "A sales invoice takes Exact's own exchange rate",
            "Leave the rate to Exact in the rules, or book these documents as sales entries.",
        )
    draft.debtor = header.debtor(draft, record.get("debtor"), KIND.account)
    totals = header.totals(draft)
    header.check_sign(draft, totals)
    if record.get("entry_number"):
        draft.checks.add(
            "entry_number",
            "Exact numbers its sales invoices itself",
            "Leave the number out, or book these documents as sales entries.",
        )
    is_credit = record.get("kind") == "credit_memo"
    payload = header.common(draft) | header.payment(draft)
    payload["Type"] = CREDIT_NOTE if is_credit else INVOICE
    payload |= header.number(draft, "order_number", "OrderNumber")
    payload[KIND.lines], expected = _lines(draft, totals)
    prepared = draft.finished(
        payload,
        totals.amount,
        print_date=draft.on,
        via_peppol=settings.send_via_peppol,
        expected=expected,
    )
    return _with_sign(prepared, master, settings) if is_credit else prepared


def _with_sign(prepared: Prepared, master: MasterData, settings: DocumentSettings) -> Prepared:
    """Return a credit note whose quantities have the sign that the company wants."""
    sign: CreditNoteQuantity | None = settings.credit_note_quantity
    if sign == "auto":
        prepared = replace(prepared, remember_sign=master.remember_credit_note_quantity)
        sign = master.credit_note_quantity()
    return prepared if sign == "negative" else _turned(prepared)


def _turned(prepared: Prepared) -> Prepared:
    """Return the document with the other sign on its quantities and amounts."""
    lines = [
        line | {name: -line[name] for name in _SIGNED if name in line} for line in prepared.lines
    ]
    return replace(prepared, payload=prepared.payload | {KIND.lines: lines})


def _sign(prepared: Prepared) -> CreditNoteQuantity:
    amount = sum((line["AmountFC"] for line in prepared.lines), Decimal(0))
    return "positive" if amount > 0 else "negative"


def _lines(
    draft: header.Draft, totals: header.Totals
) -> tuple[list[dict[str, Any]], tuple[ExpectedLine, ...]]:
    payload: list[dict[str, Any]] = []
    expected: dict[tuple[str, str, str, str], Decimal] = {}
    for line in lines.adding_up(draft, totals):
        account = lines.gl_account(draft, line)
        found = lines.item(draft, line, len(payload))
        default = (found.vat_code if found else "") or draft.debtor.default_vat_code
        entry: dict[str, Any] = {"AmountFC": line.net}
        entry |= _price(draft, line, lines.quantity(draft, line, found))
        if found is not None:
            entry["Item"] = found.id
        if account is not None:
            entry["GLAccount"] = account.id
        entry |= lines.vat(draft, line, default, "VATAmountFC")
        entry |= lines.texts(draft, line, account)
        entry |= lines.deferral(draft, line, "StartTime", "EndTime")
        payload.append(entry)
        group = (
            account.code if account else "",
            str(entry.get("VATCode", default)),
            str(entry.get("CostCenter", account.cost_center if account else "")),
            str(entry.get("CostUnit", account.cost_unit if account else "")),
        )
        expected[group] = expected.get(group, Decimal(0)) + line.net
    return payload, tuple(ExpectedLine(*group, amount) for group, amount in expected.items())


def _price(draft: header.Draft, line: lines.Line, quantity: Decimal | None) -> dict[str, Decimal]:
    """Return quantity and price that give the line's amount, the sign on the quantity."""
    checks, at = draft.checks, f"{line.where}, unit_price"
    price = checks.decimal(line.given, "unit_price", at)
    if quantity is None or price is None:
        name = "unit_price" if quantity is not None else "quantity"
        what = f"The {name.replace('_', ' ')} is missing"
        checks.add(f"{line.where}, {name}", what, "Report this.")
        return {}
    if quantity * price != line.net:
        what = f"{quantity} times {price} is not {line.net}, and Exact multiplies"
        checks.add(at, what, "Report this with the document's key.")
    if price < 0:
        quantity, price = -quantity, -price
    return {"Quantity": quantity, "UnitPrice": price}


def send(prepared: Prepared, client: ExactClient) -> Stored:
    """Store an invoice and print it, so that Exact numbers and books it.

    Raises:
        OutcomeUnknownError: It may have been stored, or is stored and not printed yet.
        DocumentRefusedError: Exact does not accept or print it; nothing of it is left there.
    """
    if prepared.remember_sign is None:
        row = client.post(KIND.resource, prepared.payload, division=prepared.division)
    else:
        prepared, row = _stored_with_either_sign(prepared, client)
    exact_id = answer_checks.checked(prepared, row, client)
    if prepared.remember_sign is not None and values.total(row) is not None:
        prepared.remember_sign(_sign(prepared))
    try:
        return _print(prepared.sent(_NEVER), exact_id, client)
    except RetriableError as error:
        # Sending again would store a second invoice; it is found, and printed then.
        msg = f"The invoice is stored but not printed yet ({error})"
        raise OutcomeUnknownError(msg) from error
    except FatalError as error:
        answer_checks.delete(prepared, row, client, f"The invoice cannot be printed: {error}")
        raise


def _stored_with_either_sign(
    prepared: Prepared, client: ExactClient
) -> tuple[Prepared, dict[str, Any]]:
    """Store a credit note with one sign on its quantities, or else with the other one."""
    refusal: DocumentRefusedError | None = None
    try:
        row = client.post(KIND.resource, prepared.payload, division=prepared.division)
    except DocumentRefusedError as error:
        if not any(one.where in {"amount", "quantity"} for one in error.problems):
            raise
        refusal = error
    else:
        if not prepared.total or values.total(row) != -prepared.total:
            return prepared, row
        answer_checks.ours(prepared, row)
        answer_checks.delete(prepared, row, client, "Exact made a debit of a credit note")
    other = _turned(prepared)
    try:
        return other, client.post(KIND.resource, other.payload, division=other.division)
    except DocumentRefusedError as error:
        raise refusal or error from error


def _print(sent: Sent, invoice_id: str, client: ExactClient) -> Stored:
    """Process an open invoice. No e-mail is sent; what was printed before is not an error."""
    payload = {
        "InvoiceID": invoice_id,
        "InvoiceDate": values.iso(date.fromisoformat(sent.print_date)),
        "SendEmailToCustomer": False,
        "SendInvoiceToCustomerPostbox": False,
        "SendInvoiceViaPeppol": sent.via_peppol,
        "SendOutputBasedOnAccount": False,
    }
    try:
        row = client.post(PRINTED, payload, division=sent.division)
    except DocumentRefusedError as error:
        if not _printed_before(error):
            raise
        return Stored(invoice_id, None)
    if not values.same(invoice_id, row.get("InvoiceID") or invoice_id):
        msg = f"Exact answered the printing of another invoice ({row['InvoiceID']})"
        raise OutcomeUnknownError(msg)
    said = [str(row[name]) for name in _PRINTING_FAILED if row.get(name)]
    if said and not _is_processed(sent, invoice_id, client):
        problems = [
            Problem("document", "Exact does not print the invoice", _CORRECT, original=words)
            for words in said
        ]
        raise DocumentRefusedError(problems, by_exact=True)
    warnings = tuple(f"Exact printed the invoice, but: {words}" for words in said)
    return Stored(invoice_id, None, warnings)


def _is_processed(sent: Sent, invoice_id: str, client: ExactClient) -> bool:
    """Read an invoice's status.

    Raises:
        OutcomeUnknownError: Exact does not show the invoice yet.
    """
    rows = client.get(
        KIND.resource,
        division=sent.division,
        select="InvoiceID,Status",
        filter=f"InvoiceID eq {odata.guid(invoice_id)}",
        answers_it=odata.has("InvoiceID", invoice_id),
    )
    for row in rows:
        return row.get("Status") == finding.PROCESSED
    msg = "Exact does not show the invoice yet: whether it is printed is unknown"
    raise OutcomeUnknownError(msg)


def _printed_before(error: DocumentRefusedError) -> bool:
    said = " ".join(problem.original or "" for problem in error.problems).casefold()
    return any(words in said for words in _ALREADY)


def find(sent: Sent, client: ExactClient) -> list[Found]:
    """Return what Exact has with the invoice's reference, printed or not."""
    found = finding.find(KIND, sent, client, "Type")
    wanted = CREDIT_NOTE if sent.is_credit else INVOICE
    return [one for one in found if one.row.get("Type") in (None, wanted)]


def finish(sent: Sent, found: Found, client: ExactClient) -> Stored:
    """Print what was stored unprinted; what is printed, or is no invoice, stays as it is.

    Raises:
        DocumentRefusedError: Exact does not print it; it is still there, open.
        OutcomeUnknownError: Whether it is printed is unknown.
    """
    if found.processed or not sent.print_date:
        return Stored(found.exact_id, found.number)
    return _print(sent, found.exact_id, client)


@dataclass(frozen=True, slots=True)
class Compared:
    """What Exact has booked of a printed invoice."""

    # ``equal``; ``differs``; ``not_seen``: Exact does not show its entry yet, ask again later;
    # ``not_printed``: it is open, and nothing is booked.
    state: Literal["equal", "differs", "not_seen", "not_printed"]
    number: int | None = None  # the invoice's number, or None while it is not known
    differences: tuple[str, ...] = ()  # what is not as expected, in words


def compare(printed: Sequence[tuple[Sent, str]], client: ExactClient) -> list[Compared]:
    """Read the entries of printed invoices, many per call, and compare them line by line.

    The invoices come with their GUIDs in Exact; the answers are in their order.
    """
    answers: dict[str, Compared] = {}
    for division in {sent.division for sent, _ in printed}:
        here = [one for one in printed if one[0].division == division]
        for start in range(0, len(here), odata.MAX_TERMS):
            answers |= _compared_together(here[start : start + odata.MAX_TERMS], client)
    return [answers[exact_id] for _, exact_id in printed]


def _compared_together(
    some: Sequence[tuple[Sent, str]], client: ExactClient
) -> dict[str, Compared]:
    """Compare invoices of one division, as many as one question can name."""
    references = sorted({sent.reference for sent, _ in some})
    rows = client.get(
        ENTRIES,
        division=some[0][0].division,
        select="EntryID,EntryNumber,Journal,YourRef,AmountFC,SalesEntryLines",
        filter=odata.any_of("YourRef", map(odata.text, references)),
        expand="SalesEntryLines",
        answers_it=odata.has("YourRef", *references),
    )
    entries = list(rows)
    answers, doubtful = {}, []
    for sent, exact_id in some:
        one = _compared([row for row in entries if _is_entry_of(sent, row)], sent)
        if one is not None and one.state == "equal":
            answers[exact_id] = one
        else:
            doubtful.append((sent, exact_id))
    return answers | (_compared_by_number(doubtful, entries, client) if doubtful else {})


def _compared_by_number(
    doubtful: Sequence[tuple[Sent, str]], entries: Sequence[dict[str, Any]], client: ExactClient
) -> dict[str, Compared]:
    """Tell which entry is whose by the number that Exact gave each invoice."""
    guids = [exact_id for _, exact_id in doubtful]
    rows = client.get(
        KIND.resource,
        division=doubtful[0][0].division,
        select="InvoiceID,InvoiceNumber,Status",
        filter=odata.any_of("InvoiceID", map(odata.guid, guids)),
        answers_it=odata.has("InvoiceID", *guids),
    )
    invoices = {str(row.get("InvoiceID")): row for row in rows}
    found = {}
    for sent, exact_id in doubtful:
        invoice = invoices.get(exact_id, {})
        number = values.whole(invoice.get(KIND.number))
        mine = [
            row
            for row in entries
            if _is_entry_of(sent, row) and number is not None and row.get("EntryNumber") == number
        ]
        if invoice and invoice.get("Status") != finding.PROCESSED:
            found[exact_id] = Compared("not_printed")
        else:
            found[exact_id] = _compared(mine, sent) or Compared("not_seen", number)
    return found


def _is_entry_of(sent: Sent, row: dict[str, Any]) -> bool:
    return (
        values.same(sent.reference, row.get("YourRef"))
        and values.same(sent.journal, row.get("Journal"))
        and ((values.total(row) or 0) < 0) == sent.is_credit
    )


def _compared(mine: Sequence[dict[str, Any]], sent: Sent) -> Compared | None:
    """Compare the one entry with what was expected; None when there is not exactly one."""
    if len(mine) != 1:
        return None
    entry = mine[0]
    differences = []
    if values.total(entry) != Decimal(sent.amount):
        differences.append(f"the total is {values.total(entry)}, expected was {sent.amount}")
    found: dict[tuple[str, ...], Decimal] = {}
    for line in entry.get("SalesEntryLines") or []:
        names = ("GLAccountCode", "VATCode", "CostCenter", "CostUnit")
        key = tuple(str(line.get(name) or "") for name in names)
        found[key] = found.get(key, Decimal(0)) + (values.total(line) or 0)
    expected: dict[tuple[str, ...], Decimal] = {
        (line.gl_account, line.vat_code, line.cost_center, line.cost_unit): line.amount
        for line in sent.expected
    }
    for key in sorted(expected.keys() | found.keys()) if expected else ():
        is_there, wanted = found.get(key, Decimal(0)), expected.get(key, Decimal(0))
        if is_there != wanted:
            named = " / ".join(part for part in key if part)
            differences.append(f"{named} has {is_there}, expected was {wanted}")
    number = values.whole(entry.get("EntryNumber"))
    return Compared("differs" if differences else "equal", number, tuple(differences))
