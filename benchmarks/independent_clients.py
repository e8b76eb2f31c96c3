"""Do clients that others wrote get answers from the sandbox's Exact?

What only our own client understands proves little. Three packages of the package index are
installed into environments of their own and read lists from the sandbox, first as strict as it is
by default, then with what its settings make milder. What they were answered is taken from its log.

    uv run benchmarks/independent_clients.py [--json]

Per client and strictness: `read` (lists that were answered with rows or none), `refused` (the other
answers, by the path's end, with how often). A package that cannot be installed is `not_installed`.
"""

from __future__ import annotations

import argparse
import configparser
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

from commerce_sandbox.exact.credentials import APP, DIVISION, USER, issue_tokens
from commerce_sandbox.testing import SandboxHandle, select_streams

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLS = Path(__file__).resolve().parents[1] / ".tools" / "clients"
OLD_TOOLS = "setuptools<81"  # has pkg_resources, which two of them need and do not name
PACKAGES = {"exactpy": "0.0.24", "tap-exact": "0.7.1", "tap-exactonline": "0.2.24"}
STRICT: dict[str, Any] = {
    "exact.double_slashes": "refused", "exact.select_needed": "lists", "exact.filter_needed": True,
}  # fmt: skip
MILD: dict[str, Any] = {
    "exact.double_slashes": "merged", "exact.select_needed": "bulk", "exact.filter_needed": False,
}  # fmt: skip
HOUR = 3600
_PATIENCE = 120  # seconds for one list
# The sandbox has no TLS, on which the library of both taps insists.
_TAP = """
from exactonline import http
http.opt_secure.protocols = ("http", "https")
from {module}.tap import TapExactOnline
TapExactOnline.cli()
"""
_EXACTPY = """
import json, sys
from exactpy.client import Client
told = json.load(open(sys.argv[1]))
client = Client(client_id=told["client_id"], client_secret=told["client_secret"],
                redirect_url="https://shop.example/callback", base_url=told["url"] + "/api",
                division=told["division"], verbose=False,
                read_cache_callable_kwargs={"cache_path": told["cache"]},
                write_cache_callable_kwargs={"cache_path": told["cache"]})
for name in ("journals", "gl_accounts", "financial_periods", "exchange_rates",
             "receivables_lists", "gl_schemes", "gl_transaction_types", "reporting_balances"):
    try:
        list(getattr(client.financial, name).all())
    except Exception as error:
        print(name, repr(error)[:200], file=sys.stderr)
try:
    list(client.crm.accounts.all())
except Exception as error:
    print("accounts", repr(error)[:200], file=sys.stderr)
"""


