"""The drill: two Celery workers, two companies, and one worker that dies while it posts.

Redis and PostgreSQL are the system's (`apt-get install redis-server postgresql`), Airflow is that
of `./test --airflow`, shop and Exact are sandboxes. Ends with one JSON object, and with 1 if it
is not as it must be.

    uv run orchestrate/tests_airflow/celery_drill.py
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psutil
import sqlalchemy as sa
import yaml

from commerce_sandbox.handle import SandboxHandle
from connector_credentials import generate_key, open_store
from target_exact_online.ledger.database import LEDGER

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
AIRFLOW = ROOT / ".tools" / "airflow" / "bin"
COMPANIES = {"tea": 3000001, "coffee": 3000002}
JOBS = {"invoices-to-exact": "0 2 * * *", "orders-to-exact": "0 3 * * *"}
RESOURCES = ("salesentry/SalesEntries", "salesorder/SalesOrders")
WORKERS = ("worker-1", "worker-2")
KILLED = "tea.invoices-to-exact"
SECONDS = 1_500
HOST = "import os\n\n\ndef name():\n    return os.environ['WORKER']\n"
TASKS = """
SELECT dag_id, state, try_number, hostname, pool, start_date, end_date FROM {table}
WHERE task_id = 'run' AND hostname LIKE 'worker-%'
"""


@dataclass
class Drill:
    """Everything that runs, in one folder.

    Attributes:
        folder: Where.
        environment: Of all Airflow processes.
        cleanup: Ends them.
        workers: The two workers.
        sandboxes: Shop and Exact of each company.
    """

    folder: Path
    environment: dict[str, str]
    cleanup: contextlib.ExitStack
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    sandboxes: dict[str, SandboxHandle] = field(default_factory=dict)

    def start(self, name: str, *command: str | Path, **variables: str) -> subprocess.Popen[bytes]:
        """Start a process that lasts; its log is a file."""
        log: IO[bytes] = self.cleanup.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            command,
            env=self.environment | variables,
            cwd=self.folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        self.cleanup.callback(kill, process)
        return process

    def airflow(self, *arguments: str | Path) -> None:
        """Run a command of Airflow to its end."""
        command = [AIRFLOW / "airflow", *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(
                f"airflow {arguments[0]} failed:\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}"
            )

    def rows(self, statement: str) -> list[Any]:
        """Ask Airflow's database."""
        url = self.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        engine = sa.create_engine(url.replace("psycopg2", "psycopg"))
        with engine.connect() as connection:
            found = list(connection.execute(sa.text(statement)))
        engine.dispose()
        return found

    def wait(self, what: str, is_so: Any) -> None:
        """Wait until something is so."""
        print(f"{time.strftime('%H:%M:%S')} {what} ...", file=sys.stderr)
        end = time.monotonic() + SECONDS
        while not is_so():
            if time.monotonic() > end:
                sys.exit(f"It took too long: {what}. The logs are in {self.folder}.")
            time.sleep(1)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started at once, as a machine that loses its power."""
    with contextlib.suppress(psutil.Error):
        mine = psutil.Process(process.pid)
        for one in (*mine.children(recursive=True), mine):
            with contextlib.suppress(psutil.Error):
                one.kill()
    process.wait()


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def is_open(drill: Drill) -> bool:
    """Tell whether Airflow's server takes connections."""
    address = ("127.0.0.1", int(drill.environment["AIRFLOW__API__PORT"]))
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=1):
        return True
    return False


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run the system's PostgreSQL; give the address without a database."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        sys.exit("PostgreSQL is not installed: apt-get install postgresql redis-server")
    folder.mkdir()
    run_as: list[str] = []
    if os.geteuid() == 0:  # it does not run as root
        shutil.chown(folder, "postgres")
        run_as = ["runuser", "-u", "postgres", "--"]
    port = free_port()
    programs = found[-1].parent
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c max_connections=300"
    server = [programs / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log"]
    for command in (
        [programs / "initdb", "-D", folder / "data", "-U", "drill", "--auth=trust", "-N"],
        [*server, "-o", options, "start"],
    ):
        subprocess.run([*run_as, *command], stdout=subprocess.DEVNULL, check=True, cwd=folder)
    try:
        for name in ("airflow", "connector", "meltano"):
            command = ["psql", "-h", "127.0.0.1", "-p", str(port), "-U", "drill", "postgres"]
            create = [*command, "-qc", f"CREATE DATABASE {name}"]
            subprocess.run(create, check=True, cwd=folder)
        yield f"drill@127.0.0.1:{port}"
    finally:
        stop = [*run_as, *server, "-m", "immediate", "stop"]
        subprocess.run(stop, stdout=subprocess.DEVNULL, check=False, cwd=folder)


def environment(folder: Path, server: str, redis: int) -> dict[str, str]:
    """Return the variables of all Airflow processes."""
    port = free_port()
    orchestrate = str(ROOT / "orchestrate")
    database = f"postgresql+psycopg2://{server}/airflow"
    return {
        "PATH": f"{AIRFLOW}:/usr/bin:/bin",
        "HOME": str(folder),
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{redis}/0",
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database}",
        "AIRFLOW__CORE__DAGS_FOLDER": orchestrate,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__FERNET_KEY": generate_key(),
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "drill_host.name",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        # A worker that died is missed after this long, instead of five minutes.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "PYTHONPATH": f"{orchestrate}:{folder}",
        "RETRY_MINUTES": "0.1",
        "TENANTS_FILE": str(folder / "tenants.yml"),
        "MELTANO_PROJECT_ROOT": str(ROOT),
        "MELTANO_DATABASE_URI": f"postgresql+psycopg://{server}/meltano",
        "MELTANO_SYS_DIR_ROOT": str(folder / "meltano"),
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "1",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "WORKER": "server",
    }


