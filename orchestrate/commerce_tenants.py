"""Whose jobs run when: the tenants of ``tenants.yml``, or the one of ``meltano.yml``.

Reads files and nothing else, so that it costs nothing when it is read again and again; Airflow is
not needed here. As a program it prints the pools: ``python commerce_tenants.py > pools.json``, and
then ``airflow pools import pools.json``.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jsonschema
import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(os.environ.get("MELTANO_PROJECT_ROOT", Path(__file__).resolve().parents[1]))
POSTING_LOADER = "target-exact-online"
COMPARING_LOADER = "target-exact-online-month-end"
MONTHLY_JOB = "reconcile-month"
MONTHLY_SCHEDULE = "0 6 3 * *"  # the third: the last documents of a month are in
ENVIRONMENT = "prod"
HOURS = 6

Kind = Literal["posts", "compares_month", "other"]

_TEXT = {"type": "string", "minLength": 1}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["tenants"],
    "properties": {
        "tenants": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "divisions", "time_zone", "jobs"],
                "properties": {
                    # Part of DAG ids and of names of bookmarks, where a colon is a delimiter.
                    "name": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$"},
                    "environment": _TEXT,
                    "connection": _TEXT,
                    "divisions": {
                        "type": "array",
                        "minItems": 1,
                        "uniqueItems": True,
                        "items": {"type": "integer", "minimum": 1},
                    },
                    "time_zone": _TEXT,
                    "pool": _TEXT,
                    "hours": {"type": "number", "exclusiveMinimum": 0},
                    "jobs": {
                        "type": "object",
                        "minProperties": 1,
                        "additionalProperties": _TEXT,
                    },
                    "on_failure": _TEXT,
                    "on_people": _TEXT,
                },
            },
        }
    },
}


class TenantsError(Exception):
    """``tenants.yml`` or ``meltano.yml`` is wrong; the text says where and what to do."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One job of a tenant and when it runs.

    Attributes:
        dag_id: Its name in Airflow.
        job: Its name in ``meltano.yml``.
        schedule: A cron expression in the tenant's time zone.
        kind: Whether it posts to Exact, compares a month, or does something else.
    """

    dag_id: str
    job: str
    schedule: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Tenant:
    """One company that books: its settings, its place in the queue, its jobs.

    Attributes:
        name: Its name, or None where the project has only one.
        environment: The Meltano environment that has its settings.
        connection: The Airflow connection whose extra has them, or None.
        divisions: The Exact divisions that its documents go to.
        time_zone: Of its schedules.
        pool: The Airflow pool, of one slot, that its runs queue in.
        hours: How long a run may take.
        jobs: What runs when.
        on_failure: Import path of what is called when a run has failed for good, or None.
        on_people: Import path of what is called when documents need somebody, or None.
    """

    name: str | None
    environment: str
    connection: str | None
    divisions: tuple[int, ...]
    time_zone: str
    pool: str
    hours: float
    jobs: tuple[Planned, ...]
    on_failure: str | None = None
    on_people: str | None = None


def load(project: Path, environ: Mapping[str, str]) -> tuple[Tenant, ...]:
    """Return the tenants of a project.

    Args:
        project: The folder of ``meltano.yml``; ``tenants.yml`` beside it may be missing.
        environ: ``TENANTS_FILE`` names another file; ``EXACT_DIVISION`` and
            ``MELTANO_ENVIRONMENT`` are those of the one tenant without such a file.

    Raises:
        TenantsError: One of the files is wrong.
    """
    meltano = _read(project / "meltano.yml")
    kinds = _kinds(meltano)
    environments = {one["name"]: one for one in meltano.get("environments", ())}
    named = environ.get("TENANTS_FILE")
    path = project / (named or "tenants.yml")
    if not named and not path.exists():
        return (_only_tenant(meltano, kinds, environments, environ),)
    content = _read(path)
    validator = jsonschema.Draft202012Validator(_SCHEMA)
    for error in sorted(validator.iter_errors(content), key=lambda one: one.json_path):
        msg = f"{path.name}, {error.json_path.removeprefix('$.')}: {error.message}."
        raise TenantsError(msg)
    tenants = tuple(_tenant(row, kinds, environments, path.name) for row in content["tenants"])
    _check_together(tenants, path.name)
    return tenants


def pools(tenants: tuple[Tenant, ...]) -> dict[str, dict[str, Any]]:
    """Return the pools in the form that ``airflow pools import`` reads: one slot for each company.

    Args:
        tenants: All tenants.
    """
    companies: dict[str, set[int]] = {}
    for tenant in tenants:
        companies.setdefault(tenant.pool, set()).update(tenant.divisions)
    return {
        pool: {
            "slots": 1,
            "description": "Runs of Exact division "
            + ", ".join(str(one) for one in sorted(divisions)),
            "include_deferred": True,
        }
        for pool, divisions in sorted(companies.items())
    }


def environment_of(
    tenant: Tenant, project: Path, environ: Mapping[str, str], given: Mapping[str, Any]
) -> dict[str, str]:
    """Return the environment of a tenant's ``meltano run``.

    Args:
        tenant: Whose run.
        project: The folder of ``meltano.yml``.
        environ: The worker's environment; what is Airflow's own stays there.
        given: What the tenant's connection has.

    Raises:
        TenantsError: The connection has something that is no variable.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("AIRFLOW", "_AIRFLOW", "PYTHONPATH"))
    }
    for name, value in given.items():
        if not isinstance(value, str | int):
            msg = (
                f"The connection {tenant.connection} has {name} with a value that is neither text "
                "nor a whole number: its extra is an object of environment variables."
            )
            raise TenantsError(msg)
        kept[name] = str(value)
    division = kept.get("EXACT_DIVISION", str(tenant.divisions[0]))
    if division not in {str(one) for one in tenant.divisions}:
        companies = ", ".join(str(one) for one in tenant.divisions)
        msg = f"EXACT_DIVISION is {division}, and tenants.yml has {companies} for {tenant.name}."
        raise TenantsError(msg)
    kept["MELTANO_PROJECT_ROOT"] = str(project)
    kept["MELTANO_ENVIRONMENT"] = tenant.environment
    kept["PATH"] = os.pathsep.join(
        (str(project / ".venv" / "bin"), environ.get("PATH", os.defpath))
    )
    if tenant.name is not None:
        # Meltano keeps the STATE of a run in a file named after the tap alone: two tenants that
        # run side by side in one folder would read each other's.
        system = environ.get("MELTANO_SYS_DIR_ROOT") or str(project / ".meltano")
        kept["MELTANO_SYS_DIR_ROOT"] = f"{system}/tenants/{tenant.name}"
    if tenant.connection is not None:  # its environment is shared, so its bookmarks have its name
        kept["MELTANO_RUN_STATE_ID_SUFFIX"] = str(tenant.name)
    return kept


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # it has no types
    """Refuses a key that is there twice: one of them would be forgotten without a word."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  # as PyYAML has it
        """Return a mapping."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := {key for key in keys if keys.count(key) > 1}:
            msg = f"the key {twice.pop()!r} is there twice"
            raise yaml.constructor.ConstructorError(None, None, msg, node.start_mark)
        return dict(super().construct_mapping(node, deep))


