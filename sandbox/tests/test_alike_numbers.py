"""Store views that count alike: two documents of one shop with the same number."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from commerce_sandbox import shop
from commerce_sandbox.cli import main
from commerce_sandbox.data.writer import ShopWriter

if TYPE_CHECKING:
    from pathlib import Path

    from commerce_sandbox.context import SandboxContext

KINDS = ("order", "invoice", "creditmemo")


def stores_by_number(context: SandboxContext, kind: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for row in context.database.connection().execute(f"SELECT body FROM adobe_{kind}"):  # noqa: S608 -- own names
        document = json.loads(row["body"])
        found[document["increment_id"]].append(document["store_id"])
    return found


def test_a_generated_shop_may_count_alike(tmp_path: Path) -> None:
    arguments = ["generate", "--data-dir", str(tmp_path), "--orders", "60", "--seed", "3"]
    assert CliRunner().invoke(main, [*arguments, "--alike"]).exit_code == 0
    context = shop.open_context(tmp_path)
    for kind in KINDS:
        stores = stores_by_number(context, kind)
        assert {len(number) for number in stores} == {9}
        assert any(len(of_number) > 1 for of_number in stores.values())
        assert all(len(set(of_number)) == len(of_number) for of_number in stores.values())
    shop.seed(context)  # the shop that is there
    assert context.database.setting("shop") == "generated:60:3:alike"
    context.database.close()


def test_otherwise_every_store_view_has_its_prefix(tmp_path: Path) -> None:
    context = shop.open_context(tmp_path)
    shop.seed(context, "generated:60:3")
    for kind in KINDS:
        assert all(len(stores) == 1 for stores in stores_by_number(context, kind).values())
    context.database.close()


@pytest.mark.parametrize("alike", [True, False])
def test_new_documents_of_a_changing_shop(tmp_path: Path, alike: bool) -> None:  # noqa: FBT001
    context = shop.open_context(tmp_path)
    shop.seed(context, "recorded")
    if alike:
        context.database.set_setting("adobe.stores_count_alike", value=True)
    before = stores_by_number(context, "order").keys()
    writer = ShopWriter(context.database, context.clock, 1)
    start = datetime(2026, 12, 1, tzinfo=UTC)
    for step in range(150):
        writer.step(start + timedelta(seconds=step))
    writer.settle()
    stores = stores_by_number(context, "order")
    new = {number for number, of_number in stores.items() if len(of_number) > 1}
    assert bool(new) == alike
    lengths = {len(number) for number in stores.keys() - before}
    assert lengths == ({9} if alike else {9, 10})
    context.database.close()
