"""Reads a sandbox whose company has something of everything, and looks at what came out."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from click.testing import CliRunner
from hypothesis import settings

from commerce_sandbox.exact.credentials import DIVISION, guid, issue_tokens
from commerce_sandbox.testing import SandboxHandle, select_streams
from connector_credentials import generate_key, open_store
from tap_exact_online.streams import STREAMS
from tap_exact_online.tap import TapExactOnline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# How long an example takes says more about the machine than about the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

PROGRAM = Path(sys.executable).with_name("tap-exact-online")
TEN_MINUTES = 600


@dataclass
class Run:
    """What one run of the tap wrote, and how it ended."""

    lines: list[str]
    code: int = 0
    errors: str = ""
    error: BaseException | None = None
    messages: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        singer = [line for line in self.lines if line.startswith("{") and '"type"' in line]
        self.messages = [json.loads(line, parse_float=Decimal) for line in singer]

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """Records of rows that are there, without those of deletions."""
        return [one for one in self.records(stream) if not one.get("_sdc_deleted_at")]

    def messages_of(self, *streams: str) -> list[dict[str, Any]]:
        return [record for stream in streams for record in self.records(stream)]

    @property
    def states(self) -> list[dict[str, Any]]:
        return [message["value"] for message in self.messages if message["type"] == "STATE"]

    @property
    def state(self) -> dict[str, Any]:
        return self.states[-1]


class Output(io.BytesIO):
    """Takes what the tap writes, and tells of each piece."""

    def __init__(self, told: Callable[[bytes], None]) -> None:
        super().__init__()
        self._told = told

    def write(self, piece: Any) -> int:
        written = super().write(piece)
        self._told(bytes(piece))
        return written


@pytest.fixture(scope="session")
def program() -> Path:
    """The installed command."""
    return PROGRAM


@pytest.fixture(scope="session")
def catalog() -> Callable[..., dict[str, Any]]:
    """A catalog from discovery in which only the named streams are selected."""
    found = TapExactOnline(config={"division": 1}).catalog_json_text
    return lambda *streams: select_streams(found, *streams)


@pytest.fixture(scope="session")
def key() -> str:
    """The key of all stores of the tests."""
    return generate_key()


@pytest.fixture(scope="module", autouse=True)
def _key(key: str) -> Iterator[None]:
    """Not for the session: the tests of others would find it, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONNECTOR_KEY", key)
        yield


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Default files (limits, tokens) lie in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def read(catalog: Callable[..., dict[str, Any]], tmp_path: Path) -> Callable[..., Run]:
    """Run the tap in this process."""

    def run(
        config: dict[str, Any],
        *streams: str,
        state: dict[str, Any] | None = None,
        select: dict[str, Any] | None = None,
        told: Callable[[bytes], None] = lambda _: None,
    ) -> Run:
        given = {"limits_url": f"sqlite:///{tmp_path}/limits.db"} | config
        tap = TapExactOnline(
            config=given,
            catalog=select or catalog(*(streams or [one.name for one in STREAMS])),
            state=json.loads(json.dumps(state)) if state else None,
        )
        output = Output(told)
        error = None
        with contextlib.redirect_stdout(io.TextIOWrapper(output, write_through=True)) as held:
            try:
                tap.sync_all()
                tap.check_unreadable()
            except Exception as raised:  # noqa: BLE001  # what it was is looked at
                error = raised
            finally:
                tap.site.close()
            held.detach()
        return Run(output.getvalue().decode().splitlines(), 1 if error else 0, error=error)

    return run


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Run the command line in this process: what a user types and sees."""

    def run(*given: str, **files: Any) -> Run:
        arguments = list(given)
        for name, value in files.items():
            path = tmp_path / f"{name}.json"
            path.write_text(value if isinstance(value, str) else json.dumps(value))
            arguments += [f"--{name}", str(path)]
        monkeypatch.setattr(gc, "freeze", lambda: None)  # of the tests' own process
        monkeypatch.setattr(gc, "set_threshold", lambda *_: None)
        done = CliRunner().invoke(TapExactOnline.cli, arguments)
        return Run(done.stdout.splitlines(), done.exit_code, done.stderr)

    return run


class Desk:
    """Writes to Exact over HTTP, as another program would."""

    def __init__(self, sandbox: SandboxHandle, division: int = DIVISION) -> None:
        self.sandbox, self.division = sandbox, division
        self.http = requests.Session()
        self.http.headers.update({"Accept": "application/json", "Prefer": "return=representation"})

    def _url(self, path: str) -> str:
        # A consent of its own would end that of the tap: the token is of another user.
        return f"{self.sandbox.url}/api/v1/{self.division}/{path}"

    def login(self) -> None:
        from commerce_sandbox.exact.credentials import SECOND_USER  # noqa: PLC0415

        pair = issue_tokens(self.sandbox.database, self.sandbox.now(), user=SECOND_USER)
        self.http.headers["Authorization"] = f"Bearer {pair.access_token}"

    def create(self, path: str, **body: Any) -> dict[str, Any]:
        self.login()
        response = self.http.post(self._url(path), json=body, timeout=30)
        assert response.status_code == 201, response.text
        created: dict[str, Any] = response.json()["d"]
        return created

    def delete(self, path: str, key: str) -> None:
        self.login()
        response = self.http.delete(self._url(f"{path}(guid'{key}')"), timeout=30)
        assert response.status_code == 204, response.text

    def id(self, resource: str, code: str) -> str:
        return guid(self.division, resource, code)

    def entry(self, amount: float = 100.1, **more: Any) -> dict[str, Any]:
        line = {"GLAccount": self.id("financial/GLAccounts", "8000"), "AmountFC": amount,
                "VATCode": "21"}  # fmt: skip
        body = {"Journal": "70", "Customer": self.id("crm/Accounts", "10"),
                "EntryDate": "2026-11-02", "YourRef": "000000201",
                "SalesEntryLines": [line]}  # fmt: skip
        return self.create("salesentry/SalesEntries", **(body | more))


def fill(sandbox: SandboxHandle) -> Desk:
    """Give the company something of everything."""
    desk = Desk(sandbox)
    desk.entry()
    desk.entry(-20.05, YourRef="000000202")
    desk.entry(10.25, Currency="USD", Rate=0.8765432, YourRef="000000203")
    doomed = desk.entry(1, YourRef="000000204")
    item = {"Item": desk.id("logistics/Items", "TEA-POT"), "Quantity": 2, "VATCode": "21"}
    customer = desk.id("crm/Accounts", "10")
    desk.create("salesorder/SalesOrders", OrderedBy=customer, OrderDate="2026-11-02",
                YourRef="000000205", SalesOrderLines=[item | {"NetPrice": 10.25}])  # fmt: skip
    desk.create("salesinvoice/SalesInvoices", Journal="70", OrderedBy=customer,
                OrderDate="2026-11-02", YourRef="000000206",
                SalesInvoiceLines=[item | {"AmountFC": 20.5}])  # fmt: skip
    lines = [{"GLAccount": desk.id("financial/GLAccounts", code), "AmountFC": amount,
              "Date": "2026-11-03"}
             for code, amount in (("1240", 12.34), ("4990", -12.34))]  # fmt: skip
    desk.create(
        "generaljournalentry/GeneralJournalEntries", JournalCode="90",
        GeneralJournalEntryLines=lines,
    )  # fmt: skip
    business = desk.id("crm/Accounts", "20001")
    desk.create("crm/Addresses", Account=business, Type=4, AddressLine1="Kade 1", City="Delft",
                Postcode="2611AA", Country="NL")  # fmt: skip
    desk.create("crm/Contacts", Account=business, FirstName="Ada", LastName="Jansen")
    desk.create("documents/Documents", Type=55, Subject="About tea", DocumentDate="2026-11-02")
    desk.delete("salesentry/SalesEntries", doomed["EntryID"])
    keeper = sandbox.bookkeeper()
    keeper.file_return("vat", 2026, 10)
    return desk


def freed(sandbox: SandboxHandle) -> SandboxHandle:
    """Take the limits away: they have tests of their own."""
    for name in ("minute_limit", "day_limit", "error_limit"):
        sandbox.set(f"exact.{name}", None)
    return sandbox


@pytest.fixture(scope="session")
def desk_of() -> type[Desk]:
    """What writes to a sandbox as another program would."""
    return Desk


@pytest.fixture(scope="session")
def fill_books() -> Callable[[SandboxHandle], Desk]:
    """What gives a company something of everything."""
    return fill


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    """One sandbox for all tests that only read."""
    sandbox = freed(SandboxHandle(tmp_path_factory.mktemp("filled") / "sandbox", "empty"))
    fill(sandbox)
    yield sandbox
    sandbox.stop()


@pytest.fixture(scope="session")
def login(
    filled: SandboxHandle, key: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Settings with a login in a store, which lasts for many runs."""
    folder = tmp_path_factory.mktemp("login")
    config = filled.exact_config()
    division = config.pop("division")
    store = open_store(str(folder / "store"), key, create=True)
    store.put("exact-online", config)
    limits = f"sqlite:///{folder}/limits.db"
    return {"credentials": store.label, "division": division, "limits_url": limits}


@pytest.fixture
def shared(filled: SandboxHandle) -> SandboxHandle:
    """That sandbox, ten minutes later: an older refresh token can be used again."""
    filled.advance(TEN_MINUTES)
    filled.clear_requests()
    return filled


@pytest.fixture
def company(sandbox_factory: Callable[..., SandboxHandle]) -> SandboxHandle:
    """A sandbox of the test's own, without limits; its books are empty."""
    return freed(sandbox_factory("empty"))
