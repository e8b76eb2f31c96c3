"""Locks of ledgers that share a database server."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from target_exact_online.ledger.database import LEDGER
from target_exact_online.ledger.locks import exclusive, of_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine


@contextlib.contextmanager
def ledger(url: str, schema: str) -> Iterator[Engine]:
    """A process with a ledger in a schema; it waits for locks for a moment only."""
    parsed = sa.make_url(LEDGER.in_schema(url, schema)).set(drivername="postgresql+psycopg")
    options = f"{parsed.query['options']} -clock_timeout=300"
    engine = sa.create_engine(parsed.update_query_dict({"options": options}))
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
    yield engine
    engine.dispose()


def test_ledgers_of_one_database_wait_only_for_their_own(postgres_ledger: str) -> None:
    with (
        ledger(postgres_ledger, "one") as first,
        ledger(postgres_ledger, "one") as again,
        ledger(postgres_ledger, "other") as other,
        exclusive(first, of_ledger(first, "copies")),
    ):
        with exclusive(other, of_ledger(other, "copies")):
            pass
        with pytest.raises(OperationalError), exclusive(again, of_ledger(again, "copies")):
            pytest.fail("two processes hold one lock")


def test_a_ledger_in_a_file_has_its_locks_beside_it() -> None:
    assert of_ledger(sa.create_engine("sqlite:///ledger.db"), "copies") == "copies"
