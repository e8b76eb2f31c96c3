"""General journal entries: daily summaries and clearing, debit positive, in balance.

Exact's entry has neither reference nor description of its own: the first line's description
begins with the reference, and that is what Exact is asked for.
"""

from __future__ import annotations

import os.path
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exact_online import odata, values
from exact_online.limits import Priority
from target_exact_online.documents import finding, header, lines
from target_exact_online.documents.prepared import DocumentSettings, Found, Kind, Prepared
from target_exact_online.master_data import NotUsableError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from exact_online.client import ExactClient
    from target_exact_online.documents.prepared import NewAccount, Sent
    from target_exact_online.master_data import MasterData
    from target_exact_online.master_data.models import GLAccount

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
_LINES = "generaljournalentry/GeneralJournalEntryLines"
TRANSACTION_LINES = "financialtransaction/TransactionLines"
# A booked line in the words of the questions: what is compared with what was sent.
_BOOKED = replace(KIND, resource=TRANSACTION_LINES, account="Account", date="Date")
_RECEIVABLES = 20
_NEEDS_ACCOUNT = {_RECEIVABLES: "receivables", 22: "payables"}
_AFTER_REFERENCE = ": "
_MOST_OF_A_DAY = 50


def prepare(record: dict[str, Any], master: MasterData, settings: DocumentSettings) -> Prepared:
    """Check a record of the stream `general_journal_entries` and make its payload.

    Raises:
        DocumentRefusedError: With everything that is wrong.
    """
    draft = header.begin(KIND, record, master, settings, "entry_date", journal_type=header.GENERAL)
    payload = header.common(draft)
    reference = payload.pop("YourRef")
    payload.pop("Description", None)  # an entry has neither
    if draft.rate is not None and draft.is_foreign:
        payload["ExchangeRate"] = draft.rate
    payload[KIND.lines], new_account = _lines(draft)
    if payload[KIND.lines]:
        _put_reference(reference, payload[KIND.lines][0])
    total = values.number((record.get("totals") or {}).get("amount"))
    day = str(record.get("reference_of_day") or "")
    return draft.finished(payload, total or Decimal(0), new_account=new_account, day=day)


def find(sent: Sent, client: ExactClient) -> list[Found]:
    """Return the entries of which a line begins with the reference; of a day, all of its entries.

    Documents of a day may be in another entry of it than a ledger thinks that was restored.
    """
    wanted = references(sent.reference, sent.day)
    start = os.path.commonprefix(wanted)  # noqa: RUF071  # of texts, letter by letter
    rows = client.get(
        TRANSACTION_LINES,
        division=sent.division,
        select="EntryID,EntryNumber,JournalCode,Description,AmountFC,Currency,Date,Account,Status",
        filter=f"startswith(Description,{odata.text(start)})",
        priority=Priority.SETTLING,
        answers_it=lambda row: _begins_with(row, [start]),
    )
    read = (row | {"YourRef": _reference_among(wanted, row, sent)} for row in rows)
    compared = [finding.compared(_BOOKED, sent, row) for row in read if row["YourRef"]]
    # Of an entry's lines the one that is the same comes last, and counts.
    lines = sorted((one for one in compared if one is not None), key=lambda one: one.same)
    ours_first = sorted(
        {one.exact_id: one for one in lines}.values(),
        key=lambda one: one.reference != sent.reference,
    )
    return [_whole(_elsewhere(one, sent), sent, client) for one in ours_first]


def references(reference: str, day: str) -> list[str]:
    """Return the reference of an entry; of a day's, those of all of its entries."""
    if not day:
        return [reference]
    further = (finding.stored_reference(f"{day} {number}") for number in range(2, _MOST_OF_A_DAY))
    return list(dict.fromkeys([reference, finding.stored_reference(day), *further]))


def _whole(found: Found, sent: Sent, client: ExactClient) -> Found:
    """Return an entry with what differs in all of its lines: so far only one was compared."""
    if not found.same or not sent.sums:
        return found
    there: dict[str, Decimal] = {}
    lines = client.get(
        _LINES,
        division=sent.division,
        select="EntryID,GLAccount,AmountFC",
        filter=f"EntryID eq {odata.guid(found.exact_id)}",
        priority=Priority.SETTLING,
        answers_it=odata.has("EntryID", found.exact_id),
    )
    for line in lines:
        account = str(line.get("GLAccount") or "")
        there[account] = there.get(account, Decimal(0)) + (values.total(line) or 0)
    wanted = dict(sent.sums)
    differences = tuple(
        f"a GL account has {there.get(account, 0)} instead of {wanted.get(account, 0)}"
        for account in sorted(wanted.keys() | there.keys())
        if there.get(account, 0) != wanted.get(account, 0)
    )
    return replace(found, same=not differences, differences=differences)


def since(division: int, moment: datetime, client: ExactClient) -> list[Found] | None:
    """Return what was created since a moment; the reference is the first line's description."""
    more = (f"{KIND.lines}/LineNumber", f"{KIND.lines}/Description")
    found = finding.since(KIND, division, moment, client, *more, expand=KIND.lines)
    if found is None:
        return None
    return [replace(one, reference=_first_text(one.row)) for one in found]


