"""From amounts to postings: a rule for every line, added up, balanced to the cent."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from mapper_gl_rules.amounts import AmountLine, Amounts
from mapper_gl_rules.exceptions import DocumentRefusedError
from mapper_gl_rules.money import HUNDRED, ZERO, minor_unit, rounded, show
from mapper_gl_rules.rules.facts import DocumentFacts, LineFacts, line_facts
from mapper_gl_rules.rules.matching import Matcher
from mapper_gl_rules.rules.vocabulary import LINE_KINDS
from mapper_gl_rules.vat import VatCode, find_vat_code

if TYPE_CHECKING:
    from decimal import Decimal

    from mapper_gl_rules.rules.model import Outcome, Rule, Rules

__all__ = ["Posting", "Postings", "deferral_end", "describe", "role_of"]

_MOST = 10_000  # remembered VAT codes


def role_of(kind: str) -> str:
    """Say what a line is in the ledger, for people."""
    return LINE_KINDS[kind].role


class Posting(msgspec.Struct, gc=False):
    """One line to post, in document currency; credit memos have negative amounts.

    Attributes:
        rule: Name of the rule that decided.
        kind: Kind of the amount.
        outcome: Accounts and codes.
        code: VAT code, None without VAT.
        net: Without VAT.
        vat: Pinned to what the shop charged.
        quantity: Pieces, where one product is behind the line.
        sku: The SKU, where one product is behind the line.
        name: The product's name, where one product is behind the line.
        supply: Kind of supply for VAT.
        country: Destination for VAT.
    """

    rule: str
    kind: str
    outcome: Outcome
    code: VatCode | None
    net: Decimal
    vat: Decimal
    quantity: Decimal | None = None
    sku: str | None = None
    name: str | None = None
    supply: str | None = None
    country: str | None = None


class Postings:
    """Finds the postings of documents under one set of rules."""

    def __init__(self, rules: Rules) -> None:
        """Compile the rules."""
        self.rules = rules
        self.matcher = Matcher(rules)
        self._codes = {code.code: code for code in rules.vat_codes}
        self._auto: dict[tuple[object, ...], VatCode | None] = {}

    def single(self, amounts: Amounts, document: DocumentFacts, sign: int) -> list[Posting]:
        """Give one posting per amount that is not 0, not added up and not rounded.

        Args:
            amounts: The document's amounts, in its own sign.
            document: The facts rules look at.
            sign: -1 for a credit memo.

        Raises:
            DocumentRefusedError: When a rule refuses, none matches, or the VAT code is wrong.
        """
        return [
            self.posting(line, document, sign) for line in amounts.lines if line.net or line.vat
        ]

    def balanced(
        self,
        amounts: Amounts,
        document: DocumentFacts,
        sign: int,
        *,
        grouped: bool,
    ) -> list[Posting]:
        """Give postings whose sum is the grand total, rounded to the currency's minor unit.

        Args:
            amounts: The document's amounts, in its own sign.
            document: The facts rules look at.
            sign: -1 for a credit memo.
            grouped: Whether amounts of the same account, codes and rule are added up.

        Raises:
            DocumentRefusedError: As `single`; and when the remainder is over the limit.
        """
        unit = minor_unit(document.currency)
        singles = self.single(amounts, document, sign)
        total = ZERO
        postings = []
        for posting in _grouped(singles) if grouped else singles:
            posting.net = rounded(posting.net, unit)
            posting.vat = rounded(posting.vat, unit)
            total += posting.net + posting.vat
            if posting.net or posting.vat:
                postings.append(posting)
        remainder = sign * rounded(amounts.grand_total, unit) - total
        if remainder:
            postings.append(self._rounding(remainder, amounts, document))
        return postings

    def posting(self, line: AmountLine, document: DocumentFacts, sign: int) -> Posting:
        """Find rule and VAT code of one amount.

        Raises:
            DocumentRefusedError: When a rule refuses, none matches, or the VAT code is wrong.
        """
        facts = line_facts(line, document, self.rules.settings)
        rule = self._rule(line, facts, document)
        book = rule.book
        if book is None:  # _rule has refused already
            raise AssertionError(rule.name)
        code = self._vat_code(rule, book, line, facts, document)
        return Posting(
            rule.name,
            line.kind,
            book,
            code,
            line.net if sign > 0 else -line.net,
            line.vat if sign > 0 else -line.vat,
            line.quantity if sign > 0 or line.quantity is None else -line.quantity,
            facts.sku,
            line.item.name if line.item else None,
            facts.supply,
            document.country if facts.supply else None,
        )

    def _rule(self, line: AmountLine, facts: LineFacts, document: DocumentFacts) -> Rule:
        """Find the first rule that matches."""
        rule = self.matcher.match(document, facts)
        if rule is None:
            raise DocumentRefusedError(
                reason=f"no rule matches {describe(line)}, {_situation(facts, document)}",
                where=f"{line.kind} {line.name}",
                what_to_do="Add a rule for it, then replay the document.",
            )
        if rule.refuse is not None:
            raise DocumentRefusedError(
                reason=f"rule {rule.name!r} refuses {describe(line)}: {rule.refuse}",
                where=f"{line.kind} {line.name}",
                what_to_do="Do what the rule says, or change it.",
            )
        return rule

    def _vat_code(
        self,
        rule: Rule,
        book: Outcome,
        line: AmountLine,
        facts: LineFacts,
        document: DocumentFacts,
    ) -> VatCode | None:
        """Resolve the VAT code and prove that its percentage is the shop's."""
        wanted = book.vat_code
        if wanted == "product":
            return self._product_code(line, document)
        if wanted is None:
            if line.vat:
                raise _wrong_vat(rule, line, "has no VAT code")
            return None
        if wanted == "auto":
            return self._auto_code(line, facts, document)
        code = self._codes[wanted]
        if code.rate != (line.rate or ZERO):
            raise _wrong_vat(rule, line, f"has VAT code {code.code} of {_percent(code.rate)}")
        return code

    def _product_code(self, line: AmountLine, document: DocumentFacts) -> VatCode | None:
        """Take the VAT code of the product (or shipping) that a discount belongs to."""
        kind = "product" if line.item is not None else "shipping"
        base = AmountLine(kind, line.name, -line.net, -line.vat, line.rate, line.item)
        return self.posting(base, document, 1).code

    def _auto_code(
        self,
        line: AmountLine,
        facts: LineFacts,
        document: DocumentFacts,
    ) -> VatCode | None:
        """Find the VAT code by kind of supply, country, percentage and entry date."""
        if line.rate is None:
            return None
        country = document.country
        key = (facts.supply, country, line.rate, document.entry_date)
        if key not in self._auto:
            if len(self._auto) >= _MOST:
                self._auto.clear()
            self._auto[key] = find_vat_code(
                self.rules.vat_codes,
                facts.supply,
                country,
                line.rate,
                document.entry_date,
            )
        code = self._auto[key]
        if code is None:
            raise DocumentRefusedError(
                reason=f"no single VAT code fits {describe(line)}, {_situation(facts, document)}",
                where=f"{line.kind} {line.name}",
                what_to_do="Add the code under vat_codes, or correct the order's tax in the shop.",
            )
        return code

    def _rounding(
        self,
        remainder: Decimal,
        amounts: Amounts,
        document: DocumentFacts,
    ) -> Posting:
        """Book the remainder between lines and grand total, up to the limit."""
        limit = self.rules.settings.options.rounding_limit
        if abs(remainder) > limit:
            raise DocumentRefusedError(
                reason=f"the lines and the grand total differ by {show(remainder)}, the limit is "
                f"{show(limit)}: {amounts.arithmetic}",
                where="grand_total",
                what_to_do="Compare the document with the shop's admin, then book it by hand.",
            )
        return self.posting(AmountLine("rounding", "rounding", remainder, ZERO, None), document, 1)


