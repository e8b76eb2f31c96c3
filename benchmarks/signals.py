"""How many signals does the receiver take; does it take a forged one, or lose a genuine one?

A real receiver process over real HTTP on a ledger in SQLite, and one sender with many connections:

- genuine signals of all three schemes, each of another record, for some seconds;
- every forgery that the sandbox knows, in every scheme;
- bodies and headers bent in every way, each of which must get an answer of the receiver's own;
- rounds in which the receiver is killed (SIGKILL) in the midst of it: what it had acknowledged must
  be in the queue.

    uv run benchmarks/signals.py [--seconds 10] [--bodies 100000] [--kills 5] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import psutil

from commerce_sandbox.adobe.credentials import IMS_CLIENT_ID
from commerce_sandbox.signals import FORGERIES, Signal, Signer, forged
from commerce_sandbox.testing import SandboxHandle
from connector_credentials import generate_key
from target_exact_online.ledger.store import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

TARGET = Path(sys.executable).with_name("target-exact-online")
EXACT, WEBHOOK, EVENT = "/exact", "/adobe/webhook", "/adobe/event"
CONNECTIONS = 64
OK = 200
_MADE = 3_000  # signals that are signed beforehand, of each scheme
_FORGED = "0badc0de-0000-4000-8000-000000000000"  # no genuine signal has it
_FORGED_ID = 999_999_999


@dataclass
class Receiver:
    """A running ``webhooks serve``."""

    folder: Path
    config: Path
    process: subprocess.Popen[str] = field(init=False)
    address: tuple[str, int] = ("", 0)

    def __enter__(self) -> Self:
        """Start it."""
        with (self.folder / "receiver.log").open("a") as log:
            self.process = subprocess.Popen(
                [TARGET, "--config", str(self.config), "webhooks", "serve", "--port", "0",
                 "--no-check"],
                stdout=subprocess.PIPE, stderr=log, text=True, cwd=self.folder,
            )  # fmt: skip
        said = self.process.stdout.readline() if self.process.stdout else ""
        url = urlsplit(said.split()[2].removesuffix(":"))
        self.address = (str(url.hostname), int(url.port or 0))
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def cost(self) -> tuple[float, float]:
        """Seconds of processor, and the most memory it had, in MB."""
        one = psutil.Process(self.process.pid)
        times = one.cpu_times()
        status = Path(f"/proc/{one.pid}/status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return times.user + times.system, int(peak.split()[1]) / 1024


class Sender:
    """Many connections to one receiver, each with one request under way."""

    def __init__(self, address: tuple[str, int]) -> None:
        """Connect to nobody yet."""
        self._address = address
        self._sockets: list[socket.socket] = []

    def send(self, requests: Sequence[bytes]) -> list[int | None]:
        """Send up to as many requests as there are connections; return the answers' statuses."""
        while len(self._sockets) < len(requests):
            self._sockets.append(self._connected())
        for place, request in enumerate(requests):
            with contextlib.suppress(OSError):
                self._sockets[place].sendall(request)
        return [self._answer(place) for place in range(len(requests))]

    def close(self) -> None:
        """Hang up."""
        for one in self._sockets:
            one.close()

    def _connected(self) -> socket.socket:
        made = socket.create_connection(self._address, timeout=20)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def _answer(self, place: int) -> int | None:
        read = b""
        with contextlib.suppress(OSError):
            while b"\r\n\r\n" not in read:
                part = self._sockets[place].recv(4096)
                if not part:
                    break
                read += part
            head, _, body = read.partition(b"\r\n\r\n")
            lower = head.lower()
            found = lower.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            while len(body) < int(found or 0):
                body += self._sockets[place].recv(4096)
            if head:
                if b"connection: close" in lower:
                    self._renew(place)
                return int(head.split(b" ", 2)[1])
        self._renew(place)
        return None

    def _renew(self, place: int) -> None:
        self._sockets[place].close()
        with contextlib.suppress(OSError):
            self._sockets[place] = self._connected()


