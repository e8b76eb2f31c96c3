"""The Singer target: reads messages, hands documents to the outbox, writes STATE that is true."""

from __future__ import annotations

import gc
import sys
from typing import IO, TYPE_CHECKING, Any, ClassVar

from singer_sdk import Target
from singer_sdk.contrib.msgspec import MsgSpecReader, decoder
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities
from singer_sdk.plugin_base import _ConfigInput
from singer_sdk.singerlib.exceptions import InvalidInputLine

from connector_credentials import clean
from exact_online.errors import ConfigError
from target_exact_online import schemas
from target_exact_online.run import TerminatedError, run_target
from target_exact_online.settings import CONFIG
from target_exact_online.sinks import DocumentSink

if TYPE_CHECKING:
    from types import FrameType

    import click
    from singer_sdk.sinks import Sink

    from target_exact_online.posting.outbox import Outbox

OBJECTS_PER_COLLECTION = 100_000
# What a message must have; whatever schema it announces, records are checked against the contract.
_PARTS: dict[str, dict[str, Any]] = {
    "ACTIVATE_VERSION": {"stream": str, "version": int},
    "RECORD": {"stream": str, "record": dict},
    "SCHEMA": {"stream": str, "schema": dict},
    "STATE": {"value": dict | None},
}


class QuietReader(MsgSpecReader):
    """Reads messages with exact decimals; a broken line is named, never quoted."""

    def deserialize_json(self, line: str) -> dict[str, Any]:
        """Return one message.

        Raises:
            InvalidInputLine: The line is not JSON.
        """
        try:
            message = decoder.decode(line)
        except (ValueError, ArithmeticError, RecursionError) as error:
            why = "it is too deep" if isinstance(error, RecursionError) else error
            msg = f"A line of the input is not JSON ({why}). Nothing after it was read."
            raise InvalidInputLine(msg) from None
        return _checked(message)


def _checked(message: Any) -> dict[str, Any]:
    """Return a Singer message, whose parts are what the SDK takes them for.

    Raises:
        InvalidInputLine: It is none.
    """
    kind = message.get("type") if isinstance(message, dict) else None
    parts = _PARTS.get(kind) if isinstance(kind, str) else None
    if parts is None:
        found = clean(kind, 40) if isinstance(kind, str) else "none"
        msg = (
            f"A line of the input is no Singer message that this target knows (its type is "
            f"{found}). Give it the output of the mapper. Nothing after it was read."
        )
        raise InvalidInputLine(msg)
    if missing := parts.keys() - message.keys():
        msg = f"A message of the input has no {', '.join(sorted(missing))}."
        raise InvalidInputLine(msg)
    for name, type_ in parts.items():
        if not isinstance(message[name], type_):
            msg = f"The {name} of a {kind} message of the input is of another type."
            raise InvalidInputLine(msg)
    known: dict[str, Any] = message
    return known


class TargetExactOnline(Target):
    """Posts documents to Exact Online, each exactly once."""

    #: The command's and the package's name.
    name = "target-exact-online"
    config_jsonschema: ClassVar[dict[str, Any]] = CONFIG
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    message_reader_class = QuietReader
    default_sink_class = DocumentSink
    _MAX_RECORD_AGE_IN_MINUTES = float("inf")  # nothing is buffered in sinks

    outbox: Outbox
    """Where documents and STATE go; set before the first message."""

    _ending = False

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add none of the SDK's settings: none has a meaning for documents."""

    @classmethod
    def invoke(  # type: ignore[override]  # as the SDK's own targets do
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: IO[str] | None = None,
    ) -> None:
        """Run the target as a process, and leave with its exit code."""
        if about:
            cls.print_about(about_format)
            return
        # Records are trees: looking for cycles among them took a twelfth of the run.
        gc.freeze()
        gc.set_threshold(OBJECTS_PER_COLLECTION)
        given = config or _ConfigInput()
        target = cls(config=given.config, parse_env_config=given.parse_env)

        def read(outbox: Outbox) -> None:
            target.outbox = outbox
            target.listen(file_input)

        write_state = target._write_state_message
        sys.exit(run_target(target.config, target.logger, read, write_state))

    @classmethod
    def cb_config(  # type: ignore[override]  # the command reads the files, and says what is wrong
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Return the files of ``--config``."""
        del ctx, param
        return value

    def get_sink_class(self, stream_name: str) -> type[Sink]:
        """Return the sink for a stream of contract 2.

        Raises:
            ConfigError: The stream is not one this target knows.
        """
        if stream_name not in schemas.STREAMS:
            msg = (
                f"The stream {stream_name!r} is not one this target knows. It accepts "
                f"{', '.join(schemas.STREAMS)}: put the mapper between tap and target."
            )
            raise ConfigError(msg)
        return super().get_sink_class(stream_name)

    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        """Begin a stream; what its fields are is the contract's, whatever was announced.

        Raises:
            InvalidInputLine: It announces no fields, or a key that is none.
        """
        keys = message_dict.get("key_properties") or []
        named = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
        if not named or not isinstance(message_dict["schema"].get("properties"), dict):
            msg = "A SCHEMA message of the input has no properties, or keys that are no names."
            raise InvalidInputLine(msg)
        own = {"type": "object", "properties": {key: {} for key in keys}}
        super()._process_schema_message(message_dict | {"schema": own, "key_properties": keys})

    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        """Do nothing: documents are never replaced as a whole table."""

    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        """Send STATE through the outbox: it is written when everything before it is safe."""
        if message_dict["value"]:  # an empty STATE would wipe what Meltano stored
            self.outbox.checkpoint(message_dict["value"])

    def process_endofpipe(self) -> None:
        """Wait until everything is posted or held, then let the sinks end."""
        self.outbox.finish()
        super().process_endofpipe()

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Leave the reading loop; the posting thread finishes the calls in flight."""
        del frame
        if self._ending:
            return  # a second signal must not cut off a call
        self._ending = True
        raise TerminatedError(signum)
