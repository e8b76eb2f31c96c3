"""A ledger with everything that a desk shows, and a console on it that answers over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from target_exact_online.console.app import application
from target_exact_online.console.command import _rules
from target_exact_online.console.desk import Desk, Options
from target_exact_online.console.guard import Session
from target_exact_online.console.serving import listening, server_of
from target_exact_online.ledger.rows import Document
from target_exact_online.ledger.runs import Run
from target_exact_online.ledger.store import Facts, Ledger
from target_exact_online.month_end import proposals, sign_off
from target_exact_online.month_end.lines import store
from target_exact_online.month_end.model import (
    Bridge,
    BridgeRow,
    Effect,
    Finding,
    Proposal,
    ProposedLine,
    Result,
    Statement,
    columns,
)
from target_exact_online.posting.events import Answered, Intended, Refused
from target_exact_online.settings import with_defaults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIVISION = 123456
GUID = "11111111-2222-3333-4444-{:012}"
MARKUP = "<script>document.title='taken'</script><img src=x onerror=alert(1)>"
HOSTILE = f"{MARKUP}\x1b[31m\u202egnirts\u2066 \u05d0\u05d1\u05d2 & \"'`{{{{7*7}}}}{{% raw %}}"
NAME, EMAIL = "Jannetje van den Heuvel", "jannetje@example.org"


def record(number: int, **changes: Any) -> dict[str, Any]:
    """An invoice of 121.00 for somebody with a name."""
    reference = f"{number:09}"
    line = {"gl_account": "8000", "amount": Decimal("100.00"), "vat_code": "21"}
    line |= {
        "vat_amount": Decimal("21.00"),
        "cost_center": "WEB",
        "description": "Tent",
        "rule": "tents",
    }
    made = {
        "document_key": f"shop:nl:invoice:{reference}",
        "your_ref": reference,
        "kind": "invoice",
        "journal": "70",
        "entry_date": "2026-10-12",
        "currency": "EUR",
        "debtor": {"match": {"email": EMAIL}, "create": {"name": NAME, "city": "Utrecht"}},
        "lines": [line],
        "totals": {"amount": Decimal("121.00"), "vat_amount": Decimal("21.00")},
        "rules_version": "1",
        "source": {"kind": "invoice", "order_increment_id": f"5{reference}", "store_code": "nl"},
    }
    return made | changes


def fill(ledger: Ledger) -> None:
    """Fill a ledger: posted, changed, held, parked by two causes, refused, hostile; a month."""
    run, now = Run(ledger.engine), datetime.now(UTC)
    ship = [{**record(1)["lines"][0], "cost_center": "SHIP"}]
    given = [("sales_entries", record(number)) for number in (1, 2, 3)]
    given += [("sales_entries", record(number, lines=ship)) for number in range(11, 48)]
    given += [("sales_entries", record(61, your_ref="X61")), ("sales_entries", record(62))]
    hostile = record(71, lines=[{**record(1)["lines"][0], "description": HOSTILE, "rule": HOSTILE}])
    hostile["lines"] += [{"amount": "Infinity", "quantity": [{}]}, MARKUP, None]
    hostile |= {"document_key": f"shop:nl:invoice:{HOSTILE}", "your_ref": HOSTILE[:60]}
    given.append(("sales_entries", hostile))
    refusal = {"reason": f"no rule matches product KAYAK of 74.37 for {NAME}", "where": "line 2"}
    refusal |= {"what_to_do": "Add a rule.", "customer": NAME, "totals": {"amount": "Infinity"}}
    given.append(("refused_documents", record(81, **refusal)))
    arrived = [Document.of(stream, one, DIVISION) for stream, one in given]
    ledger.arrive(run, arrived)
    keys = [one.document_key for one in arrived]
    for place, key in enumerate(keys[:2], 1):
        ledger.move(run, key, Intended(run.run_id, now), Facts(sent="{}"))
        facts = Facts(answered_at=now, period=(2026, 10), entry_date="2026-10-12")
        ledger.move(run, key, Answered(run.run_id, GUID.format(place), f"2600000{place}"), facts)
    for key in keys[3:40]:
        number = key.rpartition(":")[2]
        words = (
            f"Cost center 'SHIP' does not exist (document {number}, line 1). Create it in Exact."
        )
        ledger.move(run, key, Refused(words, now))
    ledger.move(run, keys[40], Refused(f"There is no account for {EMAIL} ({NAME}).", now))
    ledger.move(run, keys[42], Refused(f"{HOSTILE} is not a GL account.", now))
    later = record(2, totals={"amount": Decimal("110.00"), "vat_amount": Decimal("10.00")})
    ledger.arrive(run, [Document.of("sales_entries", later, DIVISION)])
    run.note("needs_people", ["sales_entries"], 4321)
    run.finish()
    with ledger.engine.begin() as connection:
        store(connection, DIVISION, [_exact(*line) for line in _LINES])
    keep_month(ledger)


_LINES = (
    (0, "1300", "121.00", None, None),
    (1, "8010", "-100.00", "21", "WEB"),  # somebody moved it
    (9999, "1500", "-21.00", "21", None),
)


def _exact(number: int, account: str, amount: str, vat: str | None, center: str | None) -> Any:
    made = {"id": f"line-{number}", "entry_id": GUID.format(1), "entry_number": "26000001"}
    made |= {"journal": "70", "line_no": number, "date": "2026-10-12", "period_year": 2026}
    made |= {"period_no": 10, "gl_account": account, "vat_code": vat, "cost_center": center}
    return made | {"amount": Decimal(amount), "amount_dc": Decimal(amount), "timestamp": 1}


def accrual(ledger: Ledger, month: sign_off.Month) -> Proposal:
    """Return what is proposed for revenue that was not shipped."""
    sides = ("8000", "50.00"), ("1800", "-50.00")
    state = sign_off.ledger_side.fingerprint(ledger, month, without=proposals.OWN_KINDS)
    return Proposal(
        name="2026-10-not-shipped", title="Revenue invoiced, not shipped", journal="90",
        entry_date=month.last, reversal_date=date(2026, 11, 1), currency="EUR",
        amount=Decimal("50.00"), documents=1, documents_state=state,
        lines=tuple(ProposedLine(gl_account=code, amount=Decimal(one)) for code, one in sides),
    )  # fmt: skip


def keep_month(ledger: Ledger, **changes: Any) -> Result:
    """Keep a comparison of October with a difference that somebody made."""
    month = sign_off.Month(DIVISION, 2026, 10, date(2026, 10, 1), date(2026, 10, 31), "EUR")
    moved = Effect(scope="total", currency="EUR", amount=Decimal("-5.00"), step="ledger_to_exact")
    finding = Finding(
        code="E2", severity="error", title="Amount edited in Exact", cause="The amount was edited.",
        amount=Decimal("-5.00"), currency="EUR", document_key="shop:nl:invoice:000000001",
        who="Bea Boekhouder", when=datetime(2026, 11, 2, tzinfo=UTC), effects=(moved,),
    )  # fmt: skip
    rows = (
        BridgeRow(kind="shop", label="Shop", amount=Decimal("242.00"), documents=2),
        BridgeRow(kind="ledger", label="Ledger", amount=Decimal("242.00"), documents=2),
        BridgeRow(kind="difference", label=finding.title, amount=Decimal("-5.00"), code="E2"),
        BridgeRow(kind="exact", label="Exact", amount=Decimal("237.00")),
    )
    bridge = Bridge(
        scope="total", title="Sales", currency="EUR", rows=rows, unexplained=Decimal("0.00"),
        source="mirror",
    )  # fmt: skip
    statements = [
        Statement(number=number, name=f"S{number}", title=f"Statement {number}", not_compared="x")
        for number in range(1, 11)
    ]
    vat = ("21", "EUR", Decimal("42.00"), Decimal("42.00"), Decimal("41.00"))
    statements[0] = Statement(
        number=1, name="VAT", title="VAT", rows=(vat,),
        columns=columns(
            "Code", "Currency", *(f"VAT {side}:money" for side in ("shop", "ledger", "Exact"))
        ),
    )  # fmt: skip
    statements[8] = Statement(
        number=9, name="Currency", title="Currencies", notes=("A note.",),
        columns=columns("Currency", "Day:date", "Amount:money", "Documents:number"),
        rows=(("GBP", date(2026, 10, 3), Decimal("12.50"), 2), ("USD", None, "not read", None)),
    )  # fmt: skip
    result = Result(
        division=DIVISION, company="Winkel B.V.", year=2026, period=10, first=month.first,
        last=month.last, currency="EUR", made_at=datetime.now(UTC), source="mirror", depth="lines",
        findings=(finding,), bridges=(bridge,), statements=tuple(statements),
        rules_versions=(("1", 2),), inputs_hash="ab" * 32, proposals=(accrual(ledger, month),),
        ledger_state=sign_off.ledger_side.fingerprint(ledger, month),
    )  # fmt: skip
    result = sign_off.replace(result, **changes)
    sign_off.keep(ledger, result)
    return result


@dataclass
class Answer:
    """What the console answered."""

    status: int
    headers: http.client.HTTPMessage
    text: str


@dataclass
class Running:
    """A console that runs, and a browser of sorts."""

    desk: Desk
    cookie: str = ""
    queries: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.desk.session.port

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str | None
    ) -> Answer:
        """Send a request as a page of the console would; None leaves a header out."""
        given: dict[str, str | None] = {
            "Host": f"127.0.0.1:{self.port}",
            "Cookie": self.cookie,
            "Origin": f"http://127.0.0.1:{self.port}" if method == "POST" else None,
        }
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            if body is not None:
                given.setdefault("Content-Length", str(len(body)))
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode())

    def enter(self) -> None:
        """Show the token."""
        answer = self.ask(f"/?token={self.desk.session.token}", Cookie=None)
        assert answer.status == 303
        self.cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]

    def send(self, path: str, csrf: str | None = None, **fields: str) -> Answer:
        """Send a form; fields of its own are written as pages write them."""
        token = self.desk.session.form_token if csrf is None else csrf
        body = urlencode({"csrf": token, **fields}).encode()
        return self.ask(path, "POST", body, Content_Type="application/x-www-form-urlencoded")


def own(text: str) -> str:
    """A hidden field as a page writes it."""
    return quote(text, safe="")


@contextlib.contextmanager
def serving(
    ledger: Ledger, config: dict[str, Any] | None = None, **options: Any
) -> Iterator[Running]:
    """Run a console on a ledger, in a thread, until the end of the block."""
    with listening(0) as listener:
        session, started = Session(listener.getsockname()[1]), Options(**options)
        rules = _rules(started.rules_file, started.documents_file)
        desk = Desk(ledger, with_defaults(config or {}), started, session, rules)
        server = server_of(application(desk))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        running = Running(desk)

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")):
                running.queries.append(statement)

        sa.event.listen(ledger.engine, "before_cursor_execute", note)
        try:
            running.enter()
            yield running
        finally:
            sa.event.remove(ledger.engine, "before_cursor_execute", note)
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


def until(done: Any, seconds: float = 20) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module", autouse=True)
def module_key() -> Iterator[None]:
    """A key for the ledgers of a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONNECTOR_KEY", Fernet.generate_key().decode())
        yield


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger in SQLite with everything that a desk shows; tests of a module share it."""
    folder: Path = tmp_path_factory.mktemp("desk")
    ledger = Ledger.open(f"sqlite:///{folder}/ledger.db", DIVISION)
    fill(ledger)
    yield ledger
    ledger.close()


YESTERDAY = datetime.now(UTC) - timedelta(days=1)
