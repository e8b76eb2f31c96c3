"""A shop that tells of orders before their transaction ends, and of some that never were."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from commerce_sandbox.data.writer import ShopWriter
from commerce_sandbox.signals import ShopSignals, Signer
from commerce_sandbox.testing import SandboxHandle, select_streams
from target_exact_online.cli import cli
from target_exact_online.ledger.store import Ledger
from target_exact_online.webhooks import queue, schemes

if TYPE_CHECKING:
    import pytest

TAP = Path(sys.executable).with_name("tap-adobe-commerce")


def test_signalled_orders_are_read_and_those_that_never_were_are_passed_over(
    sandbox: SandboxHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    signer = Signer.of(sandbox.database)
    found = schemes.of_settings({"adobe_public_key": signer.public_key("webhook")}).webhook
    assert found is not None
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db", 1)
    writer = ShopWriter(sandbox.database, sandbox.context.clock, 5, late_seconds=60)
    rng = Random(3)  # noqa: S311  # reproducible data
    told = ShopSignals(writer, signer, rng, rolled_back=0.5)
    for _ in range(40):
        for signal in told.step():
            if "webhook-signature" in str(signal.headers):
                queue.put(ledger.engine, found.signals(signal.body, signal.headers))
    told.settle()
    ledger.close()

    settings = {"ledger_url": f"sqlite:///{tmp_path}/ledger.db", "division": 1}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    listed = CliRunner().invoke(
        cli, ["--config", "config.json", "webhooks", "list", "--orders", "--json"]
    )
    assert listed.exit_code == 0, listed.stderr
    ids = set(json.loads(listed.stdout))
    connection = sandbox.database.connection()
    there = {row[0] for row in connection.execute("SELECT entity_id FROM adobe_order")}
    assert ids & there
    assert ids - there  # rolled back

    read = orders_of(sandbox, tmp_path, TAP_ADOBE_COMMERCE_ORDER_ENTITY_IDS=listed.stdout.strip())
    assert set(read) == ids & there
    assert orders_of(sandbox, tmp_path, TAP_ADOBE_COMMERCE_ORDER_ENTITY_IDS="[]") == []


def orders_of(sandbox: SandboxHandle, folder: Path, **environment: str) -> list[int]:
    """Run the tap whose window holds nothing, and return the orders that it gives."""
    config: dict[str, Any] = sandbox.adobe_config() | {"start_date": "2030-01-01T00:00:00Z"}
    catalog = folder / "catalog.json"
    if not catalog.exists():
        discovered = subprocess.run([TAP, "--discover"], capture_output=True, check=True).stdout
        catalog.write_text(json.dumps(select_streams(discovered, "orders")))
    (folder / "tap.json").write_text(json.dumps(config))
    done = subprocess.run(
        [TAP, "--config", "tap.json", "--config", "ENV", "--catalog", "catalog.json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env=os.environ | environment,
    )
    messages = map(json.loads, done.stdout.splitlines())
    return [one["record"]["entity_id"] for one in messages if one["type"] == "RECORD"]
