"""Answers in the format the client accepts: JSON, XML, or the shop's HTML failure page."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

import orjson

from commerce_sandbox.adobe.php_json import dumps

JSON_TYPE = "application/json; charset=utf-8"
_XML_TYPE = "application/xml; charset=utf-8"
_HTML_TYPE = "text/html; charset=UTF-8"
_JSON_ACCEPTED = {"*/*", "application/*", "application/json"}
_XML_ACCEPTED = {"application/xml", "application/xhtml+xml", "text/xml"}
_HTML_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": "1; mode=block",
    "X-Frame-Options": "SAMEORIGIN",
}
_PAGE = """<!doctype html>
<html xmlns="http://www.w3.org/1999/xhtml" >
<head>
    <title>{title}</title>
    <base href="{base}" />
    <meta http-equiv="Content-Type" content="text/html; charset=utf-8" />
    <meta name="robots" content="*"/>
    <link rel="stylesheet" href="css/styles.css" type="text/css" />
    <link rel="icon" href="images/favicon.ico" type="image/x-icon" />
    <link rel="shortcut icon" href="images/favicon.ico" type="image/x-icon" />
</head>
<body>
    <main class="page-main">
{indent}
{content}
    </main>
</body>
</html>
"""
_MAINTENANCE = """<h1>Service Temporarily Unavailable</h1>
<p>
    The server is temporarily unable to service your request due to maintenance downtime or capacity problems.
    Please try again later.
</p>"""  # noqa: E501  (the page as recorded)
_FAILURE = """<h1>There has been an error processing your request</h1>
    <p><em>Exception printing is disabled by default for security reasons.</em></p>

    <p>Error log record number: {record}</p>"""
_TOO_LONG = """<html>
<head><title>414 Request-URI Too Large</title></head>
<body>
<center><h1>414 Request-URI Too Large</h1></center>
<hr><center>nginx/1.22.1</center>
</body>
</html>
"""
_LOGIN = """<!doctype html>
<html lang="nl">
<head><title>Customer Login</title></head>
<body>
<form class="form form-login" action="/customer/account/loginPost/" method="post">
<input name="login[username]" type="email" /><input name="login[password]" type="password" />
</form>
</body>
</html>
"""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer of the shop."""

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


def accepted_format(accept: str | None) -> str | None:
    """Return ``json`` or ``xml`` for an Accept header; None when the shop cannot serve it.

    Args:
        accept: The header; without one the shop sends JSON.
    """
    if not accept:
        return "json"
    weighted = []
    for position, entry in enumerate(accept.split(",")):
        media_type, *parameters = (part.strip() for part in entry.split(";"))
        quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        weighted.append((-_number(quality), position, media_type.lower()))
    for _, _, media_type in sorted(weighted):
        if media_type in _JSON_ACCEPTED:
            return "json"
        if media_type in _XML_ACCEPTED:
            return "xml"
    return None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 1.0


def render(status: int, body: bytes | Any, wanted: str) -> Answer:
    """Return an answer in one of the formats of ``accepted_format``.

    Args:
        status: HTTP status.
        body: JSON text as the shop writes it, or a value.
        wanted: ``json`` or ``xml``.
    """
    if wanted == "xml":
        value = orjson.loads(body) if isinstance(body, bytes) else body
        return Answer(status, _xml(value), _XML_TYPE)
    text = body if isinstance(body, bytes) else dumps(body).encode("ascii")
    return Answer(status, text, JSON_TYPE)


def _xml(value: Any) -> bytes:
    root = ET.Element("response")
    _fill(root, value)
    ET.indent(root)
    return b'<?xml version="1.0"?>\n' + ET.tostring(root) + b"\n"


def _fill(element: ET.Element, value: Any) -> None:
    if isinstance(value, dict):
        for name, member in value.items():
            _fill(ET.SubElement(element, name), member)
    elif isinstance(value, list):
        for member in value:
            _fill(ET.SubElement(element, "item"), member)
    elif isinstance(value, bool):
        element.text = "true" if value else "false"
    elif value is not None:
        element.text = str(value)


def _page(status: int, title: str, base_url: str, content: str) -> Answer:
    base = f"{base_url}/errors/default/".replace(":", "&#x3A;").replace("/", "&#x2F;")
    page = _PAGE.format(title=title, base=base, indent=" " * 8, content=content)
    return Answer(status, page.encode(), _HTML_TYPE, dict(_HTML_HEADERS))


def maintenance(base_url: str) -> Answer:
    """Return the page of a shop in maintenance: 503, HTML, no Retry-After."""
    return _page(503, "Error 503: Service Unavailable", base_url, _MAINTENANCE)


def failure(base_url: str) -> Answer:
    """Return the page of a failure outside the API's own code, as an Accept it cannot serve."""
    content = _FAILURE.format(record=secrets.token_hex(32))
    return _page(500, "There has been an error processing your request", base_url, content)


def uri_too_long() -> Answer:
    """Return what the web server says to a request line that does not fit its buffer."""
    return Answer(414, _TOO_LONG.encode(), "text/html")


def login() -> Answer:
    """Return the page of a shop that asks visitors to log in: HTML with status 200."""
    return Answer(200, _LOGIN.encode(), _HTML_TYPE, dict(_HTML_HEADERS))


def out_of_memory() -> Answer:
    """Return what PHP leaves behind when one page is too large for its memory."""
    report = secrets.randbelow(10**12)
    text = f"Server internal error. See details in report api/{report}"
    body = {"messages": {"error": [{"code": 500, "message": text}]}}
    return render(500, body, "json")
