"""Bridges: from the shop by the ledger to Exact, each step explained by classes, to the cent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from target_exact_online.month_end.classes import TITLES
from target_exact_online.month_end.model import Bridge, BridgeRow
from target_exact_online.month_end.scopes import TOTAL
from target_exact_online.month_end.sides import cents

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_exact_online.month_end.model import Effect, Finding, Severity, Step
    from target_exact_online.month_end.scopes import Scope, Sums

_WORST: tuple[Severity, ...] = ("error", "warning", "info")
_ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a bridge.

    Attributes:
        sums: The sum of each scope.
        documents: How many documents; None where they are not counted.
        label: For people.
        partial: Scopes that have no sum were not read.
    """

    sums: Sums
    documents: int | None
    label: str
    partial: bool = False

    def knows(self, scope: Scope) -> bool:
        """Tell whether a scope was read."""
        return not self.partial or scope in self.sums


@dataclass(slots=True)
class Steps:
    """What the findings add up to, by step, class and scope.

    Attributes:
        sums: Amounts by step, scope and class.
        documents: How many findings of a class touch sales or nothing, by step and class.
        severity: The worst one, by step and class.
    """

    sums: dict[tuple[Step, Scope], dict[str, Decimal]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Decimal))
    )
    documents: dict[tuple[Step, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    severity: dict[str, Severity] = field(default_factory=dict)

    def add(self, code: str, severity: Severity, name: str, effects: Iterable[Effect]) -> None:
        """Add one finding.

        Args:
            code: Its class.
            severity: How bad it is.
            name: Its document or entry.
            effects: What it adds to each scope.
        """
        known = self.severity.get(code, "info")
        self.severity[code] = min(known, severity, key=_WORST.index)
        for effect in effects:
            scope = (effect.scope, effect.currency)
            self.sums[effect.step, scope][code] += effect.amount
            self.documents[effect.step, code].add(name)


def steps_of(findings: Iterable[Finding]) -> Steps:
    """Return what findings add up to."""
    steps = Steps()
    for one in findings:
        steps.add(one.code, one.severity, one.document_key or one.entry, one.effects)
    return steps


def build(
    steps: Steps,
    shop: Side | None,
    ledger: Side,
    exact: Side | None,
    own: str,
    names: Mapping[str, str],
) -> tuple[Bridge, ...]:
    """Return one bridge for each scope and currency, the sales as a whole first.

    Args:
        steps: What the findings add up to.
        shop: The shop's side, or None when it was not read.
        ledger: The ledger's side.
        exact: Exact's side, or None when it was not read.
        own: The company's currency.
        names: Names of GL accounts.
    """
    sides = [side for side in (shop, ledger, exact) if side is not None]
    scopes = {scope for side in sides for scope in side.sums}
    scopes |= {scope for _, scope in steps.sums}
    scopes.add((TOTAL, own))
    ordered = sorted(scopes, key=lambda one: (one[0] != TOTAL, one[1] != own, one))
    return tuple(_bridge(scope, steps, shop, ledger, exact, own, names) for scope in ordered)


def _bridge(
    scope: Scope,
    steps: Steps,
    shop: Side | None,
    ledger: Side,
    exact: Side | None,
    own: str,
    names: Mapping[str, str],
) -> Bridge:
    rows: list[BridgeRow] = []
    unexplained = _ZERO
    counted = scope[0] == TOTAL and scope[1] == own
    of_ledger = ledger.sums.get(scope, _ZERO)
    if shop is not None:
        amount = shop.sums.get(scope, _ZERO)
        rows.append(
            BridgeRow(
                kind="shop",
                label=shop.label,
                amount=cents(amount),
                documents=shop.documents if counted else None,
            )
        )
        found, explained = _differences(steps, "shop_to_ledger", scope)
        rows += found
        unexplained += abs(of_ledger - amount - explained)
    rows.append(
        BridgeRow(
            kind="ledger",
            label=ledger.label,
            amount=cents(of_ledger),
            documents=ledger.documents if counted else None,
        )
    )
    if exact is not None and exact.knows(scope):
        amount = exact.sums.get(scope, _ZERO)
        found, explained = _differences(steps, "ledger_to_exact", scope)
        rows += found
        rows.append(BridgeRow(kind="exact", label=exact.label, amount=cents(amount)))
        unexplained += abs(amount - of_ledger - explained)
    return Bridge(
        scope=scope[0],
        title=title_of(scope, own, names),
        currency=scope[1],
        rows=tuple(rows),
        unexplained=cents(unexplained),
        source="" if exact is None else exact.label,
    )


def _differences(steps: Steps, step: Step, scope: Scope) -> tuple[list[BridgeRow], Decimal]:
    sums = steps.sums.get((step, scope), {})
    rows = [
        BridgeRow(
            kind="difference",
            label=TITLES[code][1],
            amount=cents(amount),
            documents=len(steps.documents[step, code]),
            code=code,
            severity=steps.severity[code],
        )
        for code, amount in sorted(sums.items())
    ]
    return rows, sum(sums.values(), _ZERO)


_KINDS = {
    "gl": "GL account {}",
    "vat": "VAT charged, code {}",
    "base": "Base of VAT code {}",
    "cost_center": "Cost center {}",
    "cost_unit": "Cost unit {}",
}


def title_of(scope: Scope, own: str, names: Mapping[str, str]) -> str:
    """Return a scope in words.

    Args:
        scope: Its name and currency.
        own: The company's currency.
        names: Names of GL accounts.
    """
    name, currency = scope
    kind, _, code = name.partition(":")
    title = _KINDS.get(kind, "Sales with VAT").format(code)
    if kind == "gl" and names.get(code):
        title += f", {names[code]}"
    if kind in ("vat", "base") or currency != own:
        title += f", documents in {currency}"
    return title
