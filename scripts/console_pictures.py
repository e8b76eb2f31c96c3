"""Make the pictures of the desk in a browser: the recorded shop, posted, compared and waiting.

Posts the recorded shop into the sandbox as `./demo` does, opens the desk on it and has Chromium
draw some of its pages.

    uv run scripts/console_pictures.py [--dir FOLDER] [--chromium PROGRAM]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from demo import (
    ROOT,
    SALES_ENTRIES,
    Job,
    busiest_month,
    close_month,
    console,
    prepare,
    run,
    running_sandbox,
    shop_documents,
)
from PIL import Image
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTH, HEIGHT = 1240, 960


def main() -> None:
    """Post, compare, open the desk, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pictures-") as name:
        home = Path(name)
        with running_sandbox(home) as sandbox:
            environment = prepare(sandbox, home)
            kinds = [shop_documents(sandbox, kind) for kind in ("invoice", "creditmemo")]
            job = Job("invoices-to-exact", SALES_ENTRIES, sum(map(len, kinds)))
            run(job, environment, sandbox, home)
            month = busiest_month(sandbox)
            close_month(month, environment, home)
            with console(environment, home, stdout=subprocess.PIPE) as desk:
                if desk.stdout is None:
                    parser.error("the desk told no address")
                draw(desk.stdout.readline().strip(), month, options.dir, options.chromium)


def draw(address: str, month: str, folder: Path, chromium: str) -> None:
    """Draw pages of the desk at an address, which works once."""
    folder.mkdir(exist_ok=True)
    site = address.partition("/?")[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB")
        page.goto(address)
        take(page, folder / "console-today.png")
        page.goto(f"{site}/documents?state=posted&month={month}")
        page.get_by_role("region", name="Table: documents").get_by_role("link").first.click()
        take(page, folder / "console-document.png")
        page.goto(f"{site}/waiting")
        take(page, folder / "console-waiting.png")
        browser.close()


def take(page: Page, path: Path) -> None:
    """Take a picture of what is in the window, with few colours: it lies in the repository."""
    page.screenshot(path=path)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(64)
    small.save(path, optimize=True)
    print(path)


if __name__ == "__main__":
    main()
