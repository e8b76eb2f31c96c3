"""Command line of the credential store. Secrets come from prompts, stdin or the environment."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from connector_credentials.checks import check_credential
from connector_credentials.exceptions import (
    CredentialNotFoundError,
    CredentialStoreError,
    InvalidNameError,
)
from connector_credentials.keys import (
    KEY_FILE_VARIABLE,
    KEY_VARIABLE,
    find_keys,
    generate_key,
    keyring_get,
    keyring_set,
    replace_key_file,
    write_key_file,
)
from connector_credentials.output import clean, clean_logs
from connector_credentials.store import create_store, open_store, store_exists, store_label

if TYPE_CHECKING:
    from collections.abc import Callable

STORE_VARIABLE = "CONNECTOR_CREDENTIALS"
DEFAULT_STORE = "connector.credentials"


class _Commands(click.Group):
    """Tells a user's mistake in one line, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CredentialStoreError as error:
            _fail(str(error))


def _fail(message: str) -> NoReturn:
    click.echo(f"ERROR: {clean(message)}", err=True)
    raise click.exceptions.Exit(1)


@click.group(cls=_Commands)
@click.option(
    "--store",
    envvar=STORE_VARIABLE,
    default=DEFAULT_STORE,
    show_default=True,
    show_envvar=True,
    help="File path, sqlite:///FILE or postgresql://... of the store.",
)
@click.version_option(package_name="connector-credentials")
@click.pass_context
def main(ctx: click.Context, store: str) -> None:
    """Encrypted store of connector credentials."""
    clean_logs()
    ctx.obj = store


@main.command("new-key")
def new_key() -> None:
    """Print a fresh key, for a secret manager or CONNECTOR_KEY."""
    click.echo(generate_key())


@main.command()
@click.option("--key-file", type=click.Path(path_type=Path), help="Write a new key to this file.")
@click.option("--keyring", is_flag=True, help="Put a new key into the system's keyring.")
@click.pass_obj
def init(url: str, key_file: Path | None, keyring: bool) -> None:  # noqa: FBT001  # click's way
    """Make a new store, with the key from the environment unless an option makes one."""
    if key_file and keyring:
        _fail("Choose one of --key-file and --keyring.")
    label = store_label(url)
    key: str | None = None
    hint = "Its key is the one you have set."
    if (key_file or keyring) and store_exists(url):
        _fail(f"There is a credential store at {label} already. Nothing was changed.")
    if key_file:
        key = generate_key()
        write_key_file(key_file, key)
        hint = f"Set {KEY_FILE_VARIABLE}={key_file} wherever the store is used."
    elif keyring:
        key = keyring_get(label) or generate_key()
        keyring_set(label, key)
        hint = "Its key is in this user's keyring."
    create_store(url, key)
    click.echo(
        f"The store {label} is ready. {hint} Keep a copy of the key: without it nobody can read "
        "the store."
    )


@main.command("set")
@click.argument("name")
@click.argument("fields", nargs=-1)
@click.option(
    "--env", multiple=True, metavar="FIELD=VARIABLE", help="Take a field from a variable."
)
@click.pass_obj
def set_(url: str, name: str, fields: tuple[str, ...], env: tuple[str, ...]) -> None:
    """Set FIELDS of the credential NAME; other fields stay.

    Asks for each field; without a terminal reads a JSON object with the fields from stdin.
    """
    if any("=" in field for field in fields):
        _fail("Values do not belong on the command line, where other users can see them.")
    store = open_store(url)
    given = _from_environment(env)
    given |= _ask(fields) if fields else {} if env else _from_stdin()
    with store.lock(name):
        try:
            value = store.get(name)
        except CredentialNotFoundError:
            value = {}
        store.put(name, value | given)
    click.echo(f"Set {', '.join(sorted(given))} of {name}.")


@main.command("list")
@click.pass_obj
def list_(url: str) -> None:
    """List the credentials and documents, without any value."""
    store = open_store(url)
    for info in store.credentials():
        fields = ", ".join(sorted(store.get(info.name)))
        click.echo(f"{info.name}  {info.updated_at:%Y-%m-%d %H:%M} UTC  {fields}")
    for info in store.blobs():
        click.echo(f"{info.name}  {info.updated_at:%Y-%m-%d %H:%M} UTC  {info.size} bytes")


@main.command()
@click.argument("name")
@click.pass_obj
def remove(url: str, name: str) -> None:
    """Remove the credential NAME."""
    store = open_store(url)
    with store.lock(name):
        store.delete(name)
    click.echo(f"Removed {name}.")


