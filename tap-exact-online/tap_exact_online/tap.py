"""The tap: settings, streams, and what its command line has of its own."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk.plugin_base import _ConfigInput

from connector_credentials import clean
from connector_program.tap import ConnectorTap, TapErrors
from exact_online.errors import (
    ConfigError,
    ExactError,
    FatalError,
    NotPermittedError,
    RequestRefusedError,
)
from tap_exact_online import schemas
from tap_exact_online.exceptions import TargetGoneError, UnreadableStreamsError
from tap_exact_online.settings import CONFIG
from tap_exact_online.site import Site
from tap_exact_online.state import checked_state
from tap_exact_online.streams import STREAMS

if TYPE_CHECKING:
    from singer_sdk import Stream


class TapExactOnline(ConnectorTap):
    """Master data, documents, ledger and open items of Exact Online, by what changed."""

    name = "tap-exact-online"
    config_jsonschema: ClassVar[dict[str, Any]] = CONFIG
    errors = TapErrors(
        base=ExactError,
        fatal=FatalError,
        passing=(),
        config=ConfigError,
        target_gone=TargetGoneError,
    )
    stream_types = STREAMS
    load_schema = staticmethod(schemas.load)
    checked_state = staticmethod(checked_state)

    @cached_property
    def site(self) -> Site:
        """Exact, as the streams of this run share it."""
        return Site(self.config)

    def discover_streams(self) -> list[Stream]:
        """All streams; the schemas are known without asking Exact."""
        return [stream(self, self.site) for stream in STREAMS]

    def read_all(self) -> None:
        """Read what is selected, and close the site."""
        try:
            super().read_all()
            self.check_unreadable()
        finally:
            self.site.close()

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
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Try each stream; one line says what came of it."""
        if value != "all":
            super().cb_test(ctx, param, value)
            return
        tap = cls.made(ctx.params.get("config") or _ConfigInput())
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


if __name__ == "__main__":
    TapExactOnline.cli()
