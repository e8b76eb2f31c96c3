"""Items as products: the revenue account, only where the settings list it; VAT compared only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

CODE = "exact_gl_account"
DIVISION = 999001


@pytest.fixture
def shop(make_world: Callable[..., Any]) -> Any:
    return make_world(create_attributes=True, product_attributes=[CODE])


def item(world: Any, sku: str, account: int, number: int = 1) -> dict[str, Any]:
    guid = world.gl(account)["ID"]
    return {"Division": DIVISION, "ID": world.guid(number), "Code": sku, "GLRevenue": guid}


def value(world: Any, sku: str, store: str = "all") -> Any:
    rows = world.get(f"products/{sku}", store)["custom_attributes"]
    return {row["attribute_code"]: row["value"] for row in rows}.get(CODE)


def test_products_get_the_option_of_their_account_once(shop: Any) -> None:
    before = shop.get("products/TEA-POT")
    shop.exact("gl_accounts", shop.gl(8000), shop.gl(8010))
    shop.exact("items", item(shop, "TEA-POT", 8010), item(shop, "NOT-THERE", 8000, 2))
    _, outcome, writes = shop.apply()
    assert outcome.written == {"attributes": 1, "gl_accounts": 2, "products": 1}
    assert writes == 5
    assert value(shop, "TEA-POT") == shop.options()["8010 Revenue 8010"]
    after = shop.get("products/TEA-POT")
    own = ("custom_attributes", "updated_at")
    assert {k: v for k, v in after.items() if k not in own} == {
        k: v for k, v in before.items() if k not in own
    }
    kept = [one for one in after["custom_attributes"] if one["attribute_code"] != CODE]
    assert kept == before["custom_attributes"]
    plan, _, writes = shop.apply()
    assert (writes, plan.writes, plan.conflicts) == (0, 0, 0)
    shop.exact("items", item(shop, "TEA-POT", 8000))
    assert shop.apply()[2] == 1
    assert value(shop, "TEA-POT") == shop.options()["8000 Revenue 8000"]


def test_products_are_not_written_unless_the_attribute_is_listed(shop: Any) -> None:
    shop.exact("gl_accounts", shop.gl(8000))
    shop.exact("items", item(shop, "TEA-POT", 8000))
    _, outcome, _ = shop.apply(product_attributes=[])
    assert "products" not in outcome.written
    assert value(shop, "TEA-POT") is None


def test_what_the_shop_chose_for_a_product_stays(shop: Any) -> None:
    shop.exact("gl_accounts", shop.gl(8000), shop.gl(8010))
    shop.exact("items", item(shop, "TEA-POT", 8000))
    shop.apply()
    chosen = shop.options()["8010 Revenue 8010"]
    attribute = {"attribute_code": CODE, "value": chosen}
    shop.put("products/TEA-POT", product={"custom_attributes": [attribute]})
    plan, _, writes = shop.apply()
    (entry,) = [one for one in plan.entries if one.kind == "products"]
    assert (writes, entry.changes[0].verdict) == (0, "keep")
    assert value(shop, "TEA-POT") == chosen


def test_a_product_whose_set_lacks_the_attribute_is_told(make_world: Callable[..., Any]) -> None:
    world = make_world(product_attributes=[CODE])
    world.post(
        "products/attributes",
        attribute={
            "attribute_code": CODE,
            "frontend_input": "select",
            "default_frontend_label": "GL",
            "scope": "global",
        },
    )
    world.exact("gl_accounts", world.gl(8000))
    world.exact("items", item(world, "TEA-POT", 8000))
    _, outcome, _ = world.apply()
    assert outcome.written == {"gl_accounts": 1}
    assert "attribute set" in outcome.failed["products:TEA-POT"]


def test_an_item_whose_account_is_no_option_waits_for_a_person(shop: Any) -> None:
    shop.exact("gl_accounts", shop.gl(8000, IsBlocked=True))
    shop.exact("items", item(shop, "TEA-POT", 8000))
    plan, _, _ = shop.apply()
    (entry,) = [one for one in plan.entries if one.kind == "products"]
    assert entry.action == "conflict"
    assert "no option" in entry.reason


def test_vat_codes_and_tax_classes_are_compared_and_never_written(shop: Any) -> None:
    def vat(number: int, code: str, percentage: float, **more: Any) -> dict[str, Any]:
        fields = {"Code": code, "Percentage": percentage, "VATTransactionType": "S", **more}
        return {"Division": DIVISION, "ID": shop.guid(number), **fields}

    shop.exact("vat_codes", vat(1, "2  ", 0.21), vat(2, "9", 0.09, VATTransactionType="P"))
    plan, _, writes = shop.apply()
    told = {one.code: one.reason for one in plan.entries}
    assert {one.action for one in plan.entries} == {"report"}
    assert writes == 0
    high = [text for text in told.values() if text.startswith("21 %")]
    low = [text for text in told.values() if text.startswith("9 %")]
    assert high
    assert low
    assert all("VAT codes of Exact: 2." in text for text in high)
    assert all("No sales VAT code" in text for text in low)
