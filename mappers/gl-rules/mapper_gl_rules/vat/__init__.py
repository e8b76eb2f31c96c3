"""VAT: where a place belongs to, whose number counts, what supply it is, which code that gives.

Pure, and nothing is defaulted: a combination that means an error in the shop has a name of its
own, for which no code is found, so that the document is refused.
"""

from mapper_gl_rules.vat.charged import charged_countries, differs
from mapper_gl_rules.vat.numbers import VatNumber, first_valid_number, vat_number_valid
from mapper_gl_rules.vat.resolver import TaxedAs, VatCode, VatCodes
from mapper_gl_rules.vat.supply import supply_of
from mapper_gl_rules.vat.territories import EU, vat_area

__all__ = [
    "EU",
    "TaxedAs",
    "VatCode",
    "VatCodes",
    "VatNumber",
    "charged_countries",
    "differs",
    "first_valid_number",
    "supply_of",
    "vat_area",
    "vat_number_valid",
]
