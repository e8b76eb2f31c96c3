"""The tap: settings, streams, and a command line that answers mistakes in one line."""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Self, cast

import click
from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import SingerCommand, _ConfigInput

from adobe_commerce.errors import (
    AdobeCommerceError,
    ConfigError,
    CredentialsError,
    FatalError,
    GaveUpError,
    RetriableError,
    TargetGoneError,
)
from connector_credentials import clean, clean_logs, record_failure, telemetry
from tap_adobe_commerce import inputs, schemas
from tap_adobe_commerce.settings import SCHEMA
from tap_adobe_commerce.shop import Shop
from tap_adobe_commerce.stores import REMEMBERED
from tap_adobe_commerce.streams import STREAMS
from tap_adobe_commerce.writing import PieceWriter

if TYPE_CHECKING:
    from types import FrameType

    from singer_sdk import Stream

#: What a shell reports for a process ended by SIGTERM is 128 + 15.
SIGNAL_BASE = 128
#: New objects after which Python looks for cycles; a page has about 100,000.
OBJECTS_PER_COLLECTION = 500_000


class Command(SingerCommand):
    """The command line; a user's mistake ends in one line on stderr and exit code 1."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and say what went wrong."""
        clean_logs()
        try:
            return super().main(*args, **kwargs)
        except RetriableError as error:
            _fail(error, f"{error} Run again when the shop is well.")
        except AdobeCommerceError as error:
            _fail(error, str(error))
        except ConfigValidationError as error:
            _fail(error, _config_text(error))


def _is_for_a_person(error: BaseException) -> bool:
    """Whether somebody has to change something first; otherwise another run can help."""
    if isinstance(error, (GaveUpError, TargetGoneError)):
        return False
    return isinstance(error, (FatalError, ConfigValidationError))


def _fail(error: Exception, text: str) -> None:
    click.echo(f"ERROR: {clean(text)}", err=True)
    record_failure(TapAdobeCommerce.name, text, stopped=_is_for_a_person(error))
    sys.exit(1)


def _config_text(error: ConfigValidationError) -> str:
    texts = "; ".join(_without_secret(text) for text in error.errors)
    return f"The settings are wrong: {texts}. See --about for their meaning."


def _without_secret(text: str) -> str:
    """The validator quotes the value it refuses, which must not be shown for a secret."""
    for name, part in SCHEMA["properties"].items():
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


class TapAdobeCommerce(Tap):
    """Orders, invoices, credit memos and master data of an Adobe Commerce (Magento 2) shop."""

    name = "tap-adobe-commerce"
    config_jsonschema: ClassVar[dict[str, Any]] = SCHEMA
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

    def discover_streams(self) -> list[Stream]:
        """All streams; the schemas are known without asking the shop."""
        shop = Shop(self.config, cast("dict[str, Any]", self.state))
        return [stream(self, shop) for stream in STREAMS]

    @property
    def streams(self) -> dict[str, Stream]:
        """The streams by name, orders and invoices before what takes them back."""
        rank: dict[type[Stream], int] = {stream: number for number, stream in enumerate(STREAMS)}
        return dict(sorted(super().streams.items(), key=lambda item: rank[type(item[1])]))

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop at once and say so by the exit code; the last STATE written is true."""
        del frame
        sys.exit(SIGNAL_BASE + signum)

    def load_state(self, state: dict[str, Any]) -> None:
        """Take STATE over, if it has the form of one."""
        super().load_state(inputs.checked_state(state))
        if REMEMBERED in state:
            self.state[REMEMBERED] = state[REMEMBERED]  # type: ignore[literal-required]

    @classmethod
    def invoke(  # type: ignore[override]  # the SDK hands over text files
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: BinaryIO | None = None,
        catalog: BinaryIO | None = None,
        order: tuple[str, ...] = (),
    ) -> None:
        """Run the tap.

        Args:
            about: Only describe it.
            about_format: How to describe it.
            config: Its settings.
            state: File with STATE.
            catalog: File with the catalog.
            order: Order numbers to replay, instead of the setting ``order_ids``.
        """
        if about:
            cls.print_about(about_format)
            return
        # Records are trees: looking for cycles among them took a third of the run.
        gc.freeze()
        gc.set_threshold(OBJECTS_PER_COLLECTION)
        cls.print_version(print_fn=cls.logger.info)
        config = config or _ConfigInput()
        if order:
            config.config["order_ids"] = list(order)
        with telemetry.told(cls.name, "adobe_commerce", _is_for_a_person) as counts:
            tap = cls._with(config, inputs.read_state(state), inputs.read_catalog(catalog))
            cast("PieceWriter", tap.message_writer).counts = counts
            try:
                tap.sync_all()
            except BrokenPipeError as error:
                # Python would complain again when it flushes stdout at exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                msg = "The target stopped reading. Its own last message says why."
                raise TargetGoneError(msg) from error

    @classmethod
    def _with(
        cls, config: _ConfigInput, state: dict[str, Any] | None = None, catalog: Any = None
    ) -> Self:
        try:
            return cls(
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
        for name, stream in tap.streams.items():
            level, text = "ok", ""
            try:
                text = stream.try_one()  # type: ignore[attr-defined]  # a CommerceStream
            except (ConfigError, CredentialsError, GaveUpError):
                raise  # the same for every stream
            except AdobeCommerceError as error:
                failed, level, text = True, "error", str(error)
            click.echo(f"{level:<8} {name:<16} {clean(text)}")
        ctx.exit(1 if failed else 0)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The SDK's command line with ``--order`` and errors in one line."""
        command = super().get_singer_command()
        for option in command.params:
            if option.name in {"state", "catalog"}:
                option.type = click.File("rb")
        order = click.Option(
            ["--order"], multiple=True, help="Replay one order by its number; may be repeated."
        )
        return Command(
            name=command.name,
            callback=command.callback,
            context_settings=command.context_settings,
            help=command.help,
            params=[*command.params, order, _SCHEMA],
            logger=cls.logger,
        )


if __name__ == "__main__":
    TapAdobeCommerce.cli()
