"""Who may speak to the console: forged hosts, origins, cookies, tokens, forms and paths."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from target_exact_online.cli import cli
from target_exact_online.console.guard import LARGEST_BODY, Session

from .conftest import own, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_exact_online.ledger.store import Ledger

    from .conftest import Running

KEY = "shop:nl:invoice:000000011"
ACTS = [
    ("/document/replay", {"key": own(KEY)}),
    ("/document/skip", {"key": own(KEY), "reason": "x"}),
    ("/document/read-again", {"key": own(KEY), "order": "5000000011"}),
    ("/waiting/decide", {"cause": "x", "way": "replay", "seen": "1", "decision": "replay"}),
    ("/month/sign", {"division": "123456", "year": "2026", "period": "10", "reason": "x"}),
    ("/month/approve", {"division": "123456", "year": "2026", "period": "10", "proposal": "x"}),
]


@pytest.fixture(scope="module")
def desk(full: Ledger) -> Iterator[Running]:
    with serving(full, allow_actions=True) as running:
        yield running


@pytest.fixture(scope="module")
def reader(full: Ledger) -> Iterator[Running]:
    with serving(full) as running:
        yield running


def test_the_token_works_once(full: Ledger) -> None:
    with serving(full) as running:  # which shows it once
        token = running.desk.session.token
        again = running.ask(f"/?token={token}", Cookie=None)
        assert again.status == 403
        assert "It works once" in again.text
        assert "Set-Cookie" not in again.headers
        assert running.ask(f"/?token={token}").headers["Location"] == "/"  # the cookie is there


def test_the_cookie_is_for_this_site_and_no_script(full: Ledger) -> None:
    session = Session(8000)
    assert session.take("x") is None
    assert session.take(session.token) is not None
    with serving(full) as running:
        fresh = Session(running.port)
        running.desk.session.token, running.desk.session._is_used = fresh.token, False
        answer = running.ask(f"/?token={fresh.token}", Cookie=None)
        told = str(answer.headers["Set-Cookie"])
        assert "HttpOnly" in told
        assert "SameSite=strict" in told
        assert fresh.token not in told
        assert answer.headers["Location"] == "/"


@pytest.mark.parametrize(
    "cookie", [None, "", "desk=1", "{name}=", "{name}=wrong", "{name}=é", ";;=;"]
)
def test_without_the_cookie_nothing_is_shown(desk: Running, cookie: str | None) -> None:
    given = cookie and cookie.format(name=desk.desk.session.cookie_name)
    for path in ("/", "/documents", "/style/console.css", "/nothing"):
        answer = desk.ask(path, Cookie=given)
        assert answer.status == 403
        assert "shop:nl" not in answer.text


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost",
        "localhost:1",
        "[::1]:{port}",
        "127.0.0.1:{port}.evil.example",
        "evil.example:{port}",
        "127.0.0.1:{port}, x",
        "",
        None,
    ],
)
def test_another_host_is_refused(desk: Running, host: str | None) -> None:
    given = host and host.format(port=desk.port)
    answer = desk.ask("/", Host=given)
    assert answer.status in (400, 421), answer.text  # 400: no HTTP at all
    assert "shop:nl" not in answer.text


def test_localhost_is_this_machine_too(desk: Running) -> None:
    assert desk.ask("/", Host=f"localhost:{desk.port}").status == 200


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1",
        "http://",
        "http://localhost:{port}",
        "http://127.0.0.1:{port}.evil.example",
        "",
        None,
    ],
)
def test_a_form_of_another_origin_is_refused(desk: Running, origin: str | None) -> None:
    before = len(desk.queries)
    given = origin and origin.format(port=desk.port)
    body = f"csrf={desk.desk.session.form_token}&key={own(KEY)}".encode()
    answer = desk.ask(
        "/document/replay", "POST", body, Origin=given,
        Content_Type="application/x-www-form-urlencoded",
    )  # fmt: skip
    assert answer.status == 403
    assert len(desk.queries) == before


def test_a_page_that_another_site_asks_for_is_refused(desk: Running) -> None:
    assert desk.ask("/", Origin="http://evil.example").status == 403
    assert desk.ask("/", Sec_Fetch_Site="cross-site").status == 403
    assert desk.ask("/", Sec_Fetch_Site="same-site").status == 403
    assert desk.ask("/", Sec_Fetch_Site="none").status == 200


@pytest.mark.parametrize("csrf", ["", "x", "0" * 64, "é"])
@pytest.mark.parametrize(
    ("path", "fields"), [*ACTS, ("/audit/verify", {}), ("/rules/simulate", {})]
)
def test_a_form_without_its_token_is_refused(
    desk: Running, path: str, fields: dict[str, str], csrf: str
) -> None:
    before = len(desk.queries)
    assert desk.send(path, csrf=csrf, **fields).status == 403
    assert len(desk.queries) == before


@pytest.mark.parametrize(("path", "fields"), ACTS)
def test_a_reader_decides_nothing(reader: Running, path: str, fields: dict[str, str]) -> None:
    before = len(reader.queries)
    answer = reader.send(path, **fields)
    assert answer.status == 400
    assert "This console only reads" in answer.text
    assert len(reader.queries) == before
    shown = reader.ask(f"/document?key={own(KEY)}").text + reader.ask("/waiting").text
    assert 'method="post"' not in shown


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/style/../../../etc/passwd",
        "/style/%2e%2e/app.py",
        "//evil.example/",
        "/style/console.css/..%2f..",
        "/templates/base.html.jinja",
        "/document/",
        "/.git/config",
        "/style/",
        "/documents/",
        "/%00",
        "/rules/explain/../../audit",
        "/\\evil",
    ],
)
def test_a_path_leads_nowhere_else(desk: Running, path: str) -> None:
    answer = desk.ask(path)
    assert answer.status == 404
    assert "Location" not in answer.headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_only_get_and_post(desk: Running, method: str) -> None:
    assert desk.ask("/", method).status in (400, 404, 405)


def test_a_page_is_not_posted_and_a_form_not_fetched(desk: Running) -> None:
    assert desk.send("/").status == 405
    assert desk.ask("/document/replay").status == 405


def test_every_answer_is_sealed(desk: Running) -> None:
    for answer in (
        desk.ask("/"),
        desk.ask("/nothing"),
        desk.ask("/", Host="evil.example"),
        desk.ask("/style/console.css"),
        desk.send("/document/replay", csrf="x"),
    ):
        policy = str(answer.headers["Content-Security-Policy"])
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"


def test_what_comes_in_is_bounded(desk: Running) -> None:
    assert desk.ask("/documents?number=" + "9" * 9_000).status == 414
    told = desk.ask("/audit/verify", "POST", None, Content_Length=str(LARGEST_BODY + 1))
    assert told.status == 413
    assert desk.ask("/audit/verify", "POST", None, Content_Length="x").status in (400, 413)
    form = "application/x-www-form-urlencoded"
    chunk = b"%x\r\nf=%s&\r\n" % (1 << 19, b"a" * ((1 << 19) - 3))
    untold = desk.ask(
        "/audit/verify", "POST", chunk * (LARGEST_BODY // (1 << 19) + 1) + b"0\r\n\r\n",
        Content_Length=None, Transfer_Encoding="chunked", Content_Type=form,
    )  # fmt: skip
    assert untold.status == 413
    many = "&".join(f"f{number}=1" for number in range(50)).encode()
    assert desk.ask("/audit/verify", "POST", many, Content_Type=form).status == 400
    assert desk.ask("/").status == 200  # it lives


def test_it_listens_on_this_machine_only(desk: Running) -> None:
    other = socket.gethostbyname(socket.gethostname())
    if other.startswith("127."):
        other = "127.0.0.2"
    with pytest.raises(OSError, match=r"refused|timed out"):
        socket.create_connection((other, desk.port), timeout=2)


def console(*arguments: str, ledger: str) -> str:
    """Start the command, which does not get far, and return its error."""
    result = CliRunner().invoke(
        cli,
        ["--config", "ENV", "console", *arguments],
        env={"TARGET_EXACT_ONLINE_LEDGER_URL": ledger},
    )
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_a_port_that_is_taken_is_said(desk: Running) -> None:
    url = str(desk.desk.ledger.engine.url)
    assert f"Port {desk.port} cannot be used" in console("--port", str(desk.port), ledger=url)


def test_no_ledger_is_made(tmp_path: Path) -> None:
    assert "There is no ledger at" in console(ledger=f"sqlite:///{tmp_path}/none.db")
    assert not list(tmp_path.iterdir())


def test_a_missing_extra_is_named(desk: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    missing = {"starlette", "python_multipart"}
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name in missing else found(name)
    )
    said = console(ledger=str(desk.desk.ledger.engine.url))
    assert "pip install 'target-exact-online[console]'" in said
    assert "(python_multipart, starlette)" in said


def test_without_the_mapper_the_rules_say_so(full: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "mapper_gl_rules" else found(name)
    )
    with serving(full, rules_file=Path("rules.yml")) as running:
        assert "mapper-gl-rules is not installed" in running.ask("/rules").text
        assert running.ask("/rules/coverage").status == 400


def test_rules_that_cannot_be_used_are_said(full: Ledger, tmp_path: Path) -> None:
    with serving(full) as running:
        assert "console --rules FILE" in running.ask("/rules").text
    broken = tmp_path / "rules.yml"
    with serving(full, rules_file=broken, documents_file=broken) as running:
        assert "cannot be read: No such file" in running.ask("/rules").text
        broken.write_text("rules: <script>")
        answer = running.ask("/rules")
        assert answer.status == 400
        assert "<script>" not in answer.text
        assert running.send("/rules/simulate", rules=" ").status == 400
