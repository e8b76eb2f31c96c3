"""Everything that can go wrong in this tap, in one tree.

```
AdobeCommerceError
├── FatalError                 trying again does not help
│   ├── ConfigError            a setting is missing, wrong or contradicts another
│   ├── CredentialsError       the shop does not accept the credentials
│   ├── PermissionDeniedError  the credentials lack an ACL resource
│   ├── RequestRefusedError    any other 4xx: the shop does not accept this request
│   │   └── PageTooLargeError  ... because its largest page is smaller
│   ├── NotCommerceError       what answers is not an Adobe Commerce REST API
│   │   └── RedirectedError    ... but a redirection to another address
│   ├── RecordFormError        one record is not of the form that Adobe documents
│   ├── NotFoundError          an order that was asked for does not exist
│   ├── UnreadableRecordError  one record makes the shop answer with an error
│   ├── GaveUpError            a retriable error outlasted the allowed time
│   ├── OutcomeUnknownError    a write was sent, and no trustworthy answer came
│   └── TargetGoneError        nobody reads the tap's output any more
└── RetriableError             worth another try
    ├── UnreachableError       no connection, or it broke
    │   └── NotConnectedError  ... before anything was sent
    ├── SlowError              no answer in time
    ├── BusyError              502, 503, 504
    │   └── TooManyCallsError  429: the shop did not carry it out
    ├── ServerFaultError       500
    ├── BrokenAnswerError      200 with a truncated or empty body
    │   ├── GarbledError       ... with something in it that is no JSON
    │   └── OversizedError     ... with a body that never ends
    └── StaleNonceError        the signature's nonce was used up
```
"""

from __future__ import annotations


class AdobeCommerceError(Exception):
    """Base of all errors of this tap; its text is one line for the user."""


class FatalError(AdobeCommerceError):
    """Trying again does not help."""


class ConfigError(FatalError):
    """A setting is missing, wrong or contradicts another."""


class CredentialsError(FatalError):
    """The shop does not accept the credentials."""


class PermissionDeniedError(FatalError):
    """The credentials lack an ACL resource of the shop.

    Attributes:
        resources: The resource the shop named, such as ``Magento_Sales::actions_view``.
    """

    def __init__(self, message: str, resources: str) -> None:
        """Keep what the shop said is missing."""
        super().__init__(message)
        self.resources = resources


class RequestRefusedError(FatalError):
    """The shop does not accept this request (4xx).

    Attributes:
        status: HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        """Keep the status."""
        super().__init__(message)
        self.status = status


class PageTooLargeError(RequestRefusedError):
    """The shop limits pages to fewer rows than were asked for.

    Attributes:
        maximum: The shop's largest page.
    """

    def __init__(self, message: str, maximum: int) -> None:
        """Keep the shop's limit."""
        super().__init__(message, 400)
        self.maximum = maximum


class NotCommerceError(FatalError):
    """What answers is not an Adobe Commerce REST API."""


class RedirectedError(NotCommerceError):
    """The shop is at another address; it did not carry the call out."""


class RecordFormError(FatalError):
    """One record is not of the form that Adobe documents."""


class NotFoundError(FatalError):
    """An order that was asked for does not exist."""


class UnreadableRecordError(FatalError):
    """One record makes the shop answer with an error whenever it is read."""


class GaveUpError(FatalError):
    """A retriable error outlasted the time allowed for one call."""


class OutcomeUnknownError(FatalError):
    """A write was sent and no trustworthy answer came: read before sending again."""


class TargetGoneError(FatalError):
    """Nobody reads the tap's output any more."""


class RetriableError(AdobeCommerceError):
    """Worth another try.

    Attributes:
        wait: Seconds the shop asked for (``Retry-After``), or None.
    """

    def __init__(self, message: str, wait: float | None = None) -> None:
        """Keep what the shop asked for."""
        super().__init__(message)
        self.wait = wait


class UnreachableError(RetriableError):
    """No connection, or it broke."""


class NotConnectedError(UnreachableError):
    """No connection stood, so nothing was sent."""


class SlowError(RetriableError):
    """No answer in time."""


class BusyError(RetriableError):
    """The shop or what stands before it is overloaded or in maintenance (429, 502, 503, 504)."""


class TooManyCallsError(BusyError):
    """The shop asks to slow down (429); it did not carry the call out."""


class ServerFaultError(RetriableError):
    """The shop failed (500); one broken record does this to its whole page."""


class BrokenAnswerError(RetriableError):
    """The answer ends too early: the shop ran out of memory or the connection broke."""


class GarbledError(BrokenAnswerError):
    """Something in the answer is no JSON; on a smaller page it may not be."""


class OversizedError(BrokenAnswerError):
    """The answer is longer than a page can be; a smaller page may help."""


class StaleNonceError(RetriableError):
    """The nonce of the signature was used up; a new signature has a new one."""
