"""PDF copies of posted documents in Exact; an extra of this distribution.

A copy is never in a document's way: it is made behind everything else, with calls that documents
do not need. It waits as documents do: what may be in Exact is asked for before it is sent again.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from exact_online.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEEDED = ("fpdf", "fontpkg_noto_sans")


def check_installed(config: Mapping[str, Any]) -> None:
    """Check that what makes copies is installed when copies are wanted.

    Raises:
        ConfigError: It is not.
    """
    if config.get("attach_documents") and any(find_spec(name) is None for name in _NEEDED):
        msg = (
            "PDF copies need more than this installation has (setting attach_documents). "
            "Install it with `pip install 'target-exact-online[copies]'`, or leave the setting out."
        )
        raise ConfigError(msg)
