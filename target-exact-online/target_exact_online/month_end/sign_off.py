"""Sign-offs: what was compared is kept; a signature is an event of the audit trail.

It goes stale when a document of the month, Exact's mirror or the newest comparison is not what was
signed any more.
"""

from __future__ import annotations

import getpass
import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from cryptography.fernet import InvalidToken

from connector_program.database import reading
from exact_online.errors import ConfigError
from target_exact_online.ledger import chain
from target_exact_online.ledger.chain import Event
from target_exact_online.ledger.tables import reconciliations
from target_exact_online.month_end import books as ledger_side
from target_exact_online.month_end import proposals
from target_exact_online.month_end.model import SignOff, to_json
from target_exact_online.month_end.sides import Month

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_exact_online.ledger.store import Ledger
    from target_exact_online.month_end.model import Result

SIGNED, COMPARED = "signed", "compared"
EVENT_SIGNED = "month_signed"


@dataclass(frozen=True, slots=True)
class Kept:
    """A comparison that was kept.

    Attributes:
        division: The Exact company.
        year: Financial year.
        period: Period.
        made_at: When it was made (UTC).
        outcome: ``agrees``, ``differs`` or ``incomplete``.
        inputs_hash: Fingerprint of what was compared.
        sign_off: Its signature, or None.
    """

    division: int
    year: int
    period: int
    made_at: datetime
    outcome: str
    inputs_hash: str
    sign_off: SignOff | None


def keep(ledger: Ledger, result: Result) -> None:
    """Keep a comparison, encrypted, for `history` and for signing.

    Args:
        ledger: The audit trail.
        result: The comparison.
    """
    lean = replace(result, documents=())  # the ledger has them
    told = proposals.events_of(ledger, result)
    with ledger.engine.begin() as connection:
        connection.execute(
            reconciliations.insert().values(
                division=result.division,
                year=result.year,
                period=result.period,
                made_at=result.made_at,
                inputs_hash=result.inputs_hash,
                outcome=result.outcome,
                result=ledger.keys.encrypt(to_json(lean)),
                status=COMPARED,
            )
        )
        chain.append(connection, ledger.keys, told)


def history(ledger: Ledger, division: int, year: int, period: int) -> list[Kept]:
    """Return all comparisons of a month, newest first, with their signatures as they stand now.

    Args:
        ledger: The audit trail.
        division: The Exact company.
        year: Financial year.
        period: Period.
    """
    told = (one for one in reconciliations.c if one.name != "result")
    query = sa.select(*told).where(
        reconciliations.c.division == division,
        reconciliations.c.year == year,
        reconciliations.c.period == period,
    )
    with reading(ledger.engine) as connection:
        rows = connection.execute(query.order_by(reconciliations.c.made_at.desc())).all()
    newest = rows[0].inputs_hash if rows else ""
    return [_kept(ledger, row, newest) for row in rows]


def month_of(ledger: Ledger, division: int, day: date) -> Month | None:
    """Return the period that a day lies in, as the newest comparison of it knew it; or None.

    Args:
        ledger: The audit trail.
        division: The Exact company.
        day: A day of the month.
    """
    months = (month for month, _ in newest(ledger, division))
    return next((one for one in months if one.first <= day <= one.last), None)


def content(ledger: Ledger, kept: Kept) -> dict[str, Any]:
    """Return a kept comparison as JSON has it."""
    found: dict[str, Any] = msgspec.json.decode(_sealed(ledger, kept))
    return found


def _sealed(ledger: Ledger, kept: Kept) -> bytes:
    query = sa.select(reconciliations.c.result).where(_is(kept))
    with reading(ledger.engine) as connection:
        return _opened(ledger, connection.execute(query).scalar_one())


def _opened(ledger: Ledger, sealed: bytes) -> bytes:
    try:
        return ledger.keys.decrypt(sealed)
    except InvalidToken as error:
        msg = "A kept comparison was changed in the database: compare the month again."
        raise ConfigError(msg) from error


