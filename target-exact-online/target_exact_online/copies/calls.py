"""Store the PDF copy of a document with its sales entry in Exact.

Exact keeps files in documents of its own: first the document is made, which names the entry, then
the file is put into it. Neither call can be repeated blindly, so both can be asked for.

Sources: the vendor's reference for types and mandatory fields (type 10 is a sales invoice); two
public clients ask for documents by entry, and for files by document.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exact_online import odata, values
from exact_online.errors import (
    DocumentRefusedError,
    OutcomeUnknownError,
    Problem,
    RequestRefusedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from exact_online.client import ExactClient

DOCUMENTS = "documents/Documents"
FILES = "documents/DocumentAttachments"
ENTRIES = "salesentry/SalesEntries"
_SALES_INVOICE = 10
_LARGEST_BODY = 10_000_000
_BODY_AROUND = 1_000  # names, GUID and punctuation around the file


def subject(record: dict[str, Any]) -> str:
    """Return the copy's title, by which it is found again: at most sixty characters."""
    return f"Copy of {str(record['kind']).replace('_', ' ')} {record['your_ref']}"


def file_name(record: dict[str, Any], extension: str) -> str:
    """Return a file name that any system takes."""
    name = f"{record['kind']}-{record['your_ref']}"
    safe = "".join(char if char.isascii() and char.isalnum() else "-" for char in name)
    return f"{safe}.{extension}"


def check_size(content: bytes) -> None:
    """Check that Exact takes a file, before it is made a third longer to be sent.

    Raises:
        DocumentRefusedError: It does not.
    """
    encoded = 4 * -(-len(content) // 3) + _BODY_AROUND
    if encoded > _LARGEST_BODY:
        what = f"The PDF has {len(content)} bytes, {encoded} as it is sent"
        advice = f"Exact takes {_LARGEST_BODY}: attach a copy in Exact by hand."
        raise DocumentRefusedError([Problem("document", what, advice)])


@dataclass(frozen=True, slots=True)
class NewDocument:
    """The document in Exact that a copy is put into."""

    entry_id: str  # the entry's GUID
    customer: str  # the GUID of the entry's account
    subject: str  # its title
    on: date  # the entry's date

    @property
    def body(self) -> dict[str, Any]:
        """What is sent."""
        return {
            "Type": _SALES_INVOICE,
            "Subject": self.subject,
            "DocumentDate": values.iso(self.on),
            "FinancialTransactionEntryID": self.entry_id,
            "Account": self.customer,
        }

    def is_but_title(self, row: dict[str, Any]) -> bool:
        """Tell whether a document of Exact is this one, whatever its title."""
        sent = self.body.items()
        return all(values.same(value, row[name]) for name, value in sent if name != "Subject")


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes the calls in one division; every error is as `client` raises it."""

    client: ExactClient
    division: int

    def customers(self, entry_ids: Sequence[str]) -> dict[str, str]:
        """Return the account of each of a few entries that Exact still has, by the entry's GUID."""
        rows = self.client.get(
            ENTRIES,
            division=self.division,
            select="EntryID,Customer",
            filter=odata.any_of("EntryID", map(odata.guid, entry_ids)),
            answers_it=odata.has("EntryID", *entry_ids),
        )
        return {str(row["EntryID"]): str(row["Customer"]) for row in rows}

    def find_document(self, made: NewDocument, file_name: str) -> str | None:
        """Return Exact's document of an entry that is our copy, or None.

        It is known by its subject, else by the file in it, else, without a file, by all else that
        was sent: Exact may have kept another subject.

        Raises:
            RequestRefusedError: Exact does not answer either question.
        """
        subject = f"Subject eq {odata.text(made.subject)}"
        by_entry = f"FinancialTransactionEntryID eq {odata.guid(made.entry_id)}"
        by_subject = f"Account eq {odata.guid(made.customer)} and {subject}"
        try:
            answers_it = odata.has("FinancialTransactionEntryID", made.entry_id)
            rows = self._documents(by_entry, answers_it)
        except RequestRefusedError:
            rows = self._documents(by_subject, odata.has("Subject", made.subject))
        mine = [row for row in rows if row["FinancialTransactionEntryID"] == made.entry_id]
        for row in mine:
            if row["Subject"] == made.subject:
                return str(row["ID"])
        files = {str(row["ID"]): self._files(str(row["ID"])) for row in mine}
        same = (str(row["ID"]) for row in mine if not files[row["ID"]] and made.is_but_title(row))
        return next((one for one in files if file_name in files[one]), next(same, None))

    def has_file(self, document_id: str, file_name: str) -> bool:
        """Tell whether Exact's document has the file."""
        return file_name in self._files(document_id)

    def _documents(self, asked: str, answers_it: Callable[[Any], bool]) -> list[dict[str, Any]]:
        rows = self.client.get(
            DOCUMENTS,
            division=self.division,
            select="ID,Subject,Type,DocumentDate,Account,FinancialTransactionEntryID",
            filter=asked,
            answers_it=answers_it,
        )
        return list(rows)

    def _files(self, document_id: str) -> set[str]:
        rows = self.client.get(
            FILES,
            division=self.division,
            select="ID,Document,FileName",
            filter=f"Document eq {odata.guid(document_id)}",
            answers_it=odata.has("Document", document_id),
        )
        return {str(row["FileName"]) for row in rows}

    def make_document(self, made: NewDocument) -> str:
        """Make Exact's document for an entry, and return its GUID."""
        row = self.client.post(DOCUMENTS, made.body, division=self.division)
        if row.get("FinancialTransactionEntryID"):  # an entry has one copy, whatever its title
            return _own(row, FinancialTransactionEntryID=made.entry_id)
        return _own(row, Subject=made.subject)

    def add_file(self, document_id: str, file_name: str, content: bytes) -> str:
        """Put a file into Exact's document; return the file's GUID."""
        row = self.client.post(
            FILES,
            {
                "Document": document_id,
                "FileName": file_name,
                "Attachment": base64.b64encode(content).decode(),
            },
            division=self.division,
        )
        return _own(row, Document=document_id, FileName=file_name)


def _own(row: dict[str, Any], **sent: str) -> str:
    """Return the GUID in an answer, unless it is another document's.

    Raises:
        OutcomeUnknownError: It is.
    """
    strange = [
        name
        for name, value in sent.items()
        if row.get(name) is not None and not values.same(value, row[name])
    ]
    if strange or not isinstance(row.get("ID"), str):
        msg = f"Exact's answer is another document's ({', '.join(strange) or 'ID'})"
        raise OutcomeUnknownError(msg)
    return str(row["ID"])
