"""The example projects: which company a document reaches, and whose it is."""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from commerce_sandbox.exact.credentials import DIVISION, SECOND_DIVISION

if TYPE_CHECKING:
    from conftest import Pipe

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PROJECTS = sorted(path.parent.name for path in EXAMPLES.glob("*/meltano.yml"))
ENTRIES = "salesentry/SalesEntries"


def project(name: str) -> dict[str, Any]:
    read: dict[str, Any] = YAML(typ="safe").load((EXAMPLES / name / "meltano.yml").read_text())
    return read


def plugins(name: str, kind: str) -> dict[str, dict[str, Any]]:
    """Each plugin's configuration, with what it inherits."""
    listed = {one["name"]: one for one in project(name)["plugins"][kind]}
    found = {}
    for plugin, one in listed.items():
        base = listed.get(one.get("inherit_from"), {}).get("config", {})
        found[plugin] = {**base, **one.get("config", {})}
        for mapping in one.get("mappings", []):
            found[mapping["name"]] = mapping["config"]
    return found


def run(pipe: Pipe, name: str, values: dict[str, str], extracted: dict[str, str]) -> None:
    """Run each job of a project as Meltano would, with these variables."""

    def filled(config: dict[str, Any]) -> dict[str, Any]:
        known = {"$MELTANO_PROJECT_ROOT": str(EXAMPLES / name), **values}
        made = {}
        for key, value in config.items():
            for variable in sorted(known, key=len, reverse=True):
                value = str(value).replace(variable, known[variable])  # noqa: PLW2901
            made[key] = value
        return {key: value for key, value in made.items() if value and "$" not in value}

    base = {"tap": pipe.tap, "target": pipe.target}
    for job in project(name)["jobs"]:
        tap, mapping, target = job["tasks"][0].split()
        given = filled(plugins(name, "extractors")[tap])
        instance = given["instance"]
        if instance not in extracted:
            pipe.tap = {**base["tap"], "instance": instance}
            extracted[instance] = pipe.extract("invoices", "credit_memos").stdout
        pipe.mapper = filled(plugins(name, "mappers")[mapping])
        wanted = filled(plugins(name, "loaders")[target])
        own = {key: wanted[key] for key in ("ledger_url", "division") if key in wanted}
        pipe.target = {**base["target"], **own, "division": int(own["division"])}
        booked = pipe.book(extracted[instance])
        assert booked.code == 0, booked.stderr
        outcome = pipe.post(booked.stdout)
        assert outcome.code in {0, 3}, outcome.stderr
    pipe.tap, pipe.target = base["tap"], base["target"]


@pytest.mark.parametrize("name", PROJECTS)
def test_the_project_is_one_that_meltano_reads(name: str) -> None:
    schema = json.loads(files("meltano").joinpath("schemas/meltano.schema.json").read_text())
    wrong = Draft7Validator(schema).iter_errors(project(name))
    assert [f"{one.json_path}: {one.message}" for one in wrong] == []
    assert project(name)["default_environment"] == "sandbox"


def references(pipe: Pipe, division: int) -> list[str]:
    """What Exact has in a company, by the shop's numbers."""
    return sorted(row["YourRef"] for row in pipe.sandbox.exact(ENTRIES, division=division))


def test_two_shops_with_the_same_numbers_share_a_company(pipe: Pipe) -> None:
    """What one has posted is never taken for the other's."""
    pipe.sandbox.set("exact.minute_limit", None)
    values = {
        "$LEDGER_URL": f"sqlite:///{pipe.folder}/one.db",
        "$EXACT_DIVISION": str(DIVISION),
    }
    run(pipe, "two-shops-one-company", values, {})
    found = references(pipe, DIVISION)
    shops = Counter(reference[0] for reference in found)
    assert shops["T"] == shops["C"] > 30
    tea, coffee = ([one[1:] for one in found if one[0] == shop] for shop in "TC")
    assert tea == coffee
    assert references(pipe, SECOND_DIVISION) == []


def test_a_rule_sends_a_store_to_a_company_of_its_own(pipe: Pipe) -> None:
    pipe.sandbox.set("exact.minute_limit", None)
    values = {
        "$LEDGER_URL": f"sqlite:///{pipe.folder}/split.db",
        "$EXACT_DIVISION": str(DIVISION),
    }
    extracted: dict[str, str] = {}
    run(pipe, "one-shop-several-companies", values, extracted)
    business = {
        message["record"]["increment_id"]
        for message in map(json.loads, extracted["tea"].splitlines())
        if message["type"] == "RECORD" and message["record"]["source"]["website_code"] == "b2b"
    }
    there = set(references(pipe, SECOND_DIVISION))
    assert there
    assert there <= business
    assert not business & set(references(pipe, DIVISION))


def test_two_shops_have_a_company_each(pipe: Pipe) -> None:
    pipe.sandbox.set("exact.minute_limit", None)
    values = {
        "$LEDGER_URL": f"sqlite:///{pipe.folder}/both.db",
        "$EXACT_DIVISION_TEA": str(DIVISION),
        "$EXACT_DIVISION_COFFEE": str(SECOND_DIVISION),
    }
    run(pipe, "two-shops-two-companies", values, {})
    assert references(pipe, DIVISION) == references(pipe, SECOND_DIVISION)
    assert len(references(pipe, DIVISION)) > 30
