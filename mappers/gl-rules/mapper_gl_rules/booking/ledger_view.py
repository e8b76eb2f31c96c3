"""The whole entry as the ledger will have it: with the debtor and VAT lines Exact makes itself."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from mapper_gl_rules.money import ZERO, minor_unit

if TYPE_CHECKING:
    from decimal import Decimal

    from mapper_gl_rules.booking.header import Record
    from mapper_gl_rules.booking.result import Booked
    from mapper_gl_rules.rules.model import Rules

__all__ = ["ledger_view"]

_KINDS = {"invoice": "sales_invoice", "credit_memo": "sales_credit", "day": "daily_summary"}


def ledger_view(booked: Booked, rules: Rules) -> Record:
    """Give debit and credit of a sales entry, sales invoice or journal entry.

    Amounts are text with the decimals of the currency. The VAT summary has sales positive.
    """
    record = booked.record
    kind = record["source"]["kind"]
    unit = minor_unit(record["currency"])
    journal = booked.stream == "general_journal_entries"
    sign = 1 if journal else -1  # lines of a sales entry are revenue, so credit is positive
    lines: list[tuple[str, str, str | None, str | None, Decimal, str | None]] = []
    if not journal:
        lines.append(
            (rules.settings.debtor_gl, "debtor", None, None, record["totals"]["amount"], None),
        )
    vat: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for line, role in zip(record["lines"], booked.roles, strict=True):
        code = line.get("vat_code")
        amount = sign * line["amount"]
        center = line.get("cost_center")
        lines.append((line["gl_account"], role, center, code, amount, line.get("rule")))
        if code is not None:
            vat[code][0] += -sign * line["amount"]
            vat[code][1] += -sign * (line.get("vat_amount") or ZERO)
    for code, (_, amount) in vat.items():
        found = rules.vat_code(code)
        if amount and found is not None and found.gl is not None:
            lines.append((found.gl, "vat", None, code, -amount, None))
    shown = [_line(*line, unit) for line in lines if line[4]]
    return {
        "ref": record["entry_date"] if kind == "day" else record["source"]["increment_id"],
        "kind": _KINDS.get(kind, kind),
        "document_key": record["document_key"],
        "entry_date": record.get("entry_date") or record.get("invoice_date"),
        "currency": record["currency"],
        **({"rate": str(record["exchange_rate"])} if "exchange_rate" in record else {}),
        "journal": record["journal"],
        "debtor": record.get("debtor"),
        "lines": shown,
        "total_debit": _text(sum([max(line[4], ZERO) for line in lines], ZERO), unit),
        "total_credit": _text(sum([max(-line[4], ZERO) for line in lines], ZERO), unit),
        "vat_summary": [
            {"vat_code": code, "base": _text(base, unit), "vat": _text(amount, unit)}
            for code, (base, amount) in vat.items()
            if _is_for_return(rules, code)
        ],
        **({"includes": record["includes"]} if "includes" in record else {}),
        "rules_version": record["rules_version"],
    }


def _is_for_return(rules: Rules, code: str) -> bool:
    """Leave out codes outside VAT: they belong in no return."""
    found = rules.vat_code(code)
    return found is not None and found.supply != "none"


def _line(
    gl: str,
    role: str,
    cost_center: str | None,
    code: str | None,
    amount: Decimal,
    rule: str | None,
    unit: Decimal,
) -> dict[str, Any]:
    return {
        "gl": gl,
        "role": role,
        "cost_center": cost_center,
        "vat_code": code,
        "debit": _text(max(amount, ZERO), unit),
        "credit": _text(max(-amount, ZERO), unit),
        "rule": rule,
    }


def _text(amount: Decimal, unit: Decimal) -> str:
    return f"{amount.quantize(unit):f}"
