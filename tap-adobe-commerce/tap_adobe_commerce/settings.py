"""The tap's settings: names, descriptions, and their values checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from singer_sdk import typing as th

from adobe_commerce.client import check_base_url
from adobe_commerce.errors import ConfigError
from adobe_commerce.settings import LOGIN_SETTINGS
from tap_adobe_commerce.timestamps import parse_iso, to_shop

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_ENTITY_ID = 2**63
_ATTRIBUTE_CODE = re.compile(r"\w+", re.ASCII)

_OWN = th.PropertiesList(
    th.Property(
        "store",
        th.StringType,
        default="all",
        title="Store code",
        description=(
            "Store view whose product values are read; 'all' reads the shop-wide values. Orders "
            "of all store views are read in any case."
        ),
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="Rows last changed before are not read (ISO 8601; without a zone: UTC).",
    ),
    th.Property(
        "end_date",
        th.DateTimeType,
        title="End date",
        description="Rows last changed after are left for later (ISO 8601; without a zone: UTC).",
    ),
    th.Property(
        "created_from",
        th.DateTimeType,
        title="Created from",
        description=(
            "Read what was created at or after this moment, whenever it changed, such as a month "
            "to be reconciled; STATE stays as it is (ISO 8601; without a zone: UTC)."
        ),
    ),
    th.Property(
        "created_until",
        th.DateTimeType,
        title="Created until",
        description="The same, before this moment: for October, 2026-11-01T00:00:00+01:00.",
    ),
    th.Property(
        "order_ids",
        th.ArrayType(th.StringType),
        title="Order numbers",
        description=(
            "Replay: read only the orders with these numbers (increment ids) and their documents; "
            "STATE stays as it is."
        ),
    ),
    th.Property(
        "order_entity_ids",
        th.ArrayType(th.IntegerType),
        title="Signalled orders",
        description=(
            "Also read the orders with these entity ids and their documents, whenever they "
            "changed: those that the shop's webhooks told of. One that is not there (yet) is "
            "passed over; STATE is what it is without them. Left out of a replay."
        ),
    ),
    th.Property(
        "page_size",
        th.IntegerType(minimum=1, maximum=1000),
        default=100,
        title="Page size",
        description="Rows per call; shrinks by itself when the shop cannot cope.",
    ),
    th.Property(
        "overlap_minutes",
        th.IntegerType(minimum=0, maximum=525_600),
        default=15,
        title="Overlap",
        description=(
            "Minutes before the newest row of the last run that are read again, because the shop "
            "shows a change only after its transaction; unchanged rows are not emitted again. "
            "Longer than the longest transaction, a refund at the payment provider included: "
            "shorter misses late commits, longer costs the shop a few rows more in each run."
        ),
    ),
    th.Property(
        "lag_seconds",
        th.IntegerType(minimum=0, maximum=86_400),
        default=5,
        title="Lag",
        description="Seconds before the shop's present time where a run ends.",
    ),
    th.Property(
        "request_timeout_seconds",
        th.NumberType(exclusive_minimum=0, maximum=86_400),
        default=180,
        title="Request timeout",
        description="Seconds one call may take before it is tried again with a smaller page.",
    ),
    th.Property(
        "max_wait_seconds",
        th.NumberType(minimum=0, maximum=604_800),
        default=300,
        title="Longest wait",
        description="Seconds to keep trying when the shop is busy, in maintenance or away.",
    ),
    th.Property(
        "parallel",
        th.IntegerType(minimum=1, maximum=8),
        default=3,
        title="Parallel calls",
        description="Calls at once when a long span is read; short spans take one at a time.",
    ),
    th.Property(
        "sweep_every_days",
        th.IntegerType(minimum=1, maximum=36_500),
        title="Sweep",
        description=(
            "Read everything again after so many days, because comments, partial shipments and "
            "changed addresses do not move the change time. Default: never."
        ),
    ),
    th.Property(
        "unreadable",
        th.StringType(allowed_values=["fail", "park"]),
        default="fail",
        title="Unreadable records",
        description=(
            "What to do with a record that makes the shop answer with an error, or is not of the "
            "form that Adobe documents: 'fail' ends the run there; 'park' goes on, keeps it in "
            "STATE and tries it again in every run."
        ),
    ),
    th.Property(
        "product_attributes",
        th.ArrayType(th.StringType),
        title="Product attributes",
        description="Custom attributes of products on order lines. Default: all.",
    ),
    th.Property(
        "gl_attribute",
        th.StringType,
        default="exact_gl_account",
        title="GL account attribute",
        description=(
            "Product attribute that names the product's own GL account, as "
            "`target-adobe-commerce` makes it. Its text goes with order lines (`gl_account`)."
        ),
    ),
).to_dict()
SCHEMA: dict[str, Any] = _OWN | {"properties": LOGIN_SETTINGS | _OWN["properties"]}


@dataclass(frozen=True)
class Settings:
    """Checked settings; see :data:`SCHEMA` for their meaning.

    Attributes:
        host: Host of ``base_url``.
        start_date: Shop's form, or None; as the other dates.
    """

    base_url: str
    host: str
    instance: str
    store: str
    start_date: str | None
    end_date: str | None
    created_from: str | None
    created_until: str | None
    order_ids: tuple[str, ...]
    order_entity_ids: tuple[int, ...]
    page_size: int
    overlap: timedelta
    lag: timedelta
    request_timeout: float
    max_wait: float
    parallel: int
    sweep_every: timedelta | None
    park: bool
    product_attributes: tuple[str, ...] | None
    gl_attribute: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Check the settings of a run.

        Raises:
            ConfigError: A setting is wrong or contradicts another.
        """
        if not config.get("base_url"):
            msg = "Setting base_url is missing. Write it as https://shop.example."
            raise ConfigError(msg)
        host = check_base_url(str(config["base_url"]))
        start, end = (_date(config, name) for name in ("start_date", "end_date"))
        if start and end and start > end:
            msg = f"Setting start_date ({start}) is later than end_date ({end})."
            raise ConfigError(msg)
        created_from, created_until = (
            _date(config, name) for name in ("created_from", "created_until")
        )
        if created_from and created_until and created_from >= created_until:
            msg = f"Setting created_from ({created_from}) is not before created_until."
            raise ConfigError(msg)
        days = config.get("sweep_every_days")
        order_ids = tuple(str(number).strip() for number in config.get("order_ids") or ())
        for number in order_ids:
            if not number or "," in number:
                msg = f"Setting order_ids holds {number!r}. Give one order number per entry."
                raise ConfigError(msg)
        if order_ids and (created_from or created_until):
            msg = "Setting order_ids goes with neither created_from nor created_until. Keep one."
            raise ConfigError(msg)
        return cls(
            base_url=str(config["base_url"]),
            host=host,
            instance=str(config.get("instance") or host),
            store=str(config.get("store") or "all"),
            start_date=start,
            end_date=end,
            created_from=created_from,
            created_until=created_until,
            order_ids=order_ids,
            order_entity_ids=_entity_ids(config),
            page_size=int(config.get("page_size", 100)),
            overlap=timedelta(minutes=config.get("overlap_minutes", 15)),
            lag=timedelta(seconds=config.get("lag_seconds", 5)),
            request_timeout=float(config.get("request_timeout_seconds", 180)),
            max_wait=float(config.get("max_wait_seconds", 300)),
            parallel=int(config.get("parallel", 3)),
            sweep_every=timedelta(days=int(days)) if days else None,
            park=config.get("unreadable") == "park",
            product_attributes=_attributes(config),
            gl_attribute=_attribute(str(config.get("gl_attribute") or "exact_gl_account")),
        )


def _entity_ids(config: Mapping[str, Any]) -> tuple[int, ...]:
    found = {int(number) for number in config.get("order_entity_ids") or ()}
    if wrong := sorted(number for number in found if not 0 < number < _NO_ENTITY_ID):
        msg = f"Setting order_entity_ids holds {wrong[0]}, which is no entity id."
        raise ConfigError(msg)
    return tuple(sorted(found))


def _attributes(config: Mapping[str, Any]) -> tuple[str, ...] | None:
    codes = config.get("product_attributes")
    if codes is None:
        return None
    return tuple(_attribute(code, "product_attributes") for code in codes)


def _attribute(code: str, setting: str = "gl_attribute") -> str:
    if not _ATTRIBUTE_CODE.fullmatch(code):
        msg = f"Setting {setting} holds {code!r}, which is no attribute code."
        raise ConfigError(msg)
    return code


def _date(config: Mapping[str, Any], name: str) -> str | None:
    text = config.get(name)
    if not text:
        return None
    try:
        return to_shop(parse_iso(str(text)))
    except ValueError as error:
        msg = f"Setting {name} is {text!r}. Write it as 2026-01-31T00:00:00Z."
        raise ConfigError(msg) from error
