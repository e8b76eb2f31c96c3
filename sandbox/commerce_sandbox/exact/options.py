"""The query options of a read: what they may be, and what the server wants them to be."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

from commerce_sandbox.exact import filters, local_time, render, views
from commerce_sandbox.exact.errors import BadRequestError
from commerce_sandbox.exact.metadata import LINES, resources

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.exact.metadata import Resource

_OPTIONS = frozenset(
    {"$filter", "$select", "$orderby", "$top", "$skip", "$skiptoken", "$expand", "$inlinecount"}
)
#: Resources with a sync twin refuse lists without a filter.
_FILTER_NEEDED = frozenset({
    "crm/Accounts", "crm/Addresses", "crm/Contacts", "logistics/Items", "financial/GLAccounts",
    "financialtransaction/TransactionLines", "salesinvoice/SalesInvoices",
    "salesinvoice/SalesInvoiceLines", "salesorder/SalesOrders", "salesorder/SalesOrderLines",
    "documents/Documents", "documents/DocumentAttachments",
})  # fmt: skip
#: Filters without which a list is refused.
_MANDATORY = {"financial/ReportingBalance": "ReportingYear"}
_SELECT_NEEDED = "Please add a $select or a $top=1 statement to the query string."


@dataclass(frozen=True)
class Options:
    """The query options of one call, checked.

    Attributes:
        seen_until: Rows changed later are not yet in the index that filters use.
        kept_since: Rows made earlier are kept no longer.
        local: Moments are Dutch wall clock time, in the filter and in the answer.
    """

    filter: filters.Filter | None = None
    select: frozenset[str] | None = None
    line_select: dict[str, frozenset[str]] = field(default_factory=dict)
    expand: tuple[str, ...] = ()
    orderby: str = ""
    top: int | None = None
    skip: int = 0
    token: Any = None
    count: bool = False
    seen_until: str | None = None
    kept_since: str | None = None
    local: bool = False


def parse(query: str, resource: Resource, *, local: bool = False) -> Options:
    """Check the query string of a list or entity.

    Args:
        query: As sent.
        resource: What is read.
        local: Moments are Dutch wall clock time.

    Raises:
        BadRequestError: An option is unknown, repeated or cannot be read.
    """
    raw: dict[str, str] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if not name.startswith("$"):
            continue
        if name not in _OPTIONS:
            message = (
                f"The query parameter '{name}' begins with a system-reserved '$' character but is "
                "not recognized."
            )
            raise BadRequestError(message)
        if name in raw:
            message = f"Query parameter '{name}' is specified, but it should be specified once."
            raise BadRequestError(message)
        raw[name] = text
    view = views.view(resource.path)
    found = None
    if raw.get("$filter"):
        if view is None:
            message = "This $filter parameter is not supported for this resource"
            raise BadRequestError(message)
        found = filters.parse(
            raw["$filter"], resource, _local_column(view) if local else view.column
        )
    expand = tuple(part.strip() for part in raw.get("$expand", "").split(",") if part.strip())
    for name in expand:
        if (resource.path, name) not in LINES:
            message = f"Could not find a property named '{name}' on type '{resource.type_name}'."
            raise BadRequestError(message)
    select, line_select = _select(raw.get("$select", ""), resource)
    return Options(
        filter=found,
        select=select,
        line_select=line_select,
        expand=expand,
        orderby=_orderby(raw.get("$orderby", ""), resource, view),
        top=_number(raw, "$top"),
        skip=_number(raw, "$skip") or 0,
        token=_read_token(raw.get("$skiptoken")),
        count=raw.get("$inlinecount", "none") == "allpages",
        local=local,
    )


def _local_column(view: views.View) -> Callable[[str], str]:
    """Return what gives the SQL of a property whose moments are Dutch wall clock time."""

    def column(name: str) -> str:
        sql = view.column(name)
        return f"dutch_time({sql})" if name in local_time.MOMENTS else sql

    return column


def _number(raw: dict[str, str], name: str) -> int | None:
    if name not in raw:
        return None
    if not raw[name].isdecimal():
        message = f"Incorrect format for {name}: '{raw[name]}'."
        raise BadRequestError(message)
    return int(raw[name])


def _select(
    text: str, resource: Resource
) -> tuple[frozenset[str] | None, dict[str, frozenset[str]]]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        return None, {}
    if names == ["*"] and not resource.is_sync():
        return frozenset(resource.properties), {}
    own: set[str] = set()
    lines: dict[str, frozenset[str]] = {}
    for name in names:
        head, _, tail = name.partition("/")
        if head not in resource.properties:
            message = f"Could not find a property named '{head}' on type '{resource.type_name}'."
            raise BadRequestError(message)
        own.add(head)
        if tail:
            line = resources()[LINES[resource.path, head]]
            if tail not in line.properties:
                message = f"Could not find a property named '{tail}' on type '{line.type_name}'."
                raise BadRequestError(message)
            lines[head] = lines.get(head, frozenset()) | {tail}
    return frozenset(own), lines


def _orderby(text: str, resource: Resource, view: views.View | None) -> str:
    parts = []
    for part in (entry.strip() for entry in text.split(",")):
        if not part:
            continue
        name, _, direction = part.partition(" ")
        known = resource.properties.get(name)
        if known is None or known.type == "Collection" or view is None:
            message = f"No property '{name}' exists in type '{resource.type_name}' at position 0."
            raise BadRequestError(message)
        if direction.strip() not in {"", "asc", "desc"}:
            message = "Syntax error in $orderby."
            raise BadRequestError(message)
        parts.append(f"{view.column(name)} {direction.strip()}")
    return ", ".join(parts)


def _read_token(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return orjson.loads(base64.urlsafe_b64decode(text))
    except (binascii.Error, ValueError):
        message = "The value of $skiptoken is not valid."
        raise BadRequestError(message) from None


def check_select(resource: Resource, options: Options, needed: str) -> None:
    """Refuse lists that do not say what they want.

    Args:
        resource: What is read.
        options: Checked query options.
        needed: By all ``lists``, by ``bulk`` ones, or ``never``.

    Raises:
        BadRequestError: There is neither ``$select`` nor ``$top=1``.
    """
    if needed == "never" or (needed == "bulk" and not resource.is_bulk()):
        return
    if options.select is None and options.top != 1:
        raise BadRequestError(_SELECT_NEEDED)


def check_filter(
    resource: Resource,
    options: Options,
    refused: frozenset[str] = frozenset(),
    *,
    needed: bool = True,
) -> None:
    """Refuse lists without the filter they need, and filters the server does not run.

    Args:
        resource: What is read.
        options: Checked query options.
        refused: Further fields that this server does not filter by here.
        needed: Lists that have a sync twin want a filter.

    Raises:
        BadRequestError: A filter is missing, or names a field that cannot be filtered.
    """
    used = options.filter.names if options.filter else frozenset()
    if resource.is_sync():
        allowed = {"Timestamp"} | ({"EntityType"} if resource.path == "sync/Deleted" else set())
        if "Timestamp" not in used or used - allowed:
            _filter_needed(sorted(allowed))
        return
    view = views.view(resource.path)
    twin = view.sources[0] if view and resource.is_bulk() else resource.path
    allowed_names = resources()[twin].filterable
    mandatory = _MANDATORY.get(resource.path)
    if mandatory is not None and mandatory not in used:
        _filter_needed([mandatory])
    if needed and twin in _FILTER_NEEDED and not used:
        _filter_needed(sorted(allowed_names or {resource.key, "Modified"}))
    if allowed_names is None:
        unknown = {name for name in used if render.looked_up(name)}
    else:
        unknown = set(used - allowed_names)
    unknown |= used & refused
    if unknown:
        message = f"Filtering on these fields is not supported: {', '.join(sorted(unknown))}"
        raise BadRequestError(message)


def _filter_needed(names: list[str]) -> None:
    message = (
        "This endpoint has mandatory filtering applied. A GET request for this endpoint must have "
        f"a $filter parameter with one of the following fields in the url: {', '.join(names)}."
    )
    raise BadRequestError(message)
