"""Which unusual kinds of orders a generated shop has, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commerce_sandbox.data.unusual import MAKERS
from commerce_sandbox.exceptions import ShopError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

ALIKE = "alike"
EVERYTHING = "everything"
_SHARE = 0.04  # of the orders, for each kind of EVERYTHING or of a kind named without a share


@dataclass(frozen=True, slots=True)
class Kinds:
    """What is unusual in a shop.

    Attributes:
        shares: Share of the orders by kind (a key of ``MAKERS``); together at most 1.
        alike: Whether all store views give out the same document numbers.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    alike: bool = False

    def draw(self, rng: Random) -> str | None:
        """Return the kind of one order; None for a usual one."""
        chance = rng.random()
        for name, share in self.shares.items():
            chance -= share
            if chance < 0:
                return name
        return None


def parse(text: str) -> Kinds:
    """Read kinds as ``generated:N:SEED:KINDS`` names them.

    Args:
        text: Names separated by commas, each with ``=SHARE`` if it shall not be 4 %;
            ``everything`` stands for all of them. Later ones win.

    Raises:
        ShopError: A name is unknown, or the shares are no shares.
    """
    shares: dict[str, float] = {}
    alike = False
    for entry in filter(None, text.split(",")):
        name, _, value = entry.partition("=")
        try:
            share = float(value) if value else _SHARE
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            message = f"the share of {name!r} must be a number from 0 to 1, not {value!r}"
            raise ShopError(message)
        if name == ALIKE:
            alike = share > 0
        elif name in MAKERS:
            shares[name] = share
        elif name == EVERYTHING:
            shares |= dict.fromkeys(MAKERS, share)
            alike = share > 0
        else:
            known = ", ".join((EVERYTHING, ALIKE, *MAKERS))
            message = f"no such kind of order: {name!r} (known: {known})"
            raise ShopError(message)
    if sum(shares.values()) > 1:
        message = f"the shares of {', '.join(shares)} are more than 1 together"
        raise ShopError(message)
    return Kinds(shares, alike)
