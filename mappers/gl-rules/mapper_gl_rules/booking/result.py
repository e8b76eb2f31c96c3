"""What booking gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mapper_gl_rules.booking.header import Record

__all__ = ["Booked"]


class Booked(NamedTuple):
    """One document of contract 2.

    Attributes:
        stream: Stream it belongs to.
        record: The document.
        roles: What each of its lines is (revenue, discount, ...), for people.
    """

    stream: str
    record: Record
    roles: tuple[str, ...] = ()
