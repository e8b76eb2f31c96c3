"""The Singer target: keeps Exact's records durably, then plans, and writes when it may."""

from __future__ import annotations

import signal
import sys
from typing import IO, TYPE_CHECKING, Any, ClassVar

import fastjsonschema
from singer_sdk import Target
from singer_sdk.contrib.msgspec import MsgSpecReader
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities
from singer_sdk.plugin_base import _ConfigInput
from singer_sdk.singerlib.exceptions import InvalidInputLine
from singer_sdk.sinks import RecordSink

from connector_credentials import clean
from target_adobe_commerce import reports
from target_adobe_commerce.kept.keeping import ExactRecord
from target_adobe_commerce.settings import CONFIG
from target_adobe_commerce.streams import KEPT, SCHEMAS, check_stream
from target_adobe_commerce.work import apply_at_once, exit_code, make_plan, open_bench, write_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from target_adobe_commerce.kept.keeping import Keeping
    from target_adobe_commerce.work import Bench

_SIGNALLED = 128


class TerminatedError(BaseException):
    """A signal asked the process to end; like ``KeyboardInterrupt``, nothing should catch it."""

    def __init__(self, signum: int) -> None:
        """Remember the signal: it makes the exit code."""
        super().__init__(signal.Signals(signum).name)
        self.exit_code = _SIGNALLED + signum


class QuietReader(MsgSpecReader):
    """Reads messages with exact decimals; a broken line is named, never quoted."""

    def deserialize_json(self, line: str) -> dict[str, Any]:
        """Return one message.

        Raises:
            InvalidInputLine: The line is not JSON, or no Singer message.
        """
        try:
            message = super().deserialize_json(line)
        except (ValueError, ArithmeticError, RecursionError, InvalidInputLine):
            msg = "A line of the input is not JSON. Nothing after it was read."
            raise InvalidInputLine(msg) from None
        if not isinstance(message.get("type"), str):
            msg = "A line of the input is no Singer message. Nothing after it was read."
            raise InvalidInputLine(msg)
        return message