def request_of(path: str, signal: Signal, length: int | None = None) -> bytes:
    headers = {**signal.headers, "host": "x", "content-length": str(length or len(signal.body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1", "replace") + signal.body


def makers(number: int) -> list[tuple[str, Callable[[Signer], Signal]]]:
    """The same record in each scheme."""
    guid = f"{number:08x}-0000-4000-8000-000000000000"
    order = {"entity_id": number, "increment_id": f"{number:09}"}
    return [
        (EXACT, lambda by: by.exact(123456, "SalesEntries", guid)),
        (WEBHOOK, lambda by: by.webhook({"order": order})),
        (EVENT, lambda by: by.event("observer.sales_order_save_commit_after", order)),
    ]


def in_batches(some: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for one in some:
        batch.append(one)
        if len(batch) == CONNECTIONS:
            yield batch
            batch = []
    if batch:
        yield batch


def rows(folder: Path, condition: str = "1") -> int:
    with contextlib.closing(sqlite3.connect(folder / "ledger.db")) as ledger:
        found = ledger.execute(f"SELECT count(*) FROM signals WHERE {condition}")  # noqa: S608  # own words
        return int(found.fetchone()[0])


def take(receiver: Receiver, signer: Signer, seconds: float) -> dict[str, float]:
    """Genuine signals for some seconds."""
    made = [
        request_of(path, make(signer)) for number in range(1, _MADE + 1)
        for path, make in makers(number)
    ]  # fmt: skip
    sender, accepted, number = Sender(receiver.address), 0, 0
    sender.send(made[:3])  # the keys of events are read once
    cpu, _ = receiver.cost()
    began = time.monotonic()
    while (took := time.monotonic() - began) < seconds:
        batch = [made[(number + one) % len(made)] for one in range(CONNECTIONS)]
        accepted += sum(status == OK for status in sender.send(batch))
        number += CONNECTIONS
    sender.close()
    spent, peak = receiver.cost()
    return {
        "accepted": accepted,
        "accepted_per_s": round(accepted / took),
        "accepted_per_cpu_s": round(accepted / (spent - cpu)),
        "peak_mb": round(peak, 1),
    }


def forge(receiver: Receiver, signer: Signer) -> int:
    """Every forgery in every scheme; return how many were taken."""
    sender, taken = Sender(receiver.address), 0
    for batch in in_batches(
        request_of(path, forged(how, signer, make))
        for number in range(11, 18)
        for how in FORGERIES
        for path, make in makers(number)
    ):
        taken += sum(status == OK for status in sender.send(batch))
    sender.close()
    return taken


def bent(signer: Signer, rng: random.Random, count: int) -> Iterator[bytes]:
    """Requests that nearly are genuine, or are nothing at all."""
    genuine = [(path, make(signer), make(Signer.stranger())) for path, make in makers(_FORGED_ID)]
    genuine = [
        (path, own, Signal(other.body.replace(b"3b9ac9ff", b"0badc0de"), other.headers))
        for path, own, other in genuine
    ]
    for _ in range(count):
        path, own, other = rng.choice(genuine)
        body = bytearray(rng.choice((own.body, own.body, other.body, b"", b"{}", b"[[[[")))
        for _ in range(rng.randint(1, 6)):
            _bend(body, rng)
        headers = dict(rng.choice((own, other)).headers)
        for name in list(headers):
            if rng.random() < 0.2:  # noqa: PLR2004  # a fifth
                headers[name] = rng.choice(("", "AAAA", headers[name][:-4], "\xff%", "/x.pem"))
            elif rng.random() < 0.1:  # noqa: PLR2004  # a tenth
                del headers[name]
        if bytes(body) == own.body:
            body += b"\x00"
        yield request_of(rng.choice((path, path, path, EXACT, EVENT)), Signal(bytes(body), headers))


def _bend(body: bytearray, rng: random.Random) -> None:
    place = rng.randint(0, len(body))
    piece = rng.choice(
        (b"\x00", b"\xff\xfe", b'"', b"\\", b"\\ud800", b"}", b"]", b"9" * 400, b"-", b"1e999",
         b'{"Content":', b"[" * 2_000, b"null", rng.randbytes(rng.randint(1, 40)))
    )  # fmt: skip
    match rng.randint(0, 3):
        case 0:
            body[place:place] = piece
        case 1:
            del body[place : place + rng.randint(1, 30)]
        case 2:
            body[place : place + len(piece)] = piece
        case _:
            body[place:] = body[place:][::-1]


def fuzz(receiver: Receiver, signer: Signer, count: int, seed: int) -> dict[str, int]:
    """Bent requests; whatever they are, the receiver's own answer must come."""
    rng = random.Random(seed)  # noqa: S311  # reproducible data
    sender, faults, sent = Sender(receiver.address), 0, 0
    for batch in in_batches(bent(signer, rng, count)):
        statuses = sender.send(batch)
        sent += len(batch)
        faults += sum(status is None or status >= 500 for status in statuses)  # noqa: PLR2004  # HTTP
    sender.close()
    alive = receiver.process.poll() is None
    return {"fuzz_bodies": sent, "fuzz_faults": faults + (not alive)}


def kill(folder: Path, config: Path, signer: Signer, kills: int) -> dict[str, int]:
    """Kill the receiver in the midst of it; what was acknowledged must be there."""
    acknowledged: set[str] = set()
    rng = random.Random(kills)  # noqa: S311  # reproducible data
    for round_ in range(kills):
        with Receiver(folder, config) as receiver:
            sender = Sender(receiver.address)
            ends = time.monotonic() + rng.uniform(0.3, 1.5)
            number, alive = 0, True
            while alive:
                keys = [
                    f"{round_:04x}{number + one:08x}-4000-8000-0000" for one in range(CONNECTIONS)
                ]
                number += CONNECTIONS
                requests = [request_of(EXACT, signer.exact(123456, "Items", key)) for key in keys]
                if time.monotonic() > ends:
                    # It dies with requests under way, some answered and some not.
                    subprocess.Popen(["/bin/sh", "-c", f"kill -9 {receiver.process.pid}"])
                    alive = False
                for key, status in zip(keys, sender.send(requests), strict=True):
                    if status == OK:
                        acknowledged.add(key)
            sender.close()
    with contextlib.closing(sqlite3.connect(folder / "ledger.db")) as ledger:
        kept = {key for (key,) in ledger.execute("SELECT key FROM signals WHERE topic = 'Items'")}
    return {
        "kills": kills,
        "acknowledged": len(acknowledged),
        "lost_after_ack": len(acknowledged - kept),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--bodies", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ["CONNECTOR_KEY"] = generate_key()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sandbox = SandboxHandle(folder / "sandbox")
        try:
            found = measure(sandbox, folder, options)
        finally:
            sandbox.stop()
    for key, value in found.items():
        print(f"{key:<20}{value}")
    if options.json:
        print(json.dumps(found))


def measure(sandbox: SandboxHandle, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    signer = Signer.of(sandbox.database)
    settings = sandbox.exact_config() | {
        "ledger_url": f"sqlite:///{folder}/ledger.db",
        "exact_webhook_secret": signer.exact_secret,
        "adobe_public_key": signer.public_key("webhook"),
        "adobe_events_client_id": IMS_CLIENT_ID,
        "adobe_keys_url": sandbox.url,
    }
    config = folder / "config.json"
    config.write_text(json.dumps(settings))
    Ledger.open(settings["ledger_url"], int(settings["division"])).close()
    with Receiver(folder, config) as receiver:
        found = take(receiver, signer, options.seconds)
        before = rows(folder)
        accepted = forge(receiver, signer)
        bodies = fuzz(receiver, signer, options.bodies, options.seed)
        # Blanks around a genuine Content leave it genuine: what counts is what was kept.
        strange = rows(folder, f"key LIKE '{_FORGED[:8]}%' OR order_id > {_FORGED_ID}")
        others = rows(folder) - before - rows(
            folder, f"order_id = {_FORGED_ID} OR key LIKE '{_FORGED_ID:08x}%'"
        )  # fmt: skip
        found |= bodies | {"forged_accepted": accepted + strange + max(others, 0)}
        found["peak_mb"] = round(receiver.cost()[1], 1)
    found |= kill(folder, config, signer, options.kills)
    log = (folder / "receiver.log").read_text()
    found["fuzz_tracebacks"] = log.count("Traceback") + int(found.pop("fuzz_faults"))
    return found


if __name__ == "__main__":
    main()
