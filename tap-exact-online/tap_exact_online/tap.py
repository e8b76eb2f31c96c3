"""The tap: settings, streams, and a command line that answers mistakes in one line."""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Self

import click
from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import SingerCommand, _ConfigInput

from connector_credentials import clean, clean_logs, record_failure
from exact_online.errors import (
    ConfigError,
    ExactError,
    FatalError,
    NotPermittedError,
    RequestRefusedError,
)
from tap_exact_online import inputs, schemas
from tap_exact_online.exceptions import TargetGoneError, UnreadableStreamsError
from tap_exact_online.settings import CONFIG
from tap_exact_online.site import Site
from tap_exact_online.streams import STREAMS
from tap_exact_online.writing import PieceWriter

if TYPE_CHECKING:
    from types import FrameType

    from singer_sdk import Stream

SIGNAL_BASE = 128
"""What a shell reports for a process ended by SIGTERM is this and 15."""
OBJECTS_PER_COLLECTION = 500_000
"""New objects after which Python looks for cycles; a page has about 80,000."""


class Command(SingerCommand):
    """The command line; a user's mistake ends in one line on stderr and exit code 1."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and say what went wrong."""
        clean_logs()
        try:
            return super().main(*args, **kwargs)
        except ExactError as error:
            _fail(error, str(error))
        except ConfigValidationError as error:
            _fail(error, _config_text(error))


def _is_for_a_person(error: Exception) -> bool:
    """Whether somebody has to change something first; otherwise another run can help."""
    if isinstance(error, TargetGoneError):
        return False
    return isinstance(error, (FatalError, ConfigValidationError))


def _fail(error: Exception, text: str) -> None:
    click.echo(f"ERROR: {clean(text)}", err=True)
    record_failure(TapExactOnline.name, text, stopped=_is_for_a_person(error))
    sys.exit(1)


def _config_text(error: ConfigValidationError) -> str:
    texts = "; ".join(_without_secret(text) for text in error.errors)
    return f"The settings are wrong: {texts}. See --about for their meaning."


def _without_secret(text: str) -> str:
    """The validator quotes the value it refuses, which must not be shown for a secret."""
    for name, part in CONFIG["properties"].items():
        if part.get("secret") and f"config['{name}']" in text:
            return f"{name} must be text"
    return text


def _print_schema(ctx: click.Context, param: click.Option, value: str | None) -> None:
    del param
    if value is not None:
        click.echo(json.dumps(schemas.load(value), indent=2))
        ctx.exit()


_SCHEMA = click.Option(
    ["--schema"],
    type=click.Choice([str(vars(stream)["name"]) for stream in STREAMS]),
    callback=_print_schema,
    expose_value=False,
    is_eager=True,
    help="Print the JSON Schema of a stream.",
)


class TapExactOnline(Tap):
    """Master data, documents, ledger and open items of Exact Online, by what changed."""

    name = "tap-exact-online"
    config_jsonschema: ClassVar[dict[str, Any]] = CONFIG
    message_writer_class = PieceWriter
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    site: Site
    """Exact, as the streams of this run share it."""

    def discover_streams(self) -> list[Stream]:
        """All streams; the schemas are known without asking Exact."""
        self.site = Site(self.config)
        return [stream(self, self.site) for stream in STREAMS]

    @property
    def streams(self) -> dict[str, Stream]:
        """The streams by name, in the order in which they are read."""
        rank: dict[type[Stream], int] = {stream: number for number, stream in enumerate(STREAMS)}
        return dict(sorted(super().streams.items(), key=lambda item: rank[type(item[1])]))

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop at once and say so by the exit code; the last STATE written is true."""
        del frame
        sys.exit(SIGNAL_BASE + signum)

    def load_state(self, state: dict[str, Any]) -> None:
        """Take STATE over, if it has the form of one."""
        super().load_state(inputs.checked_state(state))

    def check_unreadable(self) -> None:
        """Raise when streams could not be read and that is an error: by the settings, or all.

        Raises:
            UnreadableStreamsError: There are some.
        """
        names = ", ".join(self.site.unreadable)
        if names and not self.site.has_read:
            msg = f"Nothing was read: {names} cannot be; the lines above say why."
            raise UnreadableStreamsError(msg)
        if names and (self.site.settings.fails or self.site.is_refused):
            msg = (
                f"{names} could not be read; the lines above say why. All else was read (setting "
                "unreadable; what Exact does not understand is an error in any case: deselect "
                "the field that it names)."
            )
            raise UnreadableStreamsError(msg)

    @classmethod
    def invoke(  # type: ignore[override]  # the SDK hands over text files
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: BinaryIO | None = None,
        catalog: BinaryIO | None = None,
    ) -> None:
        """Run the tap.

        Args:
            about: Only describe it.
            about_format: How to describe it.
            config: Its settings.
            state: File with STATE.
            catalog: File with the catalog.
        """
        if about:
            cls.print_about(about_format)
            return
        # Records are trees: looking for cycles among them took a tenth of the run.
        gc.freeze()
        gc.set_threshold(OBJECTS_PER_COLLECTION)
        cls.print_version(print_fn=cls.logger.info)
        tap = cls._with(
            config or _ConfigInput(), inputs.read_state(state), inputs.read_catalog(catalog)
        )
        try:
            tap.sync_all()
            tap.check_unreadable()
        except BrokenPipeError as error:
            # Python would complain again when it flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            msg = "The target stopped reading. Its own last message says why."
            raise TargetGoneError(msg) from error
        finally:
            tap.site.close()

    @classmethod
    def _with(
        cls, config: _ConfigInput, state: dict[str, Any] | None = None, catalog: Any = None
    ) -> Self:
        try:
            tap = cls(
                config=config.config,
                parse_env_config=config.parse_env,
                state=state,
                catalog=catalog,
            )
        except ConfigValidationError as error:
            raise ConfigError(_config_text(error)) from error
        except ValueError as error:  # the SDK's own parsing of the environment
            msg = f"A setting in the environment is wrong: {error}."
            raise ConfigError(msg) from error
        tap.streams  # noqa: B018  # made here, so that the site is there
        return tap

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: Any) -> _ConfigInput:
        """Read the files of ``--config``."""
        del ctx, param
        return _ConfigInput(*inputs.read_settings(value))

    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Try each stream; one line says what came of it."""
        if value != "all":
            super().cb_test(ctx, param, value)
            return
        tap = cls._with(ctx.params.get("config") or _ConfigInput())
        failed = False
        try:
            for division in tap.site.settings.divisions:
                for name, stream in tap.streams.items():
                    level, text = "ok", ""
                    try:
                        text = stream.try_one(division)  # type: ignore[attr-defined]  # an ExactStream
                    except (NotPermittedError, RequestRefusedError) as error:
                        failed, level, text = True, "error", str(error)
                    click.echo(f"{level:<6} {division} {name:<24} {clean(text)}")
        finally:
            tap.site.close()
        ctx.exit(1 if failed else 0)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The SDK's command line with ``--schema`` and errors in one line."""
        command = super().get_singer_command()
        for option in command.params:
            if option.name in {"state", "catalog"}:
                option.type = click.File("rb")
        return Command(
            name=command.name,
            callback=command.callback,
            context_settings=command.context_settings,
            help=command.help,
            params=[*command.params, _SCHEMA],
            logger=cls.logger,
        )


if __name__ == "__main__":
    TapExactOnline.cli()
