"""The searchCriteria grammar: from a query string to groups of filters, sort fields and a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from commerce_sandbox.adobe.errors import ShopError, missing, wrong_type

_KEY = re.compile(r"([^\[]+)((?:\[[^\]]*\])*)")
_BRACKET = re.compile(r"\[([^\]]*)\]")
_INTEGER = re.compile(r"-?\d{1,18}")
_DIRECTIONS = ("ASC", "DESC")
_PARAMETER = "searchCriteria"

Nested = dict[str, Any]


@dataclass(frozen=True)
class Filter:
    """One comparison; what was not sent is None."""

    field: str | None
    value: str | None
    condition: str


@dataclass(frozen=True)
class Sort:
    """One sort field; without a direction the shop sorts downwards."""

    field: str | None
    direction: str | None


@dataclass(frozen=True)
class Criteria:
    """A search as it was asked for: groups are AND, filters of a group OR."""

    groups: tuple[tuple[Filter, ...], ...] = ()
    sorts: tuple[Sort, ...] = ()
    page_size: int | None = None
    current_page: int | None = None

    def echo(self) -> dict[str, Any]:
        """Return the criteria as every list repeats them, without what was not sent."""
        echo: dict[str, Any] = {
            "filter_groups": [
                {
                    "filters": [
                        {
                            "field": one.field,
                            "value": one.value,
                            "condition_type": one.condition,
                        }
                        for one in group
                    ]
                }
                for group in self.groups
            ]
        }
        if self.sorts:
            echo["sort_orders"] = [
                {"field": sort.field, "direction": sort.direction} for sort in self.sorts
            ]
        if self.page_size is not None:
            echo["page_size"] = self.page_size
        if self.current_page is not None:
            echo["current_page"] = self.current_page
        return echo


def parse_query(query: str) -> Nested:
    """Read a query string as PHP does: brackets nest, the last of equal keys wins.

    Args:
        query: The query string as sent.
    """
    result: Nested = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        match = _KEY.fullmatch(name)
        if match is None:
            continue
        path = [match.group(1), *_BRACKET.findall(match.group(2))]
        target = result
        for step in path[:-1]:
            inner = target.get(step)
            if not isinstance(inner, dict):
                inner = target[step] = {}
            target = inner
        last = path[-1] if path[-1] or len(path) == 1 else str(len(target))
        target[last] = value
    return result


def parse_criteria(parameters: Nested, *, max_page_size: int | None, default: int) -> Criteria:
    """Read the search of a list request.

    Args:
        parameters: Result of ``parse_query``.
        max_page_size: Largest page allowed; None: limits are off, as in a fresh shop.
        default: Page size when none is given and limits are on.

    Raises:
        ShopError: 400 with the shop's text.
    """
    given = parameters.get(_PARAMETER, parameters.get("search_criteria"))
    if given is None:
        raise missing(_PARAMETER)
    members = _members(given, ("filterGroups", "sortOrders", "pageSize", "currentPage"))
    page_size = _integer(members, "pageSize")
    if max_page_size is not None:
        # The shop looks for the exact spelling: page_size slips through.
        exact = isinstance(given, dict) and "pageSize" in given
        if exact and page_size is not None and page_size > max_page_size:
            raise ShopError(400, "Maximum SearchCriteria pageSize is %max", {"max": max_page_size})
        page_size = default if page_size is None else page_size
    return Criteria(
        groups=tuple(_group(group) for group in _elements(members.get("filterGroups"))),
        sorts=tuple(_sort(sort) for sort in _elements(members.get("sortOrders"))),
        page_size=page_size,
        current_page=_integer(members, "currentPage"),
    )


def _camel_case(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)


def _members(value: Any, known: tuple[str, ...]) -> Nested:
    """Return an object's members under their camel-case names; text stands for an empty object."""
    if not isinstance(value, dict):
        return {}
    members = {_camel_case(name): member for name, member in value.items()}
    for name in members:
        if name not in known:
            raise missing(name[:1].upper() + name[1:])
    return members


def _elements(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else []


def _integer(members: Nested, name: str) -> int | None:
    value = members.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not _INTEGER.fullmatch(value):
        raise wrong_type(value, "int", name)
    return int(value)


def _text(value: Any) -> str | None:
    """Return a filter's value; a list of values is joined as the shop's own lists are."""
    if isinstance(value, dict):
        return ",".join(str(element) for element in value.values())
    return None if value is None else str(value)


def _group(group: Any) -> tuple[Filter, ...]:
    filters = _elements(_members(group, ("filters",)).get("filters"))
    result = []
    for one in filters:
        members = _members(one, ("field", "value", "conditionType"))
        condition = members.get("conditionType") or "eq"
        field = _text(members.get("field"))
        result.append(Filter(field, _text(members.get("value")), str(condition)))
    return tuple(result)


def _sort(sort: Any) -> Sort:
    members = _members(sort, ("field", "direction"))
    field, direction = _text(members.get("field")), _text(members.get("direction"))
    if field is not None and re.search(r"[^A-Za-z0-9_]", field):
        raise ShopError(400, "Sort order field %1 contains restricted symbols", [field])
    if direction is not None:
        direction = direction.upper()
        if direction not in _DIRECTIONS:
            raise ShopError(
                400,
                "The sort order has to be specified as %1 for ascending order"
                " or %2 for descending order.",
                list(_DIRECTIONS),
            )
    return Sort(field, direction)
