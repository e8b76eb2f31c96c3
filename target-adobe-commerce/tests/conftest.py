"""The target beside a running shop: the real program, or its parts in this process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from commerce_sandbox.adobe.testing import ShopClient
from commerce_sandbox.handle import SandboxHandle
from target_adobe_commerce.cli import cli
from target_adobe_commerce.kept.keeping import ExactRecord
from target_adobe_commerce.work import apply_at_once, make_plan, open_bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from target_adobe_commerce.applying import Outcome
    from target_adobe_commerce.plan import Entry, Plan

PROGRAM = Path(sys.executable).with_name("target-adobe-commerce")
DIVISION = 999001
CODE = "exact_account_code"
_KEYS = {"Division", "ID", "Timestamp", "_sdc_deleted_at"}


@dataclass
class Run:
    """How the program ended."""

    code: int
    output: str
    errors: str


@dataclass
class World:
    """A shop, the target's database, and what may be asked of both."""

    sandbox: SandboxHandle
    config: dict[str, Any]
    version: int = 10_000_000

    def __post_init__(self) -> None:
        self.client = ShopClient(self.sandbox.url)

    # Exact

    @staticmethod
    def guid(number: int) -> str:
        return f"00000000-0000-4000-8000-{number:012d}"

    def account(self, number: int, **values: Any) -> dict[str, Any]:
        """An account of Exact, as the reader emits it."""
        return {
            "Division": DIVISION,
            "ID": self.guid(number),
            "Timestamp": number,
            "Code": str(10000 + number),
            "Name": f"Klant {number} BV",
            "Email": f"klant{number}@example.com",
            "VATNumber": f"NL{number:09d}B01",
            "Status": "C",
            "Blocked": False,
            **values,
        }

    def gl(self, number: int, **values: Any) -> dict[str, Any]:
        """A GL account of Exact."""
        return {
            "Division": DIVISION,
            "ID": self.guid(500_000 + number),
            "Timestamp": number,
            "Code": str(number),
            "Description": f"Revenue {number}",
            "Type": 110,
            "IsBlocked": False,
            **values,
        }

    def exact(self, stream: str, *records: dict[str, Any]) -> None:
        """Exact has these records, as the reader said."""
        with open_bench(self.config) as bench:
            for record in records:
                self.version += 1
                values = {name: value for name, value in record.items() if name not in _KEYS}
                deleted = str(record.get("_sdc_deleted_at") or "")
                kept = ExactRecord(stream, record["Division"], record["ID"], values, deleted)
                bench.keeping.take(kept, self.version)
            bench.keeping.flush()

    # The target

    def plan(self, **settings: Any) -> Plan:
        with open_bench(self.config | settings) as bench:
            made = make_plan(bench)
            assert bench.shop.writes == 0
            return made

    def apply(self, **settings: Any) -> tuple[Plan, Outcome, int]:
        """Plan and write; also how many calls wrote."""
        with open_bench(self.config | settings) as bench:
            plan, outcome = apply_at_once(bench)
            return plan, outcome, bench.shop.writes

    def command(self, *arguments: str, **settings: Any) -> Run:
        """Run a command in this process: a start of Python costs more than what it shows."""
        path = Path(self.config["plan_file"]).with_name("config.json")
        path.write_text(json.dumps(self.config | settings))
        before = signal.getsignal(signal.SIGTERM)
        done = CliRunner().invoke(cli, ["--config", str(path), *arguments])
        signal.signal(signal.SIGTERM, before)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Run(done.exit_code, done.stdout, done.stderr)

    def run(self, *arguments: str, text: str | None = None, **settings: Any) -> Run:
        """Run the real program."""
        path = Path(self.config["plan_file"]).with_name("config.json")
        path.write_text(json.dumps(self.config | settings))
        done = subprocess.run(
            [PROGRAM, "--config", path, *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env=os.environ | {"LOGLEVEL": "INFO"},
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Run(done.returncode, done.stdout, done.stderr)

    # The shop

    def get(self, path: str, store: str = "all") -> Any:
        received = self.client.get(f"/rest/{store}/V1/{path}")
        assert received.status == 200, received.body
        return received.json()

    def put(self, path: str, **body: Any) -> Any:
        received = self.client.write("PUT", f"/rest/all/V1/{path}", body)
        assert received.status == 200, received.body
        return received.json()

    def post(self, path: str, store: str = "all", **body: Any) -> Any:
        received = self.client.write("POST", f"/rest/{store}/V1/{path}", body)
        assert received.status == 200, received.body
        return received.json()

    def customer(self, number: int, **fields: Any) -> dict[str, Any]:
        """A customer of the shop, made by hand."""
        made: dict[str, Any] = self.post(
            "customers",
            customer={
                "email": f"klant{number}@example.com",
                "firstname": "Karin",
                "lastname": f"Klant {number}",
                "website_id": 1,
                **fields,
            },
        )
        return made

    def options(self, code: str = "exact_gl_account", store: str = "all") -> dict[str, str]:
        rows = self.get(f"products/attributes/{code}/options", store)
        return {row["label"]: row["value"] for row in rows if row["value"]}

    def customers(self) -> list[dict[str, Any]]:
        found = self.client.get(
            "/rest/all/V1/customers/search", [("searchCriteria[pageSize]", "1000")]
        )
        items: list[dict[str, Any]] = found.json()["items"]
        return items


@pytest.fixture(scope="module")
def handle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    """One sandbox for the tests of a module; each test finds the shop as it was at first."""
    running = SandboxHandle(tmp_path_factory.mktemp("shop"))
    yield running
    running.stop()
    assert "Traceback" not in running.log()


@pytest.fixture
def make_world(
    handle: SandboxHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., World]]:
    """Make a world on the module's shop, which is put back when the test is over."""
    for name in ("CONNECTOR_KEY", "CONNECTOR_KEY_FILE", "MELTANO_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    tables = ("customer", "product", "product_attribute", "product_override")
    connection = handle.database.connection()
    kept = {
        one: connection.execute(f"SELECT entity_id, body FROM adobe_{one}").fetchall()  # noqa: S608  # own names
        for one in tables
    }

    def make(**settings: Any) -> World:
        login = {
            name: value for name, value in handle.adobe_config().items() if name != "start_date"
        }
        config = {
            **login,
            "database_url": f"sqlite:///{tmp_path}/way-back.db",
            "plan_file": str(tmp_path / "plan.json"),
            "website_id": 1,
            "settle_after_seconds": 0,
            **settings,
        }
        return World(handle, config)

    yield make
    handle.clear_faults()
    with handle.database.transaction() as connection:
        for one, rows in kept.items():
            connection.execute(f"DELETE FROM adobe_{one}")  # noqa: S608  # own names
            connection.executemany(
                f"INSERT INTO adobe_{one} (entity_id, body) VALUES (?, ?)",  # noqa: S608
                [tuple(row) for row in rows],
            )
    handle.set("adobe.customer_attributes", [])
    handle.set("adobe.old_customer_updates", value=False)


@pytest.fixture
def world(make_world: Callable[..., World], handle: SandboxHandle) -> World:
    """A shop whose customers can have the account's code."""
    handle.set("adobe.customer_attributes", [CODE, "tier"])
    return make_world()


@pytest.fixture
def entries() -> Callable[..., dict[str, Entry]]:
    """Entries of a plan by key."""

    def by_key(plan: Plan, kind: str = "") -> dict[str, Entry]:
        return {one.key: one for one in plan.entries if not kind or one.kind == kind}

    return by_key
