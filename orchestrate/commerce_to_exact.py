"""Airflow DAGs for the schedules of this project.

A static file: it reads only ``meltano.yml`` when Airflow parses it and runs no command then. A run
that failed may be repeated safely, because the target posts each document once.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

PROJECT = Path(os.environ.get("MELTANO_PROJECT_ROOT", Path(__file__).resolve().parents[1]))

for schedule in yaml.safe_load((PROJECT / "meltano.yml").read_text())["schedules"]:
    with DAG(
        dag_id=schedule["name"],
        schedule=schedule["interval"],
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        default_args={"retries": 1, "retry_delay": timedelta(minutes=15)},
        tags=["meltano", "exact-online"],
    ) as dag:
        BashOperator(
            task_id=schedule["job"],
            bash_command='umask 077; exec meltano run "$JOB"',
            env={"JOB": schedule["job"], "MELTANO_ENVIRONMENT": "prod"},
            append_env=True,
            cwd=str(PROJECT),
        )
    globals()[schedule["name"]] = dag