class _Secrets(BaseHTTPRequestHandler):
    """The secret store in which tap-exactonline wants its tokens."""

    tokens: dict[str, str]

    def do_POST(self) -> None:
        """Answer with the tokens, and take every change for done."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = {"Name": "exact", "ARN": "arn", "SecretString": json.dumps(self.tokens)}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def secret_store(tokens: dict[str, str]) -> Iterator[str]:
    """Serve tokens as a secret store; gives its address."""
    handler = type("Secrets", (_Secrets,), {"tokens": tokens})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def install(package: str) -> tuple[Path | None, str]:
    """Install a package into an environment of its own; gives its programs, or why not."""
    folder = TOOLS / package
    programs = folder / "bin"
    wanted = f"{package}=={PACKAGES[package]}"
    done = folder / wanted
    if not done.exists():
        uv = which("uv")
        make = [uv, "venv", "--quiet", "--allow-existing"] if uv else [sys.executable, "-m", "venv"]
        fill = [uv, "pip", "install", "--quiet", "--system-certs", "--python"] if uv else []
        commands = [
            [*make, str(folder)],
            [*fill, str(programs / "python"), wanted, OLD_TOOLS]
            if uv
            else [str(programs / "python"), "-m", "pip", "install", "--quiet", wanted, OLD_TOOLS],
        ]
        for command in commands:
            ended = subprocess.run(  # noqa: PLW1510  # its end is looked at
                [str(word) for word in command], capture_output=True, text=True
            )
            if ended.returncode:
                return None, ended.stderr.strip().splitlines()[-1]
        done.touch()
    return programs, ""


class Witness:
    """Runs the clients against one sandbox."""

    def __init__(self, sandbox: SandboxHandle, folder: Path) -> None:
        """Log in: an access token that lasts for the run."""
        self.sandbox, self.folder = sandbox, folder
        self.said: Counter[str] = Counter()
        for name in ("minute_limit", "day_limit", "error_limit"):
            sandbox.set(f"exact.{name}", None)
        pair = issue_tokens(sandbox.database, sandbox.now(), app=APP, user=USER)
        self.tokens = {
            "access_token": pair.access_token,
            "refresh_token": pair.refresh_token,
            "access_expiry": str(int(time.time()) + HOUR),
        }
        self.urls = {
            "rest_url": f"{sandbox.url}/api",
            "auth_url": f"{sandbox.url}/api/oauth2/auth",
            "token_url": f"{sandbox.url}/api/oauth2/token",
        }

    def told(self, package: str, programs: Path) -> dict[str, Any]:
        """Let a client read; returns what it was answered."""
        self.sandbox.clear_requests()
        {"exactpy": self._exactpy, "tap-exact": self._tap_exact,
         "tap-exactonline": self._tap_exactonline}[package](programs)  # fmt: skip
        calls = [one for one in self.sandbox.requests() if "/oauth2/" not in one["path"]]
        read = {self._list(one["path"]) for one in calls if one["status"] == 200}  # noqa: PLR2004
        refused = Counter(
            f"{self._list(one['path'])} {one['status']}"
            for one in calls
            if one["status"] != 200  # noqa: PLR2004
        )
        return {
            "read": len(read),
            "lists": sorted(read),
            "refused": dict(sorted(refused.items())),
            "ended_with": dict(self.said),
        }

    @staticmethod
    def _list(path: str) -> str:
        return path.partition(f"/{DIVISION}/")[2] or path

    def _run(self, *command: object, **environment: str) -> str:
        try:
            done = subprocess.run(  # noqa: PLW1510  # what it was answered counts, not its end
                [str(word) for word in command],
                capture_output=True,
                text=True,
                timeout=_PATIENCE,
                cwd=self.folder,
                env={**os.environ, **environment},
            )
        except subprocess.TimeoutExpired:
            return ""
        if done.returncode and (said := done.stderr.strip().splitlines()):
            self.said[said[-1][:200]] += 1
        return done.stdout

    def _write(self, name: str, content: dict[str, Any]) -> Path:
        path = self.folder / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    def _exactpy(self, programs: Path) -> None:
        cache = {name: self.tokens[name] for name in ("access_token", "refresh_token")}
        expiry = {"expires_on": int(self.tokens["access_expiry"])}
        cache_file = self._write("cache", cache | expiry)
        told = {
            "client_id": APP.client_id,
            "client_secret": APP.client_secret,
            "url": self.sandbox.url,
            "division": DIVISION,
            "cache": str(cache_file),
        }
        self._run(programs / "python", "-c", _EXACTPY, self._write("told.json", told))

    def _streams(self, programs: Path, module: str, config: Path, **environment: str) -> None:
        """Read each stream of a tap in a process of its own: a refusal ends the others, too."""
        program = (programs / "python", "-c", _TAP.format(module=module), "--config", config)
        found = self._run(*program, "--discover", **environment)
        if not found:
            return
        for stream in json.loads(found)["streams"]:
            name = stream["tap_stream_id"]
            catalog = self._write("catalog.json", select_streams(found, name))
            bookmark = {
                "replication_key": stream.get("replication_key"),
                "replication_key_value": "0" if environment else None,
            }
            state = self._write("state.json", {"bookmarks": {name: bookmark}})
            self._run(*program, "--catalog", catalog, "--state", state, **environment)

    def _tap_exact(self, programs: Path) -> None:
        storage = configparser.ConfigParser(interpolation=None)
        storage["server"] = self.urls
        storage["application"] = {
            "base_url": "https://shop.example",
            "client_id": APP.client_id,
            "client_secret": APP.client_secret,
        }
        storage["transient"] = self.tokens | {"division": str(DIVISION)}
        file = self.folder / "exact.ini"
        with file.open("w", encoding="utf-8") as out:
            storage.write(out)
        config = {"config_file_location": str(file), "start_date": "2025-01-01"}
        self._streams(programs, "tap_exact", self._write("config.json", config))

    def _tap_exactonline(self, programs: Path) -> None:
        config = self.urls | {
            "base_url": "https://shop.example",
            "client_id": APP.client_id.strip("{}"),
            "client_secret": APP.client_secret,
            "secret_id": "exact",
            "division": DIVISION,
        }
        with secret_store(self.tokens) as address:
            self._streams(
                programs,
                "tap_exactonline",
                self._write("config.json", config),
                AWS_ENDPOINT_URL=address,
                AWS_ACCESS_KEY_ID="none",
                AWS_SECRET_ACCESS_KEY="none",  # noqa: S106  # nobody checks it
                AWS_DEFAULT_REGION="eu-west-1",
            )


def measure(packages: list[str]) -> dict[str, Any]:
    """What each client was answered, by strictness."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="clients-") as name:
        folder = Path(name)
        sandbox = SandboxHandle(folder / "sandbox")
        try:
            for package in packages:
                programs, why = install(package)
                if programs is None:
                    found[package] = {"not_installed": why}
                    continue
                found[package] = {"version": PACKAGES[package]}
                for strictness, settings in (("strict", STRICT), ("mild", MILD)):
                    for setting, value in settings.items():
                        sandbox.set(setting, value)
                    found[package][strictness] = Witness(sandbox, folder).told(package, programs)
        finally:
            sandbox.stop()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--client", action="append", choices=PACKAGES, help="only this one")
    parser.add_argument("--json", action="store_true", help="figures as JSON on the last line")
    options = parser.parse_args()
    figures = measure(options.client or list(PACKAGES))
    for package, told in figures.items():
        print(package, json.dumps(told, indent=2), file=sys.stderr)
    print(json.dumps(figures) if options.json else figures)


if __name__ == "__main__":
    main()
