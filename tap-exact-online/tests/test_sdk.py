"""The SDK's own test suite, and what the tap says about itself."""

from __future__ import annotations

import importlib.resources
import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from commerce_sandbox.exact.metadata import resources
from tap_exact_online import schemas
from tap_exact_online.settings import CONFIG as SETTINGS
from tap_exact_online.streams import STREAMS
from tap_exact_online.tap import TapExactOnline

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Run

    from commerce_sandbox.testing import SandboxHandle

# The suite synchronises when the class is first used, so the company must be known by then.
CONFIG: dict[str, Any] = {"division": 1}
# Properties with a time of day; all other dates are days of the calendar.
MOMENTS = {
    "Approved", "ArchiveDate", "ControlledDate", "Created", "DeletedDate",
    "DivisionHRLinkUnlinkDate", "DivisionMoveDate", "EndTime", "IdentificationDate", "Modified",
    "PaymentSelected", "ReceivableSelected", "StartTime", "StatusSince", "as_of",
    "_sdc_deleted_at",
}  # fmt: skip
OF_EDM = {
    "Guid": "string", "String": "string", "DateTime": "string", "Double": "number",
    "Boolean": "boolean", "Byte": "integer", "Int16": "integer", "Int32": "integer",
    "Int64": "integer",
}  # fmt: skip

not_all_members_occur = pytest.mark.filterwarnings(
    "ignore:Fields in transformed catalog but not in records",
)
TestSdkSuite = not_all_members_occur(
    get_tap_test_class(
        TapExactOnline,
        config=CONFIG,
        # Each of 1,400 fields is checked below, with the formats.
        include_stream_attribute_tests=False,
        suite_config=SuiteConfig(max_records_limit=20),
    )
)


@pytest.fixture(scope="module", autouse=True)
def _company_of_the_suite(login: dict[str, Any], _key: None) -> None:
    CONFIG.update(login, max_calls_per_minute=1_000)  # not a minute's wait for the second pass


def test_every_stream_conforms_and_holds_nothing_unknown(
    shared: SandboxHandle, read: Callable[..., Run]
) -> None:
    run = read(shared.exact_config())
    assert run.error is None
    for stream in STREAMS:
        schema = schemas.load(stream.name)
        checker = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
        records = run.records(stream.name)
        assert records, stream.name
        for record in records:
            assert list(checker.iter_errors(record)) == []
            assert record.keys() <= schema["properties"].keys()
            if not record.get("_sdc_deleted_at"):  # what Exact did not say is null, not absent
                assert record.keys() >= schema["properties"].keys() - {"_sdc_deleted_at"}
        keys = [tuple(record[key] for key in stream.primary_keys) for record in records]
        assert len(set(keys)) == len(keys)

    shared.advance(600)
    shared.clear_requests()
    again = read(shared.exact_config(), state=run.state)
    assert again.error is None
    # 33, and five more pages of `journal_status`, as the README says.
    assert len(shared.requests(system="exact", path="/api/v1/*")) == 33 + 5


def test_the_schemas_are_what_exact_documents() -> None:
    for stream in STREAMS:
        schema = schemas.load(stream.name)
        documented = resources()[stream.resource].properties
        assert set(schema["required"]) >= set(stream.primary_keys)
        for name, part in schema["properties"].items():
            kinds = [part["type"]] if isinstance(part["type"], str) else part["type"]
            assert ("null" in kinds) == (name not in schema["required"]), name
            if name not in {"Division", "as_of", "_sdc_deleted_at"}:
                assert OF_EDM[documented[name].type] in kinds, (stream.name, name)
                is_date = documented[name].type == "DateTime"
                assert is_date == ("format" in part), (stream.name, name)
            if "format" in part:
                wanted = "date-time" if name in MOMENTS else "date"
                assert part["format"] == wanted, (stream.name, name)
                assert "description" in part


def test_every_schema_file_is_used() -> None:
    folder = importlib.resources.files(schemas)
    files = {entry.name for entry in folder.iterdir() if entry.name.endswith(".json")}
    assert files == {f"{stream.name}.json" for stream in STREAMS}


def test_the_capabilities_and_secrets_are_those_there_are(invoke: Callable[..., Run]) -> None:
    about = json.loads("\n".join(invoke("--about", "--format=json").lines))
    assert set(about["capabilities"]) == {
        "catalog", "state", "discover", "about", "stream-maps", "schema-flattening",
        "structured-logging",
    }  # fmt: skip
    settings = about["settings"]["properties"]
    secrets = {name for name, part in settings.items() if part.get("secret")}
    assert secrets == {"client_secret", "refresh_token", "credentials", "limits_url"}


def test_the_readme_shows_the_settings_as_about_prints_them(
    invoke: Callable[..., Run],
) -> None:
    readme = (importlib.resources.files("tap_exact_online") / "../README.md").read_text()
    lines = invoke("--about", "--format=markdown").lines
    rows = [line.strip() for line in lines if line.startswith("|")]
    assert len(rows) > len(SETTINGS["properties"])
    assert [row for row in rows if row not in readme] == []


def test_the_readme_names_each_stream_with_its_list_and_scope() -> None:
    readme = (importlib.resources.files("tap_exact_online") / "../README.md").read_text()
    for stream in STREAMS:
        row = next(line for line in readme.splitlines() if line.startswith(f"| `{stream.name}`"))
        assert f"`{stream.resource}`" in row
        scope = resources()[stream.resource].scope
        assert (scope or "sales orders") in row.lower()