class KeepingSink(RecordSink):
    """Takes the records of one stream and keeps them."""

    def __init__(
        self,
        target: Any,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        """Check against this target's schema, whatever the tap announced."""
        super().__init__(target, stream_name, schema, key_properties)
        self._check = fastjsonschema.compile(SCHEMAS[stream_name])
        self._keeping: Keeping = target.bench.keeping

    def get_validator(self) -> None:
        """Return none: `process_record` checks."""

    def _validate_and_parse(self, record: dict[str, Any]) -> dict[str, Any]:
        return record

    def _remove_sdc_metadata_from_record(self, record: dict[str, Any]) -> None:
        """Leave it: ``_sdc_deleted_at`` says that Exact deleted the record."""

    def _singer_validate_message(self, record: dict[str, Any]) -> None:
        """Checked by `process_record`."""

    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Keep a record.

        Raises:
            InvalidInputLine: It is not of the stream's schema.
        """
        del context
        try:
            self._check(record)
        except fastjsonschema.JsonSchemaValueException as error:
            # Not quoted: it names people.
            part = ".".join(str(one) for one in error.path[1:]) or "record"
            said = str(error.message).removeprefix(str(error.name)).strip()
            msg = f"A record of stream {self.stream_name} is not valid: {part} {said}."
            raise InvalidInputLine(msg) from None
        kept = ExactRecord(
            self.stream_name,
            record["Division"],
            record["ID"],
            {name: record.get(name) for name in KEPT[self.stream_name] if name in record},
            str(record.get("_sdc_deleted_at") or ""),
        )
        self._keeping.take(kept, record.get("Timestamp"))


class TargetAdobeCommerce(Target):
    """Brings master data of Exact Online to Adobe Commerce (Magento 2): planned before written."""

    #: The command's and the package's name.
    name = "target-adobe-commerce"
    config_jsonschema: ClassVar[dict[str, Any]] = CONFIG
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    message_reader_class = QuietReader
    default_sink_class = KeepingSink
    check_stream = staticmethod(check_stream)
    _MAX_RECORD_AGE_IN_MINUTES = float("inf")  # nothing is buffered in sinks

    bench: Bench
    """Both sides; set before the first message."""

    _ending = 0
    _reading = True

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add none of the SDK's settings: none has a meaning here."""

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
        given = config or _ConfigInput()
        target = cls(config=given.config, parse_env_config=given.parse_env)
        with open_bench(dict(target.config)) as bench:
            target.bench = bench
            target.listen(file_input)
            sys.exit(target.finish())

    @classmethod
    def cb_config(  # type: ignore[override]  # the command reads the files, and says what is wrong
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Return the files of ``--config``."""
        del ctx, param
        return value

    def finish(self) -> int:
        """Plan with what is kept now, and write it when the settings say so."""
        settings = self.bench.settings
        if not self.bench.keeping.divisions():
            self.logger.info("Exact sent no record yet: there is nothing to plan.")
            return 0
        outcome = None
        if settings.auto_apply:
            plan, outcome = apply_at_once(self.bench, lambda: bool(self._ending))
        else:
            plan = make_plan(self.bench)
        write_files(plan, settings.plan_file, settings.plan_xlsx)
        said = reports.text(plan)
        if outcome is not None:
            said = f"{said}\n{reports.outcome_text(outcome)}"
        for line in said.splitlines():
            self.logger.info("%s", line)
        if self._ending:
            return _SIGNALLED + self._ending
        return exit_code(plan, outcome, settings.fail_on)

    def get_sink_class(self, stream_name: str) -> type[RecordSink]:
        """Return the sink for a stream of Exact's master data.

        Raises:
            RefusedStreamError: The stream holds sales documents, or is unknown.
        """
        self.check_stream(stream_name)
        return KeepingSink

    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        """Begin a stream; what its fields are is this target's matter, whatever was announced."""
        stream, schema = message_dict.get("stream"), message_dict.get("schema")
        if not isinstance(stream, str) or not isinstance(schema, dict):
            msg = "A SCHEMA message of the input has no stream or no schema."
            raise InvalidInputLine(msg)
        self.check_stream(stream)
        keys = message_dict.get("key_properties") or []
        named = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
        if not named or not isinstance(schema.get("properties"), dict):
            msg = "A SCHEMA message of the input has no properties, or keys that are no names."
            raise InvalidInputLine(msg)
        own = {"type": "object", "properties": {key: {} for key in keys}}
        super()._process_schema_message(message_dict | {"schema": own, "key_properties": keys})

    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        """Keep a record; its stream is checked before anything else."""
        stream = message_dict.get("stream")
        if not isinstance(stream, str) or not isinstance(message_dict.get("record"), dict):
            msg = "A RECORD message of the input has no stream or no record."
            raise InvalidInputLine(msg)
        self.check_stream(stream)
        super()._process_record_message(message_dict)

    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        """Do nothing: records are never replaced as a whole table."""

    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        """Write STATE on, once everything before it is durable."""
        value = message_dict.get("value")
        if not isinstance(value, dict | None):
            msg = "A STATE message of the input has a value that is no object."
            raise InvalidInputLine(msg)
        if value:  # an empty STATE would wipe what Meltano stored
            self.bench.keeping.flush()
            self._write_state_message(value)

    def process_endofpipe(self) -> None:
        """Make everything durable, then let the sinks end."""
        self.bench.keeping.flush()
        super().process_endofpipe()
        self._reading = False

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Leave the reading loop at once; while writing, finish the record that is in hand."""
        del frame
        if self._ending:
            return  # a second signal must not cut off a call
        self._ending = signum
        if self._reading:
            self.logger.info("%s", clean(f"Ending, as signal {signum} asks."))
            raise TerminatedError(signum)


if TYPE_CHECKING:
    import click
