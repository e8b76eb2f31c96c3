"""Exact as the streams of one run share it: client, companies, deletions."""

from __future__ import annotations

import logging
import weakref
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from exact_online import changes, odata
from exact_online.client import Question, open_client
from exact_online.errors import (
    ConfigError,
    ExactError,
    NotNowError,
    NotPermittedError,
    RequestRefusedError,
)
from exact_online.limit_database import open_limits
from tap_exact_online.settings import PART_OF_DAY, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Engine

    from exact_online.changes import Batch
    from exact_online.client import ExactClient

DIVISIONS = "system/Divisions"

logger = logging.getLogger("tap-exact-online")


def is_of_one_list(error: ExactError) -> bool:
    """Tell whether an error concerns one list of Exact, and others can be read."""
    if isinstance(error, NotNowError):
        return error.endpoint is not None  # left alone, because it answered too many errors
    return isinstance(error, NotPermittedError | RequestRefusedError)


@dataclass(slots=True)
class _Newest:
    """The first page of all deletions of a company, asked for once in a run.

    Attributes:
        since: What was asked for: deletions after this version.
        batch: What came; None: it was not all.
    """

    since: int
    batch: Batch | None


@dataclass
class Site:
    """One Exact Online site for one run; nothing is called before it is needed.

    Attributes:
        config: The tap's settings as they were given.
        unreadable: What Exact does not permit: streams, and the companies concerned.
        has_read: Whether any stream could be read.
        is_refused: Whether Exact did not understand the question for one.
        untold: Companies whose deletions cannot be read.
    """

    config: Mapping[str, Any]
    unreadable: dict[str, list[int]] = field(default_factory=dict)
    has_read: bool = False
    is_refused: bool = False
    untold: set[int] = field(default_factory=set)
    _newest: dict[int, _Newest] = field(default_factory=dict)
    _limits: Engine | None = None

    @cached_property
    def settings(self) -> Settings:
        """The tap's own settings, checked."""
        return Settings.of(self.config)

    @cached_property
    def client(self) -> ExactClient:
        """Makes the calls, within what this tap may use of the limits."""
        settings = self.settings
        self._limits = open_limits(settings.limits_url, settings.limits_schema)
        weakref.finalize(self, self._limits.dispose)  # where a tap is made and never run
        given = {**self.config, "division": settings.divisions[0]}
        return open_client(
            {name: value for name, value in given.items() if value is not None},
            self._limits,
            max_calls_part=PART_OF_DAY,
            max_calls=settings.max_calls,
            max_calls_a_minute=settings.max_calls_per_minute,
        )

    @cached_property
    def began_at(self) -> datetime:
        """When this run began, by Exact's clock: what snapshots are of."""
        return self.client.now()

    @cached_property
    def moves(self) -> dict[int, str] | None:
        """What changes when a company is moved, by company; None: Exact does not permit to ask.

        Raises:
            ConfigError: A company does not exist for this user.
        """
        wanted = self.settings.divisions
        found: dict[int, str] = {}
        try:
            for start in range(0, len(wanted), odata.MAX_TERMS):
                some = (str(one) for one in wanted[start : start + odata.MAX_TERMS])
                question = Question(
                    DIVISIONS,
                    wanted[0],
                    ",".join(("Code", *changes.MOVES)),
                    odata.any_of("Code", some),
                )
                for page in self.client.ask(question):
                    for row in page.rows:
                        found[int(row["Code"])] = changes.moved(row)
        except ExactError as error:
            if not is_of_one_list(error):
                raise
            logger.warning(
                "Whether a company was moved cannot be seen, and after a move changes would be "
                "missed. %s",
                error,
            )
            return None
        if missing := [one for one in wanted if one not in found]:
            msg = (
                f"Exact shows no division {missing[0]} to this user (setting division or "
                "divisions). Check the number, and that the app is permitted for this company."
            )
            raise ConfigError(msg)
        return found

    def deletions(
        self, division: int, entity_type: int, after: int, lowest: Callable[[], int]
    ) -> Iterator[Batch]:
        """Yield deletions of one list; what several streams ask for is one call where it can be.

        That they cannot be read is said once, and the company is `untold` from then on.

        Args:
            division: The company.
            entity_type: Which list's rows.
            after: The version to go on after.
            lowest: Gives the lowest such version of all streams that are read.
        """
        if division in self.untold:
            return
        try:
            yield from self._deletions(division, entity_type, after, lowest)
        except ExactError as error:
            self.leave_out("deletions (_sdc_deleted_at)", division, error)
            self.untold.add(division)

    def _deletions(
        self, division: int, entity_type: int, after: int, lowest: Callable[[], int]
    ) -> Iterator[Batch]:
        if division not in self._newest:
            since = min(after, lowest())
            first = next(changes.deleted(self.client.ask, since, division=division))
            self._newest[division] = _Newest(since, first if first.is_last else None)
        newest = self._newest[division]
        if newest.batch is None or after < newest.since:
            yield from changes.deleted(self.client.ask, after, entity_type, division=division)
            return
        rows = [
            row
            for row in newest.batch.rows
            if row["EntityType"] == entity_type and changes.version(row) > after
        ]
        yield changes.Batch(rows, max(newest.batch.after, after), is_last=True)

    def leave_out(self, stream: str, division: int, error: ExactError) -> None:
        """Note, and say, that a stream of a company cannot be read.

        Raises:
            ExactError: No other can be read either.
        """
        if not is_of_one_list(error):
            raise error
        self.is_refused = self.is_refused or isinstance(error, RequestRefusedError)
        self.unreadable.setdefault(stream, []).append(division)
        logger.error("The stream %s of division %d is left out. %s", stream, division, error)

    def close(self) -> None:
        """Give unused calls back, and close the connections."""
        if "client" in self.__dict__:
            self.client.close()
        if self._limits is not None:
            self._limits.dispose()
