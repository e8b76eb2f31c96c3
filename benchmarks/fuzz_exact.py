"""What comes from Exact, and what the target is fed: answers, documents, files of a month's end."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
from datetime import UTC, date, datetime
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import fuzz_books
import requests
import urllib3
from fuzz_bending import dump
from fuzz_files import RefusedError
from requests.adapters import BaseAdapter, HTTPAdapter
from simulator_world import BASE_URL, Machine, Process, Transport, VirtualTime, World, run_target
from singer_sdk.exceptions import ConfigValidationError, RecordsWithoutSchemaException
from singer_sdk.singerlib.exceptions import InvalidInputLine

from commerce_sandbox import shop
from commerce_sandbox.exact.bookkeeper import Bookkeeper
from commerce_sandbox.exact.config import target_config
from commerce_sandbox.exact.credentials import DIVISION
from connector_credentials import open_store
from exact_online import client as exact_client
from exact_online.server_clock import ServerClock
from exact_online.token_endpoint import (
    AnswerLostError,
    ExactApp,
    OldTokenError,
    TokenEndpoint,
    TooEarlyError,
)
from mapper_gl_rules.mapper import MapperGLRules
from target_exact_online.company import open_company
from target_exact_online.ledger.runs import Run
from target_exact_online.month_end import run as month_end
from target_exact_online.settings import with_defaults
from target_exact_online.target import TargetExactOnline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fuzz_bending import Bender

    from exact_online.client import ExactClient
    from target_exact_online.ledger.rows import Document

START = datetime(2026, 11, 25, 9, tzinfo=UTC)
MONTH = date(2026, 11, 1)
_FRESH = 40  # inputs until sandbox and ledger are new again
_STATUSES = [200] * 60 + [201] * 5 + [204, 302, 400, 401, 403, 404, 408, 429, 500, 502, 503, 504]
_JSON = "application/json; charset=utf-8"


class BentWorld(World):
    """Exact in this process, whose answers are bent while a bender is there."""

    bender: Bender | None = None

    def call(self, request: requests.PreparedRequest) -> urllib3.HTTPResponse:
        """Serve one call."""
        answer = super().call(request)
        is_login = "/oauth2/" in str(request.url)  # a bent one ends it for all that come
        if self.bender is None or is_login or not self.bender.one_in(4):
            return answer
        return bent(self.bender, answer.data, answer.status, dict(answer.headers))


def bent(bender: Bender, body: bytes, status: int, headers: dict[str, str]) -> urllib3.HTTPResponse:
    """Return an answer, bent somewhere."""
    with contextlib.suppress(ValueError):
        content = json.loads(body)
        rows = content.get("d", {})
        rows = rows.get("results") if isinstance(rows, dict) else rows
        if rows and not bender.one_in(5):
            rows[:] = bender.rows(rows)
            body = dump(content)
        else:
            body = bender.json(content)
    if bender.one_in(15):
        body = bender.text(body)
    if bender.one_in(10):
        status = bender.rng.choice(_STATUSES)
    kept = {name: value for name, value in headers.items() if name.lower() != "content-length"}
    if bender.one_in(20):
        kept |= {
            bender.rng.choice(["Date", "Retry-After", "X-RateLimit-Remaining", "Location",
                               "X-RateLimit-Reset", "Content-Type", "Content-Encoding",
                               "X-RateLimit-Minutely-Remaining"]):
            bender.rng.choice(["", "x", "-1", "9" * 40, "Mon, 99 Jan 2026", "1e9", "gzip", "²"])
        }  # fmt: skip
    return urllib3.HTTPResponse(
        io.BytesIO(body), headers=kept, status=status, preload_content=False
    )


class Exact:
    """An Exact company with its ledger, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        """Open it: nothing is bent yet."""
        folder.mkdir(parents=True, exist_ok=True)
        self.time = VirtualTime(START)
        self.world = BentWorld(folder, self.time, lambda *_: None, lambda: 0.05)
        shop.seed(self.world.context, "empty")
        open_store(str(folder / "store"), create=True)
        url = f"sqlite:///{folder / 'ledger.db'}"
        self.config = with_defaults(
            target_config(self.world.context, BASE_URL)
            | {"ledger_url": url, "credentials": str(folder / "store"), "create_accounts": True,
               "create_items": True, "max_wait_seconds": 5, "settle_after_seconds": 1,
               "index_lag_seconds": 1}
        )  # fmt: skip
        self.machine = Machine(url)

    @property
    def open_client(self) -> Callable[..., ExactClient]:
        """What opens a client that calls this company."""
        session = requests.Session()
        session.mount("http://", Transport(self.world, Process()))
        return partial(
            exact_client.open_client, session=session, clock=self.time.own, sleep=self.time.sleep
        )

    def post(self, *fed: tuple[str, dict[str, Any]]) -> None:
        """Run the target once; what ends it is raised, and a document it failed on, too."""
        stated = [(stream, record, {"records": 1}) for stream, record in fed]
        ended = run_target(self.world, self.machine, self.config, stated, lambda _: None, Process())
        for one in ended.summary.parked:
            if "The target failed on this document" in str(one):
                raise fuzz_books.ForeignError(str(one))
        if ended.error is not None:
            raise ended.error

    def close(self) -> None:
        """Close it."""
        self.machine.ledger.close()
        self.world.close()
        self.time.stop()


