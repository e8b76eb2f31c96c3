"""Airflow DAGs: one for each job of each tenant.

Static: reading this file reads ``tenants.yml`` and ``meltano.yml``, and runs no command. Red means
one thing for each task: ``run`` is a machine's failure, ``documents_need_people`` is a list for the
accountant. A run may be repeated safely, because the target posts each document once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import (
    DAG,
    Asset,
    BaseOperator,
    Connection,
    CronDataIntervalTimetable,
    ObjectStoragePath,
    Param,
    task,
)
from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.sdk.log import mask_secret

from commerce_runs import (
    Said,
    Verdict,
    interval_variables,
    judge,
    listed,
    month_list,
    month_variables,
    people_list,
    stopped_by,
)
from commerce_tenants import PROJECT, Planned, Tenant, TenantsError, environment_of, load

RETRIES = 2
RETRY_DELAY = timedelta(minutes=float(os.environ.get("RETRY_MINUTES") or 15))
SECONDS_TO_END = 600  # the target finishes the calls that are under way


class RunFailedError(AirflowException):
    """A run that is worth another try.

    Attributes:
        retry_at: When it can do more (UTC), if that is known.
    """

    def __init__(self, text: str, retry_at: datetime | None) -> None:
        """Remember when."""
        super().__init__(text)
        self.retry_at = retry_at


class RetryWhenItHelps(RetryPolicy):
    """Waits until the moment that the target's report names."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
    ) -> RetryDecision:
        """Return when to try again."""
        del try_number, max_tries, context
        moment = getattr(exception, "retry_at", None)
        if moment is None:
            return RetryDecision.default()
        return RetryDecision.retry(max(moment - datetime.now(UTC), timedelta(seconds=1)))


class MeltanoRun(BaseOperator):
    """Runs a job of one tenant, and tells what came of it: the report is its XCom."""

    def __init__(self, *, tenant: Tenant, planned: Planned, **kwargs: Any) -> None:
        """Know whose job it is."""
        super().__init__(**kwargs)
        self._tenant, self._planned = tenant, planned
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Any) -> dict[str, Any]:
        """Run it.

        Raises:
            AirflowFailException: Somebody has to change a setting, a login or a file first.
            RunFailedError: Another try can help.
        """
        variables, options = self._period(context)
        environment = self._environment() | variables
        with tempfile.TemporaryDirectory(prefix="exact-run-") as folder:
            # Each absolute: Meltano runs in the project's folder.
            files = {
                name: Path(folder) / name
                for name in ("report.json", "month.json", "html", "failures")
            }
            environment |= {
                "REPORT_FILE": str(files["report.json"]),
                "REPORT_JSON": str(files["month.json"]),
                "REPORT_HTML": str(files["html"]),
                "CONNECTOR_FAILURES_FILE": str(files["failures"]),
            }
            files["failures"].touch()
            exit_code, said = self._meltano(environment, options)
            report = _read(files["report.json"])
            failures = files["failures"].read_text().splitlines(keepends=True)
            verdict = judge(exit_code, report, said, stopped_by(failures))
            if self._planned.kind == "compares_month":
                report, verdict = self._month(files, verdict, variables["MONTH"])
        return self._tell(context, report or {}, verdict)

    def on_kill(self) -> None:
        """Ask all processes of the run to end; what they post is finished first."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)

    def _environment(self) -> dict[str, str]:
        given: dict[str, Any] = {}
        if self._tenant.connection is not None:
            given = Connection.get(self._tenant.connection).extra_dejson
            for name, value in given.items():
                if name.endswith(("KEY", "SECRET", "TOKEN", "PASSWORD", "_URL", "_URI")):
                    mask_secret(value)
        try:
            return environment_of(self._tenant, PROJECT, os.environ, given)
        except TenantsError as error:
            raise AirflowFailException(str(error)) from error

    def _period(self, context: Any) -> tuple[dict[str, str], list[str]]:
        run = context["dag_run"]
        backfill = run.run_type == "backfill"
        if self._planned.kind == "compares_month":
            return month_variables(self._month_of(context["params"].get("month"), run)), []
        if not backfill:
            return {}, []
        if self._planned.kind == "other":
            msg = f"{self._planned.job} has no past that could be made up for."
            raise AirflowSkipException(msg)
        variables = interval_variables(run.data_interval_start, run.data_interval_end)
        return variables, ["--no-state-update"]

    def _month_of(self, named: str | None, run: Any) -> date:
        """Return a day of the month that is named, or else of the one that has ended."""
        if named:
            return date.fromisoformat(f"{named}-01")
        zone = ZoneInfo(self._tenant.time_zone)
        if run.data_interval_start is None:  # started by hand, without a date
            return datetime.now(zone).date().replace(day=1) - timedelta(days=1)
        return run.data_interval_start.astimezone(zone).date()

    def _meltano(self, environment: dict[str, str], options: list[str]) -> tuple[int, Said]:
        said = Said()
        # By force: a worker that died leaves a lock behind, and Airflow runs a job once at a time.
        command = ["meltano", "--log-format", "json", "run", "--force", *options, self._planned.job]
        self.log.info("In %s: %s", PROJECT, " ".join(command))
        self._process = subprocess.Popen(  # noqa: S603  # the job's name is one of meltano.yml
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            start_new_session=True,
            umask=0o077,
        )
        try:
            for line in self._process.stdout or ():
                level, text = said.hear(line.rstrip("\n"))
                self.log.log(level, "%s", text)
            exit_code = self._process.wait()
        except BaseException:  # the time is up
            self.on_kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.communicate(timeout=SECONDS_TO_END)
            raise
        finally:
            self._wait_for_all()
        return exit_code, said

    def _wait_for_all(self) -> None:
        """Wait for the plugins: a killed Meltano leaves them behind, and the target its report."""
        end = time.monotonic() + SECONDS_TO_END
        with suppress(ProcessLookupError):
            while time.monotonic() < end:
                os.killpg(self._process.pid, 0)  # type: ignore[union-attr]
                time.sleep(0.2)
            os.killpg(self._process.pid, signal.SIGKILL)  # type: ignore[union-attr]

    def _month(
        self, files: dict[str, Path], verdict: Verdict, month: str
    ) -> tuple[dict[str, Any], Verdict]:
        comparison = _read(files["month.json"])
        if comparison is None:
            return {}, verdict
        name = f"{self._tenant.name or self._tenant.divisions[0]}-{month}"
        report = {
            "outcome": comparison["outcome"],
            "unexplained": comparison["unexplained"],
            "found": month_list(comparison),
            "files": [
                _keep(file, f"{name}.{kind}")
                for file, kind in ((files["html"], "html"), (files["month.json"], "json"))
                if file.exists()
            ],
        }
        if comparison["outcome"] == "incomplete":
            resume = comparison["resume_at"]
            moment = None if resume is None else datetime.fromisoformat(resume)
            return report, Verdict("retry", "not everything could be compared", moment)
        return report, verdict

    def _tell(self, context: Any, report: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
        told = report | {"job": self._planned.job, "outcome": verdict.outcome}
        if verdict.outcome in {"stopped", "retry"}:
            # A failed task returns nothing; whoever looks into it finds the report all the same.
            context["ti"].xcom_push("return_value", told)
            text = f"{self._planned.job}: {verdict.cause}"
            if verdict.outcome == "stopped":
                raise AirflowFailException(text)
            raise RunFailedError(text, verdict.retry_at)
        if verdict.outcome == "held":
            note = f"{report['held']} documents wait in the ledger: {verdict.cause}"
            self.log.warning(note)
            context["ti"].xcom_push("note", note)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {
                name: report.get(name) for name in ("run_id", "outcome", "posted")
            }
        return told


@task(task_id="documents_need_people", retries=0)
def documents_need_people(ti: Any) -> None:
    """Fail with the list of documents that need somebody; repeating helps nobody."""
    report = ti.xcom_pull(task_ids="run")
    if report["outcome"] != "needs_people":
        return
    if report.get("found") is not None:
        lines = [*report["found"], *(f"See {file}" for file in report["files"])]
    elif "parked" in report:
        lines = people_list(report)
    else:
        lines = ["the log of the task run says which"]
    raise AirflowFailException("\n".join((f"{report['job']} needs somebody:", *listed(lines))))


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _keep(file: Path, name: str) -> str:
    """Put a file where reports are kept: a folder, or storage such as ``s3://CONNECTION@bucket``."""
    base = ObjectStoragePath(os.environ.get("REPORTS_URL") or f"file://{PROJECT}/reports")
    base.mkdir(parents=True, exist_ok=True)
    kept = base / name
    kept.write_bytes(file.read_bytes())
    return str(kept)


