"""The real receiver over real HTTP: what is genuine is kept, all else is turned away."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import socket
import sqlite3
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from commerce_sandbox.signals import FORGERIES, WEBHOOK_HEADER, Sender, Signal, forged

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.signals import Signer
    from commerce_sandbox.testing import SandboxHandle

    from .conftest import Receiver

GUID = "9c7d2d6e-0000-4000-8000-00000000000{}"
ORDER = {"entity_id": 12, "increment_id": "000000012", "store": "Zo\u00eb a/b"}
INVOICE = {"entity_id": 31, "order_id": 12, "increment_id": "000000031"}
EXACT, WEBHOOK, EVENT = "/exact", "/adobe/webhook", "/adobe/event"


def keys(receiver: Receiver) -> list[tuple[str, int, str, str]]:
    return [(row["source"], row["division"], row["topic"], row["key"]) for row in receiver.rows()]


def test_every_scheme_is_taken_and_kept(receiver: Receiver, signer: Signer) -> None:
    assert receiver.send(signer.exact(123456, "SalesEntries", GUID.format(1)), EXACT) == 200
    assert receiver.send(signer.webhook({"order": ORDER}), WEBHOOK) == 200
    event = signer.event("observer.sales_order_invoice_save_after", INVOICE)
    assert receiver.send(event, EVENT) == 200
    assert keys(receiver) == [
        ("adobe", 0, "invoice", "31"),
        ("adobe", 0, "order", "12"),
        ("exact", 123456, "SalesEntries", GUID.format(1)),
    ]
    assert {row["order_id"] for row in receiver.rows()} == {12, None}


def test_the_shop_is_told_to_go_on(receiver: Receiver, signer: Signer) -> None:
    signal = signer.webhook({"order": ORDER})
    status, body = receiver.request("POST", WEBHOOK, signal.body, dict(signal.headers))
    assert (status, json.loads(body)) == (200, {"op": "success"})


def test_exact_may_try_the_address(receiver: Receiver) -> None:
    assert receiver.request("POST", EXACT)[0] == 200
    assert receiver.rows() == []
    assert receiver.request("POST", WEBHOOK)[0] == 403  # nobody else may be without a signature
    assert receiver.request("POST", EVENT)[0] in {400, 403}


def test_the_challenge_is_given_back(receiver: Receiver) -> None:
    assert Sender(receiver.url + EVENT).challenge("abc-123 & more")
    assert receiver.request("GET", f"{EVENT}?challenge={'x' * 600}")[0] == 400
    assert receiver.request("GET", EVENT)[0] == 400
    assert receiver.request("GET", EXACT)[0] == 405


@pytest.mark.parametrize("how", FORGERIES)
def test_no_forgery_is_kept(receiver: Receiver, signer: Signer, how: str) -> None:
    made = (
        (EXACT, lambda by: by.exact(123456, "SalesEntries", GUID.format(1))),
        (WEBHOOK, lambda by: by.webhook({"order": ORDER})),
        (EVENT, lambda by: by.event("observer.sales_order_save_after", ORDER, event_id="1")),
    )
    for path, make in made:
        genuine = make(signer)
        signal = forged(how, signer, make)
        assert signal != genuine
        assert receiver.send(signal, path) == 403, (how, path)
    assert receiver.rows() == []


def test_an_event_for_somebody_else_is_refused(receiver: Receiver, signer: Signer) -> None:
    other = signer.event("observer.sales_order_save_after", ORDER, client_id="somebody")
    assert receiver.send(other, EVENT) == 403
    assert receiver.rows() == []


def test_one_of_two_signatures_is_enough(receiver: Receiver, signer: Signer) -> None:
    for number in (1, 2):
        signal = signer.event("observer.sales_order_save_after", ORDER)
        name = f"x-adobe-digital-signature-{number}"
        assert receiver.send(Signal(signal.body, {**signal.headers, name: "AAAA"}), EVENT) == 200
    signal = signer.event("observer.sales_order_save_after", ORDER)
    none = {f"x-adobe-digital-signature-{number}": "AAAA" for number in (1, 2)}
    assert receiver.send(Signal(signal.body, {**signal.headers, **none}), EVENT) == 403


def test_keys_are_read_once_and_a_key_that_cannot_be_read_is_no_key(
    receiver: Receiver, signer: Signer, running_sandbox: SandboxHandle
) -> None:
    event = signer.event("observer.sales_order_save_after", ORDER)
    assert receiver.send(event, EVENT) == 200
    port = urlsplit(running_sandbox.url).port
    running_sandbox.stop()
    try:
        again = signer.event("observer.sales_order_save_after", {"entity_id": 13})
        assert receiver.send(again, EVENT) == 200
        paths = {f"x-adobe-public-key{number}-path": "/prod/keys/new.pem" for number in (1, 2)}
        unknown = Signal(again.body, {**again.headers, **paths})
        assert receiver.send(unknown, EVENT) == 503  # Adobe tries again; nothing goes on trust
    finally:
        running_sandbox.start(port or 0)


def test_a_large_body_is_not_read(receiver: Receiver, signer: Signer) -> None:
    most = 1024 * 1024
    fits = signer.webhook({"order": ORDER})
    assert (
        receiver.send(signer.webhook({"order": ORDER}, pad=most - len(fits.body)), WEBHOOK) == 200
    )
    over = signer.webhook({"order": ORDER}, pad=most - len(fits.body) + 1)
    assert receiver.send(over, WEBHOOK) in {413, None}  # the connection may be closed under it
    address = urlsplit(receiver.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as plain:
        plain.sendall(b"POST /exact HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(20):
                plain.sendall(b"20000\r\n" + b"x" * 0x20000 + b"\r\n")
        with contextlib.suppress(OSError):
            assert plain.recv(100).startswith(b"HTTP/1.1 413")
    assert len(receiver.rows()) == 1


def test_a_large_head_is_refused(receiver: Receiver) -> None:
    assert receiver.request("POST", EXACT, headers={"x": "y" * 40_000})[0] == 400
    assert receiver.request("POST", EXACT)[0] == 200


def test_twice_in_any_order_and_again_is_one_row(receiver: Receiver, signer: Signer) -> None:
    first = signer.exact(123456, "SalesEntries", GUID.format(1), "Create")
    second = signer.exact(123456, "SalesEntries", GUID.format(1), "Delete")
    upper = signer.exact(123456, "SalesEntries", GUID.format(1).upper(), "Update")
    other = signer.exact(654321, "SalesEntries", GUID.format(1))
    for signal in (second, first, upper, first, other):
        assert receiver.send(signal) == 200
    assert [(row["division"], row["times"]) for row in receiver.rows()] == [
        (123456, 4),
        (654321, 1),
    ]


def test_what_nobody_needs_is_answered_and_not_kept(receiver: Receiver, signer: Signer) -> None:
    assert receiver.send(signer.exact(123456, "BankEntries", GUID.format(1))) == 200
    assert receiver.send(signer.webhook({"cart": {"entity_id": 1}}), WEBHOOK) == 200
    assert receiver.send(signer.webhook({"order": {"entity_id": None}}), WEBHOOK) == 200
    shipment = signer.event("observer.sales_order_shipment_save_after", {"entity_id": 4})
    assert receiver.send(shipment, EVENT) == 200
    assert receiver.rows() == []


@pytest.mark.parametrize("content", [b"[]", b'"x"', b'{"Topic":"Items","Division":"x","Key":"1"}'])
def test_genuine_and_of_another_form(receiver: Receiver, signer: Signer, content: bytes) -> None:
    digest = hmac.new(signer.exact_secret.encode(), content, hashlib.sha256).hexdigest()
    body = b'{"Content":%s,"HashCode":"%s"}' % (content, digest.upper().encode())
    assert receiver.send(Signal(body, {})) == 400
    assert receiver.rows() == []


def test_503_while_the_database_is_away_and_within_seconds(
    receiver: Receiver, signer: Signer
) -> None:
    signal = signer.exact(123456, "SalesEntries", GUID.format(1))
    path = receiver.ledger_url.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as busy:
        busy.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert receiver.send(signal) == 503
        assert time.monotonic() - began < 4
        assert receiver.request("POST", EXACT)[0] == 200  # nothing else waits behind it
        busy.execute("ROLLBACK")
    for _ in range(50):
        if receiver.send(signal) == 200:
            break
        time.sleep(0.1)
    assert keys(receiver) == [("exact", 123456, "SalesEntries", GUID.format(1))]


def test_a_slow_sender_is_cut_off_and_delays_nobody(
    start_receiver: Callable[..., Receiver], signer: Signer
) -> None:
    sooner = "from target_exact_online.webhooks import serving; serving.REQUEST_SECONDS = 0.5"
    receiver = start_receiver("--no-check", before=sooner)
    address = urlsplit(receiver.url)
    head = b"POST /exact HTTP/1.1\r\nhost: x\r\n"
    slow = [socket.create_connection((address.hostname, address.port)) for _ in range(30)]
    for number, one in enumerate(slow):
        one.sendall((b"", head, head + b"content-length: 50\r\n\r\n{")[number % 3])
    assert receiver.send(signer.exact(1, "Items", GUID.format(1))) == 200
    began = time.monotonic()
    with contextlib.suppress(ConnectionError):
        while time.monotonic() - began < 10:  # a byte now and then keeps nobody connected
            slow[2].sendall(b"x")
            time.sleep(0.1)
    assert time.monotonic() - began < 10
    for one in slow:
        one.settimeout(10)
        with contextlib.suppress(ConnectionError):
            assert one.recv(1) == b""
        one.close()
    assert receiver.end() == 0


def test_no_acknowledged_signal_is_lost_by_a_kill(
    start_receiver: Callable[..., Receiver], signer: Signer
) -> None:
    acknowledged: set[str] = set()
    for round_ in range(2):
        receiver = start_receiver("--no-check")

        def send(part: int, receiver: Receiver = receiver, round_: int = round_) -> None:
            sender = Sender(receiver.url + EXACT, timeout=5)
            for number in range(10_000):
                key = f"{round_}{part}{number:06}-0000-4000-8000-000000000000"
                status = sender.send(signer.exact(123456, "SalesEntries", key)).status
                if status is None:
                    return
                assert status == 200
                acknowledged.add(key)

        threads = [threading.Thread(target=send, args=(part,)) for part in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.6)
        receiver.kill()
        for thread in threads:
            thread.join()
        assert receiver.process.poll() is not None
    assert len(acknowledged) > 50
    assert acknowledged <= {row["key"] for row in receiver.rows()}


def test_on_postgresql_a_lost_connection_loses_no_acknowledged_signal(
    start_receiver: Callable[..., Receiver], signer: Signer, postgres_ledger: str
) -> None:
    receiver = start_receiver("--no-check", ledger_url=postgres_ledger)
    acknowledged = []
    engine = sa.create_engine(postgres_ledger.replace("postgresql:", "postgresql+psycopg:"))
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
    others += "current_database() AND pid <> pg_backend_pid()"
    for number in range(5):
        key = GUID.format(number)
        while (status := receiver.send(signer.exact(123456, "SalesEntries", key))) != 200:
            assert status == 503
        acknowledged.append(key)
        with engine.begin() as connection:
            connection.execute(sa.text(others))
    engine.dispose()
    assert [row["key"] for row in receiver.rows()] == acknowledged


def test_what_the_log_says_and_what_it_never_says(
    start_receiver: Callable[..., Receiver], signer: Signer
) -> None:
    receiver = start_receiver(
        "--no-check", adobe_signature="hmac", adobe_webhook_secret=signer.webhook_secret
    )
    for _ in range(20):
        for path in (EXACT, WEBHOOK, EVENT):
            receiver.send(
                Signal(b'{"secret":"\x1b[31m of a forger"}', {WEBHOOK_HEADER: "AAAA"}), path
            )
    receiver.send(signer.exact(1, "Items", GUID.format(1)))
    receiver.end()
    said = receiver.log.read_text()
    refusals = [line for line in said.splitlines() if "was refused" in line]
    assert 2 <= len(refusals) <= 4  # once a minute for each reason
    assert "/exact was refused: It has no Content and HashCode." in said
    for secret in (signer.exact_secret, signer.webhook_secret, "forger", "\x1b"):
        assert secret not in said
