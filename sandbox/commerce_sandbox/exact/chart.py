"""The books of the sandbox's company as plain figures: accounts, VAT codes, journals, rates.

GL accounts and VAT codes that a mapping is most likely to name (1300, 8000, D19, ...) follow
the worked cases that the project is tested with. They are an invented Dutch set-up, not
defaults of Exact.
"""

from __future__ import annotations

#: code, description, type, balance side, balance type
GL_ACCOUNTS: tuple[tuple[str, str, int, str, str], ...] = (
    ("0500", "Retained earnings", 52, "C", "B"),
    ("1000", "Cash", 10, "D", "B"),
    ("1010", "Bank", 12, "D", "B"),
    ("1240", "Clearing, iDEAL via payment provider", 90, "D", "B"),
    ("1241", "Clearing, credit card", 90, "D", "B"),
    ("1242", "Clearing, PayPal", 90, "D", "B"),
    ("1243", "Clearing, bank transfer", 90, "D", "B"),
    ("1244", "Clearing, cash on delivery", 90, "D", "B"),
    ("1245", "Clearing, check or money order", 90, "D", "B"),
    ("1246", "Clearing, purchase order", 90, "D", "B"),
    ("1247", "Clearing, pay later", 90, "D", "B"),
    ("1290", "Clearing, zero subtotal checkout", 90, "D", "B"),
    ("1300", "Debtors (accounts receivable)", 20, "D", "B"),
    ("1310", "Debtors, old ledger", 20, "D", "B"),
    ("1500", "VAT payable 21 %", 24, "C", "B"),
    ("1501", "VAT payable 9 %", 24, "C", "B"),
    ("1505", "VAT to claim", 24, "D", "B"),
    ("1520", "OSS VAT payable Germany", 24, "C", "B"),
    ("1521", "OSS VAT payable Belgium", 24, "C", "B"),
    ("1522", "OSS VAT payable France", 24, "C", "B"),
    ("1523", "OSS VAT payable Austria", 24, "C", "B"),
    ("1524", "OSS VAT payable Spain", 24, "C", "B"),
    ("1525", "OSS VAT payable Italy", 24, "C", "B"),
    ("1530", "VAT payable United Kingdom", 24, "C", "B"),
    ("1590", "VAT return to pay", 90, "C", "B"),
    ("1600", "Creditors (accounts payable)", 22, "C", "B"),
    ("1700", "Gift cards outstanding", 90, "C", "B"),
    ("1710", "Store credit outstanding", 90, "C", "B"),
    ("1720", "Reward points outstanding", 90, "C", "B"),
    ("1800", "Prepayments received from customers", 21, "C", "B"),
    ("1990", "Suspense account", 90, "D", "B"),
    ("4700", "Payment provider fees", 120, "D", "W"),
    ("4990", "Rounding differences", 120, "D", "W"),
    ("4995", "Exchange rate differences", 120, "D", "W"),
    ("7000", "Cost of goods sold", 111, "D", "W"),
    ("8000", "Revenue NL 21 %", 110, "C", "W"),
    ("8010", "Revenue NL 9 %", 110, "C", "W"),
    ("8015", "Revenue NL 0 %", 110, "C", "W"),
    ("8020", "Revenue intra-community goods 0 %", 110, "C", "W"),
    ("8021", "Revenue intra-community services 0 %", 110, "C", "W"),
    ("8030", "Revenue export 0 %", 110, "C", "W"),
    ("8040", "Revenue distance sales (OSS)", 110, "C", "W"),
    ("8050", "Revenue United Kingdom", 110, "C", "W"),
    ("8060", "Revenue Belgium", 110, "C", "W"),
    ("8070", "Revenue digital products", 110, "C", "W"),
    ("8100", "Shipping revenue", 110, "C", "W"),
    ("8110", "Payment surcharges", 110, "C", "W"),
    ("8120", "Gift wrapping", 110, "C", "W"),
    ("8130", "Fixed product taxes (eco fee)", 110, "C", "W"),
    ("8200", "Discounts given", 110, "D", "W"),
    ("8300", "Adjustment refunds", 110, "D", "W"),
    ("8310", "Adjustment fees", 110, "C", "W"),
    ("8400", "Gift card breakage", 110, "C", "W"),
    ("8900", "Revenue, old (blocked)", 110, "C", "W"),
    ("8910", "Revenue that needs a cost center", 110, "C", "W"),
    ("8920", "Revenue without cost center", 110, "C", "W"),
    ("8930", "Revenue that needs a cost unit", 110, "C", "W"),
    ("8940", "Revenue without cost unit", 110, "C", "W"),
    ("9990", "Gross profit, year end", 300, "C", "W"),
    ("9995", "Net profit or loss, year end", 300, "C", "W"),
)
BLOCKED_GL = frozenset({"8900"})
#: UseCostcenter and UseCostunit: 1 mandatory, 2 not allowed; all others optional.
USE_COST_CENTER = {"8910": 1, "8920": 2}
USE_COST_UNIT = {"8930": 1, "8940": 2}
GL_VAT = {"8000": "21", "8010": "9", "8015": "0", "8020": "7", "8030": "6", "8100": "21"}

