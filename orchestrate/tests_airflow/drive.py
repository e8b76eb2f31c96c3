"""Runs one DAG by ``dag.test()`` in Airflow's own environment, and writes down what came of it.

    python drive.py DAG_ID RESULT_FILE [--backfill] [--conf JSON]

Without a DAG it writes down what Airflow reads in the folder.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from airflow.dag_processing.dagbag import BundleDagBag
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.utils.session import create_session
from airflow.utils.types import DagRunType
from sqlalchemy import select

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

FOLDER = Path(__file__).resolve().parents[1]


def read() -> BundleDagBag:
    """Read the folder as Airflow does; whatever is read may start no program."""
    with mock.patch.object(subprocess.Popen, "__init__", side_effect=AssertionError("a program")):
        return BundleDagBag(FOLDER, bundle_path=FOLDER)


def describe(bag: BundleDagBag) -> dict[str, Any]:
    """Return what a person sees of the DAGs before they run."""
    return {
        "import_errors": bag.import_errors,
        "dags": {
            dag.dag_id: {
                "schedule": dag.timetable.expression,
                "time_zone": str(dag.timetable.timezone),
                "max_active_runs": dag.max_active_runs,
                "catchup": dag.catchup,
                "tasks": {
                    one.task_id: {
                        "pool": one.pool,
                        "retries": one.retries,
                        "hours": (one.execution_timeout or timedelta()) / timedelta(hours=1),
                        "assets": [asset.uri for asset in one.outlets],
                        "after": sorted(one.upstream_task_ids),
                    }
                    for one in dag.tasks
                },
            }
            for dag in bag.dags.values()
        },
    }


def run(bag: BundleDagBag, dag_id: str, conf: dict[str, Any], *, backfill: bool) -> dict[str, Any]:
    """Run a DAG to its end, with no pause between tries."""
    if bag.import_errors:
        sys.exit(str(bag.import_errors))
    dag = bag.dags[dag_id]
    for one in dag.tasks:
        one.retry_delay = timedelta(0)
    create = SerializedDAG.create_dagrun
    kind: dict[str, Any] = {}
    if backfill:  # dag.test() makes manual runs only
        run_id = f"backfill__{datetime.now(UTC).isoformat()}"
        kind = {"run_type": DagRunType.BACKFILL_JOB, "run_id": run_id}

    def create_dagrun(dag: SerializedDAG, **given: Any) -> DagRun:
        return create(dag, **given | kind)

    with mock.patch.object(SerializedDAG, "create_dagrun", create_dagrun):
        ended = dag.test(logical_date=datetime.now(UTC), run_conf=conf)
    with create_session() as session:
        mine = (TaskInstance.dag_id == dag_id, TaskInstance.run_id == ended.run_id)
        tasks = {
            one.task_id: {"state": str(one.state), "tries": one.try_number}
            for one in session.scalars(select(TaskInstance).where(*mine))
        }
        of_run = (XComModel.dag_id == dag_id, XComModel.run_id == ended.run_id)
        told = {
            one.key: XComModel.deserialize_value(one)
            for one in session.scalars(select(XComModel).where(*of_run))
            if one.task_id == "run"
        }
    return {"state": str(ended.state), "tasks": tasks, "xcom": told}


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dag_id")
    parser.add_argument("result", type=Path)
    parser.add_argument("--backfill", action="store_true")
    parser.add_argument("--conf", type=json.loads, default={})
    options = parser.parse_args()
    bag = read()
    done = (
        run(bag, options.dag_id, options.conf, backfill=options.backfill)
        if options.dag_id
        else describe(bag)
    )
    options.result.write_text(json.dumps(done, default=str))


if __name__ == "__main__":
    main()
