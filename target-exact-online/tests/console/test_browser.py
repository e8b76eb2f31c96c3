"""The desk in a real Chromium: by role and label, by keyboard, without violations, at any width."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import axe_playwright_python
import pytest
from playwright.sync_api import expect, sync_playwright

from target_exact_online.desk import documents as desk_of

from .conftest import DIVISION, HOSTILE, keep_month, own

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from target_exact_online.ledger.store import Ledger

ROOT = Path(__file__).resolve().parents[3]
TARGET = Path(sys.executable).with_name("target-exact-online")
RECORDED = ROOT / "mappers" / "gl-rules" / "tests" / "data" / "recorded"
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
SHIP = "shop:nl:invoice:000000011"
MONTH = f"/month?division={DIVISION}&year=2026&period=10"
PAGES = ["/", "/documents?state=parked", "/waiting", "/rules", "/months", MONTH, "/audit", "/no"]
PAGES += [f"/document?key={own(key)}" for key in ("shop:nl:invoice:000000001", SHIP)]
PAGES += [f"/document?key={own(f'shop:nl:invoice:{HOSTILE}')}", "/rules/coverage"]
PAGES += ["/document?key=shop:nl:invoice:000000002", "/rules/explain?number=000000001"]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""
pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="NO BROWSER: install Chromium (apt-get install chromium) to test the desk"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield made
        made.close()


@pytest.fixture(scope="module")
def address(full: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address that the real command prints; its rules are tried with one order."""
    documents = tmp_path_factory.mktemp("shop") / "shop.json"
    kinds = ("orders", "invoices", "creditmemos")
    read = {kind: json.loads((RECORDED / f"{kind}.json").read_text()) for kind in kinds}
    documents.write_text(json.dumps(read))
    command = [TARGET, "--config", "ENV", "console", "--allow-actions"]
    command += ["--rules", ROOT / "examples" / "rules.yml", "--documents", documents]
    url = full.engine.url.render_as_string(hide_password=False)
    environment = {**os.environ, "TARGET_EXACT_ONLINE_LEDGER_URL": url}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def desk(browser: Browser, address: str) -> Iterator[Any]:
    """A window of the browser in which the token was shown."""
    context = browser.new_context(locale="en-GB", base_url=address.partition("/?")[0])
    page = context.new_page()
    page.goto(address)
    assert page.url.endswith(":" + address.rpartition(":")[2].partition("/")[0] + "/")
    yield context
    context.close()


@pytest.fixture
def page(desk: Any) -> Iterator[Page]:
    made = desk.new_page()
    wrong: list[str] = []
    made.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("dialog", lambda dialog: wrong.append(dialog.message) or dialog.dismiss())
    yield made
    made.close()
    assert [one for one in wrong if "status of 40" not in one] == []  # no policy was broken


@pytest.fixture(scope="module")
def spoken(browser: Browser, desk: Any, address: str) -> Iterator[dict[str, Any]]:
    """The same window, and one of a reader of Dutch, by language."""
    dutch = browser.new_context(
        locale="nl-NL", base_url=address.partition("/?")[0], storage_state=desk.storage_state()
    )
    yield {"en": desk.new_page(), "nl": dutch.new_page()}
    dutch.close()


def violations(page: Page) -> list[str]:
    """What axe-core finds, in one line each."""
    page.evaluate(AXE)
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['html'][:200]}" for one in found["violations"] for node in one["nodes"]
    ]


def test_from_the_start_page_to_a_decided_document(page: Page, full: Ledger) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")
    expect(page.get_by_role("img", name="Documents per booking day")).to_be_visible()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Documents").click()
    page.get_by_label("Number of order, document or entry").fill("000000012")
    page.get_by_label("State").select_option("parked")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="shop:nl:invoice:000000012").click()
    sides = page.get_by_role("region", name="Table: from the shop to Exact")
    expect(sides.get_by_role("cell", name="SHIP").first).to_be_visible()
    page.get_by_label("Reason for never posting it").fill("It is booked by hand.")
    page.get_by_role("button", name="Never post").click()
    expect(page.get_by_role("status")).to_have_text("shop:nl:invoice:000000012 is never posted.")
    row = desk_of.show(full, "shop:nl:invoice:000000012").row
    assert row.state == "skipped"
    page.get_by_role("link", name="Audit").click()
    acts = page.get_by_role("region", name="Table: who did what")
    expect(acts.get_by_role("row").nth(1)).to_contain_text("skipped")


