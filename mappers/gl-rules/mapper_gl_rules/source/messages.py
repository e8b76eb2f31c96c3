"""Singer messages, read and written fast: typed records in, buffered lines out.

A record is decoded once, straight into the types of `source`; what the mapper does not need
is skipped by the decoder. Output is flushed before the mapper waits for more input and
after every STATE.
"""

from __future__ import annotations

import sys
from collections import Counter
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any

import msgspec
from singer_sdk.singerlib.encoding.base import GenericSingerReader, GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message, StateMessage
from singer_sdk.singerlib.exceptions import InvalidInputLine

from mapper_gl_rules.exceptions import InputError
from mapper_gl_rules.source.broken import UNREADABLE, scalars

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Envelope", "LineReader", "LineWriter", "decode_any", "encode_any"]


class Envelope(msgspec.Struct, gc=False):
    """A Singer message whose record is not decoded yet.

    Attributes:
        type: RECORD, SCHEMA, STATE and so on.
        stream: Of a record.
        record: Its bytes; where `problem` says why they cannot be decoded, the whole line.
        problem: Empty but for a record that is no JSON.
    """

    type: str
    stream: str = ""
    record: msgspec.Raw = msgspec.Raw()
    problem: str = ""


_envelopes = msgspec.json.Decoder(Envelope)
_anything = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode_any(text: bytes | str) -> Any:
    """Decode JSON into dicts and lists, with Decimal for every number with a fraction."""
    return _anything.decode(text)


def encode_any(value: Any) -> bytes:
    """Encode JSON; Decimal stays a number, digit for digit."""
    return _encoder.encode(value)


class LineReader(GenericSingerReader[bytes]):
    """Reads Singer lines as bytes; records go on undecoded."""

    def __init__(self) -> None:
        """Start before the first line."""
        super().__init__()
        self.number = 0

    @property
    def default_input(self) -> IO[bytes]:
        """Standard input, as bytes."""
        return sys.stdin.buffer

    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        """Decode a message that is no record.

        Raises:
            InputError: When the line is no JSON.
        """
        try:
            message: dict[str, Any] = _anything.decode(line)
        except UNREADABLE as error:
            raise self._no_message(error) from error
        return message

    def process_lines(
        self,
        file_input: IO[Any] | None,
        callbacks: dict[str, Callable[[Any], None]],
    ) -> Counter[str]:
        """Give each line to the callback of its type: records as `Envelope`, the rest as dict.

        Raises:
            InputError: When a line is no Singer message.
        """
        stats: Counter[str] = Counter()
        take_record = callbacks["RECORD"]
        for line in getattr(file_input, "buffer", file_input) or self.default_input:
            self.number += 1
            try:
                envelope = _envelopes.decode(line)
            except UNREADABLE as error:
                envelope = self._broken_record(line, error)
            if envelope.type == "RECORD":
                take_record(envelope)
            elif envelope.type in callbacks:
                try:
                    callbacks[envelope.type](self.deserialize_json(line))
                except (InvalidInputLine, LookupError, TypeError, AttributeError) as error:
                    raise self._no_message(error, envelope.type) from error
            else:
                raise InputError(
                    what=f"messages of type {envelope.type} are not understood",
                    where=f"line {self.number}",
                    what_to_do="Use a tap that writes SCHEMA, RECORD and STATE.",
                )
            stats[envelope.type] += 1
        return stats

    def _broken_record(self, line: bytes, error: Exception) -> Envelope:
        """Let one record that is no JSON stop nobody else; a line cut off is an error.

        Raises:
            InputError: When the line is no whole record.
        """
        known = scalars(line)
        if known.get("type") != "RECORD" or not line.rstrip().endswith(b"}"):
            raise self._no_message(error) from error
        return Envelope("RECORD", known.get("stream", ""), msgspec.Raw(line), str(error))

    def _no_message(self, error: Exception, kind: str = "") -> InputError:
        return InputError(
            what=f"the input is no Singer message: {f'{kind}: ' if kind else ''}{error}",
            where=f"line {self.number}",
            what_to_do="Check what the tap writes to its standard output.",
        )


class LineWriter(GenericSingerWriter[bytes, Message]):
    """Writes Singer lines; a STATE is flushed at once with everything before it."""

    def __init__(self) -> None:
        """Begin with nothing written."""
        super().__init__()
        self.counts = Counter[str]()  # records, by stream

    def serialize_message(self, message: Message) -> bytes:
        """Encode a message; Decimal stays a JSON number, digit for digit."""
        return _encoder.encode(message.to_dict()) + b"\n"

    def write_message(self, message: Message) -> None:
        """Write a message other than a record."""
        sys.stdout.buffer.write(self.serialize_message(message))
        if isinstance(message, StateMessage):
            sys.stdout.buffer.flush()

    def write_record(self, stream: str, record: dict[str, Any]) -> None:
        """Write a record without building a message object."""
        self.counts[stream] += 1
        sys.stdout.buffer.write(
            _encoder.encode({"type": "RECORD", "stream": stream, "record": record}) + b"\n",
        )

    def flush(self) -> None:
        """Hand everything written to the next process."""
        sys.stdout.buffer.flush()
