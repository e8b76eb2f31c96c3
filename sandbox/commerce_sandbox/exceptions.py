"""What can go wrong in the sandbox itself (not what it plays)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class SandboxError(Exception):
    """Base of all errors of the sandbox."""


class UnknownFaultError(SandboxError):
    """A fault was asked for that the sandbox cannot make."""

    def __init__(self, kind: str, kinds: Iterable[str] = ()) -> None:
        """Name the kinds there are."""
        choice = f" (known: {', '.join(kinds)})" if kinds else ""
        super().__init__(f"no such fault: {kind}{choice}")


class UnknownSettingError(SandboxError):
    """A setting was named that no part of the sandbox reads."""

    def __init__(self, name: str, names: Iterable[str]) -> None:
        """Name the settings there are."""
        super().__init__(f"no such setting: {name} (known: {', '.join(sorted(names))})")


class WrongSettingError(SandboxError):
    """A setting was given a value that has no meaning."""

    def __init__(self, name: str, choices: Iterable[str]) -> None:
        """Name the values there are."""
        super().__init__(f"{name} is one of: {', '.join(choices)}")


class BookkeeperError(SandboxError):
    """A person in Exact was asked to do what cannot be done there."""


class ShopError(SandboxError):
    """The description of a shop cannot be understood or loaded."""


class NoSuchRecordError(SandboxError):
    """A record was named that the shop does not have."""

    def __init__(self, kind: str, key: int, kinds: Iterable[str] = ()) -> None:
        """Name the record, and the kinds there are."""
        choice = f" (kinds: {', '.join(kinds)})" if kinds else ""
        super().__init__(f"the shop has no {kind} with the number {key}{choice}")


class SignalError(SandboxError):
    """A signal was asked for that cannot be made."""

    @classmethod
    def unknown(cls, what: str, name: str, names: Iterable[str]) -> SignalError:
        """Name what there is."""
        return cls(f"no such {what}: {name} (known: {', '.join(names)})")

    @classmethod
    def not_loopback(cls, url: str) -> SignalError:
        """Name the receiver."""
        return cls(f"signals go to http:// on loopback only, not to {url!r}")

    @classmethod
    def too_large(cls, size: int, most: int) -> SignalError:
        """Say how large it is."""
        return cls(f"the shop makes no events over {most} bytes; this one has {size}")


class NotLoopbackError(SandboxError):
    """The sandbox was told to listen where others could reach it."""

    def __init__(self, host: str) -> None:
        """Name the host."""
        super().__init__(
            f"the sandbox listens on loopback only, not on {host!r}. Use 127.0.0.1 or ::1."
        )


class StartError(SandboxError):
    """The server did not come up."""

    def __init__(self, log: Path, detail: str) -> None:
        """Show the end of the server's log."""
        super().__init__(f"the sandbox did not start; see {log}:\n{detail}")
