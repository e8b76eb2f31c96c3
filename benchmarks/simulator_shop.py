"""What the simulated shops sell: documents with versions, and taps that read them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from commerce_sandbox.exact.credentials import DIVISION, SECOND_DIVISION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from random import Random

ENTRIES, ORDERS = "sales_entries", "sales_orders"
INVOICES, JOURNALS = "sales_invoices", "general_journal_entries"
DAILY, REFUSED = "summary_documents", "refused_documents"
DIVISIONS = (DIVISION, SECOND_DIVISION)

_KINDS = (
    (ENTRIES, "invoice", 10),
    (ENTRIES, "credit_memo", 3),
    (ORDERS, "order", 4),
    (INVOICES, "invoice", 4),
    (DAILY, "invoice", 5),
    (DAILY, "credit_memo", 1),
    (JOURNALS, "payment", 3),
    (REFUSED, "invoice", 2),
)
_STORES = {ENTRIES: ("nl", "be"), ORDERS: ("nl", "be"), INVOICES: ("print",), JOURNALS: ("nl",),
           DAILY: ("day", "eve"), REFUSED: ("nl", "be")}  # fmt: skip
_CENT = Decimal("0.01")


@dataclass
class Fed:
    """One document of a shop.

    Attributes:
        company: Which of the two companies' shops it is of.
        division: The Exact company that it belongs to.
        key: Its `document_key`; the other company may have the same.
        marker: A text that nothing else in Exact has: what was sent for this document carries it.
        kind: The shop's kind of document.
        store: Its store view.
        number: The shop's number; other store views and companies count alike.
        on: Its day.
        customer: Of whom it is, or None: the collective debtor.
        paid: The document that a payment is for, or None.
        versions: Stream and record, oldest first.
        changed: When it last changed, in the shop's own count.
    """

    company: int
    division: int
    key: str
    marker: str
    kind: str
    store: str
    number: str
    on: date
    customer: int | None = None
    paid: Fed | None = None
    versions: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    changed: int = 0

    @property
    def stream(self) -> str:
        """The stream of its latest version."""
        return self.versions[-1][0]

    @property
    def streams(self) -> set[str]:
        """The streams of all of its versions."""
        return {stream for stream, _ in self.versions}

    def amounts(self) -> set[Decimal]:
        """Every total that it ever had."""
        return {one["totals"]["amount"] for stream, one in self.versions if stream != REFUSED}


class Shop:
    """Two companies' shops, and the clock of their changes."""

    def __init__(self, random: Random) -> None:
        """Begin without a document."""
        self._random = random
        self.fed: list[Fed] = []
        self._changes = 0
        self._numbers: dict[tuple[int, str, str], int] = {}

    def changed_since(self, company: int, state: int) -> Iterator[tuple[Fed, int]]:
        """Give what a tap reads: each document once, as it is by now, with the STATE behind it."""
        mine = (one for one in self.fed if one.company == company and one.changed > state)
        for one in sorted(mine, key=lambda one: one.changed):
            yield one, one.changed

    def sell(self, company: int, on: date) -> Fed:
        """Make a new document."""
        random = self._random
        stream, kind, _ = random.choices(_KINDS, [weight for *_, weight in _KINDS])[0]
        store = random.choice(_STORES[stream])
        paid = None
        if stream == JOURNALS:
            paid = self._to_pay(company)
            if paid is None:
                return self.sell(company, on)
        name = (company, store, kind)
        count = self._numbers[name] = self._numbers.get(name, 0) + 1
        number = f"{'P' if store == 'print' else ''}{count:08}"
        elsewhere = company == 0 and paid is None and random.random() < 0.05  # noqa: PLR2004
        made = Fed(
            company,
            DIVISIONS[1] if elsewhere else DIVISIONS[company],
            f"shop:{store}:{kind}:{number}",
            f"SIM{len(self.fed):05}",
            kind,
            f"{store}",
            number,
            on,
            random.randrange(6) if random.random() < 0.25 and paid is None else None,  # noqa: PLR2004
            paid,
        )
        if elsewhere:
            made.key += f"-{made.marker}"  # one key, two companies: that is what the other shop is
            made.number += "X"
        self.fed.append(made)
        self._version(made, stream)
        return made

    def change(self, one: Fed) -> None:
        """Let a document have another version, rarely one of another booking mode."""
        stream, random = one.stream, self._random
        if stream == REFUSED or one.streams == {ENTRIES, REFUSED}:
            stream = ENTRIES if stream == REFUSED else random.choice((ENTRIES, REFUSED))
        elif stream == ENTRIES and one.store in {"nl", "be"} and random.random() < 0.1:  # noqa: PLR2004
            stream = REFUSED
        elif one.streams <= {DAILY, ENTRIES} and one.store in _STORES[DAILY]:
            stream = random.choice((DAILY, DAILY, DAILY, ENTRIES))
        self._version(one, stream)

    def touch(self, one: Fed) -> None:
        """Let a document come again as it is."""
        self._changes += 1
        one.changed = self._changes

    def _to_pay(self, company: int) -> Fed | None:
        paid = {one.paid.marker for one in self.fed if one.paid is not None}
        some = [one for one in self.fed if one.company == company and one.kind == "invoice"
                and one.stream == ENTRIES and one.marker not in paid
                and one.store in _STORES[ENTRIES] and one.division == DIVISIONS[company]
                ]  # fmt: skip
        return self._random.choice(some) if some else None

    def _version(self, one: Fed, stream: str) -> None:
        self.touch(one)
        one.versions.append((stream, self._record(one, stream)))

    def _record(self, one: Fed, stream: str) -> dict[str, Any]:
        random = self._random
        # Few amounts: documents that count alike are often the same in all but their store.
        net = Decimal(random.choice((10, 20, 50, 100)) * 100 + random.choice((0, 0, 37))) / 100
        if one.kind == "credit_memo":
            net = -net
        source = {
            "instance": "shop",
            "kind": one.kind,
            "store_code": one.store,
            "increment_id": one.number,
            "order_increment_id": one.number,
            "order_entity_id": one.marker,
            "entity_id": f"{one.company}{one.marker[3:]}",
            "created_at": f"{one.on.isoformat()}T10:00:00Z",
            "updated_at": f"{one.on.isoformat()}T{one.changed // 3_600 % 24:02}:"
            f"{one.changed // 60 % 60:02}:{one.changed % 60:02}Z",  # the next of this shop's
        }
        common: dict[str, Any] = {
            "document_key": one.key,
            "description": one.marker,
            "source": source,
            "rules_version": "1",
        }
        if one.division != DIVISIONS[one.company]:
            common["division"] = one.division
        if stream == REFUSED:
            return common | {"reason": f"It adds up to {net} only", "what_to_do": "Ask the shop."}
        vat = (net * Decimal("0.21")).quantize(_CENT)
        record = common | {
            "your_ref": one.number,
            "currency": "EUR",
            "totals": {"amount": net + vat, "vat_amount": vat, "net_amount": net},
        }
        if stream == DAILY:
            return record | _daily(one, net, vat)
        if stream == JOURNALS:
            return record | _payment(one, net + vat)
        line: dict[str, Any] = {"amount": net, "vat_code": "21", "vat_amount": vat}
        if stream in {ORDERS, INVOICES}:
            line |= {"item": "TEA-POT", "quantity": 1, "unit_price": net}
        if stream != ORDERS:
            line["gl_account"] = "8000"
            record |= {"kind": one.kind, "journal": "70"}
        on = {ENTRIES: "entry_date", ORDERS: "order_date", INVOICES: "invoice_date"}[stream]
        return record | {
            on: one.on.isoformat(),
            "payment_condition": "30",
            "debtor": _debtor(one.customer),
            "lines": [line],
        }


