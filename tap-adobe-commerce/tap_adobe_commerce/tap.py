"""The tap: settings, streams, and what its command line has of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

import click
from singer_sdk.plugin_base import _ConfigInput

from adobe_commerce.errors import (
    AdobeCommerceError,
    ConfigError,
    CredentialsError,
    FatalError,
    GaveUpError,
    RetriableError,
    TargetGoneError,
)
from connector_credentials import clean, telemetry
from connector_program.tap import ConnectorTap, TapErrors
from tap_adobe_commerce import schemas
from tap_adobe_commerce.settings import SCHEMA
from tap_adobe_commerce.shop import Shop
from tap_adobe_commerce.state import checked_state
from tap_adobe_commerce.stores import REMEMBERED
from tap_adobe_commerce.streams import STREAMS

if TYPE_CHECKING:
    from collections import Counter
    from contextlib import AbstractContextManager

    from singer_sdk import Stream


class TapAdobeCommerce(ConnectorTap):
    """Orders, invoices, credit memos and master data of an Adobe Commerce (Magento 2) shop."""

    name = "tap-adobe-commerce"
    config_jsonschema: ClassVar[dict[str, Any]] = SCHEMA
    errors = TapErrors(
        base=AdobeCommerceError,
        fatal=FatalError,
        passing=(GaveUpError,),
        config=ConfigError,
        target_gone=TargetGoneError,
    )
    stream_types = STREAMS
    load_schema = staticmethod(schemas.load)
    checked_state = staticmethod(checked_state)

    def discover_streams(self) -> list[Stream]:
        """All streams; the schemas are known without asking the shop."""
        shop = Shop(self.config, cast("dict[str, Any]", self.state))
        return [stream(self, shop) for stream in STREAMS]

    def load_state(self, state: dict[str, Any]) -> None:
        """Take STATE over, with what is remembered of the shop."""
        super().load_state(state)
        if REMEMBERED in state:
            self.state[REMEMBERED] = state[REMEMBERED]  # type: ignore[literal-required]

    @classmethod
    def observed(cls) -> AbstractContextManager[Counter[str]]:
        """Tell OpenTelemetry what becomes of a run."""
        return telemetry.told(cls.name, "adobe_commerce", cls.is_for_a_person)

    @classmethod
    def said(cls, error: Exception) -> str:
        """Return what a person is told of an error."""
        again = " Run again when the shop is well." if isinstance(error, RetriableError) else ""
        return f"{super().said(error)}{again}"

    @classmethod
    def invoke(
        cls, *, config: _ConfigInput | None = None, order: tuple[str, ...] = (), **given: Any
    ) -> None:
        """Run the tap.

        Args:
            config: Its settings.
            order: Order numbers to replay, instead of the setting ``order_ids``.
            given: Other options.
        """
        config = config or _ConfigInput()
        if order:
            config.config["order_ids"] = list(order)
        super().invoke(config=config, **given)

    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Try each stream; one line says what came of it."""
        if value != "all":
            super().cb_test(ctx, param, value)
            return
        tap = cls.made(ctx.params.get("config") or _ConfigInput())
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
        """The command line with ``--order``."""
        command = super().get_singer_command()
        command.params.append(
            click.Option(
                ["--order"], multiple=True, help="Replay one order by its number; may be repeated."
            )
        )
        return command


if __name__ == "__main__":
    TapAdobeCommerce.cli()
