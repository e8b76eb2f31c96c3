"""A plan: what would be written, record by record and field by field."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from connector_credentials import whole_file
from target_adobe_commerce.exceptions import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind = Literal[
    "attributes",
    "gl_accounts",
    "cost_centers",
    "cost_units",
    "customers",
    "products",
    "tax_classes",
]
Action = Literal["create", "update", "skip", "conflict", "report"]

#: Version of the file's form.
FORM = 1
_ENCODER = msgspec.json.Encoder(order="deterministic")


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One field of a record.

    Attributes:
        field: Its name in the shop.
        shop: What the shop has.
        exact: What Exact has.
        verdict: What becomes of it, see :class:`~target_adobe_commerce.three_way.Verdict`.
    """

    field: str
    shop: str
    exact: str
    verdict: str


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One record.

    Attributes:
        kind: What it is in the shop.
        division: Exact company.
        exact_id: Exact's GUID; the attribute's code for kind ``attributes``.
        code: Exact's code.
        action: What becomes of it.
        shop_id: The shop's number or sku; empty when the shop does not have it.
        changes: Its fields that differ, or differed.
        calls: The calls that write it.
        reason: Why nothing is written, or what a person has to decide.
        exact_mark: Hash of what Exact has.
        shop_mark: Hash of what the shop has.
    """

    kind: Kind
    division: int
    exact_id: str
    code: str
    action: Action
    shop_id: str = ""
    changes: tuple[Change, ...] = ()
    calls: tuple[str, ...] = ()
    reason: str = ""
    exact_mark: str = ""
    shop_mark: str = ""

    @property
    def key(self) -> str:
        """How commands name it: ``customers:10042``."""
        return f"{self.kind}:{self.code}"

    @property
    def conflicts(self) -> int:
        """How much of it waits for a person."""
        fields = sum(change.verdict == "conflict" for change in self.changes)
        return max(fields, int(self.action == "conflict"))


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plan for one shop.

    Attributes:
        instance: Name of the shop.
        division: Exact company.
        made_at: When it was made (UTC).
        entries: The records.
        notes: What the shop does not have or may not be read.
        form: Version of the file's form.
    """

    instance: str
    division: int
    made_at: str
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    form: int = FORM

    @property
    def writes(self) -> int:
        """How many calls write something."""
        return sum(len(entry.calls) for entry in self.entries)

    @property
    def conflicts(self) -> int:
        """How many fields or records wait for a person."""
        return sum(entry.conflicts for entry in self.entries)

    def counts(self) -> Counter[tuple[str, str]]:
        """Return how many records there are by kind and action."""
        return Counter((entry.kind, entry.action) for entry in self.entries)


def mark(value: Any) -> str:
    """Return a short hash of a value, to see whether it changed."""
    encoded = msgspec.json.encode(value, order="deterministic")
    return hashlib.sha256(encoded).hexdigest()[:16]


def write(plan: Plan, path: str) -> None:
    """Write a plan as JSON, whole or not at all, for its owner only.

    Raises:
        PlanError: The file cannot be written.
    """
    try:
        with whole_file(Path(path)) as file:
            file.write(msgspec.json.format(_ENCODER.encode(plan), indent=1))
    except OSError as error:
        msg = f"The plan cannot be written to {path}: {error.strerror} (setting plan_file)."
        raise PlanError(msg) from error


def read(path: str) -> Plan:
    """Read a plan.

    Raises:
        PlanError: It is not there, or no plan of this target.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        msg = f"The plan {path} cannot be read: {error.strerror}."
        raise PlanError(msg) from error
    try:
        plan = msgspec.json.decode(content, type=Plan)
    except (ValueError, RecursionError) as error:
        msg = f"{path} is no plan of target-adobe-commerce ({error}). Make one with `plan`."
        raise PlanError(msg) from error
    if plan.form != FORM:
        msg = f"{path} is a plan of another version of this target. Make it again with `plan`."
        raise PlanError(msg)
    return plan


def differences(planned: Plan, now: Plan) -> list[str]:
    """Tell what changed on either side since a plan was made."""

    def by_key(entries: Iterable[Entry]) -> dict[tuple[str, str], Entry]:
        return {(entry.kind, entry.exact_id): entry for entry in entries}

    before, after = by_key(planned.entries), by_key(now.entries)
    told = []
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            one = old or new
            told.append(f"{one.key} {'is new' if old is None else 'is gone'}" if one else "")
        elif old.exact_mark != new.exact_mark:
            told.append(f"{old.key} changed in Exact")
        elif old.shop_mark != new.shop_mark:
            told.append(f"{old.key} changed in the shop")
        elif old != new:
            told.append(f"{old.key} is decided otherwise: a setting or its pair changed")
    return sorted(told)
