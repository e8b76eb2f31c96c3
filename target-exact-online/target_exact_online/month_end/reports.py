"""The files of a comparison: JSON, a page and a spreadsheet, each whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from connector_credentials import whole_file
from exact_online.errors import ConfigError
from target_exact_online.month_end.model import write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from target_exact_online.month_end.model import Result

NAMES = ("json", "html", "xlsx")


@dataclass(frozen=True, slots=True)
class Files:
    """Where a comparison is written to; what is None is not written."""

    json: Path | None = None
    html: Path | None = None
    xlsx: Path | None = None

    @classmethod
    def of(cls, options: Mapping[str, str | None]) -> Files:
        """Return the files that options ``json_file``, ``html_file`` and ``xlsx_file`` name.

        Args:
            options: Options or settings.

        Raises:
            ConfigError: One of them cannot be written: said before the comparison, not after it.
        """
        named = {name: options.get(f"{name}_file") for name in NAMES}
        files = cls(**{name: Path(path) for name, path in named.items() if path})
        for name in NAMES:
            path = getattr(files, name)
            if path is not None and (path.is_dir() or not os.access(path.parent, os.W_OK)):
                raise _unwritable(path, "it is a folder, or its folder is missing or not yours")
        if files.html or files.xlsx:
            _writers()
        return files

    def write(self, result: Result) -> None:
        """Write a comparison.

        Args:
            result: The comparison.

        Raises:
            ConfigError: A file cannot be written.
        """
        writers = {"json": write_json} | (_writers() if self.html or self.xlsx else {})
        for name in NAMES:
            if (path := getattr(self, name)) is not None:
                with _whole(path) as file:
                    writers[name](result, file)


def _writers() -> dict[str, Callable[[Result, IO[bytes]], None]]:
    try:
        from target_exact_online.month_end import report_html, report_xlsx  # noqa: PLC0415
    except ImportError as error:
        msg = (
            "Pages and spreadsheets need the extra month-end: "
            "pip install 'target-exact-online[month-end]'."
        )
        raise ConfigError(msg) from error
    return {"html": report_html.write, "xlsx": report_xlsx.write}


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """Write a file for its owner alone, beside its place and then moved there."""
    try:
        with whole_file(path) as file:
            yield file
    except OSError as failure:
        raise _unwritable(path, str(failure.strerror)) from failure


def _unwritable(path: Path, why: str) -> ConfigError:
    return ConfigError(f"The report cannot be written to {path}: {why}. Name another file.")
