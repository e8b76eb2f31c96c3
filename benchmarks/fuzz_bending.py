"""Bends valid values, texts and files, the same way for the same seed."""

from __future__ import annotations

import copy
import json
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 2**70, 10**400, "", "x", "\ud800", "\x1b[2J\n", "9" * 5000, [],
    {}, [[]], [1, 2, 3], {"a": {}}, "2026-02-31 00:00:00", "0000-00-00 00:00:00", "1e999999",
    "NaN", "sNaN", "Infinity", float("nan"), float("inf"), 1e-300, "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z", "10000-01-01", "/Date(253402300800000)/", "1,5", "\x00", "[/b]", "%s",
]  # fmt: skip
_WORDS = (
    b"<br /><b>Notice</b>: x in y<br />", b"NaN", b"1e999999999999999999999", b"9" * 5_000,
    b'"\\ud800"', b"\xff", b"\x00", b"\r", b"\n", b'"', b"[", b"{", b"]", b"}", b",", b":", b"'",
    b"&a *a", b"!!float x", b"<", b"&lt;", b"=", b"- ", b"null",
)  # fmt: skip
_SOME = 0.15
_BYTES = (0, 0x0D, 0x2D, 0x39, 0x61, 0x80, 0xFF)


class Bender:
    """Bends values and texts, the same way for the same seed."""

    def __init__(self, seed: int) -> None:
        """Begin."""
        self.rng = random.Random(seed)  # noqa: S311  # reproducible, no secrets

    def one_in(self, count: int) -> bool:
        """Tell true once in so many times."""
        return self.rng.randrange(count) == 0

    def value(self, value: Any) -> Any:
        """Change a value in one to three places."""
        value = copy.deepcopy(value)
        for _ in range(self.rng.randint(1, 3)):
            value = self._once(value)
        return value

    def rows(self, rows: Sequence[Any]) -> list[Any]:
        """Change one row of a list."""
        changed = list(rows)
        place = self.rng.randrange(len(changed))
        changed[place] = self.value(changed[place])
        return changed

    def _once(self, value: Any) -> Any:
        rng = self.rng
        if not isinstance(value, dict | list) or not value or rng.random() < _SOME:
            return copy.deepcopy(rng.choice(ODD))
        key: Any = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        if rng.random() < _SOME:
            del value[key]
        else:
            value[key] = self._once(value[key])
        return value

    def text(self, text: bytes) -> bytes:
        """Change a text somewhere."""
        rng = self.rng
        place = rng.randrange(len(text) + 1)
        return rng.choice(
            [
                text[:place],
                text[:place] + bytes([rng.randrange(256)]) + text[place + 1 :],
                text[:place] + rng.choice(_WORDS) + text[place:],
                text[:place] + rng.choice(_WORDS) + text[place + rng.randint(1, 30) :],
                rng.choice(_WORDS) + text,
                text + rng.choice(_WORDS),
                text[:place] + b"[" * rng.choice([10, 990, 5000, 60_000]) + text[place:],
                b"[" * 990 + text + b"]" * 990,
                text.replace(b":", b":1e999999999999999999999,", 1),
                text.replace(b'"', b'"\\ud800', rng.randint(1, 3)),
                text[:place] + text[place : place + 200] * 3 + text[place:],
            ]
        )

    def json(self, value: Any) -> bytes:
        """Write a value as JSON, some of it bent."""
        body = dump(self.value(value) if self.rng.randrange(4) else value)
        return self.text(body) if self.one_in(4) else body

    def flipped(self, data: bytes, *, from_byte: int = 0) -> bytes:
        """Change single bytes of a file, most of them where something is written."""
        changed = bytearray(data)
        for _ in range(self.rng.choice([1, 3, 20, 200])):
            place = self.rng.randrange(from_byte, len(changed))
            for _ in range(20):
                if changed[place]:
                    break
                place = self.rng.randrange(from_byte, len(changed))
            changed[place] = self.rng.choice(_BYTES)
        if self.one_in(10):
            del changed[self.rng.randrange(from_byte, len(changed)) :]
        return bytes(changed)


def dump(value: Any) -> bytes:
    """Write JSON, with a ``Decimal`` as a number and everything else that cannot be as it is."""
    return json.dumps(value, default=_number).encode("utf-8", "surrogatepass")


def _number(value: object) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)