def _caller(path: str | None) -> Any:
    """Return a callback that imports a function when it is needed, and calls it."""
    if path is None:
        return None

    def call(context: Any) -> None:
        from airflow.sdk.module_loading import import_string  # noqa: PLC0415  # not when parsed

        import_string(path)(context)

    return call


def make_dag(tenant: Tenant, planned: Planned) -> DAG:
    """Return the DAG of one job of one tenant."""
    params = {}
    if planned.kind == "compares_month":
        params["month"] = Param(
            None,
            type=["null", "string"],
            pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$",
            description="The month to compare, such as 2026-10; empty: the one that has ended.",
        )
    with DAG(
        dag_id=planned.dag_id,
        # By interval and not by moment: what a backfill reads is what the shop made in it.
        schedule=CronDataIntervalTimetable(planned.schedule, timezone=tenant.time_zone),
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        params=params,
        tags=["exact-online", *([tenant.name] if tenant.name else [])],
    ) as dag:
        run = MeltanoRun(
            task_id="run",
            tenant=tenant,
            planned=planned,
            pool=tenant.pool,
            retries=RETRIES,
            retry_delay=RETRY_DELAY,
            retry_policy=RetryWhenItHelps(),
            execution_timeout=timedelta(hours=tenant.hours),
            on_failure_callback=_caller(tenant.on_failure),
            outlets=[Asset(f"exact://{division}/sales") for division in tenant.divisions]
            if planned.kind == "posts"
            else [],
        )
        run >> documents_need_people.override(on_failure_callback=_caller(tenant.on_people))()
    return dag


for _tenant in load(PROJECT, os.environ):
    for _planned in _tenant.jobs:
        globals()[_planned.dag_id] = make_dag(_tenant, _planned)