def add_company(drill: Drill, name: str, division: int, server: str) -> dict[str, Any]:
    """Set a company up: sandbox, schema, credentials, connection; return its row of tenants.yml."""
    sandbox = drill.sandboxes[name] = SandboxHandle(drill.folder / name)
    drill.cleanup.callback(sandbox.stop)
    sandbox.set("exact.minute_limit", 1_000)
    for resource in RESOURCES:  # so that there is time to kill, and to run side by side
        sandbox.fault(f"*/{resource}", "latency", method="POST", times=0, seconds=0.5)
    adobe, exact = sandbox.adobe_config(), sandbox.exact_config()
    database = f"postgresql://{server}/connector"
    engine = sa.create_engine(database.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(name))
    engine.dispose()
    key, credentials = generate_key(), LEDGER.in_schema(database, name)
    store = open_store(credentials, key, create=True)
    shop = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    store.put("adobe-commerce", {one: adobe[one] for one in shop})
    store.put("exact-online", {one: exact[one] for one in ("client_id", "client_secret")})
    extra = {
        "ADOBE_BASE_URL": sandbox.url,
        "ADOBE_INSTANCE": name,
        "EXACT_BASE_URL": sandbox.url,
        "EXACT_DIVISION": str(division),
        "CREDENTIALS_URL": credentials,
        "CONNECTOR_KEY": key,
        "LEDGER_URL": database,
        "LEDGER_SCHEMA": name,
        "RULES_FILE": str(ROOT / "examples" / "rules.yml"),
        "TARGET_EXACT_ONLINE_REFRESH_TOKEN": exact["refresh_token"],
        "TARGET_EXACT_ONLINE_SETTLE_AFTER_SECONDS": "1",
        "TARGET_EXACT_ONLINE_INDEX_LAG_SECONDS": "1",
    }
    connection_of = f"AIRFLOW_CONN_{name.upper()}"
    drill.environment[connection_of] = json.dumps({"conn_type": "generic", "extra": extra})
    return {
        "name": name,
        "connection": name,
        "divisions": [division],
        "time_zone": "Europe/Amsterdam",
        "jobs": JOBS,
    }


