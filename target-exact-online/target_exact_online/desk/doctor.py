"""Look at a connection before it is used: login, company, rights, limits and master data.

Nothing is written in Exact. Every check says what it found, and what to do when it is not good.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from exact_online.client import division_of
from exact_online.errors import ExactError
from target_exact_online.company import open_company
from target_exact_online.desk.status import Finding
from target_exact_online.documents import STREAMS
from target_exact_online.documents.header import GENERAL, SALES
from target_exact_online.ledger.store import Ledger
from target_exact_online.master_data import NotUsableError
from target_exact_online.settings import with_defaults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exact_online.client import ExactClient
    from target_exact_online.company import Company
    from target_exact_online.desk.status import Level
    from target_exact_online.master_data import MasterData

EXIT_ERRORS = 1

# What is read, from where and by which key, and whether every user of this target needs it.
_RIGHTS = (
    *(
        (name, one.kind.resource, one.kind.id, name == "sales_entries")
        for name, one in STREAMS.items()
    ),
    ("items", "logistics/Items", "ID", False),
    ("attach_documents", "documents/Documents", "ID", False),
)
_FEW_CALLS = 0.1


def examine(company: Company) -> Iterator[Finding]:
    """Look at everything, one finding after the other; no finding stops the next."""
    try:
        me = next(iter(company.client.get("current/Me", select="FullName,CurrentDivision")))
    except ExactError as error:
        yield Finding("error", "login", str(error))
        return
    yield Finding("ok", "login", f"Exact knows us as {me['FullName']}")
    try:
        master = company.master(company.division)
    except ExactError as error:
        yield Finding("error", "division", str(error))
        return
    about = master.company
    yield Finding("ok", "division", f"{about.code} is {about.name} ({about.country})")
    yield from _rights(company.client)
    yield from _master_data(master)
    yield _limits(company)


def _rights(client: ExactClient) -> Iterator[Finding]:
    for stream, resource, key, needed in _RIGHTS:
        check = f"right: {stream}"
        try:
            # Resources with a sync twin refuse a list without a filter.
            nobody = f"{key} eq guid'00000000-0000-0000-0000-000000000000'"
            list(client.get(resource, select=key, filter=nobody, top=1))
        except ExactError as error:
            yield Finding("error" if needed else "warning", check, str(error))
        else:
            yield Finding("ok", check, f"{resource} can be read")


def _master_data(master: MasterData) -> Iterator[Finding]:
    try:
        journals = master.journals()
        for kind, name in ((SALES, "sales"), (GENERAL, "general")):
            codes = [one.code for one in journals if one.type == kind and not one.blocked]
            listed = f"{name} journals: {', '.join(codes)}"
            missing = f"There is no open {name} journal: create one in Exact"
            level: Level = "ok" if codes else "warning"
            yield Finding(level, f"journals: {name}", listed if codes else missing)
            for code in codes:
                yield _period(master, code)
        yield Finding("ok", "master data", master.counts())
    except ExactError as error:
        yield Finding("error", "master data", str(error))


def _period(master: MasterData, journal: str) -> Finding:
    today = datetime.now(UTC).date()
    try:
        master.period_open(journal, today)
    except NotUsableError as error:
        return Finding("warning", f"period: journal {journal}", str(error))
    return Finding("ok", f"period: journal {journal}", f"open on {today}")


def _limits(company: Company) -> Finding:
    left = company.limits_left()
    detail = (
        f"{left.day[0]} of {left.day[1]} calls left until {left.day_ends_at:%Y-%m-%d %H:%M} UTC, "
        f"{left.minute[0]} of {left.minute[1]} in this minute"
    )
    few = left.day[0] < left.day[1] * _FEW_CALLS
    return Finding("warning" if few else "ok", "limits", detail)


@click.command("doctor")
@click.pass_obj
def doctor(obj: Any, /) -> None:
    """Check login, company, rights, limits and master data; nothing is written in Exact."""
    config = with_defaults(obj.config)
    company = open_company(config, Ledger.open(config["ledger_url"], division_of(config)).engine)
    errors = 0
    try:
        for finding in examine(company):
            errors += finding.level == "error"
            click.echo(f"{finding.level:8} {finding.check:32} {finding.detail}")
    finally:
        company.close()
    if errors:
        raise click.exceptions.Exit(EXIT_ERRORS)
