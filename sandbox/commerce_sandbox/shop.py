"""Which shop the sandbox starts with: ``recorded``, ``empty`` or ``generated:N[:SEED[:KINDS]]``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from commerce_sandbox import faults
from commerce_sandbox.adobe import attributes
from commerce_sandbox.adobe import store as adobe_store
from commerce_sandbox.clock import Clock
from commerce_sandbox.context import SandboxContext
from commerce_sandbox.data import generator, kinds, recorded
from commerce_sandbox.database import FILE_NAME, Database
from commerce_sandbox.exact import company, late_calls
from commerce_sandbox.exact import store as exact_store
from commerce_sandbox.exceptions import ShopError
from commerce_sandbox.request_log import RequestLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RECORDED = "recorded"
DESCRIPTION = "recorded, empty, generated:N, generated:N:SEED or generated:N:SEED:KINDS"
_GENERATED = re.compile(r"generated:(?P<orders>\d+)(:(?P<seed>\d*)(:(?P<kinds>.+))?)?")
_SHOP = "shop"  # setting: what the database was filled with


def open_context(data_dir: Path) -> SandboxContext:
    """Open the sandbox in a folder, creating what is missing.

    Args:
        data_dir: Folder of the database; created if absent.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(data_dir / FILE_NAME)
    faults.create_tables(database)
    adobe_store.create_tables(database)
    exact_store.create_tables(database)
    late_calls.create_tables(database)
    return SandboxContext(database, Clock(database), RequestLog(data_dir))


def seed(
    context: SandboxContext,
    shop: str | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Fill a fresh sandbox with a shop and an Exact company.

    A sandbox that holds a shop already is left as it is.

    Args:
        context: The sandbox.
        shop: ``recorded``, ``empty`` or ``generated:N[:SEED[:KINDS]]``; None: what is there
            already, or the recorded shop. ``data.kinds`` reads the kinds.
        progress: Called with the number of orders generated since the last call.

    Raises:
        ShopError: The description is not one of these, or another shop is there already.
    """
    database = context.database
    present = database.setting(_SHOP)
    if present is not None:
        if shop not in (None, present):
            message = f"{database.path} holds the shop {present!r} already, not {shop!r}"
            raise ShopError(message)
        return
    shop = RECORDED if shop is None else shop
    if shop == RECORDED:
        recorded.load(database)
    elif shop == "empty":
        recorded.load(database, recorded.CATALOG_KINDS)
    elif (described := _GENERATED.fullmatch(shop)) is not None:
        chosen = kinds.parse(described["kinds"] or "")
        recorded.load(database, recorded.CATALOG_KINDS)
        generator.generate(
            database,
            orders=int(described["orders"]),
            seed=int(described["seed"] or 0),
            kinds=chosen,
            progress=progress,
        )
    else:
        message = f"no such shop: {shop!r} ({DESCRIPTION})"
        raise ShopError(message)
    attributes.seed(database)
    company.seed(database)
    database.set_setting(_SHOP, shop)
