"""What lies on the disk: settings, the ledger, the store of credentials."""

from __future__ import annotations

import io
import json
import shutil
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any
from unittest import mock

from connector_credentials import cli as credentials_cli
from connector_credentials import generate_key, open_store
from mapper_gl_rules import cli as mapper_cli
from tap_adobe_commerce.tap import TapAdobeCommerce
from target_exact_online import cli as target_cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fuzz_bending import Bender

_KEYS = 8192  # where SQLite's first pages end, which hold the tables' definitions
_COMMANDS = (
    ("documents", "list", "--json"), ("documents", "list"),
    ("documents", "show", "shop:nl:invoice:000000001"), ("audit", "verify"), ("status",),
    ("anonymise", "--older-than-days", "0"), ("reconcile", "history", "--month", "2026-11"),
)  # fmt: skip


class RefusedError(Exception):
    """A command ended in its own words, or an error of our own did what it is for."""


def command(main: Callable[[], object], *arguments: str, given: str = "") -> None:
    """Run a command in this process, as its script does.

    Raises:
        RefusedError: It ended with another exit code than 0, and one line or more of its own.
    """
    errors = io.StringIO()
    stdin = io.TextIOWrapper(io.BytesIO(given.encode()))
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with (
        mock.patch.object(sys, "argv", ["program", *arguments]),
        mock.patch.object(sys, "stdin", stdin),
        redirect_stdout(stdout),
        redirect_stderr(errors),
    ):
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise RefusedError(errors.getvalue()) from None
    if "Traceback" in errors.getvalue():
        raise AssertionError(errors.getvalue()[-500:])


def settings(folder: Path) -> Callable[[Bender], None]:
    """Start each program with a bent settings file."""
    store = folder / "store"
    key = generate_key()
    open_store(str(store), key, create=True)
    (folder / "rules.yml").write_text("settings: {}\n")
    (folder / "catalog.json").write_text(json.dumps({"streams": []}))
    config = folder / "config.json"
    tap = {"base_url": "http://127.0.0.1:9", "consumer_key": "k", "consumer_secret": "s",
           "access_token": "t", "access_token_secret": "x", "page_size": 10, "parallel": 2,
           "start_date": "2026-01-01T00:00:00Z", "overlap_minutes": 5, "instance": "shop",
           "max_wait_seconds": 0}  # fmt: skip
    mapper = {"rules_file": str(folder / "rules.yml"), "sales_orders": True}
    target = {"base_url": "http://127.0.0.1:9", "division": 1, "client_id": "c",
              "client_secret": "s", "refresh_token": "r", "credentials": str(store),
              "ledger_url": f"sqlite:///{folder / 'ledger.db'}", "max_wait_seconds": 0,
              "report_file": str(folder / "report.json"), "fail_on": "parked",
              "order_link": "https://x/{order_entity_id}"}  # fmt: skip
    programs: list[tuple[Callable[[], object], dict[str, Any], tuple[str, ...]]] = [
        (TapAdobeCommerce.cli, tap, ("--catalog", str(folder / "catalog.json"))),
        (mapper_cli.main, mapper, ()),
        (target_cli.cli, target, ()),
        (target_cli.cli, target, ("status",)),
        (target_cli.cli, target, ("keep-alive",)),
    ]

    def read(bender: Bender) -> None:
        main, valid, arguments = bender.rng.choice(programs)
        config.write_bytes(bender.json(valid))
        with mock.patch.dict("os.environ", {"CONNECTOR_KEY": key}), chdir(folder):
            command(main, "--config", str(config), *arguments)

    return read


def ledgers(folder: Path) -> Callable[[Bender], None]:
    """Look at a ledger with flipped bytes by every command."""
    import fuzz_exact  # noqa: PLC0415  # which needs this module

    exact, _ = fuzz_exact.with_a_month(folder)
    division = exact.get().config["division"]
    exact.get().close()
    whole = (folder / "first" / "ledger.db").read_bytes()
    work = folder / "work"
    config = folder / "config.json"

    def read(bender: Bender) -> None:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        path = work / "ledger.db"
        path.write_bytes(bender.flipped(whole, from_byte=0 if bender.one_in(3) else _KEYS))
        config.write_text(json.dumps({"ledger_url": f"sqlite:///{path}", "division": division}))
        command(target_cli.cli, "--config", str(config), *bender.rng.choice(_COMMANDS))

    return read


def stores(folder: Path) -> Callable[[Bender], None]:
    """Open a bent store of credentials, and list, read and write in it."""
    key = generate_key()
    path = folder / "store"
    store = open_store(str(path), key, create=True)
    store.put("exact-online", {"client_id": "c", "refresh_token": "r", "issued_at": 1.5})
    store.put_blob("rules/1", b"settings: {}", {"note": "first"})
    whole = path.read_bytes()

    def read(bender: Bender) -> None:
        bent = bender.json(json.loads(whole)) if bender.one_in(2) else bender.text(whole)
        path.write_bytes(bent)
        match bender.rng.randrange(3):
            case 0:
                opened = open_store(str(path), key)
                opened.get("exact-online")
                opened.get_blob("rules/1")
                opened.put("exact-online", {"client_id": "d"})
            case 1:
                with mock.patch.dict("os.environ", {"CONNECTOR_KEY": key}):
                    command(credentials_cli.main, "--store", str(path), "list")
            case _:
                opened = open_store(str(path), key)
                opened.credentials()
                opened.blobs()
                opened.rotate(f"{generate_key()},{key}")

    return read