def _read(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506  # a safe loader
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}. Set MELTANO_PROJECT_ROOT."
        raise TenantsError(msg) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        msg = f"{path.name} is no YAML: {' '.join(str(error).split())}."
        raise TenantsError(msg) from error


def _kinds(meltano: Any) -> dict[str, Kind]:
    """Tell of each job what it does, by the loader at the end of its tasks."""
    parents = {
        plugin["name"]: plugin.get("inherit_from", plugin["name"])
        for plugin in meltano["plugins"].get("loaders", ())
    }
    kinds: dict[str, Kind] = {}
    for job in meltano.get("jobs", ()):
        loaders = {parents.get(word) for task in job["tasks"] for word in task.split()}
        if POSTING_LOADER in loaders:
            kinds[job["name"]] = "posts"
        else:
            kinds[job["name"]] = "compares_month" if COMPARING_LOADER in loaders else "other"
    return kinds


def _only_tenant(
    meltano: Any,
    kinds: Mapping[str, Kind],
    environments: Mapping[str, Any],
    environ: Mapping[str, str],
) -> Tenant:
    environment = environ.get("MELTANO_ENVIRONMENT") or ENVIRONMENT
    own = environments.get(environment, {}).get("env", {})
    division = str(own.get("EXACT_DIVISION") or environ.get("EXACT_DIVISION") or "")
    if not division.isdecimal():
        msg = (
            "EXACT_DIVISION is not the number of a company. Without tenants.yml it names the pool "
            "and the asset: set it where Airflow reads DAGs, and for the workers."
        )
        raise TenantsError(msg)
    jobs = [
        Planned(one["name"], one["job"], one["interval"], kinds[one["job"]])
        for one in meltano.get("schedules", ())
    ]
    if MONTHLY_JOB in kinds and MONTHLY_JOB not in {job.job for job in jobs}:
        jobs.append(Planned(MONTHLY_JOB, MONTHLY_JOB, MONTHLY_SCHEDULE, kinds[MONTHLY_JOB]))
    zone = environ.get("SCHEDULE_TIME_ZONE") or "UTC"
    _check_zone(zone, "SCHEDULE_TIME_ZONE")
    return Tenant(
        name=None,
        environment=environment,
        connection=None,
        divisions=(int(division),),
        time_zone=zone,
        pool=f"exact-{division}",
        hours=HOURS,
        jobs=tuple(jobs),
        on_failure=environ.get("ON_FAILURE") or None,
        on_people=environ.get("ON_PEOPLE") or None,
    )


