"""The client against faults: what surely was not stored, what may have been, what never will."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from exact_online.client import ExactClient, open_client
from exact_online.errors import (
    AuthorizationRequiredError,
    DocumentRefusedError,
    NotNowError,
    OutcomeUnknownError,
    RequestRefusedError,
    TransientApiError,
)
from exact_online.limits import Budget
from exact_online.odata import account_code, has

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from commerce_sandbox.testing import SandboxHandle

ENTRIES = "salesentry/SalesEntries"
ROUTE = f"*/{ENTRIES}"


REFERENCE = "000000001"


@pytest.fixture
def client(
    sandbox: SandboxHandle, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ExactClient]:
    monkeypatch.chdir(tmp_path)
    client = open_client({"max_wait_seconds": 4} | sandbox.exact_config(), engine)
    yield client
    client.close()


@pytest.fixture
def entry(sandbox: SandboxHandle) -> dict[str, Any]:
    """A sales entry that Exact accepts."""
    (customer,) = sandbox.exact("crm/Accounts", filter=f"Code eq {account_code('10')}")
    (account,) = sandbox.exact("financial/GLAccounts", filter="Code eq '8000'")
    line = {
        "AmountFC": Decimal("100.00"),
        "GLAccount": account["ID"],
        "VATAmountFC": Decimal("21.00"),
        "VATCode": "21",
    }
    return {
        "Currency": "EUR",
        "Customer": customer["ID"],
        "EntryDate": "2026-02-10",
        "Journal": "70",
        "SalesEntryLines": [line],
        "YourRef": REFERENCE,
    }


def asked_for(client: ExactClient) -> list[dict[str, Any]]:
    return list(client.get(ENTRIES, select="EntryID", filter=f"YourRef eq '{REFERENCE}'"))


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        ("error_before", 0),
        ("error_after", 1),
        ("drop_before", 0),
        ("drop_after", 1),
        ("truncate", 1),
        ("unavailable", 0),
    ],
)
def test_a_write_without_a_good_answer_is_unknown_and_settled_by_asking(
    client: ExactClient, entry: dict[str, Any], sandbox: SandboxHandle, kind: str, stored: int
) -> None:
    sandbox.fault(ROUTE, kind, method="POST")
    with pytest.raises(OutcomeUnknownError):
        client.post(ENTRIES, entry)
    assert client.calls["POST", ENTRIES] == 1
    assert len(sandbox.exact(ENTRIES)) == stored
    assert len(asked_for(client)) == stored


def test_a_write_that_could_not_leave_was_surely_not_stored(
    client: ExactClient, entry: dict[str, Any], sandbox: SandboxHandle
) -> None:
    sandbox.stop()
    with pytest.raises(NotNowError, match="cannot be reached"):
        client.post(ENTRIES, entry)


def test_a_slow_answer_is_an_answer(
    client: ExactClient, entry: dict[str, Any], sandbox: SandboxHandle
) -> None:
    sandbox.fault(ROUTE, "latency", method="POST", seconds=1.5)
    assert client.post(ENTRIES, entry)["EntryNumber"]


@pytest.mark.parametrize("kind", ["error_before", "drop_before", "truncate", "unavailable"])
def test_a_read_is_repeated(client: ExactClient, sandbox: SandboxHandle, kind: str) -> None:
    sandbox.fault("*/financial/Journals", kind, times=2)
    rows = list(client.get("financial/Journals", select="Code"))
    assert len(rows) == 9
    assert client.calls["GET", "financial/Journals"] == 3


def test_a_read_that_never_succeeds_says_so(client: ExactClient, sandbox: SandboxHandle) -> None:
    sandbox.fault("*/financial/Journals", "unavailable", times=0)
    with pytest.raises(NotNowError, match="HTTP 503 to financial/Journals"):
        list(client.get("financial/Journals", select="Code"))


def test_a_429_is_waited_for_and_the_write_repeated(
    client: ExactClient, entry: dict[str, Any], sandbox: SandboxHandle
) -> None:
    headers = {
        "X-RateLimit-Minutely-Limit": "60",
        "X-RateLimit-Minutely-Remaining": "0",
        "X-RateLimit-Minutely-Reset": str(int((time.time() + 1) * 1000)),
    }
    sandbox.fault(ROUTE, "too_many_requests", method="POST", headers=headers)
    begun = time.monotonic()
    client.post(ENTRIES, entry)
    assert time.monotonic() - begun >= 1
    assert client.calls["POST", ENTRIES] == 2
    assert len(sandbox.exact(ENTRIES)) == 1


@pytest.mark.parametrize(
    ("language", "words"), [("nl", "Ongeldige referentie: "), ("en", "Invalid reference: ")]
)
def test_a_business_error_names_field_advice_and_the_original(
    client: ExactClient, entry: dict[str, Any], sandbox: SandboxHandle, language: str, words: str
) -> None:
    sandbox.set("exact.language", language)
    payload = entry | {"Customer": "00000000-0000-0000-0000-000000000001"}
    line = payload["SalesEntryLines"][0] | {"VATCode": "999"}
    del line["VATAmountFC"]
    payload["SalesEntryLines"] = [line]
    with pytest.raises(DocumentRefusedError) as caught:
        client.post(ENTRIES, payload)
    assert caught.value.by_exact
    assert {problem.where for problem in caught.value.problems} == {"debtor", "vat_code"}
    for problem in caught.value.problems:
        assert problem.original is not None
        assert problem.original.startswith(words)
        assert words in str(problem)


def test_a_used_number_is_recognised_as_a_duplicate(
    client: ExactClient, entry: dict[str, Any]
) -> None:
    number = client.post(ENTRIES, entry)["EntryNumber"]
    with pytest.raises(DocumentRefusedError) as caught:
        client.post(ENTRIES, entry | {"EntryNumber": number})
    assert caught.value.duplicate
    assert caught.value.problems[0].where == "entry_number"


def test_an_unknown_property_is_refused_as_form(client: ExactClient, entry: dict[str, Any]) -> None:
    with pytest.raises(DocumentRefusedError, match=r"HTTP 400.*property name 'Colour'"):
        client.post(ENTRIES, entry | {"Colour": "red"})


def test_a_missing_scope_is_a_matter_of_rights(
    client: ExactClient, entry: dict[str, Any], sandbox: SandboxHandle
) -> None:
    sandbox.set("exact.missing_scopes", ["financial accounting"])
    with pytest.raises(
        AuthorizationRequiredError,
        match=r"POST salesentry/SalesEntries .*tick 'financial accounting'",
    ):
        client.post(ENTRIES, entry)


def test_a_question_that_exact_does_not_accept_is_named(client: ExactClient) -> None:
    with pytest.raises(RequestRefusedError, match="mandatory filtering"):
        list(client.get("crm/Accounts", select="ID"))


def test_what_is_too_long_for_exact_is_not_sent(
    client: ExactClient, sandbox: SandboxHandle
) -> None:
    sandbox.clear_requests()
    with pytest.raises(RequestRefusedError, match="longer than the 6000 characters"):
        list(client.get("crm/Accounts", select="ID", filter=f"Name eq '{'x' * 6_000}'"))
    with pytest.raises(DocumentRefusedError, match=r"has 11\.4 MB, and Exact takes 10"):
        client.post("documents/DocumentAttachments", {"Attachment": "x" * 12_000_000})
    assert sandbox.requests() == []


def test_bare_lists_and_long_lists_are_read(client: ExactClient, sandbox: SandboxHandle) -> None:
    complete = list(client.get("financial/GLAccounts", select="Code", filter="Type gt 0"))
    sandbox.set("exact.bare_lists", value=True)
    bare = list(client.get("financial/GLAccounts", select="Code", filter="Type gt 0", top=60))
    assert bare == complete[:60]
    assert len(complete) == len({row["Code"] for row in complete}) > 50


class Tokens:
    """A token source that hands out a fixed list."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens)

    def access_token(self) -> str:
        return self._tokens[0]

    def rejected(self, token: str) -> str:
        assert token == self._tokens[0]
        self._tokens.pop(0)
        return self._tokens[0]


