"""The target's settings: names, defaults and explanations; `--about` and README show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_sdk import typing as th

from exact_online.settings import CLIENT_SETTINGS
from target_exact_online.ledger.database import LEDGER
from target_exact_online.webhooks.settings import WEBHOOK_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

_OWN = th.PropertiesList(
    th.Property(
        "ledger_url",
        th.StringType,
        title="Ledger",
        default="sqlite:///exact-ledger.db",
        secret=True,
        description="Where the audit trail is kept: `sqlite:///path` or, when several machines "
        "post, `postgresql://user:password@host/database`.",
    ),
    th.Property(
        "ledger_schema",
        th.StringType,
        title="Ledger schema",
        pattern="^([a-z_][a-z0-9_]{0,62})?$",
        description="PostgreSQL schema of the ledger: one for each tenant that shares a database. "
        "Made when it is new. Default: that of the login.",
    ),
    th.Property(
        "fail_on",
        th.StringType,
        title="Fail on",
        default="parked",
        allowed_values=["parked", "failed", "never"],
        description="When the exit code is 3: `parked` when a document was parked, refused, "
        "failed or changed after it was posted; `failed` only when one could not be sent; "
        "`never`.",
    ),
    th.Property(
        "report_file",
        th.StringType,
        title="Report file",
        description="Where to write the run's report as JSON, for alerting. Taken away when a run "
        "begins, and written when it ends, however it ends.",
    ),
    th.Property(
        "on_outcome",
        th.StringType,
        title="On outcome",
        description="A command that is called at the end of each run with the path of the report, "
        "such as one that sends a mail. It sees no setting and no login of this target.",
    ),
    th.Property(
        "create_accounts",
        th.BooleanType,
        title="Create accounts",
        default=False,
        description="Create a debtor that Exact does not have, when the document says how.",
    ),
    th.Property(
        "create_items",
        th.BooleanType,
        title="Create items",
        default=False,
        description="Create an item that Exact does not have, when the document says how.",
    ),
    th.Property(
        "attach_documents",
        th.BooleanType,
        title="Attach documents",
        default=False,
        description="Attach a PDF copy of each posted invoice and credit memo (stream "
        "`sales_entries`) to its entry, with the record as a file in it. Two calls more for each. "
        "Needs the extra `copies`.",
    ),
    th.Property(
        "credit_note_quantity",
        th.StringType,
        title="Credit note quantity",
        default="auto",
        allowed_values=["auto", "positive", "negative"],
        description="The sign of quantities on credit notes that Exact issues. Companies differ: "
        "`auto` tries positive first, looks at the total before printing, and remembers.",
    ),
    th.Property(
        "send_via_peppol",
        th.BooleanType,
        title="Send via Peppol",
        default=False,
        description="Have Exact deliver the invoices that it prints through Peppol.",
    ),
    th.Property(
        "order_link",
        th.StringType,
        title="Order link",
        description="Address of an order in the shop's admin, such as "
        "`https://shop/admin/sales/order/view/order_id/{order_entity_id}`: each sales entry gets "
        "a link to its order. Names in braces are those of the document's `source`.",
    ),
    th.Property(
        "closed_period",
        th.StringType,
        title="Closed period",
        default="refuse",
        allowed_values=["refuse", "next_open_day"],
        description="What to do with a date in a closed period: park the document, or book it on "
        "the first open day after it.",
    ),
    th.Property(
        "priority",
        th.StringType,
        title="Priority",
        default="waiting",
        allowed_values=["waiting", "credit_memos", "new"],
        description="What goes first when calls are scarce: `waiting` documents of earlier runs, "
        "oldest first; of these the `credit_memos`; or what is `new` in this run.",
    ),
    th.Property(
        "max_attempts",
        th.IntegerType,
        title="Attempts",
        default=8,
        description="Technical failures after which a document is parked. Until then it is tried "
        "again by later runs, with growing waits.",
    ),
    th.Property(
        "settle_after_seconds",
        th.IntegerType,
        title="Settle after",
        default=60,
        description="How long a call without an answer may still be at work in Exact. After that "
        "Exact is asked for the document, and only if it is not there, it is sent again.",
    ),
    th.Property(
        "index_lag_seconds",
        th.IntegerType,
        title="Index lag",
        default=30,
        description="How long Exact's lists may lag behind what it has stored. A document counts "
        "as not there only when Exact was asked this much later than `settle_after_seconds`.",
    ),
).to_dict()
CONFIG: dict[str, Any] = _OWN | {
    "properties": CLIENT_SETTINGS | _OWN["properties"] | WEBHOOK_SETTINGS
}


def with_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in which what is missing has its default.

    Raises:
        ConfigError: `ledger_schema` is given for a ledger that is no PostgreSQL database.
    """
    defaults = {
        name: setting["default"]
        for name, setting in CONFIG["properties"].items()
        if "default" in setting
    }
    given = defaults | dict(config)
    if schema := given.get("ledger_schema"):
        given["ledger_url"] = LEDGER.in_schema(str(given["ledger_url"]), str(schema))
    return given