def run_all(drill: Drill) -> None:
    """Start Airflow, run every DAG, kill the worker that posts, wait until all have ended."""
    pools = drill.folder / "pools.json"
    printed = subprocess.run(
        [sys.executable, ROOT / "orchestrate" / "commerce_tenants.py"],
        env=drill.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    pools.write_text(printed.stdout)
    drill.airflow("db", "migrate")
    drill.airflow("pools", "import", pools)
    for part in ("api-server", "dag-processor"):
        drill.start(part, AIRFLOW / "airflow", part)
    drill.wait("Airflow's server starts", lambda: is_open(drill))
    drill.start("scheduler", AIRFLOW / "airflow", "scheduler")
    for number, name in enumerate(WORKERS):
        command = ["celery", "worker", "--celery-hostname", name, "--concurrency", "3"]
        log_port = {"AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port() + number)}
        drill.workers[name] = drill.start(
            name, AIRFLOW / "airflow", *command, WORKER=name, **log_port
        )
    dags = [f"{company}.{job}" for company in COMPANIES for job in JOBS]
    known = "SELECT dag_id FROM dag"
    drill.wait("Airflow reads the DAGs", lambda: {one for (one,) in drill.rows(known)} >= {*dags})
    # Which runs each for the day that has ended.
    drill.airflow("dags", "unpause", "--yes", "--treat-dag-id-as-regex", "[a-z]*[.].*-to-exact")
    entries = drill.sandboxes["tea"]
    drill.wait("the company posts", lambda: len(entries.exact(RESOURCES[0])) >= 5)
    (name,) = (
        one.hostname
        for one in drill.rows(TASKS.format(table="task_instance"))
        if one.dag_id == KILLED and one.state == "running"
    )
    kill(drill.workers[name])
    print(f"{name} was killed with all it ran", file=sys.stderr)
    ended = "SELECT 1 FROM dag_run WHERE state IN ('success', 'failed')"
    drill.wait("the other worker does the rest", lambda: len(drill.rows(ended)) == len(dags))


def figures(drill: Drill) -> dict[str, Any]:
    """Return what came of it."""
    tasks = [
        one
        for table in ("task_instance", "task_instance_history")
        for one in drill.rows(TASKS.format(table=table))
    ]
    names: dict[str, Counter[tuple[str, str, str]]] = {}
    for company, division in COMPANIES.items():
        names[company] = Counter(
            # An order, its invoice and its credit memo may have one number.
            (resource, str(one["YourRef"]), str(one["Description"]))
            for resource in RESOURCES
            for one in drill.sandboxes[company].exact(resource, division=division)
        )
    spans = [(one.pool, one.start_date, one.end_date) for one in tasks if one.end_date]
    pairs = [(a, b) for n, a in enumerate(spans) for b in spans[:n] if a[1] < b[2] and b[1] < a[2]]
    last = drill.rows(TASKS.format(table="task_instance"))
    return {
        "workers": len({one.hostname for one in tasks}),
        "runs_ended_well": sum(one.state == "success" for one in last),
        "tries_of_the_killed": max(one.try_number for one in tasks if one.dag_id == KILLED),
        "documents": sum(len(one) for one in names.values()),
        "doubled": sum(count > 1 for one in names.values() for count in one.values()),
        # Both shops have the same documents.
        "lost": len(names["tea"].keys() ^ names["coffee"].keys()),
        "overlaps_in_a_company": sum(a[0] == b[0] for a, b in pairs),
        "overlaps_of_companies": sum(a[0] != b[0] for a, b in pairs),
    }


def main() -> None:
    """Run the drill."""
    if not (AIRFLOW / "airflow").exists():
        sys.exit("Airflow is not installed: run ./test --airflow once.")
    with contextlib.ExitStack() as cleanup:
        folder = Path(tempfile.mkdtemp(prefix="celery-drill-"))
        folder.chmod(0o755)
        server = cleanup.enter_context(postgres(folder / "postgres"))
        redis = free_port()
        drill = Drill(folder, environment(folder, server, redis), cleanup)
        (folder / "drill_host.py").write_text(HOST)
        drill.start(
            "redis", "redis-server", "--port", str(redis), "--bind", "127.0.0.1", "--save", ""
        )
        rows = [add_company(drill, *one, server) for one in COMPANIES.items()]
        (folder / "tenants.yml").write_text(yaml.safe_dump({"tenants": rows}))
        run_all(drill)
        found = figures(drill)
    print(json.dumps(found))
    if (
        found["doubled"]
        or found["lost"]
        or found["overlaps_in_a_company"]
        or not found["overlaps_of_companies"]
        or found["runs_ended_well"] != len(COMPANIES) * len(JOBS)
        or found["workers"] != len(WORKERS)
    ):
        sys.exit(f"It is not as it must be. The logs are in {folder}.")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