class _Renewed:
    """A company that is made anew every so many inputs, from a copy of a first one."""

    def __init__(self, folder: Path, prepare: Callable[[Exact], object]) -> None:
        self._folder, self._used = folder, 0
        first = Exact(folder / "first")
        prepare(first)
        first.close()
        self._exact: Exact | None = None

    def get(self) -> Exact:
        """Return the company of this input."""
        if self._exact is not None and self._used % _FRESH:
            self._used += 1
            return self._exact
        if self._exact is not None:
            self._exact.close()
        shutil.rmtree(self._folder / "now", ignore_errors=True)
        shutil.copytree(self._folder / "first", self._folder / "now")
        self._used += 1
        self._exact = Exact(self._folder / "now")
        return self._exact


def booked(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Documents of contract 2, of every stream: the recorded shop, booked by rules in all modes."""
    found = []
    for mode in ("sales_entry", "sales_invoice", "daily_journal"):
        text = fuzz_books.RULES.read_text(encoding="utf-8")
        clearing = "\n  - {name: all, when: {line: document}, book: {clearing_gl: '1240'}}"
        text = text.replace("  journal:", f"  mode: {mode}\n  journal:", 1)
        text = text.replace("\nrules:", f"\nrules:{clearing}", 1)
        (folder / "rules.yml").write_text(text, encoding="utf-8")
        mapper = MapperGLRules(config={"rules_file": str(folder / "rules.yml")})
        lines = b"".join(
            dump({"type": "RECORD", "stream": stream, "record": record}) + b"\n"
            for stream, record in fuzz_books.recorded()
        )
        found += fuzz_books.book(mapper, lines)
    return found


class _Outbox:
    """In the place of the target's outbox: keeps what would be posted."""

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.posting = SimpleNamespace(summary=SimpleNamespace(streams=set()))
        self.submit = self.documents.append

    def checkpoint(self, state: dict[str, Any]) -> None:
        """Keep nothing."""

    def finish(self) -> None:
        """Wait for nothing."""


def documents(folder: Path) -> Callable[[Bender], None]:
    """Read bent Singer lines as the target does, take them in, and prepare their documents."""
    given = booked(folder)
    exact = Exact(folder / "exact")
    ledger, run = exact.machine.ledger, Run(exact.machine.ledger.engine)
    company = open_company(
        exact.config, ledger.engine, session=_session(Transport(exact.world, Process())),
        clock=exact.time.own, sleep=exact.time.sleep,
    )  # fmt: skip
    target: Any = TargetExactOnline(config=exact.config, validate_config=False)

    def read(bender: Bender) -> None:
        stream, record = bender.rng.choice(given)
        schema = {"type": "SCHEMA", "stream": stream, "schema": {"properties": {}},
                  "key_properties": ["document_key"]}  # fmt: skip
        message = {"type": "RECORD", "stream": stream, "record": bender.value(record)}
        lines = [dump(schema), dump(message), dump({"type": "STATE", "value": {"a": 1}})]
        if bender.one_in(10):
            place = bender.rng.randrange(3)
            lines[place] = bender.json(json.loads(lines[place]))
        outbox = target.outbox = _Outbox()
        text = b"\n".join(lines).decode("utf-8", "replace") + "\n"
        try:
            target.listen(io.StringIO(text))
        except (ConfigValidationError, InvalidInputLine, RecordsWithoutSchemaException) as error:
            raise RefusedError from error  # each ends in one line, see the command
        for document in outbox.documents:
            for arrived, _ in ledger.arrive(run, [document]):
                if arrived.stream != "refused_documents":
                    company.prepare(arrived)

    return read


class _Canned(BaseAdapter):
    """One answer to everything, but for a good token."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[urllib3.HTTPResponse] = []
        self.token: urllib3.HTTPResponse | None = None

    def send(
        self, request: requests.PreparedRequest, *_: object, **__: object
    ) -> requests.Response:
        """Answer."""
        if "/oauth2/" in str(request.url):
            raw = self.token or _response(
                {"access_token": "a" * 9, "refresh_token": "r" * 9, "expires_in": "600"}
            )
        else:
            raw = self.answers.pop(0) if self.answers else _response({"d": {"results": []}})
        return HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        """Nothing is open."""


def _response(content: Any) -> urllib3.HTTPResponse:
    return urllib3.HTTPResponse(
        io.BytesIO(dump(content)), headers={"Content-Type": _JSON}, status=200,
        preload_content=False,
    )  # fmt: skip


def _session(adapter: BaseAdapter) -> requests.Session:
    session = requests.Session()
    session.mount("http://", adapter)
    return session


_ROW = {
    "__metadata": {"uri": f"{BASE_URL}/api/v1/{DIVISION}/salesentry/SalesEntries(guid'1')"},
    "EntryID": "c1", "EntryNumber": 26700001, "AmountFC": 121.5, "YourRef": "1",
    "EntryDate": "/Date(1769990400000)/", "Customer": "c2", "Created": "/Date(1769990400000)/",
    "SalesEntryLines": {"results": [{"VATCode": "21 ", "AmountFC": 100, "GLAccount": "g"}]},
}  # fmt: skip


def exact_answers(folder: Path) -> Callable[[Bender], None]:
    """Ask and write, and be answered something bent."""
    exact = Exact(folder / "exact")
    adapter = _Canned()

    def read(bender: Bender) -> None:
        client = exact_client.open_client(
            exact.config, exact.machine.ledger.engine, session=_session(adapter),
            clock=exact.time.own, sleep=exact.time.sleep,
        )  # fmt: skip
        exact.time.sleep(90)
        content: Any = {"d": {"results": [_ROW, _ROW], "__next": f"{BASE_URL}/api/v1/x?$skip=1"}}
        if bender.one_in(2):
            content = {"d": _ROW}
        headers = {"Content-Type": _JSON}
        adapter.answers = [bent(bender, dump(content), 200, headers) for _ in range(3)]
        with contextlib.closing(client):
            if bender.one_in(2):
                for row in client.get("salesentry/SalesEntries", select="EntryID"):
                    row["EntryNumber"], row["AmountFC"]
            else:
                client.post("salesentry/SalesEntries", {"YourRef": "1"})["EntryID"]

    return read


def token_answers(_: Path) -> Callable[[Bender], None]:
    """Renew a token, and be answered something bent."""
    adapter = _Canned()
    endpoint = TokenEndpoint(
        ExactApp(BASE_URL, "client", "secret"), ServerClock(BASE_URL), _session(adapter)
    )
    pair = {"access_token": "a" * 40, "refresh_token": "r" * 40, "expires_in": "600",
            "token_type": "bearer"}  # fmt: skip
    refusal = {"error": "unauthorized_client", "error_description": "Old refresh token used."}

    def read(bender: Bender) -> None:
        status, content = bender.rng.choice([(200, pair), (400, refusal), (401, refusal)])
        adapter.token = bent(bender, dump(content), status, {"Content-Type": _JSON})
        try:
            endpoint.refresh("r")
        except (AnswerLostError, OldTokenError, TooEarlyError) as error:
            raise RefusedError from error  # the store of tokens knows what each means

    return read


def postings(folder: Path) -> Callable[[Bender], None]:
    """Post documents to an Exact whose answers are bent."""
    given = [one for one in booked(folder) if one[0] != "refused_documents"]
    exact = _Renewed(folder, lambda first: first.post(given[0]))

    def read(bender: Bender) -> None:
        company = exact.get()
        company.world.bender = bender
        company.time.sleep(7200)
        company.post(*bender.rng.sample(given, bender.rng.randint(1, 3)))

    return read


def with_a_month(folder: Path) -> tuple[_Renewed, list[tuple[str, dict[str, Any]]]]:
    """A company with a few documents in one month, and these documents."""
    kinds = {"sales_entries", "general_journal_entries"}
    given = [one for one in booked(folder) if one[0] in kinds][:12]
    for _, record in given:
        record |= {"entry_date": "2026-11-10", "document_date": "2026-11-10"}
        record.pop("due_date", None)
    return _Renewed(folder, lambda first: first.post(*given)), given


def comparisons(folder: Path) -> Callable[[Bender], None]:
    """Compare a month with an Exact whose answers are bent."""
    exact, given = with_a_month(folder)
    messages = [
        dump({"type": "RECORD", "stream": stream, "record": record}) for stream, record in given
    ]

    def read(bender: Bender) -> None:
        company = exact.get()
        company.world.bender = bender
        company.time.sleep(7200)
        source: Any = bender.rng.choice(month_end.SOURCES[:2])
        order = month_end.Order(MONTH, DIVISION, source=source, messages=messages)
        with mock.patch.object(month_end, "open_client", company.open_client):
            month_end.compare(company.config, company.machine.ledger, order)

    return read


def _audit_file(folder: Path) -> tuple[Exact, bytes, list[tuple[str, dict[str, Any]]]]:
    renewed, given = with_a_month(folder)
    exact = renewed.get()
    path = folder / "whole.xaf"
    Bookkeeper(exact.world.context, "Bookkeeping", DIVISION).export_xaf(path, 2026)
    return exact, path.read_bytes(), given


def shop_files(folder: Path) -> Callable[[Bender], None]:
    """Compare a month with a bent file of the shop's documents."""
    exact, whole, given = _audit_file(folder)
    path = folder / "whole.xaf"
    path.write_bytes(whole)

    def read(bender: Bender) -> None:
        stream, record = bender.rng.choice(given)
        line = bender.json({"type": "RECORD", "stream": stream, "record": bender.value(record)})
        order = month_end.Order(
            MONTH, DIVISION, source="xaf", audit_file=path, messages=io.BytesIO(line)
        )
        month_end.compare(exact.config, exact.machine.ledger, order)

    return read


def audit_files(folder: Path) -> Callable[[Bender], None]:
    """Compare a month with a bent audit file."""
    exact, whole, _ = _audit_file(folder)
    path = folder / "bent.xaf"
    values = list(re.finditer(rb"(?<=>)[^<\s]+(?=<)", whole))

    def read(bender: Bender) -> None:
        if bender.one_in(3):
            path.write_bytes(bender.text(whole))
        else:
            value = bender.rng.choice(values)
            odd = re.sub(r"[<&\x00-\x08]", "", str(bender.rng.choice(_XML_ODD)))
            path.write_bytes(
                whole[: value.start()] + odd.encode("utf-8", "replace") + whole[value.end() :]
            )
        order = month_end.Order(MONTH, DIVISION, source="xaf", audit_file=path)
        month_end.compare(exact.config, exact.machine.ledger, order)

    return read


_XML_ODD = ("", "x", "-1", "1e400", "NaN", "9" * 5_000, "1,5", "2026-02-31", "9999-12-31",
            "0001-01-01", "S", "D", "²", "\u202e", "999999999999999999999.99")  # fmt: skip
