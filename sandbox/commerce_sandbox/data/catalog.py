"""Store views, tax rates, coupons and products of the recorded shop, for a generated one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commerce_sandbox.data.arithmetic import CENT, UNIT, Algorithm, Coupon

if TYPE_CHECKING:
    from collections.abc import Mapping

STANDARD, REDUCED, UNTAXED = "standard", "reduced", "untaxed"

# Rates by country and class; other countries are untaxed exports. Catalog prices that include
# tax include the Netherlands' (the shop's origin).
RATES: Mapping[str, Mapping[str, int]] = {
    "NL": {STANDARD: 21, REDUCED: 9},
    "BE": {STANDARD: 21, REDUCED: 6},
    "DE": {STANDARD: 19, REDUCED: 7},
    "GB": {STANDARD: 20, REDUCED: 0},
}
ORIGIN = "NL"
REVERSE_CHARGE_GROUP = 4  # customer group of EU businesses: no tax

SHIPPING_PRICE = 49_500  # 4.95, flat


def rate(country: str, tax_class: str) -> int:
    """Return the tax percentage of a class of goods in a country (0: not taxed)."""
    return RATES.get(country, {}).get(tax_class, 0)


@dataclass(frozen=True, slots=True)
class StoreView:
    """One store view with its money and its taxes.

    Attributes:
        store_id: Number; increment ids of all but the first start with it.
        name: Website, store and view, as documents show it.
        base_currency: Currency of the books.
        currency: Currency of the documents.
        rate: Units of ``currency`` for one of ``base_currency``.
        global_rate: Units of the global currency (EUR) for one of ``base_currency``.
        algorithm: On what tax is rounded.
        share: How many of 100 generated orders it gets.
        prices_include_tax: Whether catalog prices do.
        decimals: Decimals of ``currency``. The shop itself rounds all to cents; a shop that sells
            in yen or dinars has an extension that does not.
    """

    store_id: int
    name: str
    base_currency: str
    currency: str
    rate: float
    global_rate: float
    algorithm: Algorithm
    share: int
    prices_include_tax: bool = True
    decimals: int = 2

    def step(self, conversion: float) -> int:
        """Return the smallest unit of the order's currency (of the base currency for 1)."""
        return CENT if conversion == 1 else 10 ** (4 - self.decimals)

    def increment_id(self, counter: int) -> str:
        """Return a document number of this store view."""
        prefix = "" if self.store_id == 1 else str(self.store_id)
        return f"{prefix}{counter:09d}"


_CONSUMER = "Consumer site\nWebwinkel\n"
NL = StoreView(1, _CONSUMER + "Nederlands", "EUR", "EUR", 1, 1, Algorithm.TOTAL, 50)
DE = StoreView(2, _CONSUMER + "Deutsch", "EUR", "EUR", 1, 1, Algorithm.TOTAL, 12)
BE = StoreView(3, _CONSUMER + "Belgi\u00eb", "EUR", "EUR", 1, 1, Algorithm.TOTAL, 12)
INTL = StoreView(4, _CONSUMER + "International (GBP)", "EUR", "GBP", 0.8431, 1, Algorithm.TOTAL, 6)
B2B = StoreView(
    5,
    "Business site\nZakelijk\nZakelijk NL",
    "EUR",
    "EUR",
    1,
    1,
    Algorithm.ROW,
    12,
    prices_include_tax=False,
)
UK = StoreView(6, "UK site\nUK Shop\nUK English", "GBP", "GBP", 1, 1.1861, Algorithm.UNIT, 8)
STORE_VIEWS = (NL, DE, BE, INTL, B2B, UK)

# Currencies with other minor units, and rates of many digits; only in shops that have the kind
# ``weak_currency``.
WEAK = tuple(
    StoreView(number, f"{_CONSUMER}{code}", "EUR", code, rate, 1, Algorithm.TOTAL, 0, decimals=d)
    for number, code, rate, d in (
        (7, "JPY", 163.4275, 0),
        (8, "IDR", 17482.9183, 2),
        (9, "KWD", 0.3312, 3),
    )
)

COUPONS = (
    Coupon("TEN", 1, "10% korting", "by_percent", 10),
    Coupon("FIVE", 2, "5 euro korting", "cart_fixed", 5 * UNIT),
    Coupon("TWOEACH", 3, "2 euro per stuk", "by_fixed", 2 * UNIT),
    Coupon("ALLFREE", 4, "Gratis alles", "by_percent", 100, on_shipping=True),
    Coupon("SHIP25", 5, "25% inclusief verzending", "by_percent", 25, on_shipping=True),
    Coupon("THIRD", 7, "33,33% korting", "by_percent", 33.33),
)


