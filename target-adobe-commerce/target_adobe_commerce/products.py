"""Items of Exact as products of the shop: only listed attributes, for all store views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adobe_commerce.errors import NotFoundError, OutcomeUnknownError
from target_adobe_commerce.exceptions import NotKeptError, StalePlanError
from target_adobe_commerce.plan import mark
from target_adobe_commerce.shop import custom_values
from target_adobe_commerce.subjects import Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_adobe_commerce.kept.keeping import ExactRecord, Keeping
    from target_adobe_commerce.settings import Settings
    from target_adobe_commerce.shop import Record, Shop

KIND = "products"
STREAM = "items"


class Products:
    """Finds the products of items, and writes their revenue account."""

    def __init__(self, settings: Settings, shop: Shop, keeping: Keeping) -> None:
        """Take both sides; nothing is called yet."""
        self._settings = settings
        self._shop = shop
        self._keeping = keeping
        self._attribute = settings.option_attributes["gl_accounts"]

    def gather(self, division: int, accounts: list[Subject]) -> list[Subject]:
        """Return the items whose revenue account is known, each with its product.

        Args:
            division: Exact company.
            accounts: GL accounts with their options.
        """
        if self._attribute not in self._settings.product_attributes:
            return []
        items = [
            one
            for one in self._keeping.records(STREAM, division)
            if not one.deleted_at and one.values.get("Code") and _has_account(one)
        ]
        known = self._keeping.pairs(KIND, division)
        by_guid = {one.exact_id: one for one in accounts}
        by_code = {one.code: one for one in accounts}
        codes = {one.shop_id: one.code for one in accounts if one.shop_id}
        products = {
            str(row["sku"]).casefold(): row
            for row in self._shop.matching(
                "products",
                "sku",
                (str(one.values["Code"]).strip() for one in items),
                fields="items[sku,custom_attributes],total_count",
            )
        }
        subjects = []
        for one in items:
            sku = str(one.values["Code"]).strip()
            account = by_guid.get(str(one.values.get("GLRevenue") or "")) or by_code.get(
                str(one.values.get("GLRevenueCode") or "").strip()
            )
            product = products.get(sku.casefold())
            problem, no_create = "", ""
            if product is None:
                no_create = "The shop has no product with this sku."
            elif account is None or account.problem or (account.no_create and not account.shop_id):
                problem = f"Its revenue account {_account(one)} is no option of {self._attribute}."
            elif "/" in sku and not self._settings.cloud_service:
                problem = "Its sku has a slash, which no signed call to this shop can carry."
            found_sku = str(product["sku"]) if product and not no_create else ""
            subjects.append(
                Subject(
                    kind="products",
                    division=division,
                    exact_id=one.exact_id,
                    code=sku,
                    desired={self._attribute: account.code if account else _account(one)},
                    shop_id=found_sku,
                    found={self._attribute: self._value(product, codes)} if product else {},
                    calls=(f"PUT {self._shop.product_route(found_sku)}",) if found_sku else (),
                    no_create=no_create,
                    problem=problem,
                    pair=known.get(one.exact_id),
                    source={"account": account.exact_id if account else ""},
                )
            )
        return subjects

    def _value(self, product: Record, codes: Mapping[str, str]) -> str:
        """The account of a product's option; of a stranger's option its number."""
        number = str(custom_values(product).get(self._attribute) or "")
        return codes.get(number, f"option {number}" if number else "")

    def update(self, subject: Subject, planned: str, codes: Mapping[str, str]) -> None:
        """Give a product the option of its account: read, write, read back.

        Args:
            subject: The item and its product.
            planned: What the shop had when it was decided.
            codes: Codes of accounts by number of their options.

        Raises:
            StalePlanError: The shop changed it since; nothing was written.
            NotKeptError: The shop did not keep it, or lost something else.
        """
        route = self._shop.product_route(subject.shop_id)
        before = self._shop.one(route)
        if before is None:
            msg = f"Product {subject.shop_id} is no more."
            raise NotFoundError(msg)
        found = {self._attribute: self._value(before, codes)}
        if mark([subject.shop_id, found, None]) != planned:
            msg = f"Product {subject.shop_id} changed in the shop meanwhile."
            raise StalePlanError(msg)
        wanted = subject.desired[self._attribute]
        numbers = [number for number, code in codes.items() if code == wanted]
        if not numbers:
            msg = f"Account {wanted} has no option, because making it failed ({subject.key})."
            raise NotKeptError(msg)
        value = {"attribute_code": self._attribute, "value": numbers[0]}
        body = {"product": {"sku": subject.shop_id, "custom_attributes": [value]}}
        try:
            self._shop.write("PUT", route, body)
        except OutcomeUnknownError:
            if self._kept(self._shop.one(route)) != numbers[0]:
                raise
        after = self._shop.one(route) or {}
        if self._kept(after) != numbers[0]:
            msg = (
                f"The shop did not keep {self._attribute} of product {subject.shop_id}: its "
                "attribute set may lack the attribute. Add it there, or set create_attributes."
            )
            raise NotKeptError(msg)
        if lost := _lost(before, after, self._attribute):
            msg = f"The shop changed {', '.join(lost)} of product {subject.shop_id} as well."
            raise NotKeptError(msg)

    def _kept(self, product: Record | None) -> str:
        return str(custom_values(product or {}).get(self._attribute) or "")


def _has_account(item: ExactRecord) -> bool:
    return bool(item.values.get("GLRevenue") or item.values.get("GLRevenueCode"))


def _account(item: ExactRecord) -> str:
    return str(item.values.get("GLRevenueCode") or item.values.get("GLRevenue") or "").strip()


def _lost(before: Record, after: Record, attribute: str) -> list[str]:
    """What else of a product differs after the write."""
    own = {"updated_at", "custom_attributes"}
    lost = [name for name in before if name not in own and before[name] != after.get(name)]
    values = custom_values(after)
    return lost + [
        name
        for name, value in custom_values(before).items()
        if name not in {attribute, "updated_at"} and values.get(name) != value
    ]
