"""The same entities as Atom, which the server sends to clients that do not ask for JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from commerce_sandbox.exact.metadata import Resource

_ATOM = "http://www.w3.org/2005/Atom"
_DATA = "http://schemas.microsoft.com/ado/2007/08/dataservices"
_META = f"{_DATA}/metadata"
_SCHEME = f"{_DATA}/scheme"
_RELATED = f"{_DATA}/related/"
ET.register_namespace("", _ATOM)
ET.register_namespace("d", _DATA)
ET.register_namespace("m", _META)


def feed(
    resource: Resource, entities: list[dict[str, Any]], url: str, next_url: str | None
) -> bytes:
    """Return a list of entities as an Atom feed."""
    root = ET.Element(f"{{{_ATOM}}}feed")
    ET.SubElement(root, f"{{{_ATOM}}}title", {"type": "text"}).text = resource.name
    ET.SubElement(root, f"{{{_ATOM}}}id").text = url
    for entity in entities:
        _entry(root, resource, entity)
    if next_url:
        ET.SubElement(root, f"{{{_ATOM}}}link", {"rel": "next", "href": next_url})
    return _bytes(root)


def entry(resource: Resource, entity: dict[str, Any]) -> bytes:
    """Return one entity as an Atom entry."""
    return _bytes(_entry(None, resource, entity))


def error(text: str) -> bytes:
    """Return an error in XML."""
    root = ET.Element(f"{{{_META}}}error")
    ET.SubElement(root, f"{{{_META}}}code")
    ET.SubElement(root, f"{{{_META}}}message", {"xml:lang": ""}).text = text
    return _bytes(root)


def _bytes(root: ET.Element) -> bytes:
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _entry(parent: ET.Element | None, resource: Resource, entity: dict[str, Any]) -> ET.Element:
    tag = f"{{{_ATOM}}}entry"
    element = ET.Element(tag) if parent is None else ET.SubElement(parent, tag)
    meta = entity["__metadata"]
    ET.SubElement(element, f"{{{_ATOM}}}id").text = meta["uri"]
    ET.SubElement(element, f"{{{_ATOM}}}category", {"term": meta["type"], "scheme": _SCHEME})
    content = ET.SubElement(element, f"{{{_ATOM}}}content", {"type": "application/xml"})
    properties = ET.SubElement(content, f"{{{_META}}}properties")
    for name, value in entity.items():
        if name == "__metadata":
            continue
        if isinstance(value, dict):
            link = {"rel": _RELATED + name, "title": name, "href": f"{resource.name}/{name}"}
            ET.SubElement(element, f"{{{_ATOM}}}link", link)
            continue
        kind = resource.properties[name].type
        attributes = {} if kind == "String" else {f"{{{_META}}}type": f"Edm.{kind}"}
        if value is None:
            attributes[f"{{{_META}}}null"] = "true"
        node = ET.SubElement(properties, f"{{{_DATA}}}{name}", attributes)
        if value is not None:
            node.text = _text(value)
    return element


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith("/Date("):
        milliseconds = int(value.removeprefix("/Date(").removesuffix(")/"))
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
        return moment.strftime("%Y-%m-%dT%H:%M:%S")
    return str(value)
