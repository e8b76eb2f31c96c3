"""PDF copies on posted entries: one each, whatever breaks, and never in a document's way."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import signal
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pypdf
import pytest
import sqlalchemy as sa

from exact_online.limits import call_windows
from target_exact_online.company import open_company
from target_exact_online.copies.rows import attachments
from target_exact_online.ledger import payload
from target_exact_online.ledger.database import LEDGER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from commerce_sandbox.testing import SandboxHandle
    from exact_online.client import ExactClient

    SalesEntry = Callable[..., dict[str, Any]]

DOCUMENTS, FILES = "documents/Documents", "documents/DocumentAttachments"
ENTRIES = "salesentry/SalesEntries"


@pytest.fixture
def attaching(make_target: Callable[..., Any]) -> Any:
    """A target that attaches copies."""
    return make_target(attach_documents=True)


@contextlib.contextmanager
def exact(target: Any) -> Iterator[ExactClient]:
    """Exact, as a person would change something there."""
    engine = LEDGER.open(target.config["ledger_url"])
    with contextlib.chdir(target.folder):
        company = open_company(target.config, engine)
    yield company.client
    company.close()
    engine.dispose()


def forget_limits(target: Any) -> None:
    """Let the target believe that it is another day."""
    engine = LEDGER.open(target.config["ledger_url"])
    with engine.begin() as connection:
        connection.execute(call_windows.delete())
    engine.dispose()


def rows(target: Any) -> dict[str, sa.Row[Any]]:
    """What the ledger knows of copies, by document key."""
    engine = LEDGER.open(target.config["ledger_url"])
    with engine.connect() as connection:
        found = {row.document_key: row for row in connection.execute(sa.select(attachments))}
    engine.dispose()
    return found


def make_due(target: Any) -> None:
    """Let the time of every waiting copy come."""
    engine = LEDGER.open(target.config["ledger_url"])
    with engine.begin() as connection:
        long_ago = datetime.now(UTC) - timedelta(days=1)
        connection.execute(attachments.update().values(next_retry_at=long_ago, created_at=long_ago))
        sent = attachments.c.sent_at.is_not(None)
        connection.execute(attachments.update().where(sent).values(sent_at=long_ago))
    engine.dispose()


def copies(sandbox: SandboxHandle) -> dict[str, list[str]]:
    """The names of the files of our documents in Exact, by subject; each document once."""
    documents = [row for row in sandbox.exact(DOCUMENTS) if row["Subject"].startswith("Copy of ")]
    files = sandbox.exact(FILES)
    found = {
        row["Subject"]: [one["FileName"] for one in files if one["Document"] == row["ID"]]
        for row in documents
    }
    assert len(found) == len(documents), "a copy was stored twice"
    return found


def whole(*numbers: int) -> dict[str, list[str]]:
    return {f"Copy of invoice {n:09}": [f"invoice-{n:09}.pdf"] for n in numbers}


def test_each_invoice_and_credit_memo_gets_its_copy(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    records = [sales_entry(1), sales_entry(1, kind="credit_memo")]
    outcome = attaching.post_here(records)
    assert outcome.exit_code == 0, outcome.stderr
    expected = {"Copy of credit memo 000000001": ["credit-memo-000000001.pdf"]}
    assert copies(sandbox) == whole(1) | expected
    assert outcome.report["attachments"] == {
        "attached": 2,
        "waiting": 0,
        "waiting_because": None,
        "given_up": 0,
    }
    (entry,) = sandbox.exact(ENTRIES, filter="YourRef eq '000000001' and AmountFC gt 0")
    (document,) = sandbox.exact(DOCUMENTS, filter="Subject eq 'Copy of invoice 000000001'")
    assert document["Type"] == 10
    assert document["FinancialTransactionEntryID"] == entry["EntryID"]
    assert document["Account"] == entry["Customer"]
    (file,) = sandbox.exact(FILES, filter=f"Document eq guid'{document['ID']}'")
    pdf = pypdf.PdfReader(io.BytesIO(base64.b64decode(file["Attachment"])))
    assert str(entry["EntryNumber"]) in pdf.pages[0].extract_text()
    record = json.dumps(records[0]).encode()
    assert payload.decode(pdf.attachments["invoice-000000001.json"][0]) == payload.decode(record)
    calls = [call["path"].rpartition("/")[2] for call in sandbox.requests(method="POST")]
    assert calls[-4:] == ["Documents", "DocumentAttachments"] * 2, "behind all documents"
    story = attaching.call("documents", "show", "shop:invoice:000000001").stdout
    assert f"state attached, exact_document_id {document['ID']}" in story
    assert "  attached  " in story
    assert attaching.call("audit", "verify").exit_code == 0
    assert attaching.call().report["attachments"]["attached"] == 0


def test_without_the_setting_nothing_is_attached_then_or_later(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    assert target.post_here([sales_entry(1)]).exit_code == 0
    target.write(attach_documents=True)
    assert target.post_here([sales_entry(2)]).exit_code == 0
    assert copies(sandbox) == whole(2)
    assert list(rows(target)) == ["shop:invoice:000000002"]


def test_only_sales_entries_get_copies(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    invoice = sales_entry(1)
    invoice["invoice_date"] = invoice.pop("entry_date")
    invoice["lines"][0] |= {"item": "TEA-POT", "quantity": 2, "unit_price": 50.00}
    assert attaching.post_here([invoice], "sales_invoices").exit_code == 0
    assert copies(sandbox) == {}
    assert rows(attaching) == {}


@pytest.mark.parametrize("resource", [DOCUMENTS, FILES])
@pytest.mark.parametrize(
    "kind", ["error_before", "error_after", "drop_before", "drop_after", "truncate", "unavailable"]
)
def test_a_broken_call_ends_in_one_copy(
    kind: str, resource: str, attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    body = {"body": "busy"} if kind.startswith("error") else {}
    sandbox.fault(f"*/{resource}", kind, method="POST", **body)
    first = attaching.post_here([sales_entry(1)])
    assert first.exit_code == 0, first.stderr
    assert first.report["attachments"]["waiting"] == 1
    assert first.report["attachments"]["waiting_because"]
    waiting = rows(attaching)["shop:invoice:000000001"]
    assert waiting.next_retry_at > datetime.now(UTC) + timedelta(seconds=60)
    make_due(attaching)

    second = attaching.call()

    assert second.exit_code == 0, second.stderr
    assert second.report["attachments"] == {
        "attached": 1,
        "waiting": 0,
        "waiting_because": None,
        "given_up": 0,
    }
    assert copies(sandbox) == whole(1)
    assert len(sandbox.exact(FILES)) == 1


@pytest.mark.parametrize("resource", [DOCUMENTS, FILES])
def test_a_kill_during_a_call_ends_in_one_copy(
    resource: str,
    attaching: Any,
    sandbox: SandboxHandle,
    sales_entry: SalesEntry,
    messages: Callable[..., str],
) -> None:
    fault = {"method": "POST", "seconds": 0.5}
    sandbox.fault(f"*/{resource}", "latency", **fault)
    with attaching.start() as process:
        process.stdin.write(messages("sales_entries", [sales_entry(1), sales_entry(2)]))
        process.stdin.close()
        process.stdin = None
        while not any(fault.fired for fault in sandbox.faults()):
            time.sleep(0.01)
        process.kill()
        process.communicate(timeout=30)
    assert {row.state for row in rows(attaching).values()} == {"waiting"}

    soon = attaching.call().report["attachments"]  # the dead run's call may still be at work

    assert soon["attached"] == 1
    assert soon["waiting"] == 1
    make_due(attaching)
    assert attaching.call().report["attachments"]["attached"] == 1
    assert copies(sandbox) == whole(1, 2)
    assert len(sandbox.exact(FILES)) == 2
    assert attaching.call("audit", "verify").exit_code == 0


def test_what_exact_refuses_is_given_up_and_may_be_tried_again(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    body = '{"error":{"code":"","message":{"lang":"","value":"Verplicht: Categorie"}}}'
    sandbox.fault(f"*/{DOCUMENTS}", "error_before", method="POST", body=body)

    outcome = attaching.post_here([sales_entry(1)])

    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.report["attachments"]["given_up"] == 1
    (warning,) = outcome.report["warnings"]
    assert "Verplicht: Categorie" in warning["reason"]
    assert "its PDF copy is not attached" in warning["reason"]
    assert attaching.call().report["attachments"]["attached"] == 0
    story = attaching.call("documents", "show", "shop:invoice:000000001").stdout
    assert "state given_up" in story
    assert "not_attached" in story
    listed = attaching.call("documents", "attach", "--dry-run").stdout
    assert listed == "shop:invoice:000000001\n"
    assert attaching.call("documents", "attach", "shop:invoice:000000001").stdout == listed
    assert attaching.call().report["attachments"]["attached"] == 1
    assert copies(sandbox) == whole(1)
    assert attaching.call("documents", "attach").stdout == ""
    assert attaching.call("audit", "verify").exit_code == 0


def test_where_exact_does_not_answer_by_entry_it_is_asked_by_subject(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    body = '{"error":{"code":"","message":{"lang":"","value":"Not filterable"}}}'
    sandbox.fault(f"*/{DOCUMENTS}", "drop_after", method="POST", times=2)
    attaching.post_here([sales_entry(1), sales_entry(2)])
    make_due(attaching)
    sandbox.fault(f"*/{DOCUMENTS}", "error_before", method="GET", nth=1, body=body)
    sandbox.fault(f"*/{DOCUMENTS}", "error_before", method="GET", nth=3, times=2, body=body)

    outcome = attaching.call().report

    assert outcome["attachments"]["attached"] == 1
    assert outcome["attachments"]["given_up"] == 1, "it may be there: better none than two"
    assert len(sandbox.exact(DOCUMENTS, filter="Subject eq 'Copy of invoice 000000002'")) == 1
    assert "Not filterable" in outcome["warnings"][0]["reason"]


def test_a_lost_ledger_doubles_no_copy(
    attaching: Any, make_target: Callable[..., Any], sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    records = [sales_entry(1), sales_entry(2)]
    sandbox.fault(f"*/{FILES}", "drop_before", method="POST", nth=2)
    attaching.post_here(records)
    assert copies(sandbox)["Copy of invoice 000000002"] == []
    login = sandbox.exact_config()["refresh_token"]

    outcome = make_target("new", attach_documents=True, refresh_token=login).post_here(records)

    assert outcome.report["already_there"] == {"sales_entries": 2}
    assert outcome.report["attachments"]["attached"] == 2
    assert copies(sandbox) == whole(1, 2)


@pytest.mark.parametrize("lost", ["copy", "document"])
def test_a_restored_ledger_doubles_no_copy(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry, lost: str
) -> None:
    """What waited when the backup was made was attached afterwards, by runs the ledger forgot."""
    if lost == "copy":
        sandbox.set("exact.missing_scopes", ["organization documents"])
    else:
        sandbox.fault(f"*/{ENTRIES}", "drop_after", method="POST")
        sandbox.fault(f"*/{ENTRIES}", "unavailable", method="GET", nth=2, times=0)
    attaching.write(max_wait_seconds=0)
    attaching.post_here([sales_entry(1)])
    backup = attaching.folder / "backup.db"
    ledger = attaching.folder / "ledger.db"
    _copy(ledger, backup)
    sandbox.set("exact.missing_scopes", [])
    sandbox.clear_faults()
    for _ in range(2):
        time.sleep(2.1)
        attaching.call()
        make_due(attaching)
        assert copies(sandbox) == whole(1)
        _copy(backup, ledger)


def _copy(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(source)) as here,
        contextlib.closing(sqlite3.connect(target)) as there,
    ):
        here.backup(there)


def test_an_entry_that_was_deleted_and_sent_again_gets_a_copy_again(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    attaching.post_here([sales_entry(1), sales_entry(2)])
    (gone,) = sandbox.exact(ENTRIES, filter="YourRef eq '000000001'")
    sandbox.bookkeeper().delete(gone["EntryID"])
    keys = [f"shop:invoice:00000000{number}" for number in (1, 2)]
    attaching.call("documents", "replay", "--again", *keys)
    outcome = attaching.call()
    assert outcome.report["attachments"]["attached"] == 1, "the other one's entry is still there"
    (entry,) = sandbox.exact(ENTRIES, filter="YourRef eq '000000001'")
    (copy,) = sandbox.exact(
        DOCUMENTS, filter=f"FinancialTransactionEntryID eq guid'{entry['EntryID']}'"
    )
    assert [row["Document"] for row in sandbox.exact(FILES)].count(copy["ID"]) == 1
    assert attaching.call().report["attachments"]["attached"] == 0


def test_a_copy_whose_title_exact_changed_is_not_made_again(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    sandbox.set("exact.changed_fields", {DOCUMENTS: {"Subject": "Another"}})
    outcome = attaching.post_here([sales_entry(1)])
    assert outcome.report["attachments"]["attached"] == 1
    (entry,) = sandbox.exact(ENTRIES, filter="YourRef eq '000000001'")
    rows_ = sandbox.exact(DOCUMENTS)
    assert [row["FinancialTransactionEntryID"] for row in rows_].count(entry["EntryID"]) == 1


@pytest.mark.parametrize("lost", [DOCUMENTS, FILES])
def test_a_copy_whose_title_exact_changed_is_found_again(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry, lost: str
) -> None:
    sandbox.set("exact.changed_fields", {DOCUMENTS: {"Subject": "Another"}})
    sandbox.fault(f"*/{lost}", "drop_after", method="POST")
    attaching.post_here([sales_entry(1)])
    backup = attaching.back_up()
    for _ in range(2):
        make_due(attaching)
        attaching.call()
        (entry,) = sandbox.exact(ENTRIES, filter="YourRef eq '000000001'")
        ids = [row["FinancialTransactionEntryID"] for row in sandbox.exact(DOCUMENTS)]
        assert ids.count(entry["EntryID"]) == 1
        assert [row["FileName"] for row in sandbox.exact(FILES)] == ["invoice-000000001.pdf"]
        attaching.restore(backup)


def test_documents_of_other_people_do_not_count(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    sandbox.fault(f"*/{DOCUMENTS}", "drop_before", method="POST")
    attaching.post_here([sales_entry(1)])
    (entry,) = sandbox.exact(ENTRIES, filter="YourRef eq '000000001'")
    with exact(attaching) as client:
        scan = {"Type": 10, "Subject": "Scan", "FinancialTransactionEntryID": entry["EntryID"]}
        client.post(DOCUMENTS, scan)
    make_due(attaching)
    assert attaching.call().report["attachments"]["attached"] == 1
    assert copies(sandbox) == whole(1)


def test_an_entry_that_was_asked_for_too_early_is_not_gone(
    target: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    """Attaching the first copies takes time, and the answer about the others gets no better."""
    sandbox.set("exact.index_lag_seconds", 1.5)
    sandbox.fault("*/salesentry/SalesEntries", "latency", method="POST", times=0, seconds=0.4)
    sandbox.fault("*/documents/Documents", "latency", method="POST", times=0, seconds=0.7)
    target.write(attach_documents=True)
    outcome = target.post_here([sales_entry(number) for number in range(1, 9)])
    assert outcome.report["attachments"]["given_up"] == 0
    time.sleep(2)
    assert target.call().report["attachments"]["waiting"] == 0
    assert copies(sandbox) == whole(*range(1, 9))


def test_an_entry_that_is_gone_gets_no_copy(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    sandbox.fault(f"*/{DOCUMENTS}", "drop_before", method="POST")
    attaching.post_here([sales_entry(1)])
    (entry,) = sandbox.exact(ENTRIES, filter="YourRef eq '000000001'")
    with exact(attaching) as client:
        client.delete(ENTRIES, entry["EntryID"])
    make_due(attaching)
    outcome = attaching.call()
    assert outcome.exit_code == 0, outcome.stderr
    assert "does not have the entry any more" in outcome.report["warnings"][0]["reason"]
    assert copies(sandbox) == {}


def test_a_missing_right_stops_copies_and_nothing_else(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    sandbox.set("exact.missing_scopes", ["organization documents"])
    outcome = attaching.post_here([sales_entry(n) for n in range(1, 4)])
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.report["attachments"]["waiting"] == 3
    assert "Check the app's scopes" in outcome.report["attachments"]["waiting_because"]
    refused = [call for call in sandbox.requests() if call["status"] == 403]
    assert len(refused) == 1, "one refusal is enough"
    sandbox.set("exact.missing_scopes", [])
    assert attaching.call().report["attachments"]["attached"] == 3


def test_a_record_that_makes_no_pdf_stops_no_other(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    long = {"code": "10", "create": {"name": "long " * 2000}}  # more than a page
    outcome = attaching.post_here([sales_entry(1, debtor=long), sales_entry(2)])
    assert outcome.exit_code == 0, outcome.stderr
    assert "No PDF can be made of it" in outcome.report["warnings"][0]["reason"]
    assert copies(sandbox) == whole(2)


def test_an_outage_holds_copies_until_the_next_run(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    sandbox.fault(f"*/{DOCUMENTS}", "unavailable", method="POST", times=0)
    outcome = attaching.post_here([sales_entry(n) for n in range(1, 7)])
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.report["attachments"]["waiting"] == 6
    tried = [call for call in sandbox.requests(method="POST") if call["path"].endswith(DOCUMENTS)]
    assert len(tried) == 3
    sandbox.clear_faults()
    assert attaching.call().report["attachments"]["waiting"] == 3, "not before their time"
    make_due(attaching)
    assert attaching.call().report["attachments"]["attached"] == 3
    assert copies(sandbox) == whole(*range(1, 7))


def test_a_fifth_of_the_day_is_kept_for_documents(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    sandbox.set("exact.day_limit", 30)
    spent = attaching.post_here([sales_entry(n) for n in range(1, 14)])
    assert spent.exit_code == 0, spent.stderr
    assert spent.report["held"] == 0
    assert spent.report["attachments"]["waiting"] == 13
    assert "kept for documents" in spent.report["attachments"]["waiting_because"]
    assert attaching.post_here([sales_entry(14)]).report["held"] == 0
    sandbox.set("exact.day_limit", 5000)
    sandbox.advance(86400)
    forget_limits(attaching)
    assert attaching.call().report["attachments"]["attached"] == 14
    assert copies(sandbox) == whole(*range(1, 15))


def test_an_anonymised_document_gets_no_copy(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry
) -> None:
    sandbox.fault(f"*/{DOCUMENTS}", "drop_before", method="POST")
    attaching.post_here([sales_entry(1)])
    attaching.call("anonymise", "--older-than-days", "0")
    row = rows(attaching)["shop:invoice:000000001"]
    assert row.state == "given_up"
    assert "anonymised" in row.error
    assert attaching.call("documents", "attach").stdout == ""
    assert attaching.call().report["attachments"]["attached"] == 0
    assert copies(sandbox) == {}
    assert attaching.call("audit", "verify").exit_code == 0


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_two_processes_at_once_attach_each_copy_once(
    database: str,
    request: pytest.FixtureRequest,
    make_target: Callable[..., Any],
    sandbox: SandboxHandle,
    sales_entry: SalesEntry,
) -> None:
    sandbox.set("exact.minute_limit", None)
    config: dict[str, Any] = {"attach_documents": True, "report_file": None}
    if database == "postgresql":
        config["ledger_url"] = request.getfixturevalue("postgres_ledger")
    target = make_target(**config)
    sandbox.set("exact.missing_scopes", ["organization documents"])
    assert target.post_here([sales_entry(n) for n in range(1, 6)]).exit_code == 0
    sandbox.set("exact.missing_scopes", [])

    processes = [target.start() for _ in range(2)]
    ends = [process.communicate("", timeout=90) for process in processes]

    assert [process.returncode for process in processes] == [0, 0], ends
    assert copies(sandbox) == whole(*range(1, 6))
    assert len(sandbox.exact(FILES)) == 5
    assert target.call("audit", "verify").exit_code == 0


def test_a_signal_finishes_the_copy_in_hand(
    attaching: Any, sandbox: SandboxHandle, sales_entry: SalesEntry, messages: Callable[..., str]
) -> None:
    sandbox.fault(f"*/{DOCUMENTS}", "latency", method="POST", seconds=1)
    with attaching.start() as process:
        process.stdin.write(messages("sales_entries", [sales_entry(n) for n in range(1, 4)]))
        process.stdin.close()
        process.stdin = None
        while not any(fault.fired for fault in sandbox.faults()):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 143, stderr
    assert copies(sandbox) == whole(1)
    assert attaching.call().report["attachments"]["attached"] == 2, "at once: nothing was lost"
    assert copies(sandbox) == whole(1, 2, 3)
