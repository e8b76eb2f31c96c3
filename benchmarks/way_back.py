"""Does master data reach the shop once, whatever is killed, and does no edit of the shop get lost?

10,000 accounts and 500 GL accounts go to the sandbox's shop through the real program, which is
killed in between (kill -9). Then a second run, which should write nothing; then 1,000 random edits
on either side or both, and a run with `conflicts: ask`.

    uv run benchmarks/way_back.py [--json] [--accounts N] [--gl-accounts N] [--edits N] [--kills N]
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from commerce_sandbox.adobe.store import insert_many
from commerce_sandbox.handle import SandboxHandle

PROGRAM = Path(sys.executable).with_name("target-adobe-commerce")
DIVISION = 999001
CODE = "exact_account_code"
_WRITES = ("POST", "PUT", "DELETE")
#: What belongs to the shop.
_OWNED = ("email", "firstname", "lastname", "addresses", "group_id", "default_billing")


class Bench:
    """A shop, the program, and what Exact has."""

    def __init__(self, folder: Path) -> None:
        """Start a shop that knows the account's code."""
        self.sandbox = SandboxHandle(folder / "shop")
        self.sandbox.set("adobe.customer_attributes", [CODE, "tier"])
        login = {k: v for k, v in self.sandbox.adobe_config().items() if k != "start_date"}
        self._settings = {
            **login,
            "database_url": f"sqlite:///{folder}/way-back.db",
            "plan_file": str(folder / "plan.json"),
            "website_id": 1,
            "auto_apply": True,
            "create_customers": True,
            "create_attributes": True,
            "settle_after_seconds": 0,
            "fail_on": "failed",
        }
        self._config = folder / "config.json"
        self._config.write_text(json.dumps(self._settings))
        self._input = folder / "input.jsonl"
        self._version = 0
        self._log = folder / "shop" / "requests.jsonl"
        self._read = self._written = 0

    def messages(self, stream: str, records: list[dict[str, Any]]) -> list[str]:
        """Return Singer messages of one stream."""
        keys = {"ID": {"type": "string"}, "Division": {"type": "integer"}}
        schema = {"type": "object", "properties": keys}
        start = {"type": "SCHEMA", "stream": stream, "schema": schema}
        lines = [json.dumps({**start, "key_properties": ["Division", "ID"]})]
        for record in records:
            self._version += 1
            row = {"Division": DIVISION, "Timestamp": self._version, **record}
            lines.append(json.dumps({"type": "RECORD", "stream": stream, "record": row}))
        return lines

    def run(self, lines: list[str], kill_after: int | None = None) -> int:
        """Run the program; return how many calls wrote.

        Args:
            lines: Its input.
            kill_after: Kill it after so many calls that wrote.
        """
        self._input.write_text("\n".join([*lines, '{"type": "STATE", "value": {"x": 1}}']) + "\n")
        before = self._writes()
        with self._input.open() as source:
            process = subprocess.Popen(
                [PROGRAM, "--config", self._config],
                stdin=source,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            while kill_after is not None and process.poll() is None:
                if self._writes() - before >= kill_after:
                    process.kill()
                time.sleep(0.02)
            _, errors = process.communicate()
        if kill_after is None and process.returncode:
            sys.exit(f"The program ended with {process.returncode}:\n{errors.decode()[-2000:]}")
        return self._writes() - before

    def _writes(self) -> int:
        """Calls of the shop that wrote, answered or not; reads only what is new of the log."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            new = log.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        rows = [orjson.loads(line) for line in whole.splitlines()]
        self._written += sum(row["method"] in _WRITES for row in rows)
        return self._written

    def customers(self) -> dict[str, dict[str, Any]]:
        """Return the customers that came from Exact, by e-mail."""
        rows = self.sandbox.database.connection().execute("SELECT body FROM adobe_customer")
        found = [orjson.loads(row["body"]) for row in rows]
        return {one["email"]: one for one in found if one["email"].startswith("account")}

    def doubles(self) -> int:
        """Return how many customers and options stand twice."""
        rows = self.sandbox.database.connection().execute("SELECT body FROM adobe_customer")
        codes = Counter(
            entry["value"]
            for row in rows
            for entry in orjson.loads(row["body"]).get("custom_attributes", ())
            if entry["attribute_code"] == CODE
        )
        rows = self.sandbox.database.connection().execute(
            "SELECT body FROM adobe_product_attribute WHERE attribute_code = 'exact_gl_account'"
        )
        labels = Counter(
            option["label"].partition(" ")[0]
            for row in rows
            for option in orjson.loads(row["body"])["options"]
        )
        return sum(number - 1 for number in (*codes.values(), *labels.values()))


def account(number: int, vat: str | None = None) -> dict[str, Any]:
    """Make an account of Exact."""
    return {
        "ID": f"00000000-0000-4000-8000-{number:012d}",
        "Code": str(100_000 + number),
        "Name": f"Account {number}",
        "Email": f"account{number}@example.com",
        "VATNumber": vat or f"NL{number:09d}B01",
        "Status": "C",
    }


def gl_account(number: int) -> dict[str, Any]:
    """Make a revenue account of Exact."""
    guid = f"00000000-0000-4000-9000-{number:012d}"
    code = str(number)  # small numbers: those that options get as well
    return {"ID": guid, "Code": code, "Description": "Revenue", "Type": 110, "IsBlocked": False}


def edited(bench: Bench, rng: random.Random, accounts: int, edits: int) -> dict[str, Any]:
    """Edit either side or both at random, run, and tell what was lost."""
    before = bench.customers()
    numbers = rng.sample(range(accounts), min(edits, accounts))
    lines: list[dict[str, Any]] = []
    shop, wanted = [], {}
    for number in numbers:
        customer = before[f"account{number}@example.com"]
        side = rng.choice(("exact", "shop", "both"))
        vat = customer.get("taxvat", "")
        if side != "shop":
            lines.append(account(number, f"NL{number:09d}B{rng.randint(10, 99)}"))
        if side != "exact":
            vat = f"SHOP{rng.randint(0, 9999)}"
            customer |= {"taxvat": vat, "firstname": rng.choice("ABC"), "lastname": "Edited"}
            street = {"street": [f"Street {number}"], "postcode": "1", "city": "X"}
            address = {"id": 1_000_000 + number, "customer_id": customer["id"], **street}
            address |= {"country_id": "NL", "firstname": "A", "lastname": "B", "telephone": "1"}
            customer["addresses"] = [address]
            shop.append(customer)
        wanted[customer["email"]] = lines[-1]["VATNumber"] if side == "exact" else vat
    insert_many(bench.sandbox.database, "customer", shop)
    expected = bench.customers()
    writes = bench.run(bench.messages("accounts", lines))
    after = bench.customers()
    owned = lost = wrong = 0
    for email, customer in expected.items():
        now = after[email]
        owned += any(now.get(name) != customer.get(name) for name in _OWNED)
        kept = {one["id"] for one in now.get("addresses", ())}
        lost += len({one["id"] for one in customer.get("addresses", ())} - kept)
        wrong += now.get("taxvat", "") != wanted.get(email, customer.get("taxvat", ""))
    return {
        "edits": len(numbers),
        "edit_writes": writes,
        "shop_owned_changed": owned,
        "addresses_lost": lost,
        "wrong_field": wrong,
        "run_after_edits_writes": bench.run([]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="only the last line")
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--gl-accounts", type=int, default=500)
    parser.add_argument("--edits", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)  # noqa: S311  # no secret
    began = time.monotonic()

    def say(text: str) -> None:
        if not options.json:
            print(f"{time.monotonic() - began:7.1f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        with suppress(KeyboardInterrupt):
            lines = bench.messages("accounts", [account(n) for n in range(options.accounts)])
            charts = [gl_account(n) for n in range(1, options.gl_accounts + 1)]
            lines += bench.messages("gl_accounts", charts)
            writes = 0
            for number in range(options.kills):
                share = (options.accounts + options.gl_accounts) // (2 * options.kills) or 1
                writes += bench.run(lines if number == 0 else [], rng.randint(1, 2 * share))
                say(f"killed {number + 1} times, {writes} writes so far")
            writes += bench.run([] if options.kills else lines)
            say(f"first run over, {writes} writes")
            made = len(bench.customers())
            second = bench.run([])
            say(f"second run over, {second} writes")
            result = {
                "accounts": made,
                "gl_accounts": options.gl_accounts,
                "kills": options.kills,
                "writes": writes,
                "second_run_writes": second,
                **edited(bench, rng, options.accounts, options.edits),
                "doubles": bench.doubles(),
                "peak_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1),
                "seconds": round(time.monotonic() - began, 1),
            }
            print(json.dumps(result))
        bench.sandbox.stop()


if __name__ == "__main__":
    main()
