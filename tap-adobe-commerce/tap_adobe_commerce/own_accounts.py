"""The GL account that a product names: the text of its option, which the product itself lacks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec

from adobe_commerce import answers
from adobe_commerce.errors import PermissionDeniedError, RequestRefusedError

if TYPE_CHECKING:
    from adobe_commerce.client import Client

logger = logging.getLogger("tap-adobe-commerce.products")


class _Option(msgspec.Struct):
    label: str | None = None
    value: str | int | None = None


_OPTIONS = msgspec.json.Decoder(list[_Option])


class OwnAccounts:
    """Options of the attribute that names GL accounts; read once, when a product has one."""

    def __init__(self, client: Client, attribute: str) -> None:
        """Take the attribute's code; nothing is read yet."""
        self._client = client
        self._attribute = attribute
        self._labels: dict[str, str] | None = None

    def named(self, product: dict[str, Any]) -> dict[str, Any]:
        """Return what a line carries of its product, with ``gl_account`` if the product names one.

        Args:
            product: What a line carries so far.

        Raises:
            NotCommerceError: The shop's options have another form.
        """
        value = (product["custom_attributes"] or {}).get(self._attribute)
        if value not in (None, "", []):
            label = self._known().get(str(value))
            if label:
                product["gl_account"] = label
        return product

    def _known(self) -> dict[str, str]:
        if self._labels is None:
            self._labels = self._read()
        return self._labels

    def _read(self) -> dict[str, str]:
        try:
            answer = self._client.get(f"products/attributes/{self._attribute}/options")
        except (PermissionDeniedError, RequestRefusedError) as error:
            logger.warning("Order lines will not carry gl_account: %s", error)
            return {}
        options = answers.decode(answer.body, answer.where, _OPTIONS)
        return {str(one.value): str(one.label) for one in options if one.value and one.label}
