"""The commands ``webhooks``: receive signals, have Exact send them, and look at what they say."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import click

from connector_credentials import clean
from exact_online.client import division_of, open_client
from exact_online.errors import ConfigError, ExactError
from target_exact_online.desk.commands import open_ledger
from target_exact_online.settings import with_defaults
from target_exact_online.webhooks import comparing, consuming, queue
from target_exact_online.webhooks import subscriptions as exact
from target_exact_online.webhooks.signals import TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exact_online.client import ExactClient
    from target_exact_online.ledger.store import Ledger

EXIT_DIFFERENCES = 3
LOOK_EVERY_SECONDS = 10.0
LOOK_AGAIN_SECONDS = 60.0
"""After a look that could not be had: Exact is away, or calls are spent."""
_LOGGER = logging.getLogger("target-exact-online")
_divisions = click.option(
    "--division", "divisions", type=int, multiple=True, help="Company; default: the setting's."
)
_topics = click.option("--topic", "topics", multiple=True, help="Exact's name; may be repeated.")


@click.group("webhooks")
def webhooks() -> None:
    """Receive signals of both systems, and look at once at what they are about."""


@webhooks.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8475, show_default=True, help="Port; 0: any free one.")
@click.option("--no-check", is_flag=True, help="Only receive: another process runs the checks.")
@click.pass_obj
def serve(obj: Any, /, *, host: str, port: int, no_check: bool) -> None:
    """Receive signals until SIGTERM; TLS ends at a proxy of yours in front of it."""
    try:
        from target_exact_online.webhooks import app, serving  # noqa: PLC0415  # an extra
    except ImportError:
        msg = "webhooks serve needs the extra: install target-exact-online[webhooks]."
        raise ConfigError(msg) from None
    from target_exact_online.webhooks import schemes  # noqa: PLC0415  # only here

    config = with_defaults(obj.config)
    found = schemes.of_settings(config)
    ledger = open_ledger(obj)
    listener = serving.listen(host, port)
    where = "[{}]:{}" if ":" in host else "{}:{}"
    url = "http://" + where.format(host, listener.getsockname()[1])
    receiver = app.build(found, app.Intake(ledger.engine))
    ended = threading.Event()
    checks = threading.Thread(target=_keep_checking, args=(config, ledger, ended), daemon=True)

    def ready() -> None:
        click.echo(f"Listening at {url}: {', '.join(app.paths(found))}")
        if not no_check:
            checks.start()

    serving.serve(receiver, listener, ready)
    ended.set()
    if checks.is_alive():
        checks.join(timeout=5)


def _keep_checking(config: dict[str, Any], ledger: Ledger, ended: threading.Event) -> None:
    """Look at what came in, again and again; nothing that goes wrong ends the receiver."""
    pause, told = LOOK_EVERY_SECONDS, ""
    while not ended.wait(pause):
        try:
            consuming.make_stale(ledger.engine)
            comparing.look(config | {"max_wait_seconds": 0}, ledger)
            queue.forget_old(ledger.engine)
            pause, problem = LOOK_EVERY_SECONDS, ""
        except ExactError as error:
            pause, problem = LOOK_AGAIN_SECONDS, str(error)
        except Exception as error:  # noqa: BLE001  # the database may be away; receiving goes on
            pause, problem = LOOK_AGAIN_SECONDS, type(error).__name__
        if problem and problem != told:
            _LOGGER.warning("Signals wait: %s", problem)
        told = problem


@webhooks.command("check")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def check(obj: Any, /, *, as_json: bool) -> None:
    """Look now at what was signalled, and again at what differed; exit code 3: something does."""
    ledger = open_ledger(obj)
    stale = consuming.make_stale(ledger.engine)
    told = comparing.look(with_defaults(obj.config), ledger, at_once=True, again=True)
    queue.forget_old(ledger.engine)
    if as_json:
        found = {
            "agree": told.agree,
            "differ": told.differ,
            "unsure": told.unsure,
            "stale": [{"division": division, "kind": kind} for division, kind in stale],
        }
        click.echo(json.dumps(found))
    else:
        for division, kind in stale:
            click.echo(f"{kind} of division {division} are read again by the next run")
        for key in told.unsure:
            click.echo(clean(f"{key}: Exact does not show it; it is looked for again"))
        for key, words in told.differ.items():
            click.echo(clean(f"{key}: {words}"))
        click.echo(f"{len(told.agree)} agree, {len(told.differ)} differ", err=True)
    if told.differ:
        raise click.exceptions.Exit(EXIT_DIFFERENCES)


@webhooks.command("subscribe")
@click.option("--url", required=True, metavar="https://HOST/exact", help="Where Exact sends to.")
@_divisions
@_topics
@click.option("--replace", is_flag=True, help="Also where another address has the topic.")
@click.pass_obj
def subscribe(
    obj: Any,
    /,
    *,
    url: str,
    divisions: tuple[int, ...],
    topics: tuple[str, ...],
    replace: bool,
) -> None:
    """Have Exact send signals; `webhooks serve` must be up, for Exact tries the address."""
    exact.check_url(url)
    with _client(obj) as client:
        for division in divisions or (client.division,):
            for topic in topics or TOPICS:
                done = exact.subscribe(client, division, topic, url, replace=replace)
                click.echo(clean(f"{division} {topic}: {done}"))


@webhooks.command("list")
@_divisions
@click.option("--orders", is_flag=True, help="Orders of the shop that the next run is to read.")
@click.option("--waiting", is_flag=True, help="Signals that nobody has looked at.")
@click.option("--json", "as_json", is_flag=True, help="JSON, for programs.")
@click.pass_obj
def list_subscriptions(
    obj: Any, /, *, divisions: tuple[int, ...], orders: bool, waiting: bool, as_json: bool
) -> None:
    """List Exact's subscriptions, or with an option what was signalled (no call is made)."""
    if orders:
        ids = queue.take_orders(open_ledger(obj).engine)
        click.echo(
            json.dumps(ids) if as_json else "\n".join(map(str, ids)), nl=bool(ids or as_json)
        )
        return
    if waiting:
        _print_waiting(open_ledger(obj), as_json=as_json)
        return
    with _client(obj) as client:
        for division in divisions or (client.division,):
            for one in exact.subscriptions(client, division):
                row = {"division": division, "topic": one.topic, "url": one.url, "id": one.id}
                told = f"{division} {one.topic}: {one.url}"
                click.echo(json.dumps(row) if as_json else clean(told))


