"""Relations and items, of which there are many: found by key, read by what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_exact_online.master_data import kinds
from target_exact_online.master_data.codes import Codes
from target_exact_online.master_data.shelf import NotUsableError

if TYPE_CHECKING:
    from target_exact_online.master_data.kinds import Kind, M
    from target_exact_online.master_data.models import Account, Item

_MATCH_ORDER = (("search_code", "search_key"), ("vat_number", "vat_key"), ("email", "email_key"))


class Relations(Codes):
    """Who is invoiced, and for what."""

    def item(self, code: str) -> Item:
        """Return an item by code."""
        found = self.known_item(code)
        if found is None:
            raise self._unknown(kinds.ITEMS, code)
        return found

    def known_item(self, code: str) -> Item | None:
        """Return an item by code, or None when there is none."""
        found = self._with_code(kinds.ITEMS, code)
        return found[0] if found else None

    def account(self, code: str) -> Account:
        """Return a relation by its number."""
        found = self._with_code(kinds.ACCOUNTS, code.strip())
        if not found:
            raise self._unknown(kinds.ACCOUNTS, code)
        return found[0]

    def matching_account(self, match: dict[str, str]) -> Account | None:
        """Return the relation that search code, VAT number or e-mail name, in this order, or None.

        Raises:
            NotUsableError: Several relations match, and none can be preferred.
        """
        vat_key = kinds.digest(kinds.vat_number(match.get("vat_number") or "")) or ""
        for field, column in _MATCH_ORDER:
            value = match.get(field) or ""
            key = vat_key if field == "vat_number" else kinds.digest(value)
            if not key:
                continue
            found = self._found_by(kinds.ACCOUNTS, column, key)
            if field == "email":  # another VAT number is another company with the same mailbox
                found = tuple(a for a in found if not (vat_key and a.vat_key not in {"", vat_key}))
            customers = tuple(a for a in found if a.status == "C" and not a.blocked) or found
            if len(customers) > 1:
                codes = ", ".join(sorted(a.code for a in customers)[:5])
                what = f"{len(customers)} relations have this {field.replace('_', ' ')}: {codes}"
                raise NotUsableError(what, "Give one of them a search code of its own in Exact.")
            if customers:
                return customers[0]
        return None

    def _with_code(self, kind: Kind[M], code: str) -> tuple[M, ...]:
        found = self._found_by(kind, "code", code)
        if not found and self._again(kind.name):
            found = self._found_by(kind, "code", code)
        return found
