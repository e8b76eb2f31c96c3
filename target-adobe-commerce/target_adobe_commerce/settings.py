"""The target's settings: names, defaults and explanations; `--about` and README show them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from singer_sdk import typing as th

from adobe_commerce.auth import is_cloud_service, stored_settings
from adobe_commerce.client import check_base_url
from adobe_commerce.errors import ConfigError
from adobe_commerce.settings import LOGIN_SETTINGS
from target_adobe_commerce.three_way import POLICIES

if TYPE_CHECKING:
    from collections.abc import Mapping

_ATTRIBUTE = "^[a-z][a-z0-9_]{0,59}$"
_OWN = th.PropertiesList(
    th.Property(
        "database_url",
        th.StringType,
        title="Database",
        default="sqlite:///way-back.db",
        secret=True,
        description="Where Exact's records and the pairs with the shop are kept: `sqlite:///path` "
        "or `postgresql://user:password@host/database`.",
    ),
    th.Property(
        "division",
        th.IntegerType,
        title="Division",
        description="Exact company whose master data the shop gets. Needed when the records of "
        "several arrive.",
    ),
    th.Property(
        "auto_apply",
        th.BooleanType,
        title="Apply at once",
        default=False,
        description="Write what the plan says at the end of a run, for schedules. Without it a run "
        "changes nothing in the shop and writes the plan.",
    ),
    th.Property(
        "plan_file",
        th.StringType,
        title="Plan file",
        default="way-back-plan.json",
        description="Where a run writes its plan (JSON, readable by its owner only).",
    ),
    th.Property(
        "plan_xlsx",
        th.StringType,
        title="Plan as spreadsheet",
        description="Where a run writes its plan as a spreadsheet as well.",
    ),
    th.Property(
        "conflicts",
        th.StringType,
        title="Conflicts",
        default="ask",
        allowed_values=list(POLICIES),
        description="What to do with a field that both sides changed: `ask` leaves it and reports "
        "it, `exact` writes Exact's value, `shop` keeps the shop's.",
    ),
    th.Property(
        "fail_on",
        th.StringType,
        title="Fail on",
        default="conflict",
        allowed_values=["conflict", "failed", "never"],
        description="When the exit code is 3: `conflict` when something waits for a person or "
        "failed, `failed` only for the latter, `never`.",
    ),
    th.Property(
        "website_id",
        th.IntegerType,
        title="Website",
        description="Number of the website whose customers are meant. Needed for "
        "`create_customers`; without it customers of all websites are looked at.",
    ),
    th.Property(
        "customer_statuses",
        th.ArrayType(th.StringType),
        title="Customer statuses",
        default=["C"],
        description="Statuses of Exact's accounts that are customers; `C` is customer.",
    ),
    th.Property(
        "customer_classifications",
        th.ArrayType(th.StringType),
        title="Customer classifications",
        description="Only accounts that have one of these classifications (Exact's ids, in any of "
        "the eight fields). Default: all.",
    ),
    th.Property(
        "customer_groups",
        th.ObjectType(additional_properties=th.IntegerType),
        title="Customer groups",
        description="Customer group of the shop (its number) by Exact's classification id; "
        "`default` for the others. Without it groups are the shop's.",
    ),
    th.Property(
        "account_code_attribute",
        th.StringType(pattern=_ATTRIBUTE),
        title="Account code attribute",
        default="exact_account_code",
        description="Customer attribute of the shop that holds the account's code. It has to be "
        "there: the shop has no call that makes one.",
    ),
    th.Property(
        "create_customers",
        th.BooleanType,
        title="Create customers",
        default=False,
        description="Create accounts that the shop does not have as customers. The shop may send "
        "each of them a welcome e-mail.",
    ),
    th.Property(
        "addresses",
        th.StringType,
        title="Addresses",
        default="never",
        allowed_values=["never", "add_only"],
        description="`never` sends no address. `add_only` adds the account's address to a customer "
        "who has none like it, and sends the shop's own with it, because the shop deletes what is "
        "not sent.",
    ),
    th.Property(
        "gl_attribute",
        th.StringType(pattern=_ATTRIBUTE),
        title="GL account attribute",
        default="exact_gl_account",
        description="Product attribute whose options are Exact's revenue accounts.",
    ),
    th.Property(
        "cost_center_attribute",
        th.StringType(pattern=_ATTRIBUTE),
        title="Cost center attribute",
        default="exact_cost_center",
        description="Product attribute whose options are Exact's cost centers.",
    ),
    th.Property(
        "cost_unit_attribute",
        th.StringType(pattern=_ATTRIBUTE),
        title="Cost unit attribute",
        default="exact_cost_unit",
        description="Product attribute whose options are Exact's cost units.",
    ),
    th.Property(
        "create_attributes",
        th.BooleanType,
        title="Create attributes",
        default=False,
        description="Make a product attribute that the shop does not have, and put it into the "
        "`attribute_sets`.",
    ),
    th.Property(
        "attribute_sets",
        th.ArrayType(th.IntegerType),
        title="Attribute sets",
        default=[4],
        description="Numbers of the attribute sets that get an attribute which is made; 4 is the "
        "shop's own `Default`.",
    ),
    th.Property(
        "revenue_types",
        th.ArrayType(th.IntegerType),
        title="Revenue types",
        default=[110],
        description="Types of Exact's GL accounts that are offered; 110 is revenue.",
    ),
    th.Property(
        "blocked_mark",
        th.StringType(pattern=r"^\S.*\S$"),
        title="Mark of what is blocked",
        default="(blocked)",
        description="What the label of a blocked, ended or deleted account ends with. Options are "
        "never deleted: products may have them.",
    ),
    th.Property(
        "product_attributes",
        th.ArrayType(th.StringType),
        title="Product attributes",
        description="Attributes that are written on products: `exact_gl_account` gets the revenue "
        "account of the item with the same code. Default: none, products are not written.",
    ),
    th.Property(
        "request_timeout_seconds",
        th.NumberType(exclusive_minimum=0, maximum=86_400),
        default=180,
        title="Request timeout",
        description="Seconds one call may take.",
    ),
    th.Property(
        "max_wait_seconds",
        th.NumberType(minimum=0, maximum=604_800),
        default=300,
        title="Longest wait",
        description="Seconds to keep trying when the shop is busy, in maintenance or away.",
    ),
    th.Property(
        "settle_after_seconds",
        th.NumberType(minimum=0, maximum=86_400),
        default=60,
        title="Settle after",
        description="How long a creation without an answer may still be at work in the shop. Until "
        "then it is looked for, and not sent again.",
    ),
).to_dict()
CONFIG: dict[str, Any] = _OWN | {"properties": LOGIN_SETTINGS | _OWN["properties"]}


@dataclass(frozen=True)
class Settings:
    """Checked settings; see :data:`CONFIG` for their meaning."""

    base_url: str
    instance: str
    cloud_service: bool
    database_url: str
    division: int | None
    auto_apply: bool
    plan_file: str
    plan_xlsx: str | None
    conflicts: str
    fail_on: str
    website_id: int | None
    customer_statuses: frozenset[str]
    customer_classifications: frozenset[str]
    customer_groups: Mapping[str, int]
    account_code_attribute: str
    create_customers: bool
    addresses: str
    option_attributes: Mapping[str, str]
    create_attributes: bool
    attribute_sets: tuple[int, ...]
    revenue_types: frozenset[int]
    blocked_mark: str
    product_attributes: tuple[str, ...]
    request_timeout: float
    max_wait: float
    settle_after: float

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Check the settings of a run.

        Raises:
            ConfigError: A setting is wrong or contradicts another.
        """
        defaults = {
            name: part["default"]
            for name, part in CONFIG["properties"].items()
            if "default" in part
        }
        given = {name: value for name, value in config.items() if value not in (None, "")}
        values = defaults | stored_settings(given)
        if not values.get("base_url"):
            msg = "Setting base_url is missing. Write it as https://shop.example."
            raise ConfigError(msg)
        host = check_base_url(str(values["base_url"]))
        if values["create_customers"] and values.get("website_id") is None:
            msg = "Setting create_customers needs website_id: the website that gets the customers."
            raise ConfigError(msg)
        codes = {
            kind: str(values[f"{kind.removesuffix('_accounts').removesuffix('s')}_attribute"])
            for kind in ("gl_accounts", "cost_centers", "cost_units")
        }
        if len(set(codes.values())) < len(codes):
            msg = "gl_attribute, cost_center_attribute and cost_unit_attribute must differ."
            raise ConfigError(msg)
        wanted = tuple(values.get("product_attributes") or ())
        if unknown := sorted(set(wanted) - {codes["gl_accounts"]}):
            msg = (
                f"Setting product_attributes holds {unknown[0]!r}. Exact's items say only the "
                f"revenue account: it may hold {codes['gl_accounts']!r}."
            )
            raise ConfigError(msg)
        if re.fullmatch(r"[\d.]+", str(values["blocked_mark"])):
            msg = "Setting blocked_mark is a number. Write it as (blocked)."
            raise ConfigError(msg)
        return cls(
            base_url=str(values["base_url"]),
            instance=str(values.get("instance") or host),
            cloud_service=is_cloud_service(given),
            database_url=str(values["database_url"]),
            division=values.get("division"),
            auto_apply=bool(values["auto_apply"]),
            plan_file=str(values["plan_file"]),
            plan_xlsx=values.get("plan_xlsx"),
            conflicts=str(values["conflicts"]),
            fail_on=str(values["fail_on"]),
            website_id=values.get("website_id"),
            customer_statuses=frozenset(values["customer_statuses"]),
            customer_classifications=frozenset(values.get("customer_classifications") or ()),
            customer_groups=dict(values.get("customer_groups") or {}),
            account_code_attribute=str(values["account_code_attribute"]),
            create_customers=bool(values["create_customers"]),
            addresses=str(values["addresses"]),
            option_attributes=codes,
            create_attributes=bool(values["create_attributes"]),
            attribute_sets=tuple(values["attribute_sets"]),
            revenue_types=frozenset(values["revenue_types"]),
            blocked_mark=str(values["blocked_mark"]),
            product_attributes=wanted,
            request_timeout=float(values["request_timeout_seconds"]),
            max_wait=float(values["max_wait_seconds"]),
            settle_after=float(values["settle_after_seconds"]),
        )
