"""Who may speak to the console: this machine's browser, once it has shown the token; nobody else.

Other sites that the same browser visits are kept out by Host (DNS rebinding), Origin, a cookie that
is never sent from them, and a token in every form.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Bytes of a request: a rules file is at most 1 MB, a form far less.
LARGEST_BODY = 2 << 20
LONGEST_PATH = 8 << 10
_METHODS = frozenset({"GET", "HEAD", "POST"})
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": browsers would send forms with the origin "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(slots=True)
class Session:
    """The secrets of one start of the console."""

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    _cookie: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _is_used: bool = False

    @property
    def address(self) -> str:
        """Return the address to open, which works once."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    @property
    def hosts(self) -> frozenset[str]:
        """Return what may stand in the header Host."""
        return frozenset({f"127.0.0.1:{self.port}", f"localhost:{self.port}"})

    @property
    def cookie_name(self) -> str:
        """Return the cookie's name: another console may run on another port."""
        return f"desk_{self.port}"

    def take(self, token: str) -> str | None:
        """Return the cookie for the token; None: it is wrong, or was used."""
        if self._is_used or not _same(token, self.token):
            return None
        self._is_used = True
        return self._cookie

    def knows(self, cookie: str) -> bool:
        """Tell whether a cookie is this session's."""
        return _same(cookie, self._cookie)

    @property
    def form_token(self) -> str:
        """Return what every form carries; another site cannot read it."""
        return hmac.new(self._key, self._cookie.encode(), "sha256").hexdigest()

    def is_form_token(self, given: str) -> bool:
        """Tell whether a form came from one of our pages."""
        return _same(given, self.form_token)


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(), known.encode())


class TooLargeError(Exception):
    """The request has more bytes than the console takes."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets only requests of our own pages through, and seals every answer."""

    app: ASGIApp
    session: Session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it before anything reads it."""
        if scope["type"] != "http":
            return  # no websockets: the connection is refused

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        headers = Headers(scope=scope)
        answer = self._refusal(scope, headers) or self._entrance(scope, headers)
        if answer is not None:
            await answer(scope, receive, sealed)
            return
        await self.app(scope, _bounded(receive), sealed)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """Refuse what no page of ours sends."""
        path = scope.get("raw_path") or scope["path"].encode()
        length = headers.get("content-length", "0")
        is_known = headers.getlist("host") in ([host] for host in self.session.hosts)
        origins = set(headers.getlist("origin"))
        is_ours = origins == {f"http://{headers.get('host', '')}"}
        is_ours = is_ours or (not origins and scope["method"] != "POST")
        same_site = set(headers.getlist("sec-fetch-site")) <= {"same-origin", "none"}
        refusals = (
            (is_known, 421, "This console answers to its own address only (header Host)."),
            (is_ours, 403, "This did not come from a page of this console (header Origin)."),
            (same_site, 403, "This did not come from a page of this console (Sec-Fetch-Site)."),
            (scope["method"] in _METHODS, 405, "This console knows GET and POST only."),
            (
                len(path) + len(scope["query_string"]) <= LONGEST_PATH,
                414,
                "The address is too long.",
            ),
            (
                length.isdecimal() and int(length[:20]) <= LARGEST_BODY,
                413,
                f"The request is larger than {LARGEST_BODY} bytes.",
            ),
        )
        return next((_no(words, status) for fine, status, words in refusals if not fine), None)

    def _entrance(self, scope: Scope, headers: Headers) -> Response | None:
        """Take the token, or refuse who has not shown it."""
        if self.session.knows(_cookie(headers, self.session.cookie_name)):
            is_start = scope["path"] == "/" and scope["query_string"]
            return RedirectResponse("/", 303) if is_start else None
        given = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=10)
        cookie = None
        if scope["path"] == "/" and scope["method"] == "GET" and "token" in given:
            cookie = self.session.take(given["token"][0])
        if cookie is None:
            return _no(
                "Open the address that `target-exact-online console` printed. It works once: "
                "start the console again for another browser.",
                403,
            )
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            self.session.cookie_name, cookie, httponly=True, samesite="strict", path="/"
        )
        return answer


def _bounded(receive: Receive) -> Receive:
    """Count what comes in: a request may tell no length, or a wrong one."""
    given = 0

    async def counted() -> Message:
        nonlocal given
        message = await receive()
        given += len(message.get("body", b""))
        if given > LARGEST_BODY:
            raise TooLargeError
        return message

    return counted


def _cookie(headers: Headers, name: str) -> str:
    found = SimpleCookie()
    try:
        found.load(headers.get("cookie", ""))
    except CookieError:
        return ""
    return found[name].value if name in found else ""


def _no(reason: str, status: int) -> Response:
    return PlainTextResponse(f"{reason}\n", status)
