"""The option of every command that works in a sandbox's folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from commerce_sandbox import shop

if TYPE_CHECKING:
    from commerce_sandbox.context import SandboxContext

DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder of the sandbox's database; created if absent.",
)


def opened(data_dir: Path) -> SandboxContext:
    """Open the sandbox in a folder; it is closed when the command ends.

    Args:
        data_dir: Its folder; created if absent.
    """
    context = shop.open_context(data_dir)
    click.get_current_context().call_on_close(context.database.close)
    return context