def sign(ledger: Ledger, month: Month, note: str) -> Kept:
    """Sign the newest comparison of a month.

    Args:
        ledger: The audit trail.
        month: The month.
        note: The words of whoever signs.

    Raises:
        ConfigError: There is none, it is incomplete, or the ledger has changed since.
    """
    found = history(ledger, month.division, month.year, month.period)
    name = f"{month.year}-{month.period:02}"
    if not found:
        msg = f"Period {name} was never compared. Run `reconcile --month` first."
        raise ConfigError(msg)
    newest = found[0]
    if newest.outcome == "incomplete":
        msg = f"The last comparison of {name} is incomplete: what was not compared is not equal."
        raise ConfigError(msg)
    if content(ledger, newest).get("ledger_state") != ledger_side.fingerprint(ledger, month):
        msg = f"Documents of {name} changed after the last comparison. Compare again, then sign."
        raise ConfigError(msg)
    at, who = datetime.now(UTC), getpass.getuser()
    detail = {
        "division": month.division,
        "year": month.year,
        "period": month.period,
        "inputs": newest.inputs_hash,
        "outcome": newest.outcome,
        "result": hashlib.sha256(_sealed(ledger, newest)).hexdigest(),
        "by": who,
    }
    with ledger.engine.begin() as connection:
        chain.append(connection, ledger.keys, [Event(EVENT_SIGNED, None, detail, note or None)])
        _, head = chain.lock_head(connection)
        connection.execute(
            reconciliations.update()
            .where(_is(newest))
            .values(
                status=SIGNED,
                signed_by=who,
                signed_at=at,
                note=ledger.keys.encrypt(note.encode()),
                chain_hash=head,
            )
        )
    return history(ledger, month.division, month.year, month.period)[0]


def standing(ledger: Ledger, month: Month, *, exact_state: str = "") -> SignOff | None:
    """Return a month's newest signature: stale when something beneath it changed.

    Args:
        ledger: The audit trail.
        month: The month.
        exact_state: What Exact's mirror of the month is now; empty: there is none.
    """
    found = history(ledger, month.division, month.year, month.period)
    signed = next((one for one in found if one.sign_off is not None), None)
    if signed is None:
        return None
    return standing_of(ledger, month, signed, content(ledger, signed), exact_state)


def standing_of(
    ledger: Ledger, month: Month, signed: Kept, told: dict[str, Any], exact_state: str
) -> SignOff | None:
    """Return the signature of a comparison: stale when something beneath it changed.

    Args:
        ledger: The audit trail.
        month: The month.
        signed: The comparison that was signed.
        told: Its content.
        exact_state: As for `standing`.
    """
    if signed.sign_off is None:
        return None
    changed = told.get("ledger_state") != ledger_side.fingerprint(ledger, month)
    if exact_state and told.get("exact_state"):
        changed = changed or told["exact_state"] != exact_state
    return replace(signed.sign_off, status="stale") if changed else signed.sign_off


def newest(ledger: Ledger, division: int) -> Iterator[tuple[Month, dict[str, Any]]]:
    """Yield every month that was compared, with its newest comparison as JSON has it.

    Args:
        ledger: The audit trail.
        division: The Exact company.
    """
    table, last = reconciliations.c, sa.func.max(reconciliations.c.made_at)
    of = sa.select(table.year, table.period, last).where(table.division == division)
    with reading(ledger.engine) as connection:
        found = connection.execute(of.group_by(table.year, table.period)).all()
    for year, period, made_at in sorted(found):
        query = sa.select(table.result).where(
            *(table.division == division, table.year == year, table.period == period),
            table.made_at == made_at,
        )
        with reading(ledger.engine) as connection:
            told = msgspec.json.decode(_opened(ledger, connection.execute(query).scalar_one()))
        yield month_in(told), told


def month_in(told: dict[str, Any]) -> Month:
    """Return the month of a comparison as JSON has it."""
    first, last = map(date.fromisoformat, (told["first"], told["last"]))
    return Month(told["division"], told["year"], told["period"], first, last, told["currency"])


def _is(kept: Kept) -> sa.ColumnElement[bool]:
    return sa.and_(
        reconciliations.c.division == kept.division,
        reconciliations.c.year == kept.year,
        reconciliations.c.period == kept.period,
        reconciliations.c.made_at == kept.made_at,
    )


def _kept(ledger: Ledger, row: sa.Row[Any], newest: str) -> Kept:
    sign_off = None
    if row.status == SIGNED:
        sign_off = SignOff(
            status="signed" if row.inputs_hash == newest else "stale",
            signed_by=row.signed_by,
            signed_at=row.signed_at,
            note=ledger.keys.decrypt(row.note).decode(),
            inputs_hash=row.inputs_hash,
            chain_hash=row.chain_hash,
        )
    return Kept(
        row.division,
        row.year,
        row.period,
        row.made_at,
        row.outcome,
        row.inputs_hash,
        sign_off,
    )
