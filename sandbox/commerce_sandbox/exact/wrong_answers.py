"""Answers that are not ours: another document's, another customer's, another division's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import orjson

from commerce_sandbox.exact import local_time, master, render, store, views
from commerce_sandbox.exact.credentials import NAMESPACE, PERMITTED

if TYPE_CHECKING:
    from commerce_sandbox.database import Database
    from commerce_sandbox.exact.metadata import Resource

Entity = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """What a call was about.

    Attributes:
        database: The sandbox's database.
        resource: What was asked for or written.
        division: Whose books.
        base: URL of the division.
        local: Whether moments are Dutch wall clock time.
    """

    database: Database
    resource: Resource
    division: int
    base: str
    local: bool


def spoiled(kind: str, asked: Asked, body: bytes) -> bytes:
    """Return another answer in the envelope of the right one.

    Args:
        kind: One of :data:`KINDS`.
        asked: What the call was about.
        body: The right answer, JSON.
    """
    change = KINDS[kind]
    document = orjson.loads(body)
    content = document["d"]
    if isinstance(content, list):
        document["d"] = change(asked, content)
    elif "results" in content:
        content["results"] = change(asked, content["results"])
    else:
        document["d"] = change(asked, [content])[0]
    return orjson.dumps(document)


def _swapped(asked: Asked, entities: list[Entity]) -> list[Entity]:
    """Return as many other entities of the same resource, newest first; at least one.

    When the division has no others, they are entities of a stranger: other keys, numbers,
    reference and amounts.
    """
    view = views.view(asked.resource.path)
    if view is None:
        return entities
    mine = [_key(entity) for entity in entities]
    marks = ", ".join("?" * len(mine))
    rows = asked.database.connection().execute(
        f"SELECT * FROM {view.source_sql()} WHERE division = ? AND id NOT IN ({marks}) "  # noqa: S608 -- our own names
        "ORDER BY version DESC LIMIT ?",
        (asked.division, *mine, max(1, len(entities))),
    )
    shape = entities[0] if entities else None
    others = [_like(shape, asked, view.show(store.load(row))) for row in rows]
    return others + [_strange(asked.resource, entity) for entity in entities[len(others) :]]


def _key(entity: Entity) -> str:
    """Return the key of an entity, whether it was selected or not."""
    segment: str = entity["__metadata"]["uri"].rpartition("(")[2]
    return segment.rstrip(")").removeprefix("guid").strip("'")


def _like(shape: Entity | None, asked: Asked, row: store.Row) -> Entity:
    """Return a row with the properties that the right answer has."""
    select = None if shape is None else frozenset(shape)
    blank = shape is not None and all(
        value is None or isinstance(value, dict)  # __metadata, and links to lines
        for name, value in shape.items()
        if name != asked.resource.key
    )
    data = None if blank else master.of_division(asked.database, asked.division)
    if asked.local:
        row = local_time.shown(row)
    return render.entity(asked.resource, row, asked.base, master=data, select=select, blank=blank)


def _strange(resource: Resource, entity: Entity) -> Entity:
    changed = dict(entity)
    for name, value in entity.items():
        kind = resource.properties[name].type if name in resource.properties else ""
        if value is None or not kind:
            continue
        if kind == "Guid":
            changed[name] = _other_guid(value)
        elif kind in {"Int32", "Double"} and name != "Division":
            changed[name] = value + 1
        elif name == "YourRef":
            changed[name] = value[::-1] + "0"
    return changed


def _of_other_division(asked: Asked, entities: list[Entity]) -> list[Entity]:
    """Return the same entities as another division would have them: its number, other keys."""
    other = min(PERMITTED - {asked.division})
    guids = {key: _other_guid(key) for key in map(_key, entities) if _is_guid(key)}

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: other if name == "Division" and part else moved(part)
                for name, part in value.items()
            }
        if isinstance(value, list):
            return [moved(part) for part in value]
        if isinstance(value, str):
            value = value.replace(f"/{asked.division}/", f"/{other}/")
            for own, strange in guids.items():
                value = value.replace(own, strange)
        return value

    return [moved(entity) for entity in entities]


def _is_guid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def _other_guid(value: str) -> str:
    return str(uuid5(NAMESPACE, value))


#: Kinds of faults that answer with what is not ours.
KINDS = {"swapped_answer": _swapped, "other_division": _of_other_division}
