"""Live checks of credentials, contributed by the plugins that use them.

A plugin registers a function under the entry-point group ``connector_credentials.checks``::

    def check(store: CredentialStore, name: str) -> list[Finding] | None: ...

It returns None when the credential is not one of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Literal

from connector_credentials.redaction import redact

if TYPE_CHECKING:
    from connector_credentials.store import CredentialStore

GROUP = "connector_credentials.checks"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about a credential.

    Attributes:
        level: ``ok``, ``warning`` (works, but not for long or not fully) or ``error``.
        text: What was found and, unless it is fine, what to do.
    """

    level: Literal["ok", "warning", "error"]
    text: str


Check = Callable[["CredentialStore", str], "list[Finding] | None"]


def check_credential(store: CredentialStore, name: str) -> list[Finding]:
    """Let the plugin that knows this credential try it against the real system.

    Raises:
        CredentialNotFoundError: The store has no such credential.
    """
    store.get(name)
    for entry_point in entry_points(group=GROUP):
        check: Check = entry_point.load()
        try:
            findings = check(store, name)
        except Exception as error:  # noqa: BLE001  # one plugin's fault must not hide the others
            text = redact(f"The check failed: {type(error).__name__}: {error}")
            return [Finding("error", text)]
        if findings is not None:
            return findings
    return [Finding("warning", "No installed plugin knows this credential; nothing was tested.")]