@main.command("rotate-key")
@click.option("--forget-old", is_flag=True, help="Keep only the newest key of the file or keyring.")
@click.pass_obj
def rotate_key(url: str, /, *, forget_old: bool) -> None:
    """Encrypt everything with a new key.

    With a key file or keyring the new key is made and put there, in front of the old one: a ledger
    may still be sealed with that. With CONNECTOR_KEY set it to NEW,OLD first (see new-key), and to
    NEW after the next run.
    """
    keys, save = _key_source(store_label(url))
    store = open_store(url, keys)
    newest = keys.partition(",")[0].strip()
    if forget_old:
        if save is None:
            _fail(f"Set {KEY_VARIABLE} to the new key alone; no file or keyring holds the old one.")
        store.rotate(newest)
        save(newest)
        click.echo("Only the newest key is left.")
        return
    if save is None:
        if "," not in keys:
            _fail(f"Set {KEY_VARIABLE} to NEW,OLD first; `new-key` prints a new one.")
        hint = f"After the next run of the target set {KEY_VARIABLE} to the new key alone."
    else:
        newest = generate_key()
        save(f"{newest},{keys}")  # both open the store, whenever this is interrupted
        hint = "After the next run of the target forget the old key with `rotate-key --forget-old`."
    count = store.rotate(newest)
    click.echo(f"Encrypted {count} entries with the new key. {hint}")


@main.command()
@click.argument("names", nargs=-1)
@click.pass_context
def doctor(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Try each credential (or only NAMES) against its system and say what is wrong."""
    store = open_store(ctx.obj)
    click.echo(f"ok       The store {store.label} opens with the key.")
    failed = False
    wanted = names or tuple(store.names())
    if not wanted:
        click.echo("warning  The store has no credentials yet.")
    for name in wanted:
        for finding in check_credential(store, name):
            failed = failed or finding.level == "error"
            click.echo(f"{finding.level:<8} {name}: {clean(finding.text)}")
    if failed:
        ctx.exit(1)


@main.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.pass_obj
def export(url: str, path: Path) -> None:
    """Copy everything to a new file PATH, encrypted with the same key."""
    keys, _ = _key_source(store_label(url))
    if path.exists():
        _fail(f"{path} is there already. Choose another path.")
    count = open_store(url, keys).copy_to(open_store(str(path), keys, create=True))
    click.echo(
        f"Exported {count} entries to {path}. Exact Online logins work in one place only: do not "
        "use the copy and the original side by side."
    )


@main.command("import")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def import_(url: str, path: Path) -> None:
    """Copy everything from an exported file PATH into the store, replacing equal names."""
    keys, _ = _key_source(store_label(url))
    count = open_store(str(path), keys).copy_to(open_store(url, keys))
    click.echo(f"Imported {count} entries. Do not use the store they came from any more.")


def _key_source(label: str) -> tuple[str, Callable[[str], None] | None]:
    """The keys in use, and a function that replaces them where they are kept, if it can."""
    keys, _ = find_keys(label)
    if os.environ.get(KEY_VARIABLE, "").strip():
        return keys, None
    if path := os.environ.get(KEY_FILE_VARIABLE, "").strip():
        return keys, lambda new: replace_key_file(Path(path), new)
    return keys, lambda new: keyring_set(label, new)


def _from_environment(assignments: tuple[str, ...]) -> dict[str, Any]:
    values = {}
    for assignment in assignments:
        field, _, variable = assignment.partition("=")
        if not os.environ.get(variable):
            msg = f"The environment variable {variable!r} for {field} is not set."
            raise InvalidNameError(msg)
        values[field] = os.environ[variable]
    return values


def _ask(fields: tuple[str, ...]) -> dict[str, Any]:
    if not sys.stdin.isatty():
        values = _from_stdin()
        if missing := [field for field in fields if field not in values]:
            msg = f"The JSON on stdin lacks {', '.join(missing)}."
            raise InvalidNameError(msg)
        return {field: values[field] for field in fields}
    return {field: click.prompt(field, hide_input=True) for field in fields}


def _from_stdin() -> dict[str, Any]:
    if sys.stdin.isatty():
        msg = "Name the fields to set, for example: set exact-online client_id client_secret"
        raise InvalidNameError(msg)
    try:
        values = json.load(sys.stdin)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        msg = 'Expected a JSON object on stdin, such as {"client_id": "..."}.'
        raise InvalidNameError(msg)
    return values
