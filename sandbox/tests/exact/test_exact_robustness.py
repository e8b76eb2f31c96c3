"""Whatever is sent is answered as Exact answers: a crash of the sandbox is never a test's input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commerce_sandbox.exact.credentials import DIVISION, guid
from commerce_sandbox.exact.metadata import LINES, resources

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

KNOWN = [guid(DIVISION, "financial/GLAccounts", code) for code in ("8000", "1300", "1240")]
KNOWN += [guid(DIVISION, "crm/Accounts", code) for code in ("10", "20001", "30001")]
KNOWN += [guid(DIVISION, "logistics/Items", "TEA-POT")]
VALUES: dict[str, SearchStrategy[Any]] = {
    "Guid": st.sampled_from(KNOWN),
    "String": st.sampled_from(["70", "90", "21", "EUR", "GBP", "WEB", "14", "C", "NL", "7  ", ""]),
    "Double": st.sampled_from([0, 1, -1, 100, 12.34, 0.21, 1e15, -0.0, 1e308]),
    "Boolean": st.booleans(),
    "DateTime": st.sampled_from(["2026-03-02", "2025-01-01", "9999-12-31", "0001-01-01"]),
}
ODD: SearchStrategy[Any] = st.sampled_from(
    [None, "", [], {}, 1, -1, 1.5, True, "x", "/Date(99999999999999999)/"]
)
POSTED = sorted(path for path, known in resources().items() if "POST" in known.methods)
READ = sorted(path for path in resources() if path != "current/Me")


def body(path: str, *, nested: bool = False) -> SearchStrategy[dict[str, Any]]:
    known = resources()[path]
    fields: dict[str, SearchStrategy[Any]] = {}
    for item in known.properties.values():
        if not item.on_post or (nested and item.type == "Collection"):
            continue
        if item.type == "Collection":
            line = LINES.get((path, item.name))
            if line:
                fields[item.name] = st.lists(body(line, nested=True), max_size=3)
            continue
        fields[item.name] = st.one_of(VALUES.get(item.type, st.integers(0, 2030)), ODD)
    mandatory = {item.name for item in known.properties.values() if item.mandatory}
    needed = {name: value for name, value in fields.items() if name in mandatory}
    rest = {name: value for name, value in fields.items() if name not in mandatory}
    return st.fixed_dictionaries(needed, optional=rest)


BODIES = {path: body(path) for path in POSTED}
quiet = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large,
    ],
)  # fmt: skip


@quiet
@given(data=st.data())
def test_any_body_is_booked_or_refused_with_a_message(exact: Any, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(POSTED))
    answer = exact.post(path, data.draw(BODIES[path]))
    assert answer.status_code in {201, 400, 403, 500}, answer.text
    if answer.status_code != 201:
        assert answer.json()["error"]["message"]["value"]


@quiet
@given(data=st.data())
def test_any_query_is_answered_or_refused(exact: Any, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(READ))
    name = data.draw(st.sampled_from(sorted(resources()[path].properties)))
    filters = [
        f"{name} eq 'x'", f"{name} gt 1", f"{name} ne null", f"{name} eq guid'{KNOWN[0]}'",
        f"startswith({name},'a')", f"{name} ge datetime'2026-01-01'", f"not ({name} eq true)",
        f"({name} eq", "Timestamp gt 1", f"-{name} eq 1", f"{name} add 1 eq 2", "'", "eq",
    ]  # fmt: skip
    options = {"select": name, "filter": data.draw(st.sampled_from(filters))}
    options |= data.draw(
        st.sampled_from(
            [{}, {"orderby": f"{name} desc"}, {"top": "3"}, {"inlinecount": "allpages"}]
        )
    )
    answer = exact.get(path, **options)
    assert answer.status_code in {200, 400, 403}, answer.text
    assert exact.handle.log().count("Traceback") == 0
