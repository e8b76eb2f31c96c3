"""Signals: a receiver that verifies by itself takes the genuine ones and none of the forged."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from click.testing import CliRunner
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from commerce_sandbox import shop
from commerce_sandbox.adobe.credentials import IMS_CLIENT_ID
from commerce_sandbox.cli import main
from commerce_sandbox.data.writer import ShopWriter
from commerce_sandbox.exceptions import SignalError
from commerce_sandbox.signals import (
    FORGERIES,
    WEBHOOK_HEADER,
    Sender,
    ShopSignals,
    Signal,
    Signer,
    deliver,
    forged,
    pauses,
)
from commerce_sandbox.signals.signing import EXACT_SECRET, WEBHOOK_SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from commerce_sandbox.context import SandboxContext
    from commerce_sandbox.testing import SandboxHandle

PAYLOAD = {"invoice": {"entity_id": 12, "increment_id": "000000012", "store": "Zo\u00eb a/b"}}


class Receiver(HTTPServer):
    """Takes what comes; the first ``failing`` requests are answered with 503."""

    failing = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/signals"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"
    answers: ClassVar[dict[bool, int]] = {True: 503, False: 200}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append(({n.lower(): v for n, v in self.headers.items()}, body))
        failing = self.server.failing > 0
        self.server.failing -= failing
        self._answer(self.answers[failing], b"{}")

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        self._answer(200, query.get("challenge", [""])[0].encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def context(tmp_path: Path) -> Iterator[SandboxContext]:
    context = shop.open_context(tmp_path)
    shop.seed(context, "recorded")
    yield context
    context.database.close()


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.stranger()


# What a receiver does, by the documents and with code of its own.


def is_signed(pem: str, signature: str, content: bytes) -> bool:
    key = serialization.load_pem_public_key(pem.encode())
    assert isinstance(key, rsa.RSAPublicKey)
    try:
        raw = base64.b64decode(signature, validate=True)
        key.verify(raw, content, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def takes_webhook(signal: Signal, signer: Signer, *, signed: str = "base64") -> bool:
    signature = signal.headers.get(WEBHOOK_HEADER, "")
    content = base64.b64encode(signal.body) if signed == "base64" else signal.body
    return is_signed(signer.public_key("webhook"), signature, content)


def takes_hmac(signal: Signal, secret: str) -> bool:
    content = base64.b64encode(signal.body)
    digest = hmac.new(secret.encode(), content, hashlib.sha256).digest()
    return signal.headers.get(WEBHOOK_HEADER) == base64.b64encode(digest).decode()


def takes_event(signal: Signal, key_of: Callable[[str], str | None]) -> bool:
    for number in (1, 2):
        path = signal.headers[f"x-adobe-public-key{number}-path"]
        pem = key_of(path)
        signature = signal.headers.get(f"x-adobe-digital-signature-{number}", "")
        if pem and is_signed(pem, signature, signal.body):
            client: str = json.loads(signal.body)["recipient_client_id"]
            return client == IMS_CLIENT_ID
    return False


def takes_exact(signal: Signal, secret: str) -> bool:
    head, mark, tail = signal.body.rpartition(b',"HashCode":"')
    if not mark or not head.startswith(b'{"Content":'):
        return False
    content = head.removeprefix(b'{"Content":')
    digest = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest().upper()
    return tail == digest.encode() + b'"}'


def own_keys(signer: Signer) -> Callable[[str], str | None]:
    known = {f"/prod/keys/event-{n}.pem": signer.public_key(f"event-{n}") for n in (1, 2)}
    return known.get


def test_a_webhook_is_verified_as_adobe_s_sample_does(signer: Signer) -> None:
    signal = signer.webhook(PAYLOAD)
    assert takes_webhook(signal, signer)
    assert not takes_webhook(signal, signer, signed="raw")
    assert json.loads(signal.body) == PAYLOAD
    assert b"Zo\\u00eb a\\/b" in signal.body  # the bytes of PHP, not those of another JSON writer
    raw = signer.webhook(PAYLOAD, signed="raw")
    assert takes_webhook(raw, signer, signed="raw")
    assert not takes_webhook(raw, signer)
    assert takes_hmac(signer.webhook(PAYLOAD, algorithm="hmac"), signer.webhook_secret)


def test_an_event_has_two_signatures_and_one_is_enough(signer: Signer) -> None:
    signal = signer.event("observer.sales_order_save_commit_after", {"entity_id": 1})
    keys = own_keys(signer)
    assert takes_event(signal, keys)
    for number in (1, 2):
        name = f"x-adobe-digital-signature-{number}"
        assert takes_event(Signal(signal.body, {**signal.headers, name: "AAAA"}), keys)
    code = signal.headers["x-adobe-event-code"]
    assert code == "com.adobe.commerce.observer.sales_order_save_commit_after"
    assert json.loads(signal.body)["event"]["data"]["value"] == {"entity_id": 1}
    other = signer.event("observer.sales_order_save_commit_after", {}, client_id="somebody")
    assert not takes_event(other, keys)


def test_the_shop_makes_no_large_events(signer: Signer) -> None:
    with pytest.raises(SignalError, match="no events over 65536 bytes"):
        signer.event("observer.sales_order_save_commit_after", {"note": "x" * 70_000})


def test_exact_hashes_the_bytes_of_the_content(signer: Signer) -> None:
    signal = signer.exact(123456, "SalesEntries", "9c7d2d6e-0000-4000-8000-000000000001")
    assert takes_exact(signal, signer.exact_secret)
    content = json.loads(signal.body)["Content"]
    assert (content["Topic"], content["Division"], content["Action"]) == (
        *("SalesEntries", 123456, "Update"),
    )


@pytest.mark.parametrize("how", FORGERIES)
def test_no_forgery_is_taken(signer: Signer, how: str) -> None:
    webhook = forged(how, signer, lambda by: by.webhook(PAYLOAD))
    assert not takes_webhook(webhook, signer)
    secret = forged(how, signer, lambda by: by.webhook(PAYLOAD, algorithm="hmac"))
    assert not takes_hmac(secret, signer.webhook_secret)
    event = forged(how, signer, lambda by: by.event("observer.x", {"id": 1}, event_id="1"))
    assert not takes_event(event, own_keys(signer))
    exact = forged(how, signer, lambda by: by.exact(123456, "SalesEntries", "1"))
    assert not takes_exact(exact, signer.exact_secret)


def test_an_unknown_forgery_or_key_is_an_error(signer: Signer) -> None:
    with pytest.raises(SignalError, match="no such forgery: magic"):
        forged("magic", signer, lambda by: by.webhook(PAYLOAD))
    with pytest.raises(SignalError, match="no such key: house"):
        signer.public_key("house")


def test_keys_are_kept_and_a_new_one_makes_the_old_one_void(context: SandboxContext) -> None:
    first = Signer.of(context.database)
    assert (first.webhook_secret, first.exact_secret) == (WEBHOOK_SECRET, EXACT_SECRET)
    again = Signer.of(context.database)
    assert again.public_key("webhook") == first.public_key("webhook")
    rotated = first.rotate(context.database, "webhook")
    signal = rotated.webhook(PAYLOAD)
    assert not takes_webhook(signal, first)
    assert takes_webhook(signal, Signer.of(context.database))
    assert rotated.public_key("event-1") == first.public_key("event-1")


def test_the_server_shows_the_public_keys(sandbox: SandboxHandle) -> None:
    signer = Signer.of(sandbox.database)
    signal = signer.event("observer.sales_order_save_commit_after", {"entity_id": 1})

    def fetched(path: str) -> str | None:
        answer = requests.get(sandbox.url + path, timeout=10)
        return answer.text if answer.status_code == 200 else None

    assert takes_event(signal, fetched)
    assert fetched("/prod/keys/nothing.pem") is None


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "http://10.0.0.1/", "https://127.0.0.1/", "ftp://localhost/", "x"],
)
def test_signals_stay_on_loopback(url: str) -> None:
    with pytest.raises(SignalError, match="loopback only"):
        Sender(url)


def test_what_is_sent_arrives_byte_for_byte(receiver: Receiver, signer: Signer) -> None:
    signal = signer.webhook(PAYLOAD, pad=2_000_000)
    assert Sender(receiver.url).send(signal).status == 200
    headers, body = receiver.taken[0]
    assert body == signal.body
    assert len(body) > 2_000_000
    assert headers[WEBHOOK_HEADER] == signal.headers[WEBHOOK_HEADER]
    assert "x-adobe-retry-count" not in headers


def test_a_slow_sender_takes_its_time(receiver: Receiver, signer: Signer) -> None:
    signal = signer.webhook(PAYLOAD)
    delivery = Sender(receiver.url).send(signal, bytes_per_second=len(signal.body) * 4)
    assert delivery.status == 200
    assert delivery.seconds > 0.15
    assert receiver.taken[0][1] == signal.body


def test_the_challenge_must_come_back(receiver: Receiver) -> None:
    sender = Sender(receiver.url)
    assert sender.challenge("abc-123 & more")
    receiver.shutdown()
    receiver.server_close()
    assert not sender.challenge()
    assert sender.send(Signal(b"{}", {})).status is None


def test_an_event_is_sent_again_with_growing_pauses(receiver: Receiver, signer: Signer) -> None:
    receiver.failing = 3
    waited: list[float] = []
    signals = [signer.event("observer.x", {"number": number}) for number in range(2)]
    rng = Random(1)  # noqa: S311 -- reproducible data
    done = deliver(Sender(receiver.url), signals, rng=rng, wait=waited.append)
    assert [(each.status, each.attempt) for each in done] == [
        *((503, 0), (503, 1), (503, 2), (200, 3), (200, 0)),
    ]
    assert waited == [60, 120, 240]
    counts = [headers.get("x-adobe-retry-count") for headers, _ in receiver.taken]
    assert counts == [None, "1", "2", "3", None]
    assert max(pauses()) == 900
    assert 24 * 3600 <= sum(pauses()) < 25 * 3600


def test_a_webhook_of_commerce_is_sent_once(receiver: Receiver, signer: Signer) -> None:
    receiver.failing = 1
    rng = Random(1)  # noqa: S311 -- reproducible data
    done = deliver(Sender(receiver.url), [signer.webhook(PAYLOAD)], rng=rng)
    assert [each.status for each in done] == [503]


def test_signals_come_twice_and_in_any_order(receiver: Receiver, signer: Signer) -> None:
    signals = [signer.webhook({"order": {"entity_id": number}}) for number in range(30)]
    rng = Random(2)  # noqa: S311 -- reproducible data
    deliver(Sender(receiver.url), signals, rng=rng, duplicates=0.3, shuffle=True)
    numbers = [json.loads(body)["order"]["entity_id"] for _, body in receiver.taken]
    assert set(numbers) == set(range(30))
    assert 33 <= len(numbers) <= 45
    assert numbers != sorted(numbers)


def test_a_changing_shop_tells_before_the_commit_and_of_what_never_was(
    context: SandboxContext, signer: Signer
) -> None:
    writer = ShopWriter(context.database, context.clock, 5, late_seconds=60)
    rng = Random(3)  # noqa: S311 -- reproducible data
    source = ShopSignals(writer, signer, rng, rolled_back=0.5)
    told: list[tuple[str, int]] = []
    events: list[tuple[str, int]] = []
    early = 0
    connection = context.database.connection()
    before = {
        kind: connection.execute(f"SELECT max(entity_id) FROM adobe_{kind}").fetchone()[0]  # noqa: S608 -- own names
        for kind in ("order", "invoice", "creditmemo")
    }
    for _ in range(120):
        for signal in source.step():
            body = json.loads(signal.body)
            if "event" in body:
                kind = body["event"]["type"].removesuffix("_save_commit_after").rpartition("_")[2]
                events.append((kind, body["event"]["data"]["value"]["entity_id"]))
                continue
            ((kind, value),) = body.items()
            told.append((kind, value["entity_id"]))
            query = f"SELECT count(*) FROM adobe_{kind} WHERE entity_id = ?"  # noqa: S608 -- own names
            early += not connection.execute(query, (value["entity_id"],)).fetchone()[0]
    for signal in source.settle():
        body = json.loads(signal.body)
        kind = body["event"]["type"].removesuffix("_save_commit_after").rpartition("_")[2]
        events.append((kind, body["event"]["data"]["value"]["entity_id"]))
    assert early > 3
    assert set(events) <= set(told)
    never = {(kind, number) for kind, number in set(told) - set(events) if number > before[kind]}
    assert never
    for kind, number in never:  # rolled back
        query = f"SELECT count(*) FROM adobe_{kind} WHERE entity_id = ?"  # noqa: S608 -- own names
        assert connection.execute(query, (number,)).fetchone()[0] == 0
    for kind, number in events:
        query = f"SELECT count(*) FROM adobe_{kind} WHERE entity_id = ?"  # noqa: S608 -- own names
        assert connection.execute(query, (number,)).fetchone()[0] == 1


def test_a_change_that_was_taken_back_is_never_seen(context: SandboxContext) -> None:
    writer = ShopWriter(context.database, context.clock, 7, late_seconds=3600)
    start = datetime(2026, 12, 1, tzinfo=UTC)
    for second in range(20):
        writer.step(start + timedelta(seconds=second))
    gone = writer.pending[0]
    writer.roll_back(gone)
    writer.settle()
    assert gone not in writer.committed
    assert gone.number not in {change.number for change in writer.committed}


@pytest.mark.usefixtures("context")
def test_the_commands_send_what_a_receiver_verifies(tmp_path: Path, receiver: Receiver) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["signals", *arguments])
        assert done.exit_code == 0, done.output
        return done.output

    place = ["--data-dir", str(tmp_path)]
    to = ["--to", receiver.url]
    pem = run("key", *place, "webhook")
    run("challenge", *to)
    lines = run("send", *place, *to, "invoice", "12", "--copies", "2").splitlines()
    assert [json.loads(line)["status"] for line in lines] == [200, 200]
    headers, body = receiver.taken[0]
    assert receiver.taken[1][1] == body
    assert is_signed(pem, headers[WEBHOOK_HEADER], base64.b64encode(body))
    assert json.loads(body)["invoice"]["entity_id"] == 12
    run("send", *place, *to, "invoice", "12", "--forge", "other_key")
    headers, body = receiver.taken[-1]
    assert not is_signed(pem, headers[WEBHOOK_HEADER], base64.b64encode(body))
    run("send", *place, *to, "order", "1", "--scheme", "event")
    headers, body = receiver.taken[-1]
    first = run("key", *place, "event-1")
    assert is_signed(first, headers["x-adobe-digital-signature-1"], body)
    assert run("key", *place, "event-1", "--rotate") != first
    run("send", *place, *to, "SalesEntries", "abc", "--scheme", "exact")
    assert takes_exact(Signal(receiver.taken[-1][1], {}), EXACT_SECRET)
    receiver.taken.clear()
    follow = [*("--changes", "10"), *("--rate", "1000"), *("--rolled-back", "0.5")]
    sent = run("follow", *place, *to, *follow, "--duplicates", "1", "--shuffle").splitlines()
    assert len(sent) == len(receiver.taken) > 20
    failed = CliRunner().invoke(main, ["signals", "send", *place, *to, "invoice", "999"])
    assert failed.exit_code == 1
    assert failed.stderr.startswith("Error: the shop has no invoice with the number 999")