def _grouped(singles: list[Posting]) -> list[Posting]:
    """Add up postings of the same rule, VAT code and kind of supply."""
    groups: dict[tuple[object, ...], Posting] = {}
    for posting in singles:
        # A rule has one outcome, so its name stands for all accounts and codes but `auto`.
        code = posting.code.code if posting.code else None
        key = (posting.rule, code, posting.supply, posting.country)
        group = groups.get(key)
        if group is None:
            groups[key] = posting
        else:
            group.net += posting.net
            group.vat += posting.vat
            group.quantity = group.sku = group.name = None
    return list(groups.values())


def describe(line: AmountLine) -> str:
    """Say which amount of a document is meant."""
    rate = "" if line.rate is None else f" at {_percent(line.rate)}"
    return f"{line.kind} {line.name} of {show(line.net)} with VAT {show(line.vat)}{rate}"


def _percent(rate: Decimal) -> str:
    return f"{rate.normalize():f} %"


def _situation(facts: LineFacts, document: DocumentFacts) -> str:
    """Name the facts that decide about VAT."""
    parts = [f"to {document.country or 'no country'}"]
    if facts.supply:
        parts.append(f"supply {facts.supply}")
    parts.append(f"VAT number {document.vat_number_state}")
    return ", ".join(parts)


def _wrong_vat(rule: Rule, line: AmountLine, problem: str) -> DocumentRefusedError:
    expected = rounded(line.net * (line.rate or ZERO) / HUNDRED)
    return DocumentRefusedError(
        reason=f"rule {rule.name!r} {problem}, but the shop has {describe(line)}"
        f" (net x rate = {show(expected)})",
        where=f"{line.kind} {line.name}",
        what_to_do="Give the rule a condition on rate, or correct its VAT code.",
    )


def deferral_end(start: date, months: int) -> date:
    """Give the last day of a deferral that starts on a date and lasts whole months."""
    month = start.month - 1 + months
    year, month = start.year + month // 12, month % 12 + 1
    last = (date(year + month // 12, month % 12 + 1, 1) - date.resolution).day
    end = date(year, month, min(start.day, last))
    return end - date.resolution