def _print_waiting(ledger: Ledger, *, as_json: bool) -> None:
    for one in queue.waiting(ledger.engine):
        row = {
            **{name: getattr(one, name) for name in ("source", "division", "topic", "key")},
            "action": one.action,
            "order_id": one.order_id,
            "times": one.times,
            "first_at": one.first_at.isoformat(),
        }
        told = f"{one.first_at:%Y-%m-%d %H:%M:%S} {one.source} {one.division} {one.topic} {one.key}"
        click.echo(json.dumps(row) if as_json else clean(told))


@webhooks.command("remove")
@_divisions
@_topics
@click.option("--all", "everything", is_flag=True, help="All topics.")
@click.pass_obj
def remove(
    obj: Any, /, *, divisions: tuple[int, ...], topics: tuple[str, ...], everything: bool
) -> None:
    """Have Exact send no more signals of some topics."""
    if not topics and not everything:
        msg = "Name topics by --topic, or take --all."
        raise click.UsageError(msg)
    with _client(obj) as client:
        for division in divisions or (client.division,):
            for one in exact.remove(client, division, frozenset(topics)):
                click.echo(clean(f"{division} {one.topic}: removed"))


@contextlib.contextmanager
def _client(obj: Any) -> Iterator[ExactClient]:
    config = with_defaults(obj.config)
    division_of(config)
    ledger = open_ledger(obj)
    client = open_client(config, ledger.engine, program="target-exact-online")
    with contextlib.closing(client):
        yield client
