"""Adobe Commerce's search grammar: filters, sorting and field projection as query text.

Filters of one group are alternatives, groups must all hold. The order of groups stays below ten:
the shop's signature check sorts their numbers differently from the OAuth standard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

T = TypeVar("T")

Condition = Literal["eq", "gt", "gteq", "lt", "lteq", "in", "nin"]

#: Identifiers in one ``in`` filter; longer URLs are cut or refused by proxies.
MAX_LISTED = 150


@dataclass(frozen=True)
class Filter:
    """One condition on a column of the listed entity.

    Attributes:
        field: Column name, which is not always the JSON name (``entity_id`` of a product).
        condition: How to compare.
        value: Text to compare with; timestamps are ``YYYY-MM-DD HH:MM:SS`` in UTC.
    """

    field: str
    condition: Condition
    value: str


@dataclass(frozen=True)
class Search:
    """A list request.

    Attributes:
        filters: Conditions that must all hold.
        sort: Columns to sort by, ascending.
        page_size: Rows wanted.
        page: Page number, from 1.
        fields: Projection of the answer, or None for everything.
    """

    filters: tuple[Filter, ...] = ()
    sort: tuple[str, ...] = ()
    page_size: int = 100
    page: int = 1
    fields: str | None = None

    def query(self) -> str:
        """Query text, percent-encoded with ``%20`` for a space as the shop's signature demands."""
        pairs: list[tuple[str, str]] = []
        for number, item in enumerate(self.filters):
            prefix = f"searchCriteria[filter_groups][{number}][filters][0]"
            pairs += [
                (f"{prefix}[field]", item.field),
                (f"{prefix}[value]", item.value),
                (f"{prefix}[condition_type]", item.condition),
            ]
        for number, column in enumerate(self.sort):
            prefix = f"searchCriteria[sortOrders][{number}]"
            # Without a direction the shop sorts descending.
            pairs += [(f"{prefix}[field]", column), (f"{prefix}[direction]", "ASC")]
        pairs += [
            ("searchCriteria[pageSize]", str(self.page_size)),
            ("searchCriteria[currentPage]", str(self.page)),
        ]
        if self.fields:
            pairs.append(("fields", self.fields))
        return encode(pairs)


def encode(pairs: Iterable[tuple[str, str]]) -> str:
    """Percent-encode a query; every parameter keeps its ``=``."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def among(field: str, values: Iterable[int | str]) -> Filter:
    """The column has one of the values; values must not contain a comma."""
    return Filter(field, "in", ",".join(str(value) for value in values))


def parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Values in parts that fit into one call's address."""
    for start in range(0, len(values), MAX_LISTED):
        yield values[start : start + MAX_LISTED]


#: A projection: name to its own projection, or None for the whole value.
Projection = dict[str, "Projection | None"]


def render_projection(projection: Mapping[str, Projection | None]) -> str:
    """Text of a projection in the shop's form: ``a,b[c,d]``."""
    return ",".join(
        name if inner is None else f"{name}[{render_projection(inner)}]"
        for name, inner in projection.items()
    )


def list_fields(projection: Mapping[str, Projection | None] | None) -> str | None:
    """The ``fields`` parameter of a list request, which must keep the count of rows."""
    if projection is None:
        return None
    return f"items[{render_projection(projection)}],total_count"