#: code, description, type, transaction type, percentage, GL to pay, EU listing, OSS country
VAT_CODES: tuple[tuple[str, str, str, str, float, str | None, str, str | None], ...] = (
    ("0", "No VAT / outside scope", "N", "B", 0, None, "N", None),
    ("21", "NL 21 % exclusive", "E", "S", 0.21, "1500", "N", None),
    ("9", "NL 9 % exclusive", "E", "S", 0.09, "1501", "N", None),
    ("21I", "NL 21 % inclusive", "I", "S", 0.21, "1500", "N", None),
    ("9I", "NL 9 % inclusive", "I", "S", 0.09, "1501", "N", None),
    ("Z", "NL 0 %", "B", "S", 0, None, "N", None),
    ("6", "Export outside EU 0 %", "B", "S", 0, None, "N", None),
    ("7", "Intra-community supply of goods 0 %", "B", "S", 0, None, "L", None),
    ("8", "Intra-community services 0 %", "B", "S", 0, None, "S", None),
    ("RC", "Reverse charge NL 0 %", "B", "S", 0, None, "N", None),
    ("B21", "OSS Belgium 21 %", "E", "S", 0.21, "1521", "N", "BE"),
    ("B6", "OSS Belgium 6 %", "E", "S", 0.06, "1521", "N", "BE"),
    ("D19", "OSS Germany 19 %", "E", "S", 0.19, "1520", "N", "DE"),
    ("D7", "OSS Germany 7 %", "E", "S", 0.07, "1520", "N", "DE"),
    ("F20", "OSS France 20 %", "E", "S", 0.20, "1522", "N", "FR"),
    ("F5", "OSS France 5.5 %", "E", "S", 0.055, "1522", "N", "FR"),
    ("A20", "OSS Austria 20 %", "E", "S", 0.20, "1523", "N", "AT"),
    ("E21", "OSS Spain 21 %", "E", "S", 0.21, "1524", "N", "ES"),
    ("I22", "OSS Italy 22 %", "E", "S", 0.22, "1525", "N", "IT"),
    ("G20", "United Kingdom 20 %", "E", "S", 0.20, "1530", "N", None),
    ("G0", "United Kingdom 0 %", "B", "S", 0, None, "N", None),
    ("O19", "NL 19 % (until 2012)", "E", "S", 0.19, "1500", "N", None),
    ("P21", "Purchases 21 %", "E", "P", 0.21, None, "N", None),
)
BLOCKED_VAT = frozenset({"O19"})
#: Earlier percentages of a code: start, end, percentage.
VAT_HISTORY = {
    "9": (("2001-01-01", "2018-12-31", 0.06), ("2019-01-01", None, 0.09)),
    "9I": (("2001-01-01", "2018-12-31", 0.06), ("2019-01-01", None, 0.09)),
    "D19": (
        ("2007-01-01", "2020-06-30", 0.19),
        ("2020-07-01", "2020-12-31", 0.16),
        ("2021-01-01", None, 0.19),
    ),
    "D7": (
        ("2007-01-01", "2020-06-30", 0.07),
        ("2020-07-01", "2020-12-31", 0.05),
        ("2021-01-01", None, 0.07),
    ),
}

#: code, description, type, variable currency, variable rate, VAT allowed, counter account, blocked
JOURNALS: tuple[tuple[str, str, int, bool, bool, bool, str | None, bool], ...] = (
    ("10", "Cash", 10, False, False, True, "1000", False),
    ("20", "Bank", 12, False, False, True, "1010", False),
    ("60", "Purchases", 22, True, True, True, "1600", False),
    ("70", "Sales", 20, True, True, True, "1300", False),
    ("71", "Sales, EUR only", 20, False, False, True, "1300", False),
    ("72", "Sales, rate of the day", 20, True, False, True, "1300", False),
    ("79", "Sales, closed shop", 20, True, True, True, "1300", True),
    ("90", "General journal", 90, True, True, True, None, False),
    ("91", "General journal without VAT", 90, True, True, False, None, False),
)

