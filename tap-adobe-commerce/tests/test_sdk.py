"""The SDK's own test suite, and what the tap says about itself."""

from __future__ import annotations

import importlib.resources
import json
import subprocess
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from commerce_sandbox.testing import SandboxHandle
from tap_adobe_commerce import schemas
from tap_adobe_commerce.settings import SCHEMA
from tap_adobe_commerce.streams import STREAMS
from tap_adobe_commerce.tap import TapAdobeCommerce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

    from conftest import Run

# The suite synchronises when the class is first used, so the shop must be known by then.
CONFIG: dict[str, Any] = {"instance": "sandbox"}

not_all_members_occur = pytest.mark.filterwarnings(
    "ignore:Fields in transformed catalog but not in records",
    "ignore:No records were available to test",
)
TestSdkSuite = not_all_members_occur(
    get_tap_test_class(
        TapAdobeCommerce,
        config=CONFIG,
        suite_config=SuiteConfig(
            max_records_limit=100, ignore_no_records_for_streams=["transactions"]
        ),
    )
)


@pytest.fixture(scope="module", autouse=True)
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    sandbox = SandboxHandle(tmp_path_factory.mktemp("sdk"))
    CONFIG.update(sandbox.adobe_config())
    yield
    sandbox.stop()


def test_all_streams_of_the_recorded_shop_conform_and_hold_nothing_unknown(recorded: Run) -> None:
    for stream in STREAMS:
        schema = recorded.schema(stream.name)
        validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
        records = recorded.records(stream.name)
        assert records or stream.name == "transactions"
        for record in records:
            assert list(validator.iter_errors(record)) == []
            assert unknown(record, schema) == []


def unknown(value: Any, schema: dict[str, Any], path: str = "") -> list[str]:
    """Members that the schema does not describe; free-form objects describe none."""
    if isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        found = [f"{path}.{name}" for name in value if name not in known]
        for name, part in value.items():
            found += unknown(part, known.get(name, {}), f"{path}.{name}")
        return found
    if isinstance(value, list):
        return [name for part in value for name in unknown(part, schema.get("items", {}), path)]
    return []


def test_nothing_required_is_nullable_and_only_keys_are_required() -> None:
    for stream in STREAMS:
        schema = schemas.load(stream.name)
        for name in schema["required"]:
            assert "null" not in schema["properties"][name]["type"]
        for name, part in schema["properties"].items():
            if name not in {*schema["required"], "order", "source"}:
                assert "null" in part["type"], f"{stream.name}.{name}"


def test_every_schema_file_is_used() -> None:
    folder = importlib.resources.files(schemas)
    files = {entry.name for entry in folder.iterdir() if entry.name.endswith(".json")}

    assert files == {f"{stream.name}.json" for stream in STREAMS} | set(schemas.SHARED)


def test_the_capabilities_are_those_that_work(program: Path) -> None:
    about = json.loads(
        subprocess.run(
            [program, "--about", "--format=json"], capture_output=True, check=True
        ).stdout
    )

    assert set(about["capabilities"]) == {
        "catalog", "state", "discover", "about", "stream-maps", "schema-flattening",
        "structured-logging",
    }  # fmt: skip
    settings = about["settings"]["properties"]
    assert "batch_config" not in settings
    secrets = {name for name, part in settings.items() if part.get("secret")}
    assert secrets >= {
        "consumer_key", "consumer_secret", "access_token", "access_token_secret", "bearer_token",
        "admin_password", "ims_client_secret",
    }  # fmt: skip


def test_the_readme_shows_the_settings_as_about_prints_them(program: Path) -> None:
    readme = (importlib.resources.files("tap_adobe_commerce") / "../README.md").read_text()
    about = subprocess.run(
        [program, "--about", "--format=markdown"], capture_output=True, text=True, check=True
    ).stdout

    rows = [line.strip() for line in about.splitlines() if line.startswith("|")]
    assert len(rows) > len(SCHEMA["properties"])
    missing = [row for row in rows if row not in readme]
    assert missing == []


def try_it(program: Path, config: Any, files: Callable[[str, Any], Path]) -> CompletedProcess[str]:
    done = subprocess.run(
        [program, "--config", files("config.json", config), "--test"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "unhandled error" not in done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_the_test_says_one_line_for_each_stream_and_shows_no_record(
    sandbox: SandboxHandle, program: Path, files: Callable[[str, Any], Path]
) -> None:
    done = try_it(program, sandbox.adobe_config(), files)

    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["ok", stream.name] for stream in STREAMS]
    assert "75 rows" in lines[0]
    assert "empty" in next(line for line in lines if "transactions" in line)
    assert not any("Veer" in line or "example" in line for line in lines)  # people


def test_the_test_names_what_cannot_be_read_and_goes_on(
    sandbox: SandboxHandle,
    program: Path,
    files: Callable[[str, Any], Path],
    sales_only: dict[str, str],
) -> None:
    done = try_it(program, sandbox.adobe_config() | sales_only, files)

    assert done.returncode == 1
    lines = {line.split()[1]: line for line in done.stdout.splitlines()}
    assert list(lines) == [stream.name for stream in STREAMS]
    assert lines["orders"].startswith("ok ")
    assert lines["products"].startswith("error ")
    assert "Magento_Catalog::products" in lines["products"]


def test_the_test_of_a_shop_that_is_not_there_is_one_line(
    program: Path, files: Callable[[str, Any], Path], sandbox: SandboxHandle
) -> None:
    done = try_it(program, sandbox.adobe_config() | {"base_url": "http://127.0.0.1:1"}, files)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("ERROR: Cannot reach 127.0.0.1:1")
    assert done.stderr.count("ERROR") == 1
