"""What the shop answers when it refuses, with the texts and placeholders it really sends."""

from __future__ import annotations

import secrets
from typing import Any


class ShopError(Exception):
    """A refusal with the shop's own status and envelope; placeholders stay unfilled, as sent."""

    def __init__(
        self,
        status: int,
        message: str,
        parameters: list[Any] | dict[str, Any] | None = None,
        errors: list[dict[str, Any]] | None = None,
    ) -> None:
        """Build the refusal.

        Args:
            status: HTTP status.
            message: Text with the shop's placeholders.
            parameters: What a client would put in the placeholders.
            errors: Single errors, when there are several.
        """
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message}
        if errors is not None:
            self.body["errors"] = errors
        if parameters is not None:
            self.body["parameters"] = parameters


_REQUIRED = '"%fieldName" is required. Enter and try again.'


def missing(*names: str) -> ShopError:
    """Return the refusal of a request that lacks one or more fields."""
    if len(names) == 1:
        return ShopError(400, _REQUIRED, {"fieldName": names[0]})
    errors = [{"message": _REQUIRED, "parameters": {"fieldName": name}} for name in names]
    return ShopError(400, "One or more input exceptions have occurred.", errors=errors)


def wrong_type(value: Any, expected: str, field: str | None = None) -> ShopError:
    """Return the refusal of a value of another type, in a route or in a named field."""
    shown = value if isinstance(value, str | int | float) else "Array"
    text = (
        f'The "{shown}" value\'s type is invalid. The "{expected}" type was expected.'
        " Verify and try again."
    )
    return ShopError(
        400, text if field is None else f'Error occurred during "{field}" processing. {text}'
    )


def not_authorized(resource: str) -> ShopError:
    """Return the one answer to missing permission, wrong token and no credentials; never a 403."""
    return ShopError(
        401, "The consumer isn't authorized to access %resources.", {"resources": resource}
    )


def no_such_entity() -> ShopError:
    """Return the refusal of an unknown sales document."""
    return ShopError(
        404, "The entity that was requested doesn't exist. Verify the entity and try again."
    )


def no_such_key(field: str, value: Any) -> ShopError:
    """Return the refusal of an unknown customer, line and the like."""
    return ShopError(
        404,
        "No such entity with %fieldName = %fieldValue",
        {"fieldName": field, "fieldValue": value},
    )


def no_such_route() -> ShopError:
    """Return the answer to an unknown path, or a known one with another method."""
    return ShopError(404, "Request does not match any route.")


def unknown_attribute(name: str) -> ShopError:
    """Return the refusal of a field that customers or products do not have."""
    return ShopError(
        400, 'The "%1" attribute name is invalid. Reset the name and try again.', [name]
    )


def internal() -> ShopError:
    """Return the masked answer of production mode to anything the shop did not foresee."""
    report = secrets.token_hex(7)[:13]
    return ShopError(
        500,
        f"Internal Error. Details are available in Magento log file. Report ID: webapi-{report}",
    )