#: code, description, end date
COST_CENTERS: tuple[tuple[str, str, str | None], ...] = (
    ("WEB", "Web shop consumers", None),
    ("B2B", "Web shop business", None),
    ("UK", "Web shop United Kingdom", None),
    ("BE", "Web shop Belgium", None),
    ("DE", "Web shop Germany", None),
    ("INTL", "Web shop international", None),
    ("STORE", "Shop floor", None),
    ("OLD", "Market stall", "2025-12-31"),
)
COST_UNITS: tuple[tuple[str, str, str | None], ...] = (
    ("KITCHEN", "Kitchen and tea", None),
    ("OFFICE", "Office", None),
    ("CLOTHES", "Clothing", None),
    ("SERVICE", "Services", None),
    ("OLDUNIT", "Garden", "2025-12-31"),
)

#: code, description, payment method, days
PAYMENT_CONDITIONS: tuple[tuple[str, str, str, int], ...] = (
    ("00", "Paid in advance", "K", 0),
    ("14", "14 days", "B", 14),
    ("30", "30 days", "B", 30),
    ("ID", "iDEAL via payment provider", "Q", 0),
    ("PP", "PayPal", "Q", 0),
    ("CM", "Check or money order", "B", 8),
    ("BT", "Bank transfer in advance", "B", 0),
    ("COD", "Cash on delivery", "K", 0),
)

#: code, description, smallest amount
CURRENCIES: tuple[tuple[str, str, float], ...] = (
    ("EUR", "Euro", 0.01),
    ("GBP", "Pound sterling", 0.01),
    ("USD", "US dollar", 0.01),
    ("CHF", "Swiss franc", 0.01),
    ("SEK", "Swedish krona", 0.01),
    ("JPY", "Japanese yen", 1),
)
#: Euro for one unit of the currency, from this day on. SEK has no rate on purpose.
EXCHANGE_RATES: tuple[tuple[str, str, float], ...] = (
    ("GBP", "2025-01-01", 1.2010),
    ("GBP", "2026-01-01", 1.1861),
    ("GBP", "2026-07-01", 1.1642),
    ("USD", "2025-01-01", 0.9610),
    ("USD", "2026-01-01", 0.9215),
    ("CHF", "2026-01-01", 1.0653),
    ("JPY", "2026-01-01", 0.0061),
)

FINANCIAL_YEARS = (2025, 2026, 2027)
CLOSED_YEARS = frozenset({2025})

ITEM_GROUPS: tuple[tuple[str, str, str], ...] = (
    ("GOODS", "Goods", "8000"),
    ("BOOKS", "Books", "8010"),
    ("SERVICE", "Services and charges", "8100"),
)
UNITS = (("pc", "Piece"), ("m", "Meter"), ("hr", "Hour"))

