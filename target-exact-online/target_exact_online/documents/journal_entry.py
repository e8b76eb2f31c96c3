"""General journal entries: daily summaries and clearing, debit positive, in balance.

Exact's entry has neither reference nor description of its own: the first line's description
begins with the reference, and that is what Exact is asked for.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exact_online import odata
from exact_online.limits import Priority
from target_exact_online.documents import answer_checks, finding, header, lines
from target_exact_online.documents.checks import Checks
from target_exact_online.documents.kind import Kind
from target_exact_online.documents.prepared import DocumentSettings, Found, Prepared, Stored
from target_exact_online.master_data import NotUsableError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import date, datetime

    from exact_online.client import ExactClient
    from target_exact_online.documents.prepared import NewAccount
    from target_exact_online.documents.sent import Sent
    from target_exact_online.master_data import MasterData
    from target_exact_online.master_data.models import GLAccount, Journal

KIND = Kind(
    stream="general_journal_entries",
    resource="generaljournalentry/GeneralJournalEntries",
    lines="GeneralJournalEntryLines",
    id="EntryID",
    number="EntryNumber",
    journal="JournalCode",
    account="",
    date="",
    statuses=frozenset({20, 50}),
)
TRANSACTION_LINES = "financialtransaction/TransactionLines"
# A booked line in the words of the questions: what is compared with what was sent.
_BOOKED = replace(KIND, resource=TRANSACTION_LINES, account="Account", date="Date")
_RECEIVABLES = 20
_NEEDS_ACCOUNT = {_RECEIVABLES: "receivables", 22: "payables"}
_AFTER_REFERENCE = ": "


def prepare(record: dict[str, Any], master: MasterData, settings: DocumentSettings) -> Prepared:
    """Check a record of the stream `general_journal_entries` and make its payload.

    Raises:
        DocumentRefusedError: With everything that is wrong.
    """
    checks = Checks()
    journal = header.journal(record, header.GENERAL, master, checks)
    on = header.booking_date(record, "entry_date", journal, master, settings, checks)
    currency, rate = header.currency(record, journal, on, master, checks)
    reference = header.reference(record, checks)
    payload: dict[str, Any] = {"Currency": currency}
    if rate is not None and currency != master.company.currency:
        payload["ExchangeRate"] = rate
    entry_lines, new_account = _lines(record, on, journal, master, settings, checks)
    checks.raise_if_any()
    assert journal is not None  # noqa: S101  # checked above
    assert on is not None  # noqa: S101  # checked above
    _put_reference(reference, entry_lines[0])
    payload |= {"JournalCode": journal.code, KIND.lines: entry_lines}
    return Prepared(
        kind=KIND,
        document_key=str(record["document_key"]),
        division=master.division,
        payload=payload,
        reference=reference,
        currency=currency,
        total=Decimal(str(record["totals"]["amount"])),
        document_date=on,
        rate=rate,
        new_account=new_account,
        warnings=tuple(checks.warnings),
    )


def send(prepared: Prepared, client: ExactClient) -> Stored:
    """Store an entry, which books it; see `target_exact_online.documents.send`."""
    row = client.post(KIND.resource, prepared.payload, division=prepared.division)
    exact_id = answer_checks.checked(prepared, row, client)
    return Stored(exact_id, finding.number_of(row, KIND.number))


def find(sent: Sent, client: ExactClient) -> list[Found]:
    """Return the entries of which a line begins with the reference."""
    rows = client.get(
        TRANSACTION_LINES,
        division=sent.division,
        select="EntryID,EntryNumber,JournalCode,Description,AmountFC,Currency,Date,Account,Status",
        filter=(
            f"JournalCode eq {odata.text(sent.journal)} "
            f"and startswith(Description,{odata.text(sent.reference)})"
        ),
        priority=Priority.SETTLING,
    )
    mine = (row | {"YourRef": sent.reference} for row in rows if _has_reference(row, sent))
    found = {one.exact_id: one for one in _compared(sent, mine)}
    return list(found.values())


def since(division: int, moment: datetime, client: ExactClient) -> list[Found] | None:
    """Return what was created since a moment; the reference is the first line's description."""
    more = (f"{KIND.lines}/LineNumber", f"{KIND.lines}/Description")
    found = finding.since(KIND, division, moment, client, *more, expand=KIND.lines)
    if found is None:
        return None
    return [replace(one, reference=_first_text(one.row)) for one in found]


