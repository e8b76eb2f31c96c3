"""Make the pictures of the accountant's guide: a month with differences, as its report shows it.

Posts the recorded shop into the sandbox, lets a bookkeeper change things in Exact, compares the
month through its Meltano job, and has Chromium draw the page.

    uv run scripts/month_end_pictures.py [--dir FOLDER] [--chromium PROGRAM]
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo import (
    ROOT,
    SALES_ENTRIES,
    Job,
    busiest_month,
    close_month,
    prepare,
    run,
    running_sandbox,
    shop_documents,
)
from PIL import Image, ImageChops

if TYPE_CHECKING:
    from commerce_sandbox.testing import SandboxHandle

WIDTH, HEIGHT, EDGE = 1000, 6000, 16
#: Name of a picture, and what of the page is on it.
PICTURES = {
    "bridge": "header, section[aria-labelledby=bridges]",
    "differences": "section[aria-labelledby=differences]",
    "statements": "section[aria-labelledby=statements]",
}


def main() -> None:
    """Make the report and its pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--chromium", default="chromium")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pictures-") as name:
        home = Path(name)
        with running_sandbox(home) as sandbox:
            environment = prepare(sandbox, home)
            kinds = [shop_documents(sandbox, kind) for kind in ("invoice", "creditmemo")]
            job = Job("invoices-to-exact", SALES_ENTRIES, sum(map(len, kinds)))
            run(job, environment, sandbox, home)
            month = busiest_month(sandbox)
            close_month(month, environment, home)  # the mirror knows what is there
            change(sandbox, month)
            report = close_month(month, environment, home)
        options.dir.mkdir(exist_ok=True)
        for picture, shown in PICTURES.items():
            path = options.dir / f"month-end-{picture}.png"
            draw(Path(report["html"]), shown, path, options.chromium)
            print(path)


def change(sandbox: SandboxHandle, month: str) -> None:
    """Do what happens to books: something is deleted, edited, typed again and typed by hand."""
    entries: list[dict[str, Any]] = [
        entry
        for entry in sandbox.exact(SALES_ENTRIES)
        if f"{entry['ReportingYear']}-{entry['ReportingPeriod']:02}" == month
        and entry["Currency"].strip() == "EUR"
        and entry["AmountFC"] > 0
    ]
    person = sandbox.bookkeeper("Bea")
    deleted, typed, moved, *_ = (entry["EntryID"] for entry in entries)
    person.delete(deleted)
    person.type_entry(like=typed)
    person.edit(moved, {1: {"gl_account": "8070"}})
    lines = [{"gl_account": "8000", "amount": -50}, {"gl_account": "1990", "amount": 50}]
    person.type_entry(lines, date=f"{month}-15")


def draw(page: Path, shown: str, path: Path, chromium: str) -> None:
    """Let Chromium draw a part of a page, and cut the empty rest away."""
    part = page.with_suffix(".part.html")
    hidden = f"main > :not({shown}) {{ display: none }} h2 {{ margin-top: 0 }}"
    part.write_text(page.read_text().replace("</style>", f"{hidden}</style>"))
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={path}", part.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603
    with Image.open(path) as picture:
        full = picture.convert("RGB")
    box = ImageChops.difference(full, Image.new("RGB", full.size, "white")).getbbox()
    bottom = min(box[3] + EDGE, HEIGHT) if box else HEIGHT
    full.crop((0, 0, WIDTH, bottom)).quantize(64).save(path, optimize=True)


if __name__ == "__main__":
    main()
