"""Make a plan: read both sides, then decide about each record."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from adobe_commerce.errors import ConfigError
from target_adobe_commerce import customers, options, tax_classes
from target_adobe_commerce.customers import Customers
from target_adobe_commerce.options import Options
from target_adobe_commerce.plan import Entry, Plan
from target_adobe_commerce.products import Products
from target_adobe_commerce.subjects import Decisions, Subject, entry_of

if TYPE_CHECKING:
    from target_adobe_commerce.kept.keeping import Keeping
    from target_adobe_commerce.settings import Settings
    from target_adobe_commerce.shop import Shop


@dataclass
class Gathered:
    """Both sides, as they were read.

    Attributes:
        division: Exact company.
        subjects: The records, in the order in which they are written.
        reports: Entries that only tell.
        notes: What the shop does not have or may not be read.
        customers: Writes customers.
        options: Write options, by kind.
        products: Writes products.
    """

    division: int
    customers: Customers
    options: dict[str, Options]
    products: Products
    subjects: list[Subject] = field(default_factory=list)
    reports: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def division_of(settings: Settings, keeping: Keeping) -> int:
    """Return the company whose master data the shop gets.

    Raises:
        ConfigError: There is none, or there are several and the settings name none.
    """
    there = keeping.divisions()
    if settings.division is not None:
        return settings.division
    if len(there) > 1:
        names = ", ".join(str(one) for one in there)
        msg = f"There are records of several Exact companies ({names}). Set division to one."
        raise ConfigError(msg)
    if not there:
        msg = (
            "There are no records of Exact yet. Run tap-exact-online with this target first, with "
            "the streams accounts, gl_accounts, cost_centers, cost_units, items and vat_codes."
        )
        raise ConfigError(msg)
    return there[0]


def gather(settings: Settings, shop: Shop, keeping: Keeping) -> Gathered:
    """Read both sides; nothing is written."""
    division = division_of(settings, keeping)
    found = Gathered(
        division,
        Customers(settings, shop, keeping),
        {kind: Options(kind, settings, shop, keeping) for kind in options.KINDS},
        Products(settings, shop, keeping),
    )
    accounts: list[Subject] = []
    for kind, one in found.options.items():
        subjects = one.gather(division, _waiting(settings, keeping, kind, division))
        found.subjects += subjects
        found.notes += one.notes
        if kind == "gl_accounts":
            accounts = [subject for subject in subjects if subject.kind == kind]
    kind = customers.KIND
    found.subjects += found.customers.gather(division, _waiting(settings, keeping, kind, division))
    found.notes += found.customers.notes
    found.subjects += found.products.gather(division, accounts)
    found.reports, notes = tax_classes.compare(shop, keeping, division)
    found.notes += notes
    return found


def _waiting(settings: Settings, keeping: Keeping, kind: str, division: int) -> dict[str, str]:
    """Creations that may still be at work in the shop: they are not sent again yet."""
    now = time.time()
    waiting = {}
    for exact_id, sent_at in keeping.in_flight(kind, division).items():
        until = sent_at + settings.settle_after
        if now < until:
            moment = datetime.fromtimestamp(until, UTC)
            waiting[exact_id] = (
                "It was sent and the answer was lost: it is looked for again after "
                f"{moment:%Y-%m-%d %H:%M:%S} UTC, and not sent before."
            )
    return waiting


def decide(
    gathered: Gathered, settings: Settings, keeping: Keeping, decisions: Decisions | None = None
) -> Plan:
    """Decide about each record that was read."""
    decisions = decisions or Decisions(settings.conflicts)
    entries = [entry_of(one, keeping.hash, decisions) for one in gathered.subjects]
    return Plan(
        instance=keeping.instance,
        division=gathered.division,
        made_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        entries=(*entries, *gathered.reports),
        notes=tuple(gathered.notes),
    )
