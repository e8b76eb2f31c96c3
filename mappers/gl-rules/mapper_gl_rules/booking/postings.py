"""From amounts to postings: a rule for every line, added up, balanced to the cent."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

import msgspec

from mapper_gl_rules.amounts import AmountLine, Amounts, read_document, read_order
from mapper_gl_rules.exceptions import DocumentRefusedError, UndecidedError
from mapper_gl_rules.money import HUNDRED, ZERO, allotted, minor_unit, rounded, show, vat_inside
from mapper_gl_rules.rules.facts import (
    DocumentFacts,
    LineFacts,
    Nature,
    legal_rates,
    line_facts,
)
from mapper_gl_rules.rules.matching import Matcher
from mapper_gl_rules.rules.vocabulary import LINE_KINDS, OWN_ACCOUNT
from mapper_gl_rules.source import Order
from mapper_gl_rules.vat import VatCode, VatCodes, differs

if TYPE_CHECKING:
    from decimal import Decimal

    from mapper_gl_rules.rules.model import Outcome, Rule, Rules
    from mapper_gl_rules.source import Document

__all__ = ["Posting", "Postings", "deferral_end", "describe", "role_of", "round_to"]

_MOST = 10_000  # remembered percentages; forgotten all at once beyond it


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
        nature: Whether goods or services are supplied.
        dispatch_country: Where goods are dispatched from; None for services. An OSS return of the
            Union scheme (directive 2006/112/EC, article 369g) declares goods by each member state
            that they are dispatched from, services by the one where the seller is established.
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
    nature: Nature | None = None
    dispatch_country: str | None = None

    @property
    def supplied(self) -> dict[str, str | None]:
        """What kind of supply the line is, for VAT: fields of every line of contract 2."""
        return {
            "supply": self.supply,
            "country": self.country,
            "nature": self.nature,
            "dispatch_country": self.dispatch_country,
        }


class Postings:
    """Finds the postings of documents under one set of rules."""

    def __init__(self, rules: Rules) -> None:
        """Compile the rules."""
        self.rules = rules
        self.matcher = Matcher(rules)
        self._codes = {code.code: code for code in rules.vat_codes}
        self.vat_codes = VatCodes(rules.vat_codes)
        self._legal: dict[tuple[object, ...], frozenset[Decimal]] = {}

    def amounts(self, document: DocumentFacts, header: Document | Order, order: Order) -> Amounts:
        """Read what a document charges.

        Args:
            document: The facts rules look at.
            header: The document.
            order: The order it belongs to; of an order, itself.

        Raises:
            DocumentRefusedError: When it does not add up, with the arithmetic.
        """
        options, legal = self.rules.settings.options, self._legal_rates(document)
        if isinstance(header, Order):
            return read_order(header, options, legal)
        kind: Literal["invoice", "credit_memo"] = (
            "credit_memo" if document.kind == "credit_memo" else "invoice"
        )
        return read_document(kind, header, order, options, legal)

    def _legal_rates(self, document: DocumentFacts) -> frozenset[Decimal]:
        """Give the percentages that may be charged on a document; the same question once."""
        days = document.dates.possible_days
        key = (document.country, document.services_country, document.business, days)
        found = self._legal.get(key)
        if found is None:
            if len(self._legal) >= _MOST:
                self._legal.clear()
            found = self._legal[key] = legal_rates(document, self.rules.settings, self.vat_codes)
        return found

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
        found = _grouped(singles) if grouped else singles
        total = round_to(found, unit)
        postings = [posting for posting in found if posting.net or posting.vat]
        remainder = sign * rounded(amounts.owed, unit) - total
        if remainder:
            line = AmountLine("rounding", "rounding", remainder, ZERO, None)
            postings.append(self.posting(line, document, 1))
        return postings

    def posting(self, line: AmountLine, document: DocumentFacts, sign: int) -> Posting:
        """Find rule and VAT code of one amount.

        Raises:
            DocumentRefusedError: When a rule refuses, none matches, or the VAT code is wrong.
        """
        facts = line_facts(line, document, self.rules.settings, self.vat_codes)
        rule = self._rule(line, facts, document)
        book = rule.book
        if book is None:  # _rule has refused already
            raise AssertionError(rule.name)
        if book.gl == OWN_ACCOUNT:
            book = msgspec.structs.replace(book, gl=_own_account(rule, line))
        if line.vat_unstated:
            line = self._with_chosen_vat(rule, book, line, document)
            facts = line_facts(line, document, self.rules.settings, self.vat_codes)
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
            facts.country,
            facts.nature,
            self._dispatch_country(document) if facts.nature == "goods" else None,
        )

    def _dispatch_country(self, document: DocumentFacts) -> str:
        """Give the country that goods leave from: what the rules say of the document, or home."""
        said: str | None = self.matcher.decide(document).outcome("dispatch_country")
        return said or self.rules.settings.home_country

    def _rule(self, line: AmountLine, facts: LineFacts, document: DocumentFacts) -> Rule:
        """Find the first rule that matches."""
        rule = self.matcher.match(document, facts)
        if rule is None:
            raise UndecidedError(
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
            found = self._auto_code(line, facts, document)
            if found is not None:
                _check_charged(line, facts, found)
            return found
        code = self._codes[wanted]
        if code.rate != (facts.rate or ZERO):
            raise _wrong_vat(rule, line, f"has VAT code {code.code} of {_percent(code.rate)}")
        if not code.holds_on(document.tax_point):
            raise UndecidedError(
                reason=f"rule {rule.name!r} has VAT code {code.code}, which does not hold on "
                f"{document.tax_point} ({document.tax_point_of}): {describe(line)}",
                where=f"{line.kind} {line.name}",
                what_to_do="Give the rule the same from and until, or let it say vat_code: auto.",
            )
        _check_charged(line, facts, code)
        return code

    def _with_chosen_vat(
        self, rule: Rule, book: Outcome, line: AmountLine, document: DocumentFacts
    ) -> AmountLine:
        """Take the VAT out of an amount for which the shop states none: the rule says how much."""
        code = self._codes.get(book.vat_code or "")
        if code is None:
            raise DocumentRefusedError(
                reason=f"rule {rule.name!r} has no VAT code of its own, and the shop states no VAT "
                f"for {line.kind} {line.name} of {show(line.net)}",
                where=f"{line.kind} {line.name}",
                what_to_do="Name a VAT code in the rule: VAT is inside the amount at its "
                "percentage.",
            )
        vat = vat_inside(line.net, code.rate, minor_unit(document.currency)) if code.rate else ZERO
        return msgspec.structs.replace(line, net=line.net - vat, vat=vat, rate=code.rate)

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
        """Find the VAT code by kind of supply, country, percentage and tax point."""
        if facts.rate is None:
            return None
        code = self.vat_codes.code(facts.taxed_as, facts.rate)
        if code is None:
            known = self.vat_codes.candidates(facts.taxed_as) or "no VAT code"
            raise UndecidedError(
                reason=f"no single VAT code fits {describe(line)}, {_situation(facts, document)}; "
                f"the rules have {known} for it on {document.tax_point} ({document.tax_point_of})",
                where=f"{line.kind} {line.name}",
                what_to_do="If the percentage is the legal one of that day, add its code under "
                "vat_codes, with from and until; else correct the order's tax in the shop.",
            )
        return code


def _own_account(rule: Rule, line: AmountLine) -> str:
    """Take the GL account that the product of a line names: the code that its label begins with.

    Raises:
        UndecidedError: It names none.
    """
    product = line.item.product if line.item else None
    label = (product.gl_account or "").split() if product else []
    if not label:
        raise UndecidedError(
            reason=f"rule {rule.name!r} takes the GL account that the product names, and "
            f"{describe(line)} has a product without one",
            where=f"{line.kind} {line.item.sku if line.item else line.name}",
            what_to_do="Give the product its account in the shop, let the tap read it (setting "
            "gl_attribute), or put when: {own_account: named} on the rule and a rule after it.",
        )
    return label[0]


def round_to(postings: list[Posting], unit: Decimal) -> Decimal:
    """Round postings to the minor unit and give their total; VAT stays the document's in sum."""
    vat = sum([posting.vat for posting in postings], ZERO)
    exact = vat + sum([posting.net for posting in postings], ZERO)
    total, taxed = rounded(exact, unit), rounded(vat, unit)
    nets = allotted([posting.net for posting in postings], total - taxed, unit)
    taxes = allotted([posting.vat for posting in postings], taxed, unit)
    for posting, net, tax in zip(postings, nets, taxes, strict=True):
        posting.net, posting.vat = net, tax
    return total


