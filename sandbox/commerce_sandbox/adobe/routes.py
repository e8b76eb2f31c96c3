"""Where the shop is mounted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from commerce_sandbox.adobe.service import Shop

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from commerce_sandbox.context import SandboxContext


def routes(context: SandboxContext) -> list[BaseRoute]:
    """Return the shop's routes: ``/rest/...``, ``/{tenant}/V1/...`` and ``/ims/token/v3``.

    Args:
        context: The sandbox whose database and clock the shop works on.
    """
    return [Route("/{path:path}", Shop(context))]