def _debtor(customer: int | None) -> dict[str, Any]:
    if customer is None:
        return {"code": "10"}
    email = f"sim{customer}@example.com"
    new = {
        "name": email,
        "country": "NL",
        "contacts": [{"first_name": "Sim", "last_name": str(customer), "email": email}],
    }
    return {"match": {"email": email}, "create": new}


def _daily(one: Fed, net: Decimal, vat: Decimal) -> dict[str, Any]:
    side = "refund" if net < 0 else "sale"
    return {
        "kind": one.kind,
        "summary": {
            "instance": "shop",
            "store": one.store,
            "day": one.on.isoformat(),
            "time_zone": "Europe/Amsterdam",
            "closes_at": f"{one.on.isoformat()}T23:00:00Z",
            "journal": "90",
            "method": "",
        },
        "lines": [
            {"gl_account": "8000", "amount": -net, "vat_code": "21", "vat_amount": -vat,
             "vat_percentage": 21, "side": side, "role": "revenue", "rule": "goods"},
            {"gl_account": "1240", "amount": net + vat, "side": side, "role": "clearing",
             "rule": "ideal"},
        ],
    }  # fmt: skip


def _payment(one: Fed, amount: Decimal) -> dict[str, Any]:
    assert one.paid is not None  # noqa: S101  # made so
    return {
        "your_ref": one.marker,
        "journal": "90",
        "entry_date": one.on.isoformat(),
        "pays": one.paid.key,
        "lines": [
            {"gl_account": "1240", "amount": amount, "description": "Payment"},
            {"gl_account": "1300", "amount": -amount, "account": "10"},
        ],
        "totals": {"amount": amount, "vat_amount": Decimal(0), "net_amount": Decimal(0)},
    }
