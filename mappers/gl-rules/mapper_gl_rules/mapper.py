"""The Singer inline mapper: records of contract 1 in, documents of contract 2 out."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Literal, cast

import msgspec
import singer_sdk.singerlib as singer
import singer_sdk.typing as th
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities
from singer_sdk.mapper_base import InlineMapper
from singer_sdk.plugin_base import _ConfigInput

from connector_credentials import SettingsError, read_settings, telemetry
from mapper_gl_rules.booking import Booked, Booker, OrderFacts
from mapper_gl_rules.contract import KEY_PROPERTIES, SCHEMAS
from mapper_gl_rules.exceptions import ConfigError, FatalError, InputError
from mapper_gl_rules.rules.loading import load_rules
from mapper_gl_rules.source.broken import UNREADABLE, scalars
from mapper_gl_rules.source.decoding import Decoder
from mapper_gl_rules.source.messages import Envelope, LineReader, LineWriter, encode_any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import click

    from mapper_gl_rules.rules.model import Rules

__all__ = ["MapperGLRules"]


_STREAMS = frozenset({"orders", "invoices", "credit_memos"})


def is_for_a_person(error: BaseException) -> bool:
    """Whether somebody has to change something first; otherwise another run can help."""
    if isinstance(error, InputError):  # a tap that was killed leaves half a line
        return False
    return isinstance(error, (FatalError, ConfigValidationError))


class MapperGLRules(InlineMapper):
    """Books invoices, credit memos and orders by rules.

    A record that cannot be booked travels on as `refused_documents`; other streams than
    orders, invoices and credit memos are dropped with a warning, once per stream.
    """

    name = "mapper-gl-rules"
    package_name = "mapper-gl-rules"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "rules_file",
            th.StringType,
            title="Rules file",
            description="YAML file with the rules.",
        ),
        th.Property(
            "rules_store",
            th.StringType,
            title="Rules store",
            secret=True,  # a database URL has a password
            description="Credential store with the versions of the rules; the newest holds.",
        ),
        th.Property(
            "sales_orders",
            th.BooleanType,
            title="Sales orders",
            description="Whether orders become sales orders; overrules the rules file.",
        ),
        th.Property(
            "month_end",
            th.BooleanType,
            default=False,
            title="Month-end",
            description="Also write `order_facts`: pieces, payments and what is due, which only "
            "the month-end reads. For the job that compares a month, never for one that posts.",
        ),
    ).to_dict()
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    message_reader_class = LineReader
    message_writer_class = LineWriter

    def __init__(self, **options: Any) -> None:
        """Read the configuration and the rules.

        Raises:
            ConfigError: When no rules are named.
            RulesError: When the rules are not right.
        """
        super().__init__(**options)
        self._warn_of_unknown_settings()
        rules = self._rules()
        wanted = self.config.get("sales_orders")
        if wanted is not None:
            settings = msgspec.structs.replace(rules.settings, sales_orders=bool(wanted))
            rules = msgspec.structs.replace(rules, settings=settings)
        self._decoder = Decoder(base=rules.settings.amounts == "base")
        self.booker = Booker(rules)
        wants_facts = bool(self.config.get("month_end"))
        self._facts = OrderFacts(self.booker) if wants_facts else None
        self._announced: set[str] = set()
        self._ignored: set[str] = set()
        self._read: set[str] = set()

    def _rules(self) -> Rules:
        """Load the rules the configuration names."""
        file, store = self.config.get("rules_file"), self.config.get("rules_store")
        if file and store:
            raise ConfigError(
                what="two sources of rules are named",
                where="settings rules_file and rules_store",
                what_to_do="Keep one of them.",
            )
        if store:
            # The store brings cryptography and a database, which a rules file does not need.
            module = import_module("mapper_gl_rules.tools.store")
            stored: Rules = module.RulesStore(store).rules()
            return stored
        if not file:
            raise ConfigError(
                what="no rules are named",
                where="setting rules_file or rules_store",
                what_to_do="Name a rules file, such as one made by `mapper-gl-rules rules init`.",
            )
        return load_rules(Path(file))

    @classmethod
    def invoke(  # type: ignore[override]  # as the SDK's own mappers do
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: IO[str] | None = None,
    ) -> None:
        """Run the mapper."""
        if about:
            cls.print_about(about_format)
            return
        cls.print_version(print_fn=cls.logger.info)
        given = config or _ConfigInput()
        with telemetry.told(cls.name, "gl_rules", is_for_a_person) as counts:
            mapper = cls(config=given.config, parse_env_config=given.parse_env)
            cast("LineWriter", mapper.message_writer).counts = counts
            mapper.listen(file_input)

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: Any) -> _ConfigInput:
        """Read the files of ``--config``.

        Raises:
            ConfigError: One is no settings file.
        """
        del ctx, param
        try:
            return _ConfigInput(*read_settings(value))
        except SettingsError as error:
            raise ConfigError(what=str(error).removesuffix("."), where="option --config") from error

    def _warn_of_unknown_settings(self) -> None:
        """Name settings that nothing reads, such as one of an older release."""
        for name in sorted(set(self.config) - set(self.config_jsonschema["properties"])):
            self.logger.warning("The setting %s is not known and has no effect.", name)

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add no settings of stream maps or flattening: this mapper has neither."""

    def _process_record_message(self, message_dict: Any) -> None:
        """Book one record and write what comes of it."""
        self._write(self.book(message_dict))

    def _write(self, booked: Iterable[Booked]) -> None:
        """Write records, each stream's schema first."""
        writer: LineWriter = self.message_writer  # type: ignore[assignment]
        for stream, record, _ in booked:
            if stream not in self._announced:
                self._announced.add(stream)
                writer.write_message(singer.SchemaMessage(stream, SCHEMAS[stream], KEY_PROPERTIES))
            writer.write_record(stream, record)

    def book(self, envelope: Envelope) -> list[Booked]:
        """Book one record of contract 1; one that cannot be read stops no other."""
        stream = envelope.stream
        if stream not in _STREAMS and not (stream == "shipments" and self._facts):
            if stream not in self._ignored:
                self._ignored.add(stream)
                self.logger.warning("Stream %s is not booked and not passed on.", stream)
            return []
        problem = envelope.problem
        if not problem:
            try:
                return self._booked(stream, envelope.record)
            except UNREADABLE as error:
                problem = str(error)
            except Exception as error:  # what nobody thought of stops no other document, either
                self.logger.exception("A record of %s cannot be booked; please report it.", stream)
                problem = f"{type(error).__name__}: {error}"
        known = scalars(bytes(envelope.record))
        inner = {key.removeprefix("record."): value for key, value in known.items()}
        return [self.booker.unreadable(stream, inner if envelope.problem else known, problem)]

    def _booked(self, stream: str, record: msgspec.Raw) -> list[Booked]:
        facts = self._facts
        if stream == "shipments" and facts is not None:
            return facts.shipment(self._decoder.shipment(record))
        if stream == "orders":
            order = self._decoder.order(record)
            return [*self.booker.order(order), *(facts.order(order) if facts else ())]
        kind: Literal["invoice", "credit_memo"]
        kind = "invoice" if stream == "invoices" else "credit_memo"
        document = self._decoder.document(record)
        booked = self.booker.document(kind, document)
        return [*booked, *(facts.document(kind, document) if facts else ())]

    def process_endofpipe(self) -> None:
        """Hand everything written to the target."""
        if self._facts is not None:
            self._write(self._facts.rules(self._read))
        super().process_endofpipe()
        self.message_writer.flush()  # type: ignore[attr-defined]

    def map_schema_message(self, message_dict: dict[str, Any]) -> Iterable[singer.Message]:
        """Announce no schema of the tap: this mapper's streams have their own."""
        self._read.add(str(message_dict["stream"]))
        yield from self._none(message_dict)

    def map_record_message(self, message_dict: dict[str, Any]) -> Iterator[singer.Message]:
        """Map a record given as a dict; the fast path is `_process_record_message`."""
        raw = msgspec.Raw(encode_any(message_dict["record"]))
        envelope = Envelope("RECORD", message_dict["stream"], raw)
        for stream, record, _ in self.book(envelope):
            yield singer.RecordMessage(stream, record)

    def map_state_message(self, message_dict: dict[str, Any]) -> Iterable[singer.Message]:
        """Pass STATE on unchanged, after every record before it."""
        yield singer.StateMessage(value=message_dict["value"])

    def map_activate_version_message(
        self,
        message_dict: dict[str, Any],
    ) -> Iterable[singer.Message]:
        """Pass nothing on: documents are never replaced as a whole table."""
        yield from self._none(message_dict)

    def map_batch_message(self, message_dict: dict[str, Any]) -> Iterable[singer.Message]:
        """Refuse files of records: documents are booked one by one.

        Raises:
            InputError: Always.
        """
        raise InputError(
            what="the tap sends BATCH messages, which cannot be booked",
            where=f"stream {message_dict.get('stream')}",
            what_to_do="Switch the tap's capability batch off.",
        )

    @staticmethod
    def _none(_: dict[str, Any]) -> Iterable[singer.Message]:
        return ()
