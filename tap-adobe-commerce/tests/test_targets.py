"""The tap's output through targets that people use: PostgreSQL and JSON Lines."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy

if TYPE_CHECKING:
    from conftest import Run

TARGET = Path(sys.executable).with_name("target-postgres")
# Its pins do not go with the SDK's, so ./test gives it an environment of its own.
TARGET_JSONL = (
    Path(__file__).resolve().parents[2] / ".tools" / "target-jsonl" / "bin" / "target-jsonl"
)


@pytest.fixture
def postgres(postgres_database: str) -> sqlalchemy.URL:
    """A new PostgreSQL database, as SQLAlchemy names it."""
    return sqlalchemy.make_url(postgres_database).set(drivername="postgresql+psycopg")


def test_a_sql_target_loads_every_document_to_the_cent(
    recorded: Run, postgres: sqlalchemy.URL, tmp_path: Path
) -> None:
    config = tmp_path / "target.json"
    config.write_text(
        json.dumps(
            {
                "sqlalchemy_url": postgres.render_as_string(hide_password=False),
                "default_target_schema": "shop",
            }
        )
    )

    done = subprocess.run(
        [TARGET, "--config", config],
        input="\n".join(recorded.lines) + "\n",
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == recorded.state
    engine = sqlalchemy.create_engine(postgres, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        for stream in ("orders", "invoices", "credit_memos"):
            records = recorded.records(stream)
            count, total = connection.execute(
                sqlalchemy.text(
                    f"SELECT count(*), sum(grand_total) FROM shop.{stream}"  # noqa: S608  # own names
                )
            ).one()
            assert count == len(records)
            assert Decimal(total) == sum(Decimal(record["grand_total"]) for record in records)


@pytest.mark.skipif(not TARGET_JSONL.exists(), reason="./test installs target-jsonl on first use")
def test_target_jsonl_writes_every_document(recorded: Run, tmp_path: Path) -> None:
    config = tmp_path / "target.json"
    config.write_text(json.dumps({"destination_path": str(tmp_path), "do_timestamp_file": False}))
    done = subprocess.run(
        [TARGET_JSONL, "--config", config],
        input="\n".join(recorded.lines) + "\n",
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == recorded.state
    for stream in ("orders", "invoices", "credit_memos"):
        lines = (tmp_path / f"{stream}.jsonl").read_text().splitlines()
        written = [json.loads(line, parse_float=Decimal)["grand_total"] for line in lines]
        expected = [Decimal(record["grand_total"]) for record in recorded.records(stream)]
        assert [Decimal(amount) for amount in written] == expected