#: code, description, group, VAT code, revenue account when it differs from the group's
ITEMS: tuple[tuple[str, str, str, str, str | None], ...] = (
    ("TEA-POT", "Theepot aardewerk", "GOODS", "21", None),
    ("MUG-PENNY", "Mok rond", "GOODS", "21", None),
    ("PEN-019", "Balpen", "GOODS", "21", None),
    ("LAMP-DESK", "Bureaulamp", "GOODS", "21", None),
    ("BOOK-NL", "Kookboek", "BOOKS", "9", None),
    ("TEA-BAGS", "Thee 20 zakjes", "BOOKS", "9", None),
    ("SAMPLE-FREE", "Gratis proefmonster", "GOODS", "21", None),
    ("FABRIC-M", "Stof per meter", "GOODS", "21", None),
    ("SVC-GIFTWRAP", "Inpakservice", "SERVICE", "21", "8120"),
    ("GIFT-VOUCHER", "Cadeaubon (geen btw)", "GOODS", "0", "1700"),
    ("TOASTER-FPT", "Broodrooster met bijdrage", "GOODS", "21", None),
    ('SKU with space/é & "quote"', "Lange naam", "GOODS", "21", None),
    ("TSHIRT-RED", "T-shirt rood", "GOODS", "21", None),
    ("TSHIRT-BLUE", "T-shirt blauw", "GOODS", "21", None),
    ("TSHIRT", "T-shirt", "GOODS", "21", None),
    ("EBOOK-PDF", "E-book bakken", "BOOKS", "9", "8070"),
    ("BUNDLE-DYN", "Cadeaupakket (dynamisch)", "GOODS", "21", None),
    ("BUNDLE-DYN-TEA-POT-TEA-BAGS", "Cadeaupakket theepot en thee", "GOODS", "21", None),
    ("BUNDLE-FIX", "Vast pakket", "GOODS", "21", None),
    ("ENGRAVED-SPOON", "Lepel met gravure", "GOODS", "21", None),
    ("ENGRAVED-SPOON-grav", "Lepel met gravure, gegraveerd", "GOODS", "21", None),
    ("SHIPPING", "Shipping", "SERVICE", "21", None),
    ("PAYMENT-FEE", "Payment surcharge", "SERVICE", "21", "8110"),
    ("DISCOUNT", "Discount", "SERVICE", "21", "8200"),
    ("ADJUSTMENT", "Adjustment refund", "SERVICE", "0", "8300"),
    ("ADJUSTMENT-FEE", "Adjustment fee", "SERVICE", "0", "8310"),
    ("WEEE", "Fixed product tax", "SERVICE", "21", "8130"),
    ("GIFT-CARD", "Gift card redeemed", "SERVICE", "0", "1700"),
    ("STORE-CREDIT", "Store credit used", "SERVICE", "0", "1710"),
    ("ROUNDING", "Rounding difference", "SERVICE", "0", "4990"),
    ("MISC", "Miscellaneous item", "GOODS", "21", None),
    ("OLD-ITEM", "Out of range", "GOODS", "21", None),
    ("NEXT-ITEM", "From next year", "GOODS", "21", None),
    ("RAW-CLAY", "Clay, not for sale", "GOODS", "21", None),
)
#: Sales prices that Exact itself knows; the others have none.
ITEM_PRICES = {"TEA-POT": 12.5, "BOOK-NL": 24.95, "SHIPPING": 3.95}
FRACTIONAL_ITEMS = frozenset({"FABRIC-M", "SHIPPING"})
ITEM_ENDS = {"OLD-ITEM": "2025-12-31"}
ITEM_STARTS = {"NEXT-ITEM": "2028-01-01"}
NOT_FOR_SALE = frozenset({"RAW-CLAY"})

#: Collective debtors: one per store view and payment method, searched as ``store:method``.
STORES = ("nl", "de", "be", "intl", "b2b_nl", "uk")
PAYMENT_METHODS = (
    "checkmo",
    "banktransfer",
    "cashondelivery",
    "free",
    "purchaseorder",
    "mollie_methods_ideal",
    "paypal_express",
)

#: code, name, status, supplier, country, VAT number, e-mail, search code, blocked
ACCOUNTS: tuple[
    tuple[str, str, str, bool, str, str | None, str | None, str | None, bool], ...
] = (
    ("10", "Webshop consumers", "C", False, "NL", None, None, "webshop", False),
    ("20001", "Testbedrijf B.V.", "C", False, "NL", "NL000099998B57", "inkoop@example.org",
     "TESTBEDRIJF", False),
    ("20002", "Proefzaak BV", "C", False, "BE", "BE0000000097", "aankoop@example.org",
     "PROEFZAAK", False),
    ("20003", "Musterfirma GmbH", "C", False, "DE", "DE123456788", "einkauf@example.org",
     "MUSTERFIRMA", False),
    ("20004", "Blocked Customer B.V.", "C", False, "NL", None, "blocked@example.com",
     "BLOCKED", True),
    ("20005", "Old Ledger B.V.", "C", False, "NL", None, None, "OLDLEDGER", False),
    ("30001", "Leverancier Klei B.V.", "A", True, "NL", None, "verkoop@example.net",
     "KLEI", False),
    ("40001", "Prospect Janssen", "P", False, "NL", None, "janssen@example.com",
     "PROSPECT", False),
)  # fmt: skip

#: Code, name and side of some classifications of the Dutch reference chart (RGS).
GL_CLASSIFICATIONS: tuple[tuple[str, str, str], ...] = (
    ("BVor", "Vorderingen", "D"),
    ("BLim", "Liquide middelen", "D"),
    ("BSch", "Kortlopende schulden", "C"),
    ("WOmz", "Netto-omzet", "C"),
)
