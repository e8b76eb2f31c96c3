"""Subscriptions at Exact: made once, whoever asks how often; and the whole way back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from commerce_sandbox.exact import webhook_subscriptions
from commerce_sandbox.exact.credentials import DIVISION

if TYPE_CHECKING:
    from collections.abc import Callable

    from commerce_sandbox.testing import SandboxHandle

    from .conftest import Receiver

RESOURCE = webhook_subscriptions.RESOURCE


@pytest.fixture
def call(target: Any, next_day: SandboxHandle) -> Callable[..., Any]:
    """Return a function that calls the commands on the module's sandbox."""
    target.write(**next_day.exact_config())
    target.call("--schema", "accounts")
    target.post_here([])
    return lambda *arguments: target.call("webhooks", *arguments)


def test_subscribing_again_changes_nothing(
    call: Callable[..., Any], next_day: SandboxHandle, receiver: Receiver
) -> None:
    url = receiver.url.replace("http://", "https://") + "/exact"
    first = call("subscribe", "--url", url)
    assert first.exit_code == 0, first.stderr
    topics = sorted(row["Topic"] for row in next_day.exact(RESOURCE))
    assert topics == sorted(
        ["Accounts", "GLAccounts", "GeneralJournalEntries", "Items", "SalesEntries",
         "SalesInvoices"]
    )  # fmt: skip
    assert first.stdout.count(": subscribed") == 6
    next_day.clear_requests()
    again = call("subscribe", "--url", url)
    assert (again.exit_code, again.stdout.count("already subscribed")) == (0, 6)
    assert {one["method"] for one in next_day.requests() if RESOURCE in one["path"]} == {"GET"}
    listed = call("list")
    assert listed.stdout.count(url) == 6

    other = call("subscribe", "--url", url + "/", "--topic", "Items")
    assert other.exit_code == 1
    assert "--replace" in other.stderr
    moved = call("subscribe", "--url", url + "?x=1", "--topic", "Items", "--replace")
    assert moved.stdout == f"{DIVISION} Items: moved\n"
    assert [r["CallbackURL"] for r in next_day.exact(RESOURCE) if r["Topic"] == "Items"] == [
        url + "?x=1"
    ]

    (answer,) = webhook_subscriptions.tell(next_day.context, DIVISION, "SalesEntries", "abc")
    assert answer.status == 200
    assert [row["key"] for row in receiver.rows()] == ["abc"]

    assert call("remove").exit_code == 2
    assert call("remove", "--topic", "Items").stdout == f"{DIVISION} Items: removed\n"
    assert call("remove", "--all").stdout.count("removed") == 5
    assert next_day.exact(RESOURCE) == []
    assert call("remove", "--all").exit_code == 0


def test_the_empty_request_may_come_after_the_answer(
    call: Callable[..., Any], next_day: SandboxHandle, receiver: Receiver
) -> None:
    next_day.set("exact.webhook_validation", "after")
    url = receiver.url.replace("http://", "https://") + "/exact"
    assert call("subscribe", "--url", url, "--topic", "Items").exit_code == 0
    time.sleep(1.2)
    assert receiver.rows() == []
    assert call("remove", "--all").exit_code == 0
    next_day.set("exact.webhook_validation", "before")


def test_an_address_that_does_not_answer_is_said(
    call: Callable[..., Any], next_day: SandboxHandle, receiver: Receiver
) -> None:
    wrong = call(
        *("subscribe", "--topic", "Items"),
        *("--url", receiver.url.replace("http://", "https://") + "/nowhere"),
    )
    assert wrong.exit_code == 1
    assert "Post to callback URL endpoint returns 404" in wrong.stderr
    assert "webhooks serve" in wrong.stderr
    assert next_day.exact(RESOURCE) == []
    for url in ("http://127.0.0.1/exact", "https://", "x", "https://a:b@c/", "https://a/ b"):
        assert call("subscribe", "--url", url).stderr.count("\n") == 1
    assert next_day.exact(RESOURCE) == []


def test_a_lost_answer_is_settled_by_looking(
    call: Callable[..., Any], next_day: SandboxHandle, receiver: Receiver
) -> None:
    next_day.fault(f"*/{RESOURCE}", "drop_after", method="POST")
    url = receiver.url.replace("http://", "https://") + "/exact"
    done = call("subscribe", "--url", url, "--topic", "Items")
    assert (done.exit_code, done.stdout) == (0, f"{DIVISION} Items: subscribed\n"), done.stderr
    assert len(next_day.exact(RESOURCE)) == 1
    assert call("remove", "--all").exit_code == 0
