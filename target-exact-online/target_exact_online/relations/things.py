"""What can be created beside documents: by which question each is found, and known again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from exact_online import odata, values
from target_exact_online.documents import relation
from target_exact_online.master_data import kinds

if TYPE_CHECKING:
    from target_exact_online.documents.prepared import Detail, NewAccount

What = Literal["account", "address", "contact", "item"]
_PLACE = (
    "Type", "AddressLine1", "AddressLine2", "AddressLine3", "Postcode", "City", "State", "Country",
)  # fmt: skip
_PERSON = ("FirstName", "MiddleName", "LastName", "Email")


@dataclass(frozen=True, slots=True)
class Thing:
    """One relation, address, contact or item in Exact's words."""

    what: What  # what it is
    resource: str  # where it is created and asked for
    division: int
    identity: str  # what makes it this one; kept only as a keyed hash
    question: str  # the filter that finds it, among others of its relation
    select: str  # the properties that tell whether a row is this one
    body: dict[str, Any]  # what is sent
    proof: tuple[str, ...]  # properties that an answer must have as they were sent
    owner_id: str = ""  # the GUID of the relation it belongs to, or an empty string

    def is_same(self, row: dict[str, Any]) -> bool:
        """Tell whether a row that the question found is this very thing."""
        if self.what == "address":
            return all(_plain(self.body.get(name)) == _plain(row.get(name)) for name in _PLACE)
        if self.what == "contact":
            return relation.person(self.body) == relation.person(row)
        return True

    def answers_question(self, row: dict[str, Any]) -> bool:
        """Tell whether a row may be an answer to the question: it has what was asked for."""
        name = self.question.partition(" ")[0]
        return row.get(name) is None or values.same(self.body[name], row[name])

    def is_as_sent(self, row: dict[str, Any]) -> bool:
        """Tell whether a row is in all fields what would be sent."""
        return all(values.same(value, row.get(name)) for name, value in self.body.items())

    def is_answered_by(self, row: dict[str, Any]) -> bool:
        """Tell whether an answer can be this thing's; what it does not say is not compared."""
        sent = self.body | {"Division": self.division}
        return all(
            row.get(name) is None or values.same(sent[name], row[name])
            for name in (*self.proof, "Division")
            if name in sent
        )


def account(new: NewAccount, division: int) -> Thing:
    """Return a relation."""
    return Thing(
        "account",
        relation.KIND.resource,
        division,
        new.match_filter,
        new.match_filter,
        ",".join(dict.fromkeys((*kinds.ACCOUNTS.select.split(",")[:-1], *new.payload))),
        new.payload,
        ("Name", "SearchCode"),
    )


def item(payload: dict[str, Any], division: int) -> Thing:
    """Return an item."""
    question = f"Code eq {odata.text(payload['Code'])}"
    select = kinds.ITEMS.select.removesuffix(",Timestamp")
    return Thing(
        "item", "logistics/Items", division, question, question, select, payload, ("Code",)
    )


def detail(one: Detail, owner_id: str, division: int) -> Thing:
    """Return an address or a contact of a relation."""
    body = one.payload | {"Account": owner_id}
    is_address = one.resource == relation.ADDRESSES
    return Thing(
        "address" if is_address else "contact",
        one.resource,
        division,
        msgspec.json.encode(body, order="deterministic").decode(),
        f"Account eq {odata.guid(owner_id)}",
        ",".join(("ID", "Account", *(_PLACE if is_address else _PERSON))),
        body,
        ("Account",) if is_address else ("Account", "FirstName", "LastName"),
        owner_id,
    )


def _plain(value: Any) -> str:
    return "" if value is None else " ".join(str(value).split()).casefold()
