"""VAT codes of Exact beside the tax rates of the shop: compared and reported, never written."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from adobe_commerce.errors import PermissionDeniedError
from target_adobe_commerce.plan import Entry, mark

if TYPE_CHECKING:
    from target_adobe_commerce.kept.keeping import ExactRecord, Keeping
    from target_adobe_commerce.shop import Record, Shop

STREAM = "vat_codes"
_SALES = {"S", "B"}


def compare(shop: Shop, keeping: Keeping, division: int) -> tuple[list[Entry], list[str]]:
    """Tell which tax classes of products have a rate that no sales VAT code of Exact has.

    Returns:
        An entry for each tax class and rate, and notes.
    """
    codes = [one for one in keeping.records(STREAM, division) if _is_for_sales(one)]
    if not codes:
        return [], []
    try:
        classes = shop.search("taxClasses/search")
        rules = shop.search("taxRules/search")
        rates = {int(rate["id"]): rate for rate in shop.search("taxRates/search")}
    except PermissionDeniedError as error:
        return [], [f"VAT codes and tax classes are not compared: {error}"]
    by_rate: dict[Decimal, list[str]] = defaultdict(list)
    for one in codes:
        by_rate[_percentage(one)].append(str(one.values["Code"]).strip())
    entries = []
    for tax_class in classes:
        if tax_class.get("class_type") != "PRODUCT":
            continue
        for rate in _rates_of(tax_class, rules, rates):
            fitting = sorted(by_rate.get(Decimal(str(rate["rate"])), ()))
            said = (
                f"VAT codes of Exact: {', '.join(fitting)}."
                if fitting
                else ("No sales VAT code of Exact has this rate.")
            )
            entries.append(_entry(division, tax_class, rate, said, codes))
    return entries, []


def _entry(
    division: int, tax_class: Record, rate: Record, said: str, codes: list[ExactRecord]
) -> Entry:
    percentage = Decimal(str(rate["rate"])).normalize()
    name = f"{tax_class['class_name']} {rate['code']}"
    return Entry(
        kind="tax_classes",
        division=division,
        exact_id=f"{tax_class['class_id']}:{rate['id']}",
        code=name,
        action="report",
        shop_id=str(tax_class["class_id"]),
        reason=f"{percentage:f} %: {said}",
        exact_mark=mark([[str(one.values["Code"]), str(_percentage(one))] for one in codes]),
        shop_mark=mark([name, str(percentage)]),
    )


def _rates_of(tax_class: Record, rules: list[Record], rates: dict[int, Record]) -> list[Record]:
    numbers = sorted(
        {
            int(number)
            for rule in rules
            if int(tax_class["class_id"]) in map(int, rule.get("product_tax_class_ids") or ())
            for number in rule.get("tax_rate_ids") or ()
        }
    )
    return [rates[number] for number in numbers if number in rates]


def _is_for_sales(code: ExactRecord) -> bool:
    values = code.values
    return (
        not code.deleted_at
        and not values.get("IsBlocked")
        and values.get("VATTransactionType") in _SALES
        and values.get("Percentage") is not None
    )


def _percentage(code: ExactRecord) -> Decimal:
    """Exact keeps a fraction: 0.21 is 21 %."""
    return (Decimal(str(code.values["Percentage"])) * 100).normalize()
