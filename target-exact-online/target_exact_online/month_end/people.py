"""Who did something in Exact, told as the reader of a report may know it."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_exact_online.month_end.sides import Stamp


_LETTER = re.compile(r"user [A-Z]+")


@dataclass(slots=True)
class People:
    """Names of Exact's users, or letters in their place.

    Attributes:
        with_names: Whether names are told.
        names: Names by GUID (lower case).
    """

    with_names: bool
    names: Mapping[str, str] = field(default_factory=dict)
    _letters: dict[str, str] = field(default_factory=dict)

    def changed(self, stamp: Stamp) -> str:
        """Return who changed something last."""
        return self.tell(stamp.modifier or stamp.creator, stamp.modifier_name or stamp.creator_name)

    def created(self, stamp: Stamp) -> str:
        """Return who made something."""
        return self.tell(stamp.creator, stamp.creator_name)

    def tell(self, user: str, name: str = "") -> str:
        """Return a user's name, or a letter that is always theirs in this report.

        Args:
            user: The GUID.
            name: The name, where the line has it.
        """
        if not (user or name):
            return ""
        known = name or self.names.get(user.lower(), "")
        if self.with_names:
            return known or user
        key = user.lower() or name
        if key not in self._letters:
            self._letters[key] = _letter(len(self._letters))
        return f"user {self._letters[key]}"


def _letter(number: int) -> str:
    """Return A to Z, then AA, AB and so on."""
    letters = string.ascii_uppercase
    more, last = divmod(number, len(letters))
    return (_letter(more - 1) if more else "") + letters[last]


def is_letter(told: str) -> bool:
    """Tell whether what `People.tell` returned names nobody."""
    return not told or _LETTER.fullmatch(told) is not None
