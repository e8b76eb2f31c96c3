"""What becomes of one field that both sides have: decided by what each last had. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Verdict(StrEnum):
    """What becomes of a field.

    Attributes:
        SAME: Both sides have the same.
        WRITE: The shop gets Exact's value.
        KEEP: The shop's value stays, because only the shop changed it.
        DECLINE: Both changed, and by decision the shop's value stays.
        AGREED: They differ as somebody decided; neither changed since.
        CONFLICT: Both changed, and a person decides.
    """

    SAME = "same"
    WRITE = "write"
    KEEP = "keep"
    DECLINE = "decline"
    AGREED = "agreed"
    CONFLICT = "conflict"


#: Settings for a field that both sides changed.
POLICIES = ("ask", "exact", "shop")


@dataclass(frozen=True)
class Sides:
    """One field on both sides.

    Attributes:
        exact: What Exact wants the shop to have; empty: nothing.
        shop: What the shop has; empty: nothing.
        seen: Hashes of both when they were last settled; None before the first time.
    """

    exact: str
    shop: str
    seen: tuple[str, str] | None


def verdict(sides: Sides, hashed: Callable[[Any], str], policy: str = "ask") -> Verdict:
    """Decide about a field.

    Args:
        sides: Both values, and what was seen last.
        hashed: The keyed hash of a value.
        policy: One of :data:`POLICIES`, for what both sides changed.
    """
    if sides.exact == sides.shop:
        return Verdict.SAME
    if sides.seen is None:
        # The first meeting: nobody knows who changed what, so only an empty field is filled.
        if not sides.exact:
            return Verdict.AGREED
        exact_changed, shop_changed = True, bool(sides.shop)
    else:
        exact_changed = hashed(sides.exact) != sides.seen[0]
        shop_changed = hashed(sides.shop) != sides.seen[1]
    if exact_changed and shop_changed:
        by_policy = {"exact": Verdict.WRITE, "shop": Verdict.DECLINE}
        return by_policy.get(policy, Verdict.CONFLICT)
    if exact_changed:
        return Verdict.WRITE
    return Verdict.KEEP if shop_changed else Verdict.AGREED
