"""One call to the REST API: what its path names, and the forms of its answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from commerce_sandbox.exact.errors import MediaTypeError, NotFoundError, UriTooLongError
from commerce_sandbox.exact.metadata import LINES, resources

if TYPE_CHECKING:
    from datetime import datetime

    from commerce_sandbox.exact.access import Caller
    from commerce_sandbox.exact.metadata import Resource
    from commerce_sandbox.faults import Fault

ROOT = "/api/v1/"
_LONGEST_URL = 4096
_JSON = "application/json"
_PATH = re.compile(
    r"(?P<division>current|\d+)/(?P<resource>[A-Za-z]+(?:/[A-Za-z]+)*?)"
    r"(?:\((?:guid'(?P<guid>[0-9a-fA-F-]{36})'|'(?P<text>[^']*)'|(?P<number>\d+))\))?"
    r"(?:/(?P<navigation>[A-Za-z]+))?(?P<count>/\$count)?"
)


@dataclass(frozen=True)
class Call:
    """One call to the REST API.

    Attributes:
        method: HTTP method.
        path: Path, decoded.
        query: Query string as sent.
        headers: Header values under lower-case names.
        body: Request body.
        origin: Scheme and host, as the caller names them.
        uri_length: Length of path and query as sent, in bytes.
        moment: When the call takes effect, UTC of the sandbox's clock.
        fault: What goes wrong with it, besides what the HTTP server does.
        arrived: When it came, if it takes effect later.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    origin: str
    uri_length: int
    moment: datetime
    fault: Fault | None = None
    arrived: datetime | None = None

    @property
    def accepts_json(self) -> bool:
        """Whether the answer is JSON; otherwise it is Atom."""
        return _JSON in self.headers.get("accept", "")


@dataclass(frozen=True)
class Target:
    """What a call's path names."""

    division: int
    resource: Resource
    key: str | None
    navigation: str | None
    count: bool
    base: str


@dataclass(frozen=True)
class Answer:
    """How a call is answered."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def target_of(call: Call, caller: Caller) -> Target:
    """Return what the path of a call names.

    Raises:
        UriTooLongError: Path and query are longer than the server reads.
        NotFoundError: There is nothing of that name.
    """
    if call.uri_length > _LONGEST_URL:
        raise UriTooLongError
    match = _PATH.fullmatch(call.path, len(ROOT))
    if match is None:
        raise NotFoundError
    path, navigation = match["resource"], match["navigation"]
    key = match["text"] or match["number"] or (match["guid"] and match["guid"].lower())
    if navigation and key is None:
        path, navigation = f"{path}/{navigation}", None
    current = match["division"] == "current"
    if current:
        path = f"current/{path}"
    resource = resources().get(path)
    if (
        resource is None
        or current != (path == "current/Me")
        or (navigation and (path, navigation) not in LINES)
    ):
        raise NotFoundError
    root = f"{call.origin}/api/v1"
    return Target(
        division=caller.current_division if current else int(match["division"]),
        resource=resource,
        key=key,
        navigation=navigation,
        count=bool(match["count"]),
        base=root if current else f"{root}/{match['division']}",
    )


def wants_representation(call: Call) -> bool:
    """Tell whether the client asked for the whole entity."""
    return "return=representation" in call.headers.get("prefer", "").replace(" ", "")


def check_json(call: Call) -> None:
    """Refuse a body that is not JSON.

    Raises:
        MediaTypeError: It is not.
    """
    if not call.headers.get("content-type", "").startswith(_JSON):
        text = "Unsupported media type requested."
        raise MediaTypeError(text)


def in_json(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Answer:
    """Return an answer in JSON."""
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Answer(status, orjson.dumps(body), (headers or {}) | kind)


def in_atom(status: int, body: bytes, headers: dict[str, str] | None = None) -> Answer:
    """Return an answer in Atom."""
    return Answer(status, body, (headers or {}) | {"Content-Type": "application/atom+xml"})
