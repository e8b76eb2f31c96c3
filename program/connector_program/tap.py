"""A tap whose command line answers mistakes in one line, and tells how it ended by exit code."""

from __future__ import annotations

import abc
import contextlib
import gc
import os
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Self, cast

import click
from singer_sdk import Tap
from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import SingerCommand, _ConfigInput
from singer_sdk.singerlib import RecordMessage

from connector_credentials import SettingsError, clean, clean_logs, read_settings, record_failure
from connector_program.command import schema_option, without_secrets
from connector_program.inputs import read_catalog, read_object

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from singer_sdk import Stream
    from singer_sdk.singerlib import Message

#: What a shell reports for a process ended by SIGTERM is 128 + 15.
SIGNAL_BASE = 128
#: New objects after which Python looks for cycles; a page has about 100,000.
OBJECTS_PER_COLLECTION = 500_000
#: Bytes of records that are written at once; a page of large orders is several times that.
PIECE = 256 * 1024


class PieceWriter(MsgSpecWriter):
    """Gathers records; everything else is written at once, with all that came before it."""

    def __init__(self) -> None:
        """Begin with nothing gathered."""
        super().__init__()
        self._gathered = bytearray()
        self.counts = Counter[str]()  # records, by stream

    def write_message(self, message: Message) -> None:
        """Write a message, or gather it: the next process need not wake for every record."""
        self._gathered += self.format_message(message)
        if isinstance(message, RecordMessage):
            self.counts[message.stream] += 1
        if len(self._gathered) >= PIECE or not isinstance(message, RecordMessage):
            self.flush()

    def flush(self) -> None:
        """Hand everything gathered to the next process."""
        gathered, self._gathered = self._gathered, bytearray()
        sys.stdout.buffer.write(gathered)
        sys.stdout.flush()


@dataclass(frozen=True, kw_only=True)
class TapErrors:
    """The exception tree of a tap.

    Attributes:
        base: Every error that it raises on purpose.
        fatal: Those that stay until somebody has changed something ...
        passing: ... but for these.
        config: A setting, STATE or catalog is wrong.
        target_gone: Nobody reads the output any more.
    """

    base: type[Exception]
    fatal: type[Exception]
    passing: tuple[type[Exception], ...]
    config: type[Exception]
    target_gone: type[Exception]


class Command(SingerCommand):
    """The command line; a user's mistake ends in one line on stderr and exit code 1."""

    def __init__(self, tap: type[ConnectorTap], command: click.Command) -> None:
        """Take over the SDK's command line of a tap."""
        super().__init__(
            name=command.name,
            callback=command.callback,
            context_settings=command.context_settings,
            help=command.help,
            params=command.params,
            logger=tap.logger,
        )
        self.tap = tap

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and say what went wrong."""
        clean_logs()
        try:
            return super().main(*args, **kwargs)
        except (self.tap.errors.base, ConfigValidationError) as error:
            text = self.tap.said(error)
            click.echo(f"ERROR: {clean(text)}", err=True)
            stopped = self.tap.is_for_a_person(error)
            record_failure(self.tap.name, text, stopped=stopped)
            sys.exit(1)


class ConnectorTap(Tap):
    """A tap of this project: what it has beside settings and streams."""

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
    errors: ClassVar[TapErrors]
    stream_types: ClassVar[Sequence[type[Stream]]]
    """In the order in which they are read."""

    @staticmethod
    @abc.abstractmethod
    def load_schema(stream: str) -> dict[str, Any]:
        """Return a stream's schema."""

    @staticmethod
    @abc.abstractmethod
    def checked_state(state: dict[str, Any]) -> dict[str, Any]:
        """Return STATE, if it has the form of one."""

    @classmethod
    def observed(cls) -> contextlib.AbstractContextManager[Counter[str]]:
        """Return what is around a run, and counts its records by stream."""
        return contextlib.nullcontext(Counter())

    def read_all(self) -> None:
        """Read what is selected."""
        self.sync_all()

    @classmethod
    def said(cls, error: Exception) -> str:
        """Return what a person is told of an error."""
        if isinstance(error, ConfigValidationError):
            texts = "; ".join(without_secrets(cls, error))
            return f"The settings are wrong: {texts}. See --about for their meaning."
        return str(error)

    @classmethod
    def is_for_a_person(cls, error: BaseException) -> bool:
        """Tell whether somebody has to change something first; otherwise another run can help."""
        if isinstance(error, (*cls.errors.passing, cls.errors.target_gone)):
            return False
        return isinstance(error, (cls.errors.fatal, ConfigValidationError))

    @property
    def streams(self) -> dict[str, Stream]:
        """The streams by name, in the order in which they are read."""
        rank = {kind: number for number, kind in enumerate(self.stream_types)}
        return dict(sorted(super().streams.items(), key=lambda item: rank[type(item[1])]))

    def load_state(self, state: dict[str, Any]) -> None:
        """Take STATE over, if it has the form of one."""
        super().load_state(self.checked_state(state))

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop at once and say so by the exit code; the last STATE written is true."""
        del frame
        sys.exit(SIGNAL_BASE + signum)

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
        # Records are trees: looking for cycles among them took a third of the run.
        gc.freeze()
        gc.set_threshold(OBJECTS_PER_COLLECTION)
        cls.print_version(print_fn=cls.logger.info)
        with cls.observed() as counts:
            tap = cls.made(config or _ConfigInput(), state, catalog)
            cast("PieceWriter", tap.message_writer).counts = counts
            try:
                tap.read_all()
            except BrokenPipeError as error:
                # Python would complain again when it flushes stdout at exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                msg = "The target stopped reading. Its own last message says why."
                raise cls.errors.target_gone(msg) from error

    @classmethod
    def made(
        cls, config: _ConfigInput, state: BinaryIO | None = None, catalog: BinaryIO | None = None
    ) -> Self:
        """Return the tap with what its command line was given."""
        wrong = cls.errors.config
        try:
            return cls(
                config=config.config,
                parse_env_config=config.parse_env,
                state=read_object(state, "STATE", wrong),
                catalog=read_catalog(catalog, wrong),
            )
        except ConfigValidationError as error:
            raise wrong(cls.said(error)) from error
        except ValueError as error:  # the SDK's own parsing of the environment
            msg = f"A setting in the environment is wrong: {error}."
            raise wrong(msg) from error

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: Any) -> _ConfigInput:
        """Read the files of ``--config``."""
        del ctx, param
        try:
            return _ConfigInput(*read_settings(value))
        except SettingsError as error:
            raise cls.errors.config(str(error)) from error

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The SDK's command line with ``--schema`` and errors in one line."""
        command = super().get_singer_command()
        for option in command.params:
            if option.name in {"state", "catalog"}:
                option.type = click.File("rb")
        names = [str(vars(stream)["name"]) for stream in cls.stream_types]
        command.params.append(schema_option(names, cls.load_schema))
        return Command(cls, command)
