"""How Exact names what every kind of document has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of document in Exact's words.

    Attributes:
        stream: The stream of contract 2.
        resource: Where it is sent and deleted.
        lines: The collection of its lines.
        id: The property that identifies it, also on its lines.
        number: The property with Exact's number.
        journal: The property with the journal's code; empty: it has none.
        account: The property with the debtor's GUID; empty: it has none.
        date: The property with its date; empty: only its lines have one.
        statuses: What a document may be right after it was sent.
        link: The property with a link that names the document; empty: it has none.
    """

    stream: str
    resource: str
    lines: str
    id: str
    number: str
    journal: str
    account: str
    date: str
    statuses: frozenset[int]
    link: str = ""

    @property
    def has_reference(self) -> bool:
        """Whether the document itself carries the reference."""
        return bool(self.account)
