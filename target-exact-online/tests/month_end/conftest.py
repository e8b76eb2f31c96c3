"""A company with a month in it: documents of the real target, and people at work in Exact."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from commerce_sandbox.testing import SandboxHandle

NOW = datetime(2026, 11, 4, 9, tzinfo=UTC)


def invoice(number: int, *, day: str = "2026-10-10", net: str = "100.00", **changes: Any) -> Any:
    """An invoice, or a credit memo, of 21 % on 8000 with a cost center."""
    kind = changes.pop("kind", "invoice")
    sign = -1 if kind == "credit_memo" else 1
    amount = sign * Decimal(net)
    vat = (amount * Decimal("0.21")).quantize(Decimal("0.01"))
    reference = f"{number:09}"
    record: dict[str, Any] = {
        "document_key": f"shop:nl:{kind}:{reference}",
        "your_ref": reference,
        "description": f"Order {reference}",
        "kind": kind,
        "journal": "70",
        "entry_date": day,
        "currency": "EUR",
        "payment_reference": f"O{reference}",
        "debtor": {"code": "10"},
        "lines": [
            {
                "gl_account": "8000",
                "amount": float(amount),
                "vat_code": "21",
                "vat_amount": float(vat),
                "vat_percentage": 21,
                "cost_center": "WEB",
                "description": "Tent",
                "rule": "default",
                "supply": "domestic",
                "country": "NL",
            }
        ],
        "totals": {
            "amount": float(amount + vat),
            "vat_amount": float(vat),
            "net_amount": float(amount),
        },
        "rules_version": "v1",
        "source": {
            "instance": "shop",
            "kind": kind,
            "entity_id": number,
            "increment_id": reference,
            "order_increment_id": f"O{reference}",
            "store_code": "nl",
            "timezone": "Europe/Amsterdam",
            "created_at": f"{day}T10:00:00Z",
        },
    }
    return record | changes


def oss(number: int, **changes: Any) -> Any:
    """An invoice, or a credit memo, of an OSS sale to Germany; `line` changes its line."""
    sign = -1 if changes.get("kind") == "credit_memo" else 1
    line = {
        "gl_account": "8040",
        "amount": sign * 100.0,
        "vat_code": "D19",
        "vat_amount": sign * 19.0,
        "vat_percentage": 19,
        "rule": "oss",
        "supply": "oss",
        "country": "DE",
        "nature": "goods",
        "dispatch_country": "NL",
    } | changes.pop("line", {})
    totals = {"amount": sign * 119.0, "vat_amount": sign * 19.0, "net_amount": sign * 100.0}
    return invoice(number, lines=[line], totals=totals, **changes)


@dataclass
class Company:
    """The target's company in a sandbox of its own."""

    target: Any
    sandbox: SandboxHandle
    folder: Path
    records: list[Any]
    messages: Callable[..., str]

    def post(self, *records: Any, stream: str = "sales_entries") -> None:
        outcome = self.target.post_here(records, stream)
        assert outcome.exit_code == 0, outcome.stderr
        self.records += [(stream, one) for one in records]

    def shop(self, *more: Any) -> str:
        """Write what the shop has now: all that was posted, and more; return the file."""
        path = self.folder / "shop.jsonl"
        lines = []
        for stream, record in [*self.records, *(("sales_entries", one) for one in more)]:
            lines += self.messages(stream, [record]).splitlines()
        path.write_text("\n".join(lines) + "\n")
        return str(path)

    def compare(self, *arguments: str, month: str = "2026-10", with_shop: bool = True) -> Any:
        """Run the command; return exit code, text and the JSON."""
        found = self.folder / "result.json"
        found.unlink(missing_ok=True)
        shop = ("--shop", self.shop()) if with_shop and "--shop" not in arguments else ()
        outcome = self.target.call(
            "reconcile", "--month", month, "--json", str(found), *shop, *arguments
        )
        result = json.loads(found.read_text()) if found.exists() else {}
        return Compared(outcome.exit_code, outcome.stdout, outcome.stderr, result)


@dataclass
class Compared:
    """What the command said."""

    exit_code: int
    stdout: str
    stderr: str
    result: dict[str, Any]

    @property
    def codes(self) -> list[str]:
        return sorted(one["code"] for one in self.result["findings"])

    def finding(self, code: str) -> dict[str, Any]:
        (one,) = [one for one in self.result["findings"] if one["code"] == code]
        return dict(one)

    def bridge(self, scope: str = "total", currency: str = "EUR") -> dict[str, Any]:
        return next(
            dict(one)
            for one in self.result["bridges"]
            if (one["scope"], one["currency"]) == (scope, currency)
        )


@pytest.fixture
def company(
    target: Any, sandbox: SandboxHandle, tmp_path: Path, messages: Callable[..., str]
) -> Company:
    """Return a company in November, with nothing posted yet."""
    sandbox.set_clock(NOW)
    target.write(**sandbox.exact_config())
    return Company(target, sandbox, tmp_path, [], messages)