def having(division: int, references: Collection[str], client: ExactClient) -> set[str]:
    """Return the references of entries that begin with one of these."""
    asked = (f"startswith(Description,{odata.text(one)})" for one in references)
    rows = client.get(
        TRANSACTION_LINES,
        division=division,
        select="EntryID,Description",
        filter=" or ".join(asked),
        priority=Priority.SETTLING,
        answers_it=lambda row: _begins_with(row, references),
    )
    return {_reference(row) for row in rows}


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


def _elsewhere(one: Found, sent: Sent) -> Found:
    """Return an entry that was found, with its reference among what differs."""
    if one.reference == sent.reference:
        return one
    text = f"the reference is {one.reference} instead of {sent.reference}"
    return replace(one, same=False, differences=(text, *one.differences))


def _begins_with(row: dict[str, Any], references: Collection[str]) -> bool:
    text = str(row.get("Description") or "").casefold()
    return text.startswith(tuple(one.casefold() for one in references))


def _reference_among(wanted: list[str], row: dict[str, Any], sent: Sent) -> str | None:
    """Return which reference a line has: alone, with the text sent, or with any text behind it."""
    text = str(row.get("Description") or "")
    if text == sent.description:
        return sent.reference
    return next((one for one in wanted if f"{text}: ".startswith(one + _AFTER_REFERENCE)), None)


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


def _number_paid(draft: header.Draft) -> dict[str, int]:
    """Return the number of the document that is paid, so that both can be matched in Exact."""
    if not (pays := str(draft.record.get("pays") or "")):
        return {}
    number = draft.settings.number_of(pays)
    if number is None:
        draft.checks.warnings.append(f"Exact has given {pays}, which is paid, no number yet")
        return {}
    return {"OurRef": number}


def _lines(draft: header.Draft) -> tuple[list[dict[str, Any]], NewAccount | None]:
    payload: list[dict[str, Any]] = []
    missing: dict[int, NewAccount] = {}
    paid = _number_paid(draft)
    balance = debit = vat = Decimal(0)
    for line in lines.each(draft):
        balance += line.net + line.vat
        debit += max(line.net + line.vat, Decimal(0))
        vat += line.vat
        account = lines.gl_account(draft, line, sales=False)
        entry: dict[str, Any] = {"AmountFC": line.net}
        if draft.on is not None:
            entry["Date"] = values.iso(draft.on)
        if account is not None:
            entry["GLAccount"] = account.id
            entry |= paid if account.type == _RECEIVABLES else {}
        entry |= _vat(draft, line)
        relation = _relation(draft, line, account)
        entry |= relation.payload("Account")
        if relation.new is not None:
            missing[len(payload)] = relation.new
        payload.append(entry | lines.texts(draft, line, account))
    if balance:
        draft.checks.add(
            "lines",
            f"Debit and credit differ by {balance}",
            "Report this with the document's key: nothing is booked that is not in balance.",
        )
    given = draft.record.get("totals") or {}
    for name, said in (("amount", debit), ("vat_amount", vat)):
        total = draft.checks.amount(given, name, f"totals, {name}")
        header.check_total(draft, name, total, said)
    return payload, _one_of(missing, draft)


def _one_of(missing: dict[int, NewAccount], draft: header.Draft) -> NewAccount | None:
    """Return the relation to create, for all the lines that need it."""
    if len({new.match_filter for new in missing.values()}) > 1:
        what = "The entry needs two new relations"
        draft.checks.add("lines", what, "Create one of them in Exact.")
    first = next(iter(missing.values()), None)
    return None if first is None else replace(first, lines=tuple(missing))


def _vat(draft: header.Draft, line: lines.Line) -> dict[str, Any]:
    payload = lines.vat(draft, line, "", "AmountVATFC")
    if not payload:
        return {}
    journal = draft.journal
    if journal is not None and not journal.allows_vat:
        draft.checks.add(
            f"{line.where}, vat_code",
            f"Journal {journal.code} ({journal.name}) takes no VAT codes",
            "Allow VAT on the journal in Exact, or choose another journal.",
        )
    base = draft.checks.decimal(line.given, "vat_base_amount", f"{line.where}, vat_base_amount")
    if base is not None and base != line.net:
        draft.checks.add(
            f"{line.where}, vat_base_amount",
            f"The VAT base {base} is not the line's amount {line.net}",
            "Report this with the document's key: Exact takes the amount as the base.",
        )
    return payload


def _relation(draft: header.Draft, line: lines.Line, account: GLAccount | None) -> header.Debtor:
    given = line.given.get("account")
    if isinstance(given, dict):
        return header.debtor(draft, given, "Account")
    with draft.checks.at(f"{line.where}, account"):
        if given:
            return header.Debtor(draft.master.account(str(given)))
        if account is not None and account.type in _NEEDS_ACCOUNT:
            what = (
                f"GL account {account.code} ({account.name}) is a {_NEEDS_ACCOUNT[account.type]} "
                "account, and the line names no relation"
            )
            raise NotUsableError(what, "Name the relation in the rules.")
    return header.Debtor()
