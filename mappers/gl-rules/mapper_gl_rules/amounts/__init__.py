"""Reading Adobe's arithmetic: net and VAT of everything a document charges."""

from mapper_gl_rules.amounts.document import read_document
from mapper_gl_rules.amounts.model import AmountLine, Amounts, Options
from mapper_gl_rules.amounts.order import read_order

__all__ = ["AmountLine", "Amounts", "Options", "read_document", "read_order"]
