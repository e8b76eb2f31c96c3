"""Carry a plan out: one record a call, read back, and kept only when the shop shows it.

A record is kept as paired after the shop has shown what was written. Whoever is killed in between
finds it in the shop in the next run, by its code, VAT number, e-mail or label.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from adobe_commerce.errors import (
    CredentialsError,
    GaveUpError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RequestRefusedError,
)
from target_adobe_commerce.exceptions import NotKeptError, StalePlanError
from target_adobe_commerce.kept.keeping import Pair
from target_adobe_commerce.options import LABEL
from target_adobe_commerce.subjects import settled
from target_adobe_commerce.three_way import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from adobe_commerce.errors import AdobeCommerceError
    from target_adobe_commerce.kept.keeping import Keeping
    from target_adobe_commerce.plan import Entry, Plan
    from target_adobe_commerce.planning import Gathered
    from target_adobe_commerce.shop import Shop
    from target_adobe_commerce.subjects import Subject

logger = logging.getLogger("target-adobe-commerce.applying")

#: Records that are created before they are read back together.
CHUNK = 50
#: Failures in a row, of records that the shop does not keep, after which the kind is left.
HOPELESS = 3
_OF_ONE_RECORD = (
    NotFoundError,
    NotKeptError,
    OutcomeUnknownError,
    RequestRefusedError,
    StalePlanError,
)
_OF_ALL = (CredentialsError, GaveUpError, PermissionDeniedError)


@dataclass
class Outcome:
    """What came of a plan.

    Attributes:
        written: Records that the shop shows as written, by kind.
        failed: Records that were not written, and why.
        unsettled: Records that may have been written: the next run looks.
        stopped: Whether somebody asked to stop before the end.
    """

    written: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    unsettled: dict[str, str] = field(default_factory=dict)
    stopped: bool = False

    @property
    def total(self) -> int:
        """How many records were written."""
        return sum(self.written.values())


class Applying:
    """Carries out one plan."""

    def __init__(
        self,
        gathered: Gathered,
        plan: Plan,
        shop: Shop,
        keeping: Keeping,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take the plan and what it was made from.

        Args:
            gathered: Both sides, as read for the plan.
            plan: What was decided.
            shop: Where it is written.
            keeping: Where pairs are kept.
            is_stopping: Whether to begin nothing more.
        """
        self._gathered = gathered
        self._shop = shop
        self._keeping = keeping
        self._is_stopping = is_stopping
        entries = {(entry.kind, entry.exact_id): entry for entry in plan.entries}
        self._work = [
            (subject, entries[subject.kind, subject.exact_id]) for subject in gathered.subjects
        ]
        self.outcome = Outcome()
        self._in_a_row = 0

    def run(self) -> Outcome:
        """Write what the plan says.

        Raises:
            AdobeCommerceError: The shop cannot be written to at all; what was written is kept.
        """
        self._remember_what_is_settled()
        for kind in ("attributes", *self._gathered.options, "customers", "products"):
            self._in_a_row = 0
            work = [one for one in self._work if one[0].kind == kind]
            if kind == "attributes":
                self._attributes(work)
            elif kind == "products":
                self._products(work)
            else:
                self._records(kind, work)
        return self.outcome

    def _remember_what_is_settled(self) -> None:
        """Keep pairs that need no call: found, in step, or decided in the shop's favour."""
        found: dict[str, dict[str, Pair]] = {}
        for subject, entry in self._work:
            if entry.action != "skip" or not subject.shop_id:
                continue
            seen = settled(subject, entry, self._keeping.hash)
            pair = Pair(subject.shop_id, subject.code, seen)
            if pair != subject.pair:
                found.setdefault(subject.kind, {})[subject.exact_id] = pair
        for kind, pairs in found.items():
            self._keeping.settle(kind, self._gathered.division, pairs)

    def _attributes(self, work: Sequence[tuple[Subject, Entry]]) -> None:
        for subject, entry in work:
            if not entry.calls or self._stops():
                continue
            options = next(
                one for one in self._gathered.options.values() if one.attribute_code == subject.code
            )
            if self._tried(subject, partial(options.make_attribute, subject)):
                self._count(subject)

    def _records(self, kind: str, work: Sequence[tuple[Subject, Entry]]) -> None:
        new = [one for one in work if one[1].action == "create"]
        for start in range(0, len(new), CHUNK):
            if self._stops() or self._is_hopeless(kind):
                return
            self._create(kind, new[start : start + CHUNK])
        for subject, entry in work:
            if entry.action != "update":
                continue
            if self._stops() or self._is_hopeless(kind):
                return
            self._update(kind, subject, entry)

    def _create(self, kind: str, chunk: Sequence[tuple[Subject, Entry]]) -> None:
        """Create records, read them back together, and keep the pairs that the shop shows."""
        division = self._gathered.division
        made: dict[str, tuple[Subject, Entry]] = {}
        for subject, entry in chunk:
            if self._stops():
                break
            self._keeping.intend(kind, division, subject.exact_id)
            numbers: list[str] = []

            def create(one: Subject = subject, into: list[str] = numbers) -> None:
                writer = self._gathered.options.get(kind, self._gathered.customers)
                into.append(writer.create(one))

            if self._tried(subject, create):
                made[numbers[0]] = (subject, entry)
            elif subject.key not in self.outcome.unsettled:
                self._keeping.landed(kind, division, subject.exact_id)
        wrong = dict(self._wrong(kind, made))
        pairs = {}
        for number, (subject, entry) in made.items():
            if number in wrong:
                self._fail(subject, NotKeptError(wrong[number]))
                self._keeping.landed(kind, division, subject.exact_id)
                continue
            seen = settled(subject, entry, self._keeping.hash)
            pairs[subject.exact_id] = Pair(number, subject.code, seen)
            self._count(subject)
        self._keeping.settle(kind, division, pairs)

    def _wrong(
        self, kind: str, made: dict[str, tuple[Subject, Entry]]
    ) -> Iterator[tuple[str, str]]:
        """Read back and tell what the shop does not have as it was written."""
        if not made:
            return
        if kind in self._gathered.options:
            labels = {number: one[0].desired[LABEL] for number, one in made.items()}
            yield from self._gathered.options[kind].check(labels).items()
            return
        rows = self._shop.matching("customers/search", "entity_id", made)
        there = {str(row["id"]): row for row in rows}
        for number, (subject, entry) in made.items():
            wanted = {change.field: change.exact for change in entry.changes}
            try:
                self._gathered.customers.check(None, there.get(number), subject, wanted)
            except NotKeptError as error:
                yield number, str(error)

    def _update(self, kind: str, subject: Subject, entry: Entry) -> None:
        fields = [one.field for one in entry.changes if one.verdict == Verdict.WRITE]

        def update() -> None:
            if kind in self._gathered.options:
                own = self._gathered.options[kind]
                own.update(subject, entry.shop_mark)
                if wrong := own.check({subject.shop_id: subject.desired[LABEL]}):
                    raise NotKeptError(wrong[subject.shop_id])
            else:
                self._gathered.customers.update(subject, fields, entry.shop_mark)

        if self._tried(subject, update):
            self._keep(subject, entry)

    def _products(self, work: Sequence[tuple[Subject, Entry]]) -> None:
        wanted = [one for one in work if one[1].action == "update"]
        if not wanted:
            return
        division = self._gathered.division
        pairs = self._keeping.pairs("gl_accounts", division)
        codes = {pair.shop_id: pair.code for pair in pairs.values()}
        for subject, entry in wanted:
            if self._stops() or self._is_hopeless("products"):
                return

            def update(one: Subject = subject, planned: str = entry.shop_mark) -> None:
                self._gathered.products.update(one, planned, codes)

            if self._tried(subject, update):
                self._keep(subject, entry)

    def _keep(self, subject: Subject, entry: Entry) -> None:
        seen = settled(subject, entry, self._keeping.hash)
        pair = Pair(subject.shop_id, subject.code, seen)
        self._keeping.settle(subject.kind, subject.division, {subject.exact_id: pair})
        self._count(subject)

    def _tried(self, subject: Subject, write: Callable[[], None]) -> bool:
        """Write one record; what is wrong with it alone stops nobody else."""
        try:
            write()
        except _OF_ALL:
            raise
        except _OF_ONE_RECORD as error:
            self._fail(subject, error)
            return False
        return True

    def _fail(self, subject: Subject, error: AdobeCommerceError) -> None:
        if isinstance(error, OutcomeUnknownError):
            self.outcome.unsettled[subject.key] = str(error)
        else:
            self.outcome.failed[subject.key] = str(error)
        self._in_a_row = self._in_a_row + 1 if isinstance(error, NotKeptError) else 0
        logger.error("%s: %s", subject.key, error)

    def _count(self, subject: Subject) -> None:
        self.outcome.written[subject.kind] = self.outcome.written.get(subject.kind, 0) + 1
        self._in_a_row = 0

    def _is_hopeless(self, kind: str) -> bool:
        if self._in_a_row < HOPELESS:
            return False
        logger.error(
            "The shop did not keep %d %s in a row: the others are not tried in this run.",
            self._in_a_row,
            kind,
        )
        return True

    def _stops(self) -> bool:
        self.outcome.stopped = self.outcome.stopped or self._is_stopping()
        return self.outcome.stopped