def test_by_keyboard_alone_one_decision_for_all_of_a_cause(page: Page, full: Ledger) -> None:
    page.goto("/waiting")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    group = page.get_by_role("group", name="Decide about all of them").first
    for _ in range(10):
        page.keyboard.press("Tab")
        if group.get_by_label("The cause is gone").evaluate("one => one == document.activeElement"):
            break
    page.keyboard.press("Space")
    expect(group.get_by_label("The cause is gone")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(group.get_by_role("button", name="Decide")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text(
        re.compile(r"The next run tries \d\d documents\.")
    )
    assert desk_of.show(full, SHIP).row.state == "held"


def test_rules_are_explained_and_simulated(page: Page, tmp_path: Path) -> None:
    page.goto("/rules")
    page.get_by_label("Why is it booked so?").fill("000000001")
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Why 000000001 is booked so")
    expect(page.get_by_role("cell", name="8000").first).to_be_visible()
    changed = tmp_path / "changed.yml"
    text = (ROOT / "examples" / "rules.yml").read_text()
    changed.write_text(text.replace('gl: "8020"', 'gl: "8029"'))
    assert changed.read_text() != text
    page.goto("/rules")
    page.get_by_label("Choose a changed rules file").set_input_files(changed)
    page.get_by_role("button", name="Simulate").click()
    money = page.get_by_role("region", name="Table: in money")
    expect(money.get_by_role("row").filter(has_text="8029")).to_be_visible()
    assert violations(page) == []
    page.goto("/rules")
    page.get_by_label("Choose a changed rules file").set_input_files(
        {"name": "broken.yml", "mimeType": "text/yaml", "buffer": b"rules: ["}
    )
    page.get_by_role("button", name="Simulate").click()
    expect(page.get_by_role("alert")).to_contain_text("line 1")


def test_a_month_is_signed_and_the_trail_recomputed(page: Page, full: Ledger) -> None:
    keep_month(full)  # documents were decided since the last comparison
    page.goto("/months")
    page.get_by_role("link", name="2026-10").click()
    expect(page.get_by_role("heading", name="October 2026")).to_be_visible()
    page.get_by_label("Your words, for the audit trail").fill("Seen.")
    page.get_by_role("button", name="Sign off").click()
    expect(page.get_by_role("status")).to_have_text("2026-10 is signed off.")
    page.get_by_role("link", name="Audit").click()
    page.get_by_role("button", name="Recompute it").click()
    for _ in range(50):
        if page.get_by_text("The audit trail is whole").count():
            break
        page.get_by_role("link", name="Audit").click()
    expect(page.get_by_text("The audit trail is whole")).to_be_visible()


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("path", PAGES)
def test_pages_have_no_violations_and_fit_a_small_screen(
    spoken: dict[str, Page], path: str, language: str
) -> None:
    page = spoken[language]
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(path)
    assert page.locator("html").get_attribute("lang") == language
    assert violations(page) == []
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0
    if folder := os.environ.get("DESK_PICTURES"):  # to look at them
        name = re.sub(r"\W+", "-", path)[:40]
        page.screenshot(path=f"{folder}/{language}{name}-360.png", full_page=True)
        page.set_viewport_size({"width": 1200, "height": 800})
        page.screenshot(path=f"{folder}/{language}{name}.png", full_page=True)


def test_hostile_data_runs_nothing(page: Page) -> None:
    for path in ("/documents", "/waiting", f"/document?key={own(f'shop:nl:invoice:{HOSTILE}')}"):
        page.goto(path)
        assert "taken" not in page.title().partition("<script>")[0]
        assert page.locator("main script, main img").count() == 0
        expect(page.get_by_text("<script>").first).to_be_attached()


def test_another_site_neither_sees_nor_decides(browser: Browser, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)  # the token was used: this window has no cookie
    assert "It works once" in page.content()
    site = address.partition("/?")[0]
    page.goto("data:text/html,<p>another site")
    told = page.evaluate(
        "site => fetch(site + '/').then(answer => answer.text(), error => 'kept out')", site
    )
    assert told == "kept out"
    context.close()