@dataclass(frozen=True, slots=True)
class Product:
    """One product.

    Attributes:
        product_id: Number in the catalog.
        sku: Stock keeping unit.
        name: As on the documents.
        price: Ten-thousandths of the base currency; 0 for what has no price of its own.
        kind: ``type_id`` in the catalog.
        tax_class: Which rate.
        fractions: Whether it is sold by quarters (such as fabric by the metre).
        option: ``product_option`` of an order line.
        parts: Products in it, with pieces each (bundle) or the variant chosen (configurable).
        fixed_tax: Fixed product tax of one piece by country of delivery, entered as prices are.
    """

    product_id: int
    sku: str
    name: str
    price: int
    kind: str = "simple"
    tax_class: str = STANDARD
    fractions: bool = False
    option: Mapping[str, Any] | None = None
    parts: tuple[tuple[Product, int], ...] = ()
    fixed_tax: Mapping[str, int] | None = None

    @property
    def is_virtual(self) -> bool:
        """Whether nothing is shipped."""
        return self.kind in ("virtual", "downloadable")

    @property
    def has_dynamic_price(self) -> bool:
        """Whether its price is the sum of its parts' prices."""
        return self.kind == "bundle" and not self.price


def _bundle(*options: tuple[int, int]) -> dict[str, Any]:
    chosen = [
        {"option_id": option, "option_qty": pieces, "option_selections": [option]}
        for option, pieces in options
    ]
    return {"extension_attributes": {"bundle_options": chosen}}


def _color(value: int) -> dict[str, Any]:
    chosen = [{"option_id": "93", "option_value": value}]
    return {"extension_attributes": {"configurable_item_options": chosen}}


_DOWNLOAD = {"extension_attributes": {"downloadable_option": {"downloadable_links": [1]}}}

_POT = Product(1, "TEA-POT", "Theepot aardewerk", 129_500)
_MUG = Product(2, "MUG-PENNY", "Mok rond", 33_300)
_PEN = Product(3, "PEN-019", "Balpen", 1_900)
_LAMP = Product(4, "LAMP-DESK", "Bureaulamp", 899_900)
_BOOK = Product(5, "BOOK-NL", "Kookboek", 249_500, tax_class=REDUCED)
_BAGS = Product(6, "TEA-BAGS", "Thee 20 zakjes", 27_900, tax_class=REDUCED)
_SAMPLE = Product(7, "SAMPLE-FREE", "Gratis proefmonster", 0)
_FABRIC = Product(8, "FABRIC-M", "Stof per meter", 74_900, fractions=True)
_WRAP = Product(9, "SVC-GIFTWRAP", "Inpakservice", 25_000, "virtual")
_VOUCHER = Product(10, "GIFT-VOUCHER", "Cadeaubon (geen btw)", 250_000, "virtual", UNTAXED)
_ODD = Product(
    12,
    'SKU with space/\u00e9 & "quote"',
    "Lange naam \u2014 test \u201cquotes\u201d & <tags> \u00fcn\u00efcode ????",
    100_000,
)
_RED = Product(13, "TSHIRT-RED", "T-shirt Rood", 199_900)
_BLUE = Product(14, "TSHIRT-BLUE", "T-shirt Blauw", 219_900)
_SHIRT_RED = Product(
    15, "TSHIRT-RED", "T-shirt", 199_900, "configurable", option=_color(4), parts=((_RED, 1),)
)
_SHIRT_BLUE = Product(
    15, "TSHIRT-BLUE", "T-shirt", 219_900, "configurable", option=_color(5), parts=((_BLUE, 1),)
)
_EBOOK = Product(
    16, "EBOOK-PDF", "E-book bakken", 99_500, "downloadable", REDUCED, option=_DOWNLOAD
)
_DYNAMIC = Product(
    17,
    "BUNDLE-DYN-TEA-POT-TEA-BAGS",
    "Cadeaupakket (dynamisch)",
    0,
    "bundle",
    option=_bundle((1, 1), (2, 3)),
    parts=((_POT, 1), (_BAGS, 3)),
)
_FIXED = Product(
    18,
    "BUNDLE-FIX",
    "Vast pakket",
    329_500,
    "bundle",
    option=_bundle((3, 2), (4, 1)),
    parts=((_MUG, 2), (_BOOK, 1)),
)

# Carries a fixed product tax ("Verwijderingsbijdrage"); not on the shelf, see ``kinds``.
TOASTER = Product(
    11, "TOASTER-FPT", "Broodrooster met bijdrage", 399_500, fixed_tax={"NL": 12_100, "BE": 20_000}
)

# What a cart draws from: goods that sell more often stand here more often.
SHELF = (
    *(_POT, _POT, _MUG, _MUG, _PEN, _LAMP, _BOOK, _BOOK, _BAGS, _BAGS),
    *(_SHIRT_RED, _SHIRT_BLUE, _DYNAMIC, _FIXED, _EBOOK, _WRAP, _VOUCHER, _FABRIC, _ODD, _SAMPLE),
)
