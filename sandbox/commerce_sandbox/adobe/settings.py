"""Settings of the shop that tests may change while it runs."""

from __future__ import annotations

from typing import Any

DEFAULTS: dict[str, Any] = {
    "adobe.bearer_enabled": False,  # access token of an integration accepted as plain bearer
    "adobe.revoked": [],  # names of integrations whose access token was taken back
    "adobe.maintenance": False,  # 503 HTML on every route
    "adobe.login_page": False,  # an HTML login page with status 200 on every route
    "adobe.max_page_size": None,  # largest pageSize; a number also switches the input limits on
    "adobe.default_page_size": 20,  # page size when none is given and the limits are on
    "adobe.repeat_last_page": False,  # older releases: past the end comes the last page again
    "adobe.unstable_order": False,  # rows that the sort leaves equal change places every time
    "adobe.customer_attributes": [],  # codes of the merchant's own; others are ignored in silence
    "adobe.old_customer_updates": False,  # older releases: what a PUT does not send is lost
    "adobe.broken_order_ids": [],  # entity_ids of orders that make a whole page fail with 500
    "adobe.clock_skew_seconds": 0,  # how far the shop's clock is ahead of the sandbox's
    "adobe.node_clocks": [],  # seconds that each web node's clock is ahead; they answer in turn
    "adobe.gzip": False,  # compress answers over 1,100 bytes for clients that accept it
    "adobe.admin_two_factor": False,  # the admin token route asks for a second factor
    "adobe.saas_minute_limit": None,  # calls a minute before the SaaS edge answers 429
    "adobe.stores_count_alike": False,  # new documents of every store view: 000000001, ...
    "adobe.ims_revoked_before": 0,  # IMS tokens issued before (seconds since 1970) are refused
}
