"""GL accounts, cost centers and cost units as options of product attributes.

The shop refuses a label that is the number of another option (magento2 issue 32593), so a label is
never a bare number: it is the code and the description. Options are never deleted, because products
may have them; what is blocked, ended or deleted in Exact is marked in its label.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from adobe_commerce.errors import OutcomeUnknownError
from target_adobe_commerce.exceptions import NotKeptError, StalePlanError
from target_adobe_commerce.plan import Kind, mark
from target_adobe_commerce.shop import option_labels
from target_adobe_commerce.subjects import Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_adobe_commerce.kept.keeping import ExactRecord, Keeping, Pair
    from target_adobe_commerce.settings import Settings
    from target_adobe_commerce.shop import Record, Shop

LABEL = "label"
#: What the attributes are called in the shop's administration.
TITLES = {
    "gl_accounts": "Exact GL account",
    "cost_centers": "Exact cost center",
    "cost_units": "Exact cost unit",
}
KINDS = tuple(TITLES)
_UNNAMED = "(no description)"
_PRODUCT_GROUP = "Product Details"


def label_of(code: str, description: str) -> str:
    """Return an option's label: code and description, never a bare number."""
    return " ".join(f"{code} {description.strip() or _UNNAMED}".split())


class Options:
    """The options of one kind."""

    def __init__(self, kind: str, settings: Settings, shop: Shop, keeping: Keeping) -> None:
        """Take both sides; nothing is called yet."""
        self.kind = kind
        self.attribute_code = settings.option_attributes[kind]
        self._settings = settings
        self._shop = shop
        self._keeping = keeping
        self.notes: list[str] = []
        self._store_labels: dict[str, dict[str, str]] | None = None

    # Finding

    def gather(self, division: int, waiting: Mapping[str, str]) -> list[Subject]:
        """Return the attribute, if it is to be made, and the records, each with its option."""
        known = self._keeping.pairs(self.kind, division)
        records = [
            one
            for one in self._keeping.records(self.kind, division)
            if one.values.get("Code") and (one.exact_id in known or self._is_revenue(one))
        ]
        if not records:
            return []
        attribute = self._shop.attribute(self.attribute_code)
        if attribute is None and not self._settings.create_attributes:
            self.notes.append(
                f"The shop has no product attribute {self.attribute_code!r}. Make it there (a "
                "drop-down, global), or set create_attributes."
            )
            return []
        if attribute is not None and attribute.get("frontend_input") not in {
            "select",
            "multiselect",
        }:
            self.notes.append(
                f"The shop's attribute {self.attribute_code!r} is no drop-down: it has no options."
            )
            return []
        labels = option_labels((attribute or {}).get("options") or ())
        by_code = _by_code(labels)
        own = {pair.shop_id for pair in known.values()}
        subjects = self._attribute_subjects(division, attribute)
        for one in records:
            subjects.append(
                self._subject(one, known.get(one.exact_id), labels, by_code, own, waiting)
            )
        return subjects

    def _is_revenue(self, record: ExactRecord) -> bool:
        """Whether products may have it: of GL accounts only revenue accounts."""
        return (
            self.kind != "gl_accounts" or record.values.get("Type") in self._settings.revenue_types
        )

    def _is_live(self, record: ExactRecord) -> bool:
        values = record.values
        ended = str(values.get("EndDate") or "")[:10]
        is_over = bool(ended) and ended < datetime.now(UTC).date().isoformat()
        return (
            not record.deleted_at
            and not values.get("IsBlocked")
            and not is_over
            and self._is_revenue(record)
        )

    def _attribute_subjects(self, division: int, attribute: Record | None) -> list[Subject]:
        """What has to be done to the attribute itself."""
        if not self._settings.create_attributes:
            return []
        missing = [
            number
            for number in self._settings.attribute_sets
            if attribute is None or not self._is_in_set(number)
        ]
        calls: tuple[str, ...] = () if attribute else ("POST products/attributes",)
        calls += ("POST products/attribute-sets/attributes",) * len(missing)
        if not calls:
            return []
        return [
            Subject(
                kind="attributes",
                division=division,
                exact_id=self.attribute_code,
                code=self.attribute_code,
                desired={"attribute_sets": ", ".join(str(one) for one in missing)},
                shop_id=str(attribute["attribute_id"]) if attribute else "",
                calls=calls,
            )
        ]

    def _is_in_set(self, number: int) -> bool:
        found = self._shop.value(f"products/attribute-sets/{number}/attributes")
        return any(one.get("attribute_code") == self.attribute_code for one in found)

    def _subject(
        self,
        record: ExactRecord,
        pair: Pair | None,
        labels: Mapping[str, str],
        by_code: Mapping[str, list[str]],
        own: set[str],
        waiting: Mapping[str, str],
    ) -> Subject:
        code = str(record.values.get("Code") or "").strip()
        label = label_of(code, str(record.values.get("Description") or ""))
        live = self._is_live(record)
        wanted = label if live else f"{label} {self._settings.blocked_mark}"
        number, problem, no_create = "", "", ""
        if pair is not None:
            number = pair.shop_id if pair.shop_id in labels else ""
            if not number:
                problem = (
                    f"The shop no longer has option {pair.shop_id} of {self.attribute_code}. To "
                    f"make it anew: `target-adobe-commerce pairs forget {self.kind}:{code}`."
                )
        else:
            free = [one for one in by_code.get(code, ()) if one not in own]
            if len(free) > 1:
                problem = (
                    f"{len(free)} options of {self.attribute_code} begin with its code: "
                    f"{', '.join(labels[one] for one in free)}. Keep one."
                )
            elif free:
                number = free[0]
            else:
                no_create = waiting.get(record.exact_id, "")
                if not live:
                    no_create = (
                        "It is blocked, ended or deleted in Exact, and the shop has no option."
                    )
        route = f"products/attributes/{self.attribute_code}/options"
        return Subject(
            kind=cast("Kind", self.kind),
            division=record.division,
            exact_id=record.exact_id,
            code=code,
            desired={LABEL: wanted},
            shop_id=number,
            found={LABEL: labels[number]} if number else {},
            calls=(f"PUT {route}/{number}" if number else f"POST {route}",),
            no_create=no_create,
            problem=problem,
            pair=pair,
        )

    # Writing

    def make_attribute(self, subject: Subject) -> None:
        """Make the attribute if it is not there, and put it into the attribute sets.

        Raises:
            NotKeptError: The shop did not keep it.
        """
        if self._shop.attribute(self.attribute_code) is None:
            body = {
                "attribute_code": self.attribute_code,
                "frontend_input": "select",
                "default_frontend_label": TITLES[self.kind],
                "scope": "global",
                "is_required": False,
                "is_user_defined": True,
            }
            try:
                self._shop.write("POST", "products/attributes", {"attribute": body})
            except OutcomeUnknownError:
                if self._shop.attribute(self.attribute_code) is None:
                    raise
        for number in self._settings.attribute_sets:
            if self._is_in_set(number):
                continue
            body = {
                "attributeSetId": number,
                "attributeGroupId": self._group_of(number),
                "attributeCode": self.attribute_code,
                "sortOrder": 100,
            }
            try:
                self._shop.write("POST", "products/attribute-sets/attributes", body)
            except OutcomeUnknownError:
                if not self._is_in_set(number):
                    raise
            if not self._is_in_set(number):
                msg = f"The shop did not put {subject.code} into attribute set {number}."
                raise NotKeptError(msg)

    def _group_of(self, number: int) -> int:
        query = (
            "searchCriteria%5BfilterGroups%5D%5B0%5D%5Bfilters%5D%5B0%5D%5Bfield%5D="
            "attribute_set_id&searchCriteria%5BfilterGroups%5D%5B0%5D%5Bfilters%5D%5B0%5D"
            f"%5Bvalue%5D={number}"
        )
        found = self._shop.value("products/attribute-sets/groups/list", query)
        groups = [one for one in found["items"] if int(one["attribute_set_id"]) == number]
        named = [one for one in groups if one["attribute_group_name"] == _PRODUCT_GROUP]
        if not groups:
            msg = f"The shop's attribute set {number} has no groups (setting attribute_sets)."
            raise NotKeptError(msg)
        return int((named or groups)[0]["attribute_group_id"])

    def create(self, subject: Subject) -> str:
        """Make an option and return its number.

        Raises:
            OutcomeUnknownError: It was sent, and is not in the shop yet.
        """
        label = subject.desired[LABEL]
        route = f"products/attributes/{self.attribute_code}/options"
        try:
            made = self._shop.write("POST", route, {"option": {"label": label, "sort_order": 0}})
        except OutcomeUnknownError:
            return self._number_of(label)
        # Older releases answer with a word of their own, such as id_17, or with true.
        digits = str(made).removeprefix("id_")
        return digits if digits.isdigit() else self._number_of(label)

    def _number_of(self, label: str) -> str:
        for number, has in self._shop.options(self.attribute_code).items():
            if has == label:
                return number
        msg = f"An option of {self.attribute_code} was sent and is not in the shop yet."
        raise OutcomeUnknownError(msg)

    def update(self, subject: Subject, planned: str) -> None:
        """Change an option's label, and keep what store views call it.

        Raises:
            StalePlanError: The shop changed it since; nothing was written.
        """
        labels = self._shop.options(self.attribute_code)
        has = labels.get(subject.shop_id)
        if mark([subject.shop_id, {LABEL: has}, None]) != planned:
            msg = f"Option {subject.shop_id} ({subject.key}) changed in the shop meanwhile."
            raise StalePlanError(msg)
        option: dict[str, Any] = {"label": subject.desired[LABEL]}
        own = self._own_labels(subject.shop_id, str(has))
        if own:
            option["store_labels"] = own
        route = f"products/attributes/{self.attribute_code}/options/{subject.shop_id}"
        try:
            self._shop.write("PUT", route, {"option": option})
        except OutcomeUnknownError:
            if self._shop.options(self.attribute_code).get(subject.shop_id) != option["label"]:
                raise

    def _own_labels(self, number: str, label: str) -> list[Record]:
        """What store views call an option by themselves: the shop forgets what is not sent."""
        if self._store_labels is None:
            self._store_labels = {
                store: self._shop.options(self.attribute_code, store)
                for store in self._shop.store_codes
            }
        return [
            {"store_id": self._shop.store_codes[store], "label": labels[number]}
            for store, labels in self._store_labels.items()
            if labels.get(number, label) != label
        ]

    def check(self, made: Mapping[str, str]) -> dict[str, str]:
        """Read back and return what is wrong, by number of the option.

        Args:
            made: The label that each option should have, by number.
        """
        labels = self._shop.options(self.attribute_code)
        return {
            number: (
                f"The shop has {labels.get(number, 'nothing')!r} as option {number} of "
                f"{self.attribute_code} instead of {label!r}."
            )
            for number, label in made.items()
            if labels.get(number) != label
        }


def _by_code(labels: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for number, label in labels.items():
        found[label.partition(" ")[0]].append(number)
    return found
