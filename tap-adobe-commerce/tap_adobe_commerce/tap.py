"""The tap: settings, streams, and a command line that answers mistakes in one line."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import SingerCommand

from tap_adobe_commerce.exceptions import (
    AdobeCommerceError,
    ConfigError,
    RetriableError,
    TargetGoneError,
)
from tap_adobe_commerce.settings import SCHEMA
from tap_adobe_commerce.shop import Shop
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
        try:
            return super().main(*args, **kwargs)
        except RetriableError as error:
            _fail(f"{error} Run again when the shop is well.")
        except AdobeCommerceError as error:
            _fail(str(error))
        except ConfigValidationError as error:
            _fail(_config_text(error))
        except ValueError as error:
            if type(error).__name__ != "JSONDecodeError":  # the SDK's JSON library has its own
                raise
            _fail(f"A file given on the command line is not JSON: {error}.")
        except FileNotFoundError as error:
            _fail(str(error))


def _fail(text: str) -> None:
    click.echo("ERROR: " + " ".join(text.split()), err=True)
    sys.exit(1)


def _config_text(error: ConfigValidationError) -> str:
    texts = "; ".join(_without_secret(text) for text in error.errors)
    return f"The settings are wrong: {texts}. See --about for their meaning."


def _without_secret(text: str) -> str:
    """The validator quotes the value it refuses, which must not be shown for a secret."""
    for name, part in SCHEMA.to_dict()["properties"].items():
        if part.get("secret") and f"config['{name}']" in text:
            return f"{name} must be text"
    return text


class TapAdobeCommerce(Tap):
    """Orders, invoices, credit memos and master data of an Adobe Commerce (Magento 2) shop."""

    name = "tap-adobe-commerce"
    config_jsonschema: ClassVar[dict[str, Any]] = SCHEMA.to_dict()
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
        shop = Shop(self.config)
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

    @classmethod
    def invoke(cls, *, order: tuple[str, ...] = (), **kwargs: Any) -> None:
        """Run the tap.

        Args:
            order: Order numbers to replay, instead of the setting ``order_ids``.
            kwargs: What the SDK's command line passes.
        """
        # Records are trees: looking for cycles among them took a third of the run.
        gc.freeze()
        gc.set_threshold(OBJECTS_PER_COLLECTION)
        if order:
            kwargs["config"].config["order_ids"] = list(order)
        try:
            super().invoke(**kwargs)
        except ConfigValidationError as error:
            raise ConfigError(_config_text(error)) from error
        except BrokenPipeError as error:
            # Python would complain again when it flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            msg = "The target stopped reading. Its own last message says why."
            raise TargetGoneError(msg) from error

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The SDK's command line with ``--order`` and errors in one line."""
        command = super().get_singer_command()
        order = click.Option(
            ["--order"], multiple=True, help="Replay one order by its number; may be repeated."
        )
        return Command(
            name=command.name,
            callback=command.callback,
            context_settings=command.context_settings,
            help=command.help,
            params=[*command.params, order],
            logger=cls.logger,
        )


if __name__ == "__main__":
    TapAdobeCommerce.cli()
