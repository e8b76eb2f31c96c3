"""The DAGs in a real Airflow, with real runs against the sandbox: ``./test --airflow``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import yaml

from connector_credentials import generate_key, open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.testing import SandboxHandle

ROOT = Path(__file__).resolve().parents[2]
AIRFLOW = ROOT / ".tools" / "airflow" / "bin"
DRIVE = Path(__file__).with_name("drive.py")
ENTRIES = "salesentry/SalesEntries"
GOOD, BAD = "000000006", "3000000002"  # an order that is booked, and one that the rules refuse
CALLBACKS = """
import json, os, pathlib

def note(name, context):
    line = json.dumps([name, context["ti"].task_id, str(context.get("exception"))])
    with pathlib.Path(os.environ["CALLS"]).open("a") as file:
        file.write(line + "\\n")

def alert(context):
    note("alert", context)

def accountant(context):
    note("accountant", context)
"""

pytestmark = pytest.mark.timeout(3_600)


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Airflow with its database."""
    if not (AIRFLOW / "airflow").exists():
        pytest.fail("Airflow is not installed. Run ./test --airflow.")
    home = tmp_path_factory.mktemp("airflow")
    (home / "callbacks.py").write_text(CALLBACKS)
    migrated = subprocess.run(
        [AIRFLOW / "airflow", "db", "migrate"],
        env=_environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert migrated.returncode == 0, migrated.stderr[-2_000:]
    return home


def _environment(home: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "orchestrate"),
        "PYTHONPATH": os.pathsep.join((str(ROOT / "orchestrate"), str(home))),
        "MELTANO_PROJECT_ROOT": str(ROOT),
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "1",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


@dataclass
class Tenant:
    """One tenant of the sandbox's two systems, as Airflow knows it."""

    sandbox: SandboxHandle
    home: Path
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def run(
        self,
        job: str,
        *options: str,
        meanwhile: Callable[[psutil.Process], None] | None = None,
        **variables: str,
    ) -> dict[str, Any]:
        """Run the DAG of a job to its end, and return what came of it."""
        extra = self.variables | variables
        result = self.folder / "result.json"
        environment = _environment(self.home) | {
            "TENANTS_FILE": str(self.folder / "tenants.yml"),
            "AIRFLOW_CONN_THEEHUIS": json.dumps({"conn_type": "generic", "extra": extra}),
            "MELTANO_SYS_DIR_ROOT": str(self.folder / "meltano"),
            "REPORTS_URL": f"file://{self.folder}/reports",
            "CALLS": str(self.folder / "calls"),
        }
        dag_id = f"theehuis.{job}" if job else ""
        with (self.folder / "log").open("w") as log:
            process = subprocess.Popen(
                [AIRFLOW / "python", DRIVE, dag_id, result, *options],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            if meanwhile is not None:
                beside = threading.Thread(target=meanwhile, args=(psutil.Process(process.pid),))
                beside.start()
                beside.join()
            process.wait()
        assert process.returncode == 0, self.log[-4_000:]
        done: dict[str, Any] = json.loads(result.read_text())
        return done

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def calls(self) -> list[list[str]]:
        """The callbacks: which, of what task, why."""
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def bookmarks(self) -> str:
        """What Meltano keeps of this tenant."""
        done = subprocess.run(
            [Path(sys.executable).with_name("meltano"), "state", "list"],
            cwd=ROOT,
            env={
                **os.environ,
                "MELTANO_ENVIRONMENT": "prod",
                "MELTANO_SYS_DIR_ROOT": str(self.folder / "meltano" / "tenants" / "theehuis"),
            },
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


@pytest.fixture
def tenant(sandbox: SandboxHandle, airflow_home: Path, tmp_path: Path) -> Tenant:
    """A tenant on the recorded shop; its settings are in a connection."""
    sandbox.set("exact.minute_limit", 1_000)
    folder = tmp_path / "tenant"
    folder.mkdir()
    adobe, exact = sandbox.adobe_config(), sandbox.exact_config()
    key, credentials = generate_key(), f"file:{folder / 'credentials'}"
    store = open_store(credentials, key, create=True)
    shop = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    store.put("adobe-commerce", {name: adobe[name] for name in shop})
    app = ("client_id", "client_secret", "refresh_token")
    store.put("exact-online", {name: exact[name] for name in app})
    row = {
        "name": "theehuis",
        "connection": "theehuis",
        "divisions": [exact["division"]],
        "time_zone": "Europe/Amsterdam",
        "jobs": {"invoices-to-exact": "15 2 * * *", "keep-login": "@weekly"},
        "on_failure": "callbacks.alert",
        "on_people": "callbacks.accountant",
    }
    (folder / "tenants.yml").write_text(yaml.safe_dump({"tenants": [row]}))
    return Tenant(
        sandbox,
        airflow_home,
        folder,
        {
            "ADOBE_BASE_URL": sandbox.url,
            "ADOBE_INSTANCE": "shop",
            "EXACT_BASE_URL": sandbox.url,
            "EXACT_DIVISION": str(exact["division"]),
            "CREDENTIALS_URL": credentials,
            "CONNECTOR_KEY": key,
            "LEDGER_URL": f"sqlite:///{folder / 'ledger.db'}",
            "RULES_FILE": str(ROOT / "examples" / "rules.yml"),
            "TARGET_EXACT_ONLINE_BASE_URL": sandbox.url,  # of keep-login, which needs no company
            "TARGET_EXACT_ONLINE_SETTLE_AFTER_SECONDS": "1",
            "TARGET_EXACT_ONLINE_INDEX_LAG_SECONDS": "1",
        },
    )


def only(*orders: str) -> dict[str, str]:
    return {"TAP_ADOBE_COMMERCE_ORDER_IDS": json.dumps(orders)}


def states(done: dict[str, Any]) -> dict[str, str]:
    return {name: one["state"] for name, one in done["tasks"].items()}


def test_what_airflow_reads(tenant: Tenant) -> None:
    read = tenant.run("")
    division = tenant.variables["EXACT_DIVISION"]
    assert read["import_errors"] == {}
    assert set(read["dags"]) == {
        "theehuis.invoices-to-exact",
        "theehuis.keep-login",
        "theehuis.reconcile-month",
    }
    dag = read["dags"]["theehuis.invoices-to-exact"]
    assert (dag["schedule"], dag["time_zone"]) == ("15 2 * * *", "Europe/Amsterdam")
    assert (dag["max_active_runs"], dag["catchup"]) == (1, False)
    run, leaf = dag["tasks"]["run"], dag["tasks"]["documents_need_people"]
    assert run["pool"] == f"exact-{division}"
    assert run["assets"] == [f"exact://{division}/sales"]
    assert (run["retries"], run["hours"]) == (2, 6)
    assert (leaf["retries"], leaf["after"], leaf["pool"]) == (0, ["run"], "default_pool")
    assert read["dags"]["theehuis.keep-login"]["tasks"]["run"]["assets"] == []


def test_the_pod_of_a_task(tenant: Tenant) -> None:
    template = ROOT / "deploy" / "kubernetes-airflow.yml"
    command = ["kubernetes", "generate-dag-yaml", "theehuis.invoices-to-exact", "-l", "2026-11-01"]
    done = subprocess.run(
        [AIRFLOW / "airflow", *command, "-o", tenant.folder],
        env=_environment(tenant.home)
        | {
            "TENANTS_FILE": str(tenant.folder / "tenants.yml"),
            "AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE": str(template),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    (path,) = (tenant.folder / "airflow_yaml_output").glob("*_run_*.yml")
    pod = yaml.safe_load(path.read_text())["spec"]
    (container,) = pod["containers"]
    assert container["args"][:2] == ["python", "-m"], "of Airflow's environment, by PATH"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["image"] == "registry.example/commerce-to-exact-airflow:0.1.0"


def test_ok(tenant: Tenant) -> None:
    done = tenant.run("invoices-to-exact", **only(GOOD))
    assert done["state"] == "success"
    assert states(done) == {"run": "success", "documents_need_people": "success"}
    assert done["xcom"]["return_value"]["outcome"] == "ok"
    assert sum(row["documents"] for row in done["xcom"]["return_value"]["posted"]) == len(
        tenant.sandbox.exact(ENTRIES)
    )
    assert tenant.sandbox.exact(ENTRIES)
    assert tenant.calls == []
    assert tenant.variables["CONNECTOR_KEY"] not in tenant.log


def test_parked(tenant: Tenant) -> None:
    done = tenant.run("invoices-to-exact", **only(GOOD, BAD))
    assert states(done) == {"run": "success", "documents_need_people": "failed"}
    assert done["tasks"]["documents_need_people"]["tries"] == 1
    assert done["xcom"]["return_value"]["outcome"] == "needs_people"
    ((name, task, why),) = tenant.calls
    assert (name, task) == ("accountant", "documents_need_people")
    assert BAD in why
    assert tenant.sandbox.exact(ENTRIES), "the other order is booked"


def test_login_dead(tenant: Tenant) -> None:
    store = open_store(tenant.variables["CREDENTIALS_URL"], tenant.variables["CONNECTOR_KEY"])
    store.put("exact-online", {**store.get("exact-online"), "refresh_token": "dead"})
    assert_stopped(tenant, tenant.run("invoices-to-exact", **only(GOOD)), "authorize")


def test_login_of_the_shop_dead(tenant: Tenant) -> None:
    store = open_store(tenant.variables["CREDENTIALS_URL"], tenant.variables["CONNECTOR_KEY"])
    store.put("adobe-commerce", {**store.get("adobe-commerce"), "access_token": "x" * 32})
    done = tenant.run("invoices-to-exact", **only(GOOD))
    assert_stopped(tenant, done, "access_token is unknown")


def test_rules_missing(tenant: Tenant) -> None:
    done = tenant.run("invoices-to-exact", **only(GOOD), RULES_FILE=str(tenant.folder / "none"))
    assert_stopped(tenant, done, "mapper-gl-rules: ")


@pytest.mark.parametrize("job", ["keep-login", "reconcile-month"])
def test_login_dead_of_a_job_that_posts_nothing(tenant: Tenant, job: str) -> None:
    store = open_store(tenant.variables["CREDENTIALS_URL"], tenant.variables["CONNECTOR_KEY"])
    store.put("exact-online", {**store.get("exact-online"), "refresh_token": "dead"})
    assert_stopped(tenant, tenant.run(job), "authorize")


def assert_stopped(tenant: Tenant, done: dict[str, Any], says: str) -> None:
    assert states(done) == {"run": "failed", "documents_need_people": "upstream_failed"}
    assert done["tasks"]["run"]["tries"] == 1, "somebody has to change something first"
    assert done["xcom"]["return_value"]["outcome"] == "stopped"
    ((name, task, why),) = tenant.calls
    assert (name, task) == ("alert", "run")
    assert says in why


def test_shop_away(tenant: Tenant) -> None:
    away = tenant.sandbox.url.replace("127.0.0.1", "127.0.0.2").rsplit(":", 1)[0] + ":9"
    limits = {"TAP_ADOBE_COMMERCE_MAX_WAIT_SECONDS": "1"}
    done = tenant.run("invoices-to-exact", **only(GOOD), ADOBE_BASE_URL=away, **limits)
    assert states(done) == {"run": "failed", "documents_need_people": "upstream_failed"}
    assert done["tasks"]["run"]["tries"] == 3
    assert done["xcom"]["return_value"]["outcome"] == "retry"
    assert [(name, task) for name, task, _ in tenant.calls] == [("alert", "run")]


def test_day_spent(tenant: Tenant) -> None:
    tenant.sandbox.set("exact.day_limit", 30)
    done = tenant.run("invoices-to-exact")
    assert done["tasks"]["run"]["state"] == "success"
    told = done["xcom"]["return_value"]
    assert told["held"] > 0
    if told["outcome"] == "held":
        assert "are spent" in done["xcom"]["note"]
    else:
        assert told["outcome"] == "needs_people", "of those that were looked at"
    assert not [call for call in tenant.calls if call[0] == "alert"]


def test_killed(tenant: Tenant) -> None:
    tenant.sandbox.fault(f"*/{ENTRIES}", "latency", method="POST", seconds=5)

    def kill(driver: psutil.Process) -> None:
        while not (targets := _called(driver, "target-exact-online")) or not _posting(tenant):
            assert driver.is_running(), tenant.log[-2_000:]
            time.sleep(0.1)
        for target in targets:
            target.kill()

    done = tenant.run("invoices-to-exact", meanwhile=kill, **only(GOOD))
    assert states(done) == {"run": "success", "documents_need_people": "success"}
    assert done["tasks"]["run"]["tries"] == 2
    references = [entry["YourRef"] for entry in tenant.sandbox.exact(ENTRIES)]
    assert references
    assert len(references) == len(set(references)), "nothing twice"


def _called(driver: psutil.Process, name: str) -> list[psutil.Process]:
    try:
        return [
            one
            for one in driver.children(recursive=True)
            if any(part.endswith(name) for part in one.cmdline()[:2])
        ]
    except psutil.Error:  # it has just ended
        return []


def _posting(tenant: Tenant) -> bool:
    # The call itself is written down when it is answered: what comes before it is enough.
    return bool(tenant.sandbox.requests(system="exact", path="*/api/v1/*"))


def test_a_backfill_reads_its_interval_and_moves_no_bookmark(tenant: Tenant) -> None:
    done = tenant.run("invoices-to-exact", "--backfill")
    assert done["tasks"]["run"]["state"] == "success"
    assert tenant.sandbox.exact(ENTRIES) == [], "the shop made nothing since yesterday"
    assert "--no-state-update" in tenant.log
    asked = tenant.sandbox.requests(system="adobe", path="*/invoices")
    assert any("created_at" in str(call["query"]) for call in asked)
    assert "tap-invoices" not in tenant.bookmarks
    skipped = tenant.run("keep-login", "--backfill")
    assert skipped["tasks"]["run"]["state"] == "skipped"


def test_a_month_is_compared_and_its_report_kept(tenant: Tenant) -> None:
    tenant.run("invoices-to-exact")
    assert "tap-invoices-to-target-exact-online:theehuis" in tenant.bookmarks
    done = tenant.run("reconcile-month", "--conf", json.dumps({"month": "2026-01"}))
    assert done["tasks"]["run"]["state"] == "success"
    told = done["xcom"]["return_value"]
    assert set(told) >= {"outcome", "unexplained", "found", "files"}
    kept = {path.name for path in (tenant.folder / "reports").iterdir()}
    assert "theehuis-2026-01.json" in kept
    assert {Path(file).name for file in told["files"]} == kept