def _grouped(singles: list[Posting]) -> list[Posting]:
    """Add up postings of the same rule, VAT code and supply."""
    groups: dict[tuple[object, ...], Posting] = {}
    for posting in singles:
        # A rule has one outcome, so its name stands for all codes but `auto`, and for all accounts
        # but those that products name.
        code = posting.code.code if posting.code else None
        key = (posting.rule, posting.outcome.gl, code, *posting.supplied.values())
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
    parts = [f"to {facts.taxed_as.country or 'no country'}"]
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


def _check_charged(line: AmountLine, facts: LineFacts, code: VatCode) -> None:
    """Refuse VAT of one country on the VAT code of another.

    Raises:
        DocumentRefusedError: With the shop's tax code and the VAT code.
    """
    expected = code.country or facts.taxed_as.country
    if expected is None:
        return
    for tax_code, country in facts.charged.items():
        if differs(country, expected):
            raise DocumentRefusedError(
                reason=f"the shop charged VAT of {country} (tax code {tax_code}) on "
                f"{describe(line)}, but VAT code {code.code} is for {expected}",
                where=f"{line.kind} {line.name}",
                what_to_do=f"If VAT of {country} is right, add a rule with vat_country: {country} "
                "and its VAT code; else correct the tax rule in the shop.",
            )


def deferral_end(start: date, months: int) -> date:
    """Give the last day of a deferral that starts on a date and lasts whole months."""
    month = start.month - 1 + months
    year, month = start.year + month // 12, month % 12 + 1
    last = (date(year + month // 12, month % 12 + 1, 1) - date.resolution).day
    end = date(year, month, min(start.day, last))
    return end - date.resolution