def having(division: int, references: Collection[str], client: ExactClient) -> set[str]:
    """Return those of a few references with which an entry begins."""
    asked = (f"startswith(Description,{odata.text(one)})" for one in references)
    rows = client.get(
        TRANSACTION_LINES,
        division=division,
        select="EntryID,Description",
        filter=" or ".join(asked),
        priority=Priority.SETTLING,
    )
    return {_reference(row) for row in rows} & set(references)


def _compared(sent: Sent, rows: Iterable[dict[str, Any]]) -> Iterable[Found]:
    """Yield one finding for each entry, the best of its lines."""
    found = [one for row in rows if (one := finding.compared(_BOOKED, sent, row)) is not None]
    return sorted(found, key=lambda one: one.same)


def paid_by(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys of the documents that a payment is for; a day's entry is for none."""
    if (record.get("source") or {}).get("kind") == "day":
        return ()
    pays = record.get("pays")
    return (str(pays),) if pays else tuple(map(str, record.get("includes") or ()))


def first_line(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line of a record that carries the reference in Exact."""
    lines: list[dict[str, Any]] = record.get("lines") or [{}]
    return lines[0]


def text_before(record: Mapping[str, Any], reference: str) -> str:
    """Return the text that earlier versions put on an entry's first line."""
    text = " ".join(filter(None, (reference, first_line(record).get("description"))))
    return text if len(text) <= header.LONGEST_DESCRIPTION else reference


def _has_reference(row: dict[str, Any], sent: Sent) -> bool:
    """Tell whether a line's text is the one sent, or the reference with something behind it."""
    text = str(row.get("Description") or "")
    return text in {sent.reference, sent.description} or text.startswith(
        sent.reference + _AFTER_REFERENCE
    )


def _first_text(entry: dict[str, Any]) -> str:
    lines = entry.get(KIND.lines)
    first = min(lines or [{}], key=lambda line: line.get("LineNumber") or 0)
    return _reference(first)


def _reference(line: dict[str, Any]) -> str:
    return str(line.get("Description") or "").partition(_AFTER_REFERENCE)[0]


def _put_reference(reference: str, first: dict[str, Any]) -> None:
    """Begin the first line's description with the reference; what does not fit is a note."""
    said = first.get("Description")
    text = reference + _AFTER_REFERENCE + said if said else reference
    if len(text) > header.LONGEST_DESCRIPTION:
        first["Notes"], text = said, reference
    first["Description"] = text


def _number_paid(
    record: dict[str, Any], settings: DocumentSettings, checks: Checks
) -> dict[str, int]:
    """Return the number of the document that is paid, so that both can be matched in Exact."""
    if not (pays := str(record.get("pays") or "")):
        return {}
    number = settings.number_of(pays)
    if number is None:
        checks.warnings.append(f"Exact has given {pays}, which is paid, no number yet")
        return {}
    return {"OurRef": number}


def _lines(
    record: dict[str, Any],
    on: date | None,
    journal: Journal | None,
    master: MasterData,
    settings: DocumentSettings,
    checks: Checks,
) -> tuple[list[dict[str, Any]], NewAccount | None]:
    payload: list[dict[str, Any]] = []
    missing: dict[int, NewAccount] = {}
    paid = _number_paid(record, settings, checks)
    balance = debit = vat = Decimal(0)
    for where, line in lines.numbered(record, checks):
        amounts = lines.amounts(line, where, checks)
        balance += amounts.net + amounts.vat
        debit += max(amounts.net + amounts.vat, Decimal(0))
        vat += amounts.vat
        account = lines.gl_account(line, where, master, checks, sales=False)
        entry: dict[str, Any] = {"AmountFC": amounts.net}
        if on is not None:
            entry["Date"] = header.iso(on)
        if account is not None:
            entry["GLAccount"] = account.id
            entry |= paid if account.type == _RECEIVABLES else {}
        entry |= _vat(line, where, on, journal, amounts, master, checks)
        relation = _relation(record, line, where, on, account, master, settings, checks)
        entry |= relation.payload("Account")
        if relation.new is not None:
            missing[len(payload)] = relation.new
        entry |= lines.dimensions(line, where, on, account, master, checks)
        entry |= lines.description(line, where, checks)
        payload.append(entry)
    if balance:
        checks.add(
            "lines",
            f"Debit and credit differ by {balance}",
            "Report this with the document's key: nothing is booked that is not in balance.",
        )
    _check_totals(record, debit, vat, checks)
    return payload, _one_of(missing, checks)


def _one_of(missing: dict[int, NewAccount], checks: Checks) -> NewAccount | None:
    """Return the relation to create, for all the lines that need it."""
    if len({new.match_filter for new in missing.values()}) > 1:
        checks.add("lines", "The entry needs two new relations", "Create one of them in Exact.")
    first = next(iter(missing.values()), None)
    return None if first is None else replace(first, lines=tuple(missing))


def _check_totals(record: dict[str, Any], debit: Decimal, vat: Decimal, checks: Checks) -> None:
    given = record.get("totals") or {}
    for name, lines_say in (("amount", debit), ("vat_amount", vat)):
        total = checks.amount(given, name, f"totals, {name}")
        if total != lines_say:
            checks.add(
                f"totals, {name}",
                f"The lines give {lines_say}, the total says {total}",
                "Report this with the document's key: nothing is booked that does not add up.",
            )


def _vat(
    line: dict[str, Any],
    where: str,
    on: date | None,
    journal: Journal | None,
    amounts: lines.LineAmounts,
    master: MasterData,
    checks: Checks,
) -> dict[str, Any]:
    code = lines.vat_code(line, where, on, "", amounts, master, checks)
    if code is None:
        return {}
    if journal is not None and not journal.allows_vat:
        checks.add(
            f"{where}, vat_code",
            f"Journal {journal.code} ({journal.name}) takes no VAT codes",
            "Allow VAT on the journal in Exact, or choose another journal.",
        )
    base = line.get("vat_base_amount")
    if base is not None and Decimal(str(base)) != amounts.net:
        checks.add(
            f"{where}, vat_base_amount",
            f"The VAT base {base} is not the line's amount {amounts.net}",
            "Report this with the document's key: Exact takes the amount as the base.",
        )
    return {"VATCode": code.code} | ({"AmountVATFC": amounts.vat} if lines.takes_vat(code) else {})


def _relation(
    record: dict[str, Any],
    line: dict[str, Any],
    where: str,
    on: date | None,
    account: GLAccount | None,
    master: MasterData,
    settings: DocumentSettings,
    checks: Checks,
) -> header.Debtor:
    given = line.get("account")
    if isinstance(given, dict):
        record = {"document_key": record["document_key"], "debtor": given}
        return header.debtor(record, "Account", on, None, master, settings, checks)
    at = f"{where}, account"
    with checks.at(at):
        if given:
            return header.Debtor(master.account(str(given)))
        if account is not None and account.type in _NEEDS_ACCOUNT:
            what = (
                f"GL account {account.code} ({account.name}) is a {_NEEDS_ACCOUNT[account.type]} "
                "account, and the line names no relation"
            )
            raise NotUsableError(what, "Name the relation in the rules.")
    return header.Debtor()
