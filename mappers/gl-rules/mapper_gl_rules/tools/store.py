"""Versions of the rules, encrypted at rest in the credential store.

Versions are only ever added: going back makes a new version with the old text, so that the
version in a posted document always leads to the rules that made it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from getpass import getuser
from typing import TYPE_CHECKING

import msgspec

from connector_credentials import CredentialStoreError, open_store
from mapper_gl_rules.exceptions import ConfigError, RulesError
from mapper_gl_rules.rules.loading import parse_rules

if TYPE_CHECKING:
    from connector_credentials import CredentialStore
    from mapper_gl_rules.rules.model import Rules

__all__ = ["RulesStore", "Version"]

_PREFIX = "gl-rules/"


class Version(msgspec.Struct, frozen=True):
    """What is known of a version.

    Attributes:
        number: Counted from 1.
        made_at: When it was stored, ISO 8601 UTC.
        made_by: The user of the machine who stored it.
        note: Why.
        rules: How many rules it has.
    """

    number: int
    made_at: str
    made_by: str
    note: str
    rules: int


class RulesStore:
    """The versions in one credential store."""

    def __init__(self, url: str, *, create: bool = False) -> None:
        """Open the store; the key comes from the environment.

        Raises:
            ConfigError: When it does not exist, cannot be reached or has another key.
        """
        try:
            self._store: CredentialStore = open_store(url, create=create)
        except CredentialStoreError as error:
            what, _, advice = str(error).partition(". ")
            raise ConfigError(
                what=what,
                where="rules store",
                what_to_do=advice or "Check the store and CONNECTOR_KEY.",
            ) from error

    def history(self) -> list[Version]:
        """Give all versions, oldest first."""
        return [
            Version(
                number=int(entry.name.removeprefix(_PREFIX)),
                made_at=entry.metadata.get("made_at", ""),
                made_by=entry.metadata.get("made_by", ""),
                note=entry.metadata.get("note", ""),
                rules=int(entry.metadata.get("rules", "0")),
            )
            for entry in self._store.blobs(_PREFIX)
        ]

    def text(self, number: int | None = None) -> tuple[int, str]:
        """Give a version's number and text; without a number the newest.

        Raises:
            RulesError: When there is no such version.
        """
        versions = [version.number for version in self.history()]
        wanted = number if number is not None else max(versions, default=None)
        if wanted is None or wanted not in versions:
            raise RulesError(
                what=f"there is no version {wanted} of the rules"
                if wanted
                else "there are no rules",
                where=self._store.label,
                what_to_do="See `mapper-gl-rules rules history`, or import rules.",
            )
        return wanted, self._store.get_blob(f"{_PREFIX}{wanted:08}").decode()

    def rules(self, number: int | None = None) -> Rules:
        """Load a version.

        Raises:
            RulesError: When there is no such version, or it is not right for this release.
        """
        found, text = self.text(number)
        origin = f"{self._store.label}, version {found}"
        return parse_rules(text, origin=origin, version=f"v{found}")

    def add(self, text: str, note: str) -> Version:
        """Store a new version; it takes effect at the next run.

        Raises:
            RulesError: When the text is not right.
        """
        with self._store.lock("gl-rules"):
            number = max((version.number for version in self.history()), default=0) + 1
            rules = parse_rules(text, origin="the new version")
            version = Version(
                number=number,
                made_at=datetime.now(UTC).isoformat(timespec="seconds"),
                made_by=_user(),
                note=note,
                rules=len(rules.rules),
            )
            self._store.put_blob(
                f"{_PREFIX}{number:08}",
                text.encode(),
                {
                    "made_at": version.made_at,
                    "made_by": version.made_by,
                    "note": note,
                    "rules": str(version.rules),
                },
            )
        return version

    def roll_back(self, number: int, note: str = "") -> Version:
        """Make the text of an older version the newest.

        Raises:
            RulesError: When there is no such version.
        """
        _, text = self.text(number)
        return self.add(text, note or f"back to version {number}")


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return "unknown"
