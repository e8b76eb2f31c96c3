"""Items of a document's lines, and the ones that have to be created first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_exact_online.documents import lines
from target_exact_online.documents.prepared import NewItem

if TYPE_CHECKING:
    from target_exact_online.documents.header import Draft
    from target_exact_online.documents.lines import Line
    from target_exact_online.master_data.models import Item

LONGEST_CODE = 30
LONGEST_DESCRIPTION = 60
_EVER_SINCE = "2000-01-01T00:00:00"  # from today by default, and then older orders are refused


@dataclass(slots=True)
class Wanted:
    """Finds the items of one document and collects those to create.

    Attributes:
        draft: The document.
    """

    draft: Draft
    _new: dict[str, tuple[dict[str, Any], list[int]]] = field(default_factory=dict)

    def item(self, line: Line, index: int) -> Item | None:
        """Return a line's item, or remember to create it."""
        draft, code = self.draft, str(line.given.get("item") or "")
        if draft.settings.create_items and code and draft.master.known_item(code) is None:
            self._add(code, line, index)
            return None
        return lines.item(draft, line)

    def new_items(self) -> tuple[NewItem, ...]:
        """Return the items to create, each once."""
        return tuple(NewItem(payload, tuple(indexes)) for payload, indexes in self._new.values())

    def _add(self, code: str, line: Line, index: int) -> None:
        checks = self.draft.checks
        quantity = checks.decimal(line.given, "quantity", f"{line.where}, quantity") or 0
        checks.text(line.given, "item", f"{line.where}, item", longest=LONGEST_CODE)
        text = str(line.given.get("description") or "").strip()
        text = text if 0 < len(text) <= LONGEST_DESCRIPTION else code
        new = {"Code": code, "Description": text, "IsSalesItem": True, "StartDate": _EVER_SINCE}
        payload, indexes = self._new.setdefault(code, (new, []))
        if quantity % 1:
            payload["IsFractionAllowedItem"] = True
        indexes.append(index)
