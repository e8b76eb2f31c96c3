"""General journal entries: daily summaries and clearing, debit positive, in balance.

Exact's entry has neither reference nor description of its own: the first line's description
carries the reference, and that is what Exact is asked for.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exact_online import odata
from target_exact_online.documents import header, lines
from target_exact_online.documents.checks import Checks
from target_exact_online.documents.prepared import DocumentSettings, Prepared
from target_exact_online.master_data.lookup import NotUsableError

if TYPE_CHECKING:
    from datetime import date

    from target_exact_online.documents.prepared import NewAccount
    from target_exact_online.master_data import MasterData
    from target_exact_online.master_data.models import GLAccount, Journal

RESOURCE = "generaljournalentry/GeneralJournalEntries"
TRANSACTION_LINES = "financialtransaction/TransactionLines"
_NEEDS_ACCOUNT = {20: "receivables", 22: "payables"}


def prepare(record: dict[str, Any], master: MasterData, settings: DocumentSettings) -> Prepared:
    """Check a record of the stream `general_journal_entries` and make its payload.

    Raises:
        DocumentRefusedError: With everything that is wrong.
    """
    checks = Checks()
    journal = header.journal(record, header.GENERAL, master, checks)
    on = header.booking_date(record, "entry_date", journal, master, settings, checks)
    currency, rate = header.currency(record, journal, on, master, checks)
    reference = checks.text(
        record, "your_ref", "your_ref", longest=header.LONGEST_REFERENCE, required=True
    )
    payload: dict[str, Any] = {"Currency": currency}
    if rate is not None:
        payload["ExchangeRate"] = rate
    entry_lines, new_account = _lines(record, on, journal, master, settings, checks)
    checks.raise_if_any()
    assert journal is not None  # noqa: S101  # checked above
    assert on is not None  # noqa: S101  # checked above
    first = entry_lines[0]
    text = " ".join(filter(None, (reference, first.get("Description"))))
    if len(text) > header.LONGEST_DESCRIPTION:
        first["Notes"], text = text, reference
    first["Description"] = text
    payload |= {"JournalCode": journal.code, "GeneralJournalEntryLines": entry_lines}
    return Prepared(
        stream="general_journal_entries",
        document_key=str(record["document_key"]),
        division=master.division,
        resource=RESOURCE,
        payload=payload,
        lines_field="GeneralJournalEntryLines",
        id_field="EntryID",
        number_field="EntryNumber",
        your_ref=reference,
        currency=currency,
        expected_total=Decimal(str(record["totals"]["amount"])),
        document_date=on,
        settle_resource=TRANSACTION_LINES,
        settle_filter=(
            f"JournalCode eq {odata.text(journal.code)} and Description eq {odata.text(text)}"
        ),
        settle_amount=first["AmountFC"],
        new_account=new_account,
        warnings=tuple(checks.warnings),
    )


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