def _tenant(
    row: Any, kinds: Mapping[str, Kind], environments: Mapping[str, Any], file: str
) -> Tenant:
    name = row["name"]
    where = f"{file}, tenant {name}"
    if ("environment" in row) == ("connection" in row):
        msg = (
            f"{where}: give either environment (a Meltano environment with its settings) or "
            "connection (an Airflow connection whose extra has them)."
        )
        raise TenantsError(msg)
    environment = row.get("environment", ENVIRONMENT)
    if environment not in environments:
        msg = f"{where}: meltano.yml has no environment {environment}. It has: "
        raise TenantsError(msg + ", ".join(environments) + ".")
    own = environments[environment].get("env", {}).get("EXACT_DIVISION")
    if "environment" in row and own is not None and str(own) not in map(str, row["divisions"]):
        msg = f"{where}: its environment posts to division {own}, which divisions does not name."
        raise TenantsError(msg)
    for job in row["jobs"]:
        if job not in kinds:
            msg = f"{where}: meltano.yml has no job {job}. It has: {', '.join(kinds)}."
            raise TenantsError(msg)
    _check_zone(row["time_zone"], where)
    jobs = {MONTHLY_JOB: MONTHLY_SCHEDULE, **row["jobs"]} if MONTHLY_JOB in kinds else row["jobs"]
    return Tenant(
        name=name,
        environment=environment,
        connection=row.get("connection"),
        divisions=tuple(row["divisions"]),
        time_zone=row["time_zone"],
        pool=row.get("pool", f"exact-{row['divisions'][0]}"),
        hours=row.get("hours", HOURS),
        jobs=tuple(Planned(f"{name}.{job}", job, cron, kinds[job]) for job, cron in jobs.items()),
        on_failure=row.get("on_failure"),
        on_people=row.get("on_people"),
    )


def _check_zone(zone: str, where: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        msg = f"{where}: {zone!r} is no time zone, such as Europe/Amsterdam."
        raise TenantsError(msg) from None


def _check_together(tenants: tuple[Tenant, ...], file: str) -> None:
    names: set[str | None] = set()
    settings: dict[tuple[str, str | None], str | None] = {}
    pool_of: dict[int, Tenant] = {}
    for tenant in tenants:
        if tenant.name in names:
            msg = f"{file}: two tenants are called {tenant.name}."
            raise TenantsError(msg)
        names.add(tenant.name)
        source = (tenant.environment, tenant.connection)
        if (other := settings.setdefault(source, tenant.name)) != tenant.name:
            msg = (
                f"{file}: {other} and {tenant.name} have the same "
                f"{'connection' if tenant.connection else 'environment'}, so they are one tenant."
            )
            raise TenantsError(msg)
        for division in tenant.divisions:
            first = pool_of.setdefault(division, tenant)
            if first.pool != tenant.pool:
                msg = (
                    f"{file}: {first.name} and {tenant.name} both post to division {division}, "
                    f"but queue in {first.pool} and {tenant.pool}. Exact counts calls by company: "
                    "give both the same pool."
                )
                raise TenantsError(msg)


if __name__ == "__main__":
    try:
        json.dump(pools(load(PROJECT, os.environ)), sys.stdout, indent=2)
    except TenantsError as wrong:
        sys.exit(f"ERROR: {wrong}")
