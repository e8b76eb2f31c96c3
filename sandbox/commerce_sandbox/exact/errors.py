"""What the sandbox's Exact refuses, and how the refusal looks on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commerce_sandbox.exact.access import Caller
    from commerce_sandbox.exact.messages import Message


class ApiError(Exception):
    """A refusal with a status, a text for the error envelope (or none) and headers."""

    status = 400

    def __init__(self, text: str = "", headers: dict[str, str] | None = None) -> None:
        """Keep the text and headers.

        Args:
            text: For ``error.message.value``; empty: the answer has no body.
            headers: Additional response headers.
        """
        super().__init__(text)
        self.text = text
        self.headers = headers or {}


class BadRequestError(ApiError):
    """The call itself is malformed: HTTP 400, always in English."""


class StreamError(BadRequestError):
    """The body cannot be read as the resource."""

    def __init__(self, text: str) -> None:
        """Put the server's introduction in front."""
        super().__init__(f"Error processing request stream. {text}")


class UnauthorizedError(ApiError):
    """The access token is missing, unknown or expired."""

    status = 401

    def __init__(self, caller: Caller | None = None) -> None:
        """Keep whose token it was.

        Args:
            caller: The app and user behind an expired token; None: nobody's.
        """
        super().__init__()
        self.caller = caller


class ForbiddenError(ApiError):
    """No right, scope or permission, or the record is gone."""

    status = 403

    def __init__(self, text: str = "Forbidden", reason: str | None = None) -> None:
        """Name the ground.

        Args:
            text: For the error envelope.
            reason: For the ``Reason`` header, if there is one.
        """
        super().__init__(text, {"Reason": reason} if reason else None)


class NotFoundError(ApiError):
    """Unknown path, resource or key."""

    status = 404


class UriTooLongError(ApiError):
    """The URL is longer than the server reads."""

    status = 414


class BodyTooLargeError(ApiError):
    """The request body is larger than the server reads."""

    status = 413


class MediaTypeError(ApiError):
    """The content type or accepted type cannot be served."""

    status = 415


class TooManyRequestsError(ApiError):
    """A limit is exceeded; the answer has no body."""

    status = 429


class ValidationError(ApiError):
    """The bookkeeping refuses the data: HTTP 500 with one or more messages."""

    status = 500

    def __init__(self, messages: Sequence[Message]) -> None:
        """Keep the messages; the language is chosen when the answer is made."""
        super().__init__("\r\n".join(message.texts[0] for message in messages))
        self.messages = list(messages)

    def in_language(self, language: str) -> str:
        """Return all messages in a language, as one text."""
        return "\r\n".join(message.text(language) for message in self.messages)


def refuse(*messages: Message) -> None:
    """Refuse if there are messages.

    Raises:
        ValidationError: There is at least one.
    """
    if messages:
        raise ValidationError(messages)
