"""Everything that can go wrong, in one tree: retriable or fatal by type.

A document that cannot be booked is no failure of the run: it is `DocumentRefusedError`,
which becomes a `refused_documents` record and never ends the process.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "DocumentRefusedError",
    "FatalError",
    "InputError",
    "MapperError",
    "RetriableError",
    "RulesError",
    "StoreUnavailableError",
    "UndecidedError",
]


class MapperError(Exception):
    """Base of every error of this distribution."""


class RetriableError(MapperError):
    """Worth another run without any change, such as a store that is locked."""


class FatalError(MapperError):
    """Stays until a person changes something.

    Attributes:
        what: What is wrong.
        where: File and line, setting or option.
        what_to_do: The next step for the reader.
    """

    def __init__(self, *, what: str, where: str = "", what_to_do: str = "") -> None:
        """Keep the three parts of the message apart."""
        self.what = what
        self.where = where
        self.what_to_do = what_to_do
        place = f" ({where})" if where else ""
        advice = f" {what_to_do}" if what_to_do else ""
        super().__init__(f"{what}{place}.{advice}")


class ConfigError(FatalError):
    """A setting is missing or wrong."""


class RulesError(FatalError):
    """The rules file cannot be used; `where` is `FILE, line N, field F`."""


class InputError(FatalError):
    """The Singer input or the input file is not what it should be."""


class StoreUnavailableError(RetriableError):
    """The store of rules did not answer."""


class DocumentRefusedError(MapperError):
    """One document cannot be booked, with the arithmetic or the missing rule as reason.

    Attributes:
        reason: What does not fit, with figures.
        where: Line and field of the shop's document.
        what_to_do: The next step for the accountant.
        skip: True when there is nothing to book (a document of 0.00), so that nobody has to act.
    """

    def __init__(self, *, reason: str, where: str, what_to_do: str, skip: bool = False) -> None:
        """Keep the parts that travel in a `refused_documents` record."""
        self.reason = reason
        self.where = where
        self.what_to_do = what_to_do
        self.skip = skip
        super().__init__(f"{reason} ({where}). {what_to_do}")


class UndecidedError(DocumentRefusedError):
    """No rule matches a line, or no single VAT code fits it, at the tax point that was tried."""
