"""Who runs what, when and in which queue: read from ``tenants.yml`` or ``meltano.yml``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import commerce_tenants
from commerce_tenants import Tenant, TenantsError, environment_of, load, pools

ROOT = Path(__file__).resolve().parents[2]
ENVIRON = {"EXACT_DIVISION": "3000001"}


def tenant(name: str = "theehuis", **changes: Any) -> dict[str, Any]:
    row = {
        "name": name,
        "connection": name,
        "divisions": [3000001],
        "time_zone": "Europe/Amsterdam",
        "jobs": {"invoices-to-exact": "15 2 * * *"},
    }
    return {key: value for key, value in (row | changes).items() if value is not None}


def read(folder: Path, *rows: dict[str, Any], text: str | None = None) -> tuple[Tenant, ...]:
    project = yaml.safe_load((ROOT / "meltano.yml").read_text())
    project["environments"].append({"name": "shop-b", "env": {"EXACT_DIVISION": "3000002"}})
    (folder / "meltano.yml").write_text(yaml.safe_dump(project))
    (folder / "tenants.yml").write_text(text or yaml.safe_dump({"tenants": list(rows)}))
    return load(folder, {})


def test_the_projects_own_schedules_and_the_month_are_those_of_one_tenant() -> None:
    (only,) = load(ROOT, ENVIRON)
    assert (only.name, only.environment, only.connection) == (None, "prod", None)
    assert (only.divisions, only.pool, only.time_zone) == ((3000001,), "exact-3000001", "UTC")
    assert {(one.dag_id, one.job, one.schedule, one.kind) for one in only.jobs} == {
        ("invoices-daily", "invoices-to-exact", "15 2 * * *", "posts"),
        ("orders-hourly", "orders-to-exact", "@hourly", "posts"),
        ("compare-posted-nightly", "compare-posted", "45 3 * * *", "other"),
        ("keep-login-weekly", "keep-login", "@weekly", "other"),
        ("master-data-daily", "master-data-to-shop", "30 5 * * *", "other"),
        ("reconcile-month", "reconcile-month", "0 6 3 * *", "compares_month"),
    }


def test_one_tenant_takes_environment_zone_and_callbacks_from_the_variables() -> None:
    (only,) = load(
        ROOT,
        ENVIRON
        | {
            "MELTANO_ENVIRONMENT": "sandbox",
            "SCHEDULE_TIME_ZONE": "Europe/Brussels",
            "ON_FAILURE": "chat.alert",
            "ON_PEOPLE": "chat.people",
        },
    )
    assert (only.environment, only.time_zone) == ("sandbox", "Europe/Brussels")
    assert (only.on_failure, only.on_people) == ("chat.alert", "chat.people")


@pytest.mark.parametrize("division", ["", "abc", "-1", "3000001 "])
def test_without_a_division_there_is_no_queue(division: str) -> None:
    with pytest.raises(TenantsError, match="EXACT_DIVISION is not the number of a company"):
        load(ROOT, {"EXACT_DIVISION": division})


def test_a_tenant_has_its_own_dags_queue_and_clock(tmp_path: Path) -> None:
    (one,) = read(tmp_path, tenant(jobs={"orders-to-exact": "@hourly", "keep-login": "@weekly"}))
    assert {(job.dag_id, job.schedule, job.kind) for job in one.jobs} == {
        ("theehuis.reconcile-month", "0 6 3 * *", "compares_month"),
        ("theehuis.orders-to-exact", "@hourly", "posts"),
        ("theehuis.keep-login", "@weekly", "other"),
    }
    assert (one.pool, one.time_zone, one.environment) == (
        "exact-3000001",
        "Europe/Amsterdam",
        "prod",
    )


def test_the_month_is_compared_when_the_tenant_says(tmp_path: Path) -> None:
    (one,) = read(tmp_path, tenant(jobs={"reconcile-month": "0 5 4 * *"}))
    assert [(job.dag_id, job.schedule) for job in one.jobs] == [
        ("theehuis.reconcile-month", "0 5 4 * *")
    ]


def test_the_example_is_valid() -> None:
    example = ROOT / "orchestrate" / "tenants.example.yml"
    tenants = load(ROOT, {"TENANTS_FILE": str(example)})
    assert len({one.pool for one in tenants}) < len(tenants), "two shops of one company queue"


def test_a_file_that_is_named_must_be_there() -> None:
    with pytest.raises(TenantsError, match="cannot be read"):
        load(ROOT, ENVIRON | {"TENANTS_FILE": "gone.yml"})


def test_two_shops_of_one_company_queue_and_companies_run_side_by_side(tmp_path: Path) -> None:
    tenants = read(tmp_path, tenant("a"), tenant("b"), tenant("c", divisions=[3000003, 3000004]))
    assert [one.pool for one in tenants] == ["exact-3000001", "exact-3000001", "exact-3000003"]
    assert {name: pool["slots"] for name, pool in pools(tenants).items()} == {
        "exact-3000001": 1,
        "exact-3000003": 1,
    }
    assert pools(tenants)["exact-3000003"]["description"].endswith("3000003, 3000004")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([tenant(connection=None)], "give either environment"),
        ([tenant(environment="shop-b")], "give either environment"),
        ([tenant(connection=None, environment="shop-z")], "no environment shop-z"),
        ([tenant(connection=None, environment="shop-b")], "environment posts to division 3000002"),
        ([tenant(jobs={"invoices": "@daily"})], "no job invoices"),
        ([tenant(time_zone="Amsterdam")], "'Amsterdam' is no time zone"),
        ([tenant(time_zone="../etc/passwd")], "is no time zone"),
        ([tenant("a:b")], r"tenants\[0\].name"),
        ([tenant("a b")], r"tenants\[0\].name"),
        ([tenant(divisions=[])], r"tenants\[0\].divisions"),
        ([tenant(divisions=["3000001"])], r"tenants\[0\].divisions\[0\]"),
        ([tenant(divisions=[1, 1])], r"tenants\[0\].divisions"),
        ([tenant(hours=0)], r"tenants\[0\].hours"),
        ([tenant(jobs={})], r"tenants\[0\].jobs"),
        ([tenant(scedule="@daily")], "scedule"),
        ([], r"tenants"),
        ([tenant("a"), tenant("a", connection="b")], "two tenants are called a"),
        ([tenant("a"), tenant("b", connection="a")], "a and b have the same connection"),
        (
            [tenant("a", pool="mine"), tenant("b")],
            "a and b both post to division 3000001, but queue in mine and exact-3000001",
        ),
        (
            [tenant("a", divisions=[1, 2]), tenant("b", divisions=[2, 1])],
            "both post to division 2",
        ),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, rows: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(TenantsError, match=says):
        read(tmp_path, *rows)


@pytest.mark.parametrize(
    "text", ["tenants: [", "a: 1\na: 2\n", "tenants:\n- {name: a, name: b}", "just text"]
)
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(TenantsError, match=r"tenants\.yml"):
        read(tmp_path, text=text)


def test_what_a_run_gets(tmp_path: Path) -> None:
    (one,) = read(tmp_path, tenant())
    worker = {"PATH": "/bin", "HOME": "/h", "AIRFLOW_HOME": "/a", "AIRFLOW__DATABASE__X": "secret"}
    given = {"EXACT_DIVISION": 3000001, "CONNECTOR_KEY": "key"}
    environment = environment_of(one, tmp_path, worker, given)
    assert environment == {
        "PATH": f"{tmp_path}/.venv/bin{os.pathsep}/bin",
        "HOME": "/h",
        "EXACT_DIVISION": "3000001",
        "CONNECTOR_KEY": "key",
        "MELTANO_PROJECT_ROOT": str(tmp_path),
        "MELTANO_ENVIRONMENT": "prod",
        "MELTANO_SYS_DIR_ROOT": f"{tmp_path}/.meltano/tenants/theehuis",
        "MELTANO_RUN_STATE_ID_SUFFIX": "theehuis",
    }


def test_a_tenant_with_an_environment_keeps_its_bookmarks_by_that(tmp_path: Path) -> None:
    row = tenant(connection=None, environment="shop-b", divisions=[3000002])
    (one,) = read(tmp_path, row)
    environment = environment_of(one, tmp_path, {"MELTANO_SYS_DIR_ROOT": "/var/m"}, {})
    assert environment["MELTANO_ENVIRONMENT"] == "shop-b"
    assert environment["MELTANO_SYS_DIR_ROOT"] == "/var/m/tenants/theehuis"
    assert "MELTANO_RUN_STATE_ID_SUFFIX" not in environment


def test_the_only_tenant_is_as_by_hand(tmp_path: Path) -> None:
    (only,) = load(ROOT, ENVIRON)
    environment = environment_of(only, tmp_path, {"EXACT_DIVISION": "3000001"}, {})
    assert "MELTANO_SYS_DIR_ROOT" not in environment
    assert "MELTANO_RUN_STATE_ID_SUFFIX" not in environment


def test_a_connection_of_another_company_is_refused(tmp_path: Path) -> None:
    (one,) = read(tmp_path, tenant())
    with pytest.raises(TenantsError, match=r"is 3000009, and tenants\.yml has 3000001"):
        environment_of(one, tmp_path, {}, {"EXACT_DIVISION": "3000009"})


def test_a_connection_holds_variables_only(tmp_path: Path) -> None:
    (one,) = read(tmp_path, tenant())
    with pytest.raises(TenantsError, match="has LIST with a value that is neither text"):
        environment_of(one, tmp_path, {}, {"LIST": ["secret"]})


def test_the_pools_are_printed_for_airflow() -> None:
    done = subprocess.run(
        [sys.executable, commerce_tenants.__file__],
        env={**os.environ, **ENVIRON, "MELTANO_PROJECT_ROOT": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {
        "exact-3000001": {
            "slots": 1,
            "description": "Runs of Exact division 3000001",
            "include_deferred": True,
        }
    }