@pytest.mark.parametrize("html", [False, True])
def test_a_rejected_token_is_replaced_once(
    client: ExactClient, sandbox: SandboxHandle, engine: Engine, html: object
) -> None:
    sandbox.set("exact.html_unauthorized", html)
    good = client.tokens.access_token()
    budget = Budget(engine, "app")
    client = ExactClient(sandbox.url, client.division, Tokens("stale", good), budget)
    assert list(client.get("financial/Journals", select="Code", top=1))
    assert client.call_count == 2
    client = ExactClient(sandbox.url, client.division, Tokens("stale", "old", good), budget)
    with pytest.raises(AuthorizationRequiredError):
        list(client.get("financial/Journals", select="Code", top=1))
    client.close()


class Script(BaseHTTPRequestHandler):
    """Answers what the test wrote down."""

    answers: ClassVar[list[tuple[int, dict[str, str], bytes]]] = []
    asked: ClassVar[list[str]] = []

    def answer(self) -> None:
        self.asked.append(self.path)
        status, headers, body = self.answers.pop(0)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer  # noqa: N815  # the names are the base class's

    def log_message(self, *args: Any) -> None:
        """Nothing on stderr."""


@pytest.fixture
def scripted(engine: Engine) -> Iterator[tuple[ExactClient, type[Script]]]:
    """A client of a server that answers whatever is written down."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Script)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Script.answers, Script.asked = [], []
    url = f"http://127.0.0.1:{server.server_port}"
    client = ExactClient(url, 1, Tokens("token"), Budget(engine, "app"))
    yield client, Script
    client.close()
    server.shutdown()
    server.server_close()
    thread.join()


JSON = {"Content-Type": "application/json; charset=utf-8"}
HTML = {"Content-Type": "text/html"}


def page(rows: list[dict[str, Any]], following: str | None = None) -> bytes:
    data: dict[str, Any] = {"results": rows}
    if following:
        data["__next"] = following
    return json.dumps({"d": data}).encode()


@pytest.mark.parametrize(
    "following",
    [
        "https://elsewhere.example/api/v1/1/hrm/Costcenters?$skiptoken=2",
        "{url}/api/v1/2/hrm/Costcenters?$skiptoken=2",
        "{url}/api/v1/1/crm/Accounts?$skiptoken=2",
    ],
)
def test_the_token_goes_nowhere_else(
    scripted: tuple[ExactClient, type[Script]], following: str
) -> None:
    client, script = scripted
    script.answers = [(200, JSON, page([{"Code": "A"}], following.format(url=client.base_url)))]
    with pytest.raises(RequestRefusedError, match="another place"):
        list(client.get("hrm/Costcenters", select="Code"))
    assert len(script.asked) == 1


def test_an_empty_page_with_a_next_page_is_an_error(
    scripted: tuple[ExactClient, type[Script]],
) -> None:
    client, script = scripted
    script.answers = [(200, JSON, page([], f"{client.base_url}/api/v1/1/hrm/Costcenters?x"))]
    with pytest.raises(TransientApiError, match="empty page"):
        list(client.get("hrm/Costcenters", select="Code"))


def test_a_redirect_to_the_login_page_is_a_rejected_token(
    scripted: tuple[ExactClient, type[Script]],
) -> None:
    client, script = scripted
    client.tokens = Tokens("one", "two")
    login = {"Location": "/docs/Login.aspx?ReturnUrl=x"} | HTML
    script.answers = [(302, login, b"<html>"), (302, login, b"<html>")]
    with pytest.raises(AuthorizationRequiredError):
        client.post(ENTRIES, {})
    assert script.asked == [f"/api/v1/1/{ENTRIES}"] * 2


def test_a_page_instead_of_data_is_never_success(
    scripted: tuple[ExactClient, type[Script]],
) -> None:
    client, script = scripted
    script.answers = [(200, HTML, b"<html>maintenance</html>")]
    with pytest.raises(OutcomeUnknownError):
        client.post(ENTRIES, {})
    script.answers = [(302, {"Location": "/maintenance"}, b"")]
    with pytest.raises(OutcomeUnknownError):
        client.post(ENTRIES, {})
    script.answers = [(200, HTML, b"<html>maintenance</html>")] * 4
    with pytest.raises(TransientApiError):
        list(client.get("hrm/Costcenters", select="Code"))


def test_values_come_clean_and_exact(scripted: tuple[ExactClient, type[Script]]) -> None:
    client, script = scripted
    row = {
        "__metadata": {"uri": "x"},
        "Code": "02 ",
        "Country": "NL ",
        "AmountFC": 1234567.89,
        "Start": "/Date(-2208988800000)/",
        "Lines": {"results": [{"Code": "                25"}]},
        "Codes": ["02 ", "/Date(0)/"],
        "Other": {"__deferred": {"uri": "x"}},
    }
    script.answers = [(200, JSON, page([row]))]
    (clean,) = client.get("hrm/Costcenters", select="Code")
    assert clean["Code"] == "02"
    assert clean["AmountFC"] == Decimal("1234567.89")
    assert clean["Start"].isoformat() == "1900-01-01T00:00:00+00:00"
    assert clean["Lines"] == [{"Code": "25"}]
    assert clean["Codes"] == ["02", datetime(1970, 1, 1, tzinfo=UTC)]
    assert "Other" not in clean
    assert "__metadata" not in clean


def test_errors_never_show_the_token(
    client: ExactClient, entry: dict[str, Any], sandbox: SandboxHandle
) -> None:
    token = client.tokens.access_token()
    sandbox.fault(ROUTE, "drop_after", method="POST")
    with pytest.raises(OutcomeUnknownError) as caught:
        client.post(ENTRIES, entry)
    error: BaseException | None = caught.value
    while error is not None:
        assert token not in repr(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_a_row_of_another_division_or_that_was_not_asked_for_answers_nothing(
    client: ExactClient, sandbox: SandboxHandle
) -> None:
    query = {"select": "ID,Code", "filter": "Code eq '8000'"}
    for kind in ("swapped_answer", "other_division"):
        sandbox.fault("*/financial/GLAccounts", kind)
        (row,) = client.get("financial/GLAccounts", **query, answers_it=has("Code", "8000"))
        assert row["ID"] == sandbox.exact("financial/GLAccounts", filter="Code eq '8000'")[0]["ID"]
        sandbox.clear_faults()
        sandbox.fault("*/financial/GLAccounts", kind, times=0)
        with pytest.raises(TransientApiError, match="another question"):
            list(client.get("financial/GLAccounts", **query, answers_it=has("Code", "8000")))
        sandbox.clear_faults()


@pytest.mark.parametrize(
    ("row", "answers"),
    [({"Code": " 8000 "}, True), ({"Code": "abc"}, True), ({}, True), ({"Code": "800"}, False)],
)
def test_values_are_compared_as_exact_compares_them(row: dict[str, str], answers: bool) -> None:  # noqa: FBT001
    assert has("Code", "8000", "ABC")(row) is answers
