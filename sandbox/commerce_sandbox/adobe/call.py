"""One call to the shop, as its handlers see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from commerce_sandbox.adobe.errors import ShopError
from commerce_sandbox.adobe.search import Nested, parse_query
from commerce_sandbox.adobe.settings import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commerce_sandbox.context import SandboxContext


@dataclass(frozen=True)
class Call:
    """A request with everything the checks and handlers need.

    Attributes:
        context: The sandbox.
        method: HTTP method.
        scheme: ``http`` or ``https``.
        raw_path: Path as sent, percent-encoded.
        query: Query string as sent.
        headers: Header values under lower-case names.
        body: Request body.
        now: The shop's time, seconds since 1970.
        arguments: Values of the route's placeholders.
        store_code: Store view the call is for; empty: the shop's default one.
    """

    context: SandboxContext
    method: str
    scheme: str
    raw_path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    now: float
    arguments: Mapping[str, str] = field(default_factory=dict)
    store_code: str = ""

    def header(self, name: str) -> str:
        """Return a header, or an empty text."""
        return self.headers.get(name, "")

    def setting(self, name: str) -> Any:
        """Return one of the shop's settings."""
        return self.context.database.setting(name, DEFAULTS[name])

    @cached_property
    def parameters(self) -> Nested:
        """Return the query as PHP reads it."""
        return parse_query(self.query)

    def json(self) -> dict[str, Any]:
        """Return the JSON object in the body; an empty body is an empty object.

        Raises:
            ShopError: 400 for another content type or for what is not JSON.
        """
        if not self.body:
            return {}
        content_type = self.header("content-type").partition(";")[0].strip()
        if not content_type:
            raise ShopError(400, "Content-Type header is empty.")
        if content_type != "application/json":
            message = "Server cannot understand Content-Type HTTP header media type %1"
            raise ShopError(400, message, [content_type])
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise ShopError(400, "Decoding error.") from None
        return value if isinstance(value, dict) else {}
