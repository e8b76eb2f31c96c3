"""`target-exact-online console`: the desk in a browser on this machine."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exact_online.errors import ConfigError
from target_exact_online.desk.commands import open_ledger
from target_exact_online.settings import with_defaults

if TYPE_CHECKING:
    from target_exact_online.console.rules import RulesDesk

_FILE = click.Path(dir_okay=False, path_type=Path)
_NEEDED = ("jinja2", "python_multipart", "starlette", "uvicorn")


@click.command("console")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    show_default=True,
    help="Port on this machine; 0: a free one.",
)
@click.option("--allow-actions", is_flag=True, help="Let it decide; else it only reads.")
@click.option("--with-names", is_flag=True, help="Name people: customers, and who did something.")
@click.option("--rules", "rules_file", type=_FILE, help="The mapper's rules file (YAML).")
@click.option(
    "--documents",
    "documents_file",
    type=_FILE,
    help="Documents of the shop, as the tap writes them: to try rules with.",
)
@click.option(
    "--read-again",
    metavar="COMMAND",
    help="What reads orders again: it gets their numbers in TAP_ADOBE_COMMERCE_ORDER_IDS.",
)
@click.pass_obj
def console(obj: Any, /, *, port: int, **options: Any) -> None:
    """Open the desk in a browser on this machine, in Dutch or English."""
    if missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
        msg = (
            f"The console needs its extra ({', '.join(missing)}): "
            "pip install 'target-exact-online[console]'."
        )
        raise ConfigError(msg)
    # Not before they are asked for: no run has to wait for them.
    from target_exact_online.console.app import application  # noqa: PLC0415
    from target_exact_online.console.desk import Desk, Options  # noqa: PLC0415
    from target_exact_online.console.guard import Session  # noqa: PLC0415
    from target_exact_online.console.serving import listening, server_of  # noqa: PLC0415

    ledger, started = open_ledger(obj), Options(**options)
    with listening(port) as listener:
        session = Session(listener.getsockname()[1])
        rules = _rules(started.rules_file, started.documents_file)
        desk = Desk(ledger, with_defaults(obj.config), started, session, rules)
        click.echo(session.address)
        click.echo("Open this address in a browser. It works once; Ctrl-C ends the desk.", err=True)
        with contextlib.suppress(KeyboardInterrupt):
            server_of(application(desk)).run(sockets=[listener])


def _rules(rules_file: Path | None, documents_file: Path | None) -> RulesDesk | None:
    """Return the rules' desk, or None where the mapper is not installed."""
    if importlib.util.find_spec("mapper_gl_rules") is None:
        return None
    from target_exact_online.console.rules import RulesDesk  # noqa: PLC0415

    return RulesDesk(rules_file, documents_file)
