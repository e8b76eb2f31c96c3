"""Singer messages, written in large pieces: the next process need not wake for every record."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.singerlib import RecordMessage

if TYPE_CHECKING:
    from singer_sdk.singerlib import Message

PIECE = 256 * 1024
"""Bytes of records that are written at once."""


class PieceWriter(MsgSpecWriter):
    """Gathers records; everything else is written at once, with all that came before it."""

    def __init__(self) -> None:
        """Begin with nothing gathered."""
        super().__init__()
        self._gathered = bytearray()

    def write_message(self, message: Message) -> None:
        """Write a message, or gather it.

        Args:
            message: A Singer message.
        """
        self._gathered += self.format_message(message)
        if len(self._gathered) >= PIECE or not isinstance(message, RecordMessage):
            self.flush()

    def flush(self) -> None:
        """Hand everything gathered to the next process."""
        gathered, self._gathered = self._gathered, bytearray()
        sys.stdout.buffer.write(gathered)
        sys.stdout.flush()
