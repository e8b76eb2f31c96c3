"""Does each distribution install alone, from its wheel and from its source, in a clean environment?

Builds everything with uv, then for each distribution makes an environment with nothing in it,
installs the wheel (and one more with the sdist) with no extra, and runs its program. The others of
this project come from the built files, all else from the package index.

    uv run scripts/check_packages.py [--python 3.12] [NAME ...]
"""

from __future__ import annotations

import argparse
import email
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = {
    "connector-credentials": ("connector-credentials", "--help"),
    "connector-program": ("python", "-c", "import connector_program.database"),
    "adobe-commerce-client": ("python", "-c", "import adobe_commerce.client"),
    "exact-online-client": ("exact-online", "--help"),
    "tap-adobe-commerce": ("tap-adobe-commerce", "--schema", "invoices"),
    "tap-exact-online": ("tap-exact-online", "--schema", "transaction_lines"),
    "mapper-gl-rules": ("mapper-gl-rules", "--schema", "sales_entries"),
    "target-exact-online": ("target-exact-online", "--schema", "sales_entries"),
    "target-adobe-commerce": ("target-adobe-commerce", "--schema", "accounts"),
    "commerce-sandbox": ("commerce-sandbox", "--help"),
}
# What only an extra may bring: heavy, or of no use to most.
OPTIONAL = (
    "psycopg",
    "keyring",
    "fpdf",
    "pyxaf",
    "opentelemetry",
    "pytest",
    "starlette",
    "python_multipart",
)
NEEDED = {"commerce-sandbox": ("starlette", "python_multipart")}  # by the distribution itself
_FIND = "import sys, importlib.util as u; print(*[n for n in sys.argv[1:] if u.find_spec(n)])"


def main() -> int:
    """Build, install and try each distribution."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *PROGRAMS], metavar="NAME")
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    uv = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        dist = Path(folder) / "dist"
        _run(uv, "build", "--all-packages", "--out-dir", str(dist), str(ROOT))
        for name in options.names or PROGRAMS:
            stem = name.replace("-", "_")
            for built in (*dist.glob(f"{stem}-*.whl"), *dist.glob(f"{stem}-*.tar.gz")):
                found = [*_contents(built), *_installed(uv, built, name, options.python, dist)]
                print(f"{'FAIL' if found else 'ok'}  {built.name}")
                wrong += [f"{built.name}: {one}" for one in found]
    for one in wrong:
        print(one, file=sys.stderr)
    return 1 if wrong else 0


def _contents(built: Path) -> list[str]:
    """Tell what is missing in a file: licence, types, who and where."""
    if built.suffix == ".whl":
        with zipfile.ZipFile(built) as wheel:
            names = wheel.namelist()
            about = next(one for one in names if one.endswith(".dist-info/METADATA"))
            text = wheel.read(about).decode()
    else:
        with tarfile.open(built) as sdist:
            names = sdist.getnames()
            about = next(one for one in names if one.endswith("/PKG-INFO"))
            read = sdist.extractfile(about)
            text = read.read().decode() if read else ""
    fields = email.message_from_string(text)
    wanted = (
        "Author",
        "License-Expression",
        "Project-URL",
        "Requires-Python",
        "Classifier",
        "Summary",
    )
    wrong = [f"no {field}" for field in wanted if not fields.get_all(field)]
    wrong += [
        f"no {end}"
        for end in ("LICENSE", "py.typed")
        if not any(one.endswith(end) for one in names)
    ]
    readme = str(fields.get_payload())
    wrong += ["a link that only the repository has"] if "](../" in readme else []
    return wrong


def _installed(uv: str, built: Path, name: str, python: str, dist: Path) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "env"
        _run(uv, "venv", "--quiet", "--python", python, str(environment))
        place = str(environment / "bin" / "python")
        _run(uv, "pip", "install", "--quiet", "--system-certs", "--python", place,
             "--find-links", str(dist), str(built))  # fmt: skip
        program, *arguments = PROGRAMS[name]
        done = subprocess.run(  # noqa: S603  # the program that was just installed
            [environment / "bin" / program, *arguments],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        wrong = (
            [f"{program} ended with {done.returncode}: {done.stderr[-500:]}"]
            if done.returncode
            else []
        )
        there = subprocess.run(  # noqa: S603  # the interpreter that was just made
            [place, "-c", _FIND, *(one for one in OPTIONAL if one not in NEEDED.get(name, ()))],
            capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        return wrong + [f"brings {one}, which is an extra" for one in there]


def _run(*command: str) -> None:
    done = subprocess.run(  # noqa: S603  # our own commands
        command, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
