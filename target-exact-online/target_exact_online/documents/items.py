"""Items of a document's lines, and the ones that have to be created first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_exact_online.documents import lines
from target_exact_online.documents.prepared import NewItem

if TYPE_CHECKING:
    from datetime import date

    from target_exact_online.documents.checks import Checks
    from target_exact_online.documents.prepared import DocumentSettings
    from target_exact_online.master_data import MasterData
    from target_exact_online.master_data.models import Item

LONGEST_CODE = 30
LONGEST_DESCRIPTION = 60
_EVER_SINCE = "2000-01-01T00:00:00"  # from today by default, and then older orders are refused


class Wanted:
    """Finds the items of one document and collects those to create."""

    def __init__(self, settings: DocumentSettings) -> None:
        """Begin with none.

        Args:
            settings: Whether a missing item may be created.
        """
        self._create = settings.create_items
        self._new: dict[str, tuple[dict[str, Any], list[int]]] = {}

    def item(
        self,
        line: dict[str, Any],
        where: str,
        index: int,
        on: date | None,
        master: MasterData,
        checks: Checks,
    ) -> Item | None:
        """Return a line's item, or remember to create it."""
        code = str(line.get("item") or "")
        if self._create and code and master.known_item(code) is None:
            self._add(code, line, where, index, checks)
            return None
        return lines.item(line, where, on, master, checks)

    def new_items(self) -> tuple[NewItem, ...]:
        """Return the items to create, each once."""
        return tuple(NewItem(payload, tuple(indexes)) for payload, indexes in self._new.values())

    def _add(self, code: str, line: dict[str, Any], where: str, index: int, checks: Checks) -> None:
        quantity = checks.decimal(line, "quantity", f"{where}, quantity") or 0
        checks.text(line, "item", f"{where}, item", longest=LONGEST_CODE)
        text = str(line.get("description") or "").strip()
        text = text if 0 < len(text) <= LONGEST_DESCRIPTION else code
        payload, indexes = self._new.setdefault(
            code,
            (
                {"Code": code, "Description": text, "IsSalesItem": True, "StartDate": _EVER_SINCE},
                [],
            ),
        )
        if quantity % 1:
            payload["IsFractionAllowedItem"] = True
        indexes.append(index)
