"""Exact's master data goes back to the shop: the real reader in a pipe with the real target."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from commerce_sandbox.adobe.testing import ShopClient
from commerce_sandbox.testing import select_streams
from connector_credentials import generate_key

if TYPE_CHECKING:
    import pytest

    from commerce_sandbox.testing import SandboxHandle

BIN = Path(sys.executable).parent
STREAMS = ("accounts", "gl_accounts", "cost_centers", "cost_units", "items", "vat_codes")


def test_master_data_reaches_the_shop_and_a_second_run_writes_nothing(
    sandbox: SandboxHandle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = subprocess.check_output([BIN / "tap-exact-online", "--discover"])
    (tmp_path / "catalog.json").write_text(json.dumps(select_streams(found, *STREAMS)))
    login = {k: v for k, v in sandbox.adobe_config().items() if k != "start_date"}
    target = {
        **login,
        "database_url": f"sqlite:///{tmp_path}/way-back.db",
        "plan_file": str(tmp_path / "plan.json"),
        "auto_apply": True,
        "create_attributes": True,
    }
    (tmp_path / "target.json").write_text(json.dumps(target))
    monkeypatch.setenv("CONNECTOR_KEY", generate_key())
    limits = f"sqlite:///{tmp_path}/limits.db"
    reader = sandbox.exact_config() | {"limits_url": limits}
    (tmp_path / "tap.json").write_text(json.dumps(reader))
    tap = [BIN / "tap-exact-online", "--config", "tap.json", "--catalog", "catalog.json"]
    writer = [BIN / "target-adobe-commerce", "--config", "target.json"]
    read = subprocess.run(tap, cwd=tmp_path, capture_output=True, check=False)
    assert read.returncode == 0, read.stderr.decode()
    for run in (1, 2):
        sandbox.clear_requests()
        done = subprocess.run(
            writer, cwd=tmp_path, input=read.stdout, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        assert json.loads(done.stdout.splitlines()[-1])["bookmarks"]
        calls = sandbox.requests(system="adobe")
        writes = [one for one in calls if one["method"] != "GET"]
        assert bool(writes) is (run == 1)
    rows = ShopClient(sandbox.url).get("/rest/all/V1/products/attributes/exact_gl_account/options")
    labels = [row["label"] for row in rows.json() if row["value"]]
    codes = {
        row["Code"].strip() for row in sandbox.exact("financial/GLAccounts", filter="Type eq 110")
    }
    assert labels
    assert {label.partition(" ")[0] for label in labels} <= codes
