"""Errors that a caller may see, each with its HTTP status and problem type.

    ServiceError
    ├── BadRequestError           400   not HTTP
    ├── InvalidRequestError       422   what was sent cannot be used
    │   ├── SourceRefusedError        422   an s3:// reference outside POLARIZER_SOURCES
    │   ├── WebhookRefusedError       422   an address that no webhook is sent to
    │   └── IdempotencyMismatchError  422   the key was used with another payload
    ├── ForeignSiteError          403   a web page of another site is behind the request
    ├── NotFoundError             404   no such thing here
    ├── SlowRequestError          408   a head or body that does not come
    ├── ConflictError             409   not in this state
    │   └── InProgressError           409   the same Idempotency-Key is being worked on
    ├── TooLargeError             413   over a size limit
    ├── MediaTypeError            415   a body of a kind that this call does not take
    ├── HeadTooLargeError         431   an address or headers over their limits
    ├── UnreadableImageError      400   an image that cannot be decoded
    ├── InferenceRequestError     400   tensors that the model or the protocol does not take
    ├── BusyError                 429   queue full; retry later
    └── UnavailableError          503   database, store, queue or engine is not there
        └── LostBlobError             503   bytes are missing or differ from their digest

``service/access/errors.py`` adds those of callers who may not: 401, 403, 429.

One handler (``service/problems.py``) renders all of them as RFC 9457 problems.
"""

from __future__ import annotations

from typing import ClassVar


class ServiceError(Exception):
    """Base: ``status`` and ``slug`` are of the class, ``detail`` is for people."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.headers: dict[str, str] = {}


class BadRequestError(ServiceError):
    status, slug, title = 400, "bad-request", "Bad Request"


class InvalidRequestError(ServiceError):
    status, slug, title = 422, "invalid-request", "The request cannot be used"


class SourceRefusedError(InvalidRequestError):
    slug, title = "source-refused", "This reference is not allowed here"


class WebhookRefusedError(InvalidRequestError):
    slug, title = "webhook-refused", "No webhook is sent there"


class IdempotencyMismatchError(InvalidRequestError):
    slug, title = "idempotency-mismatch", "The Idempotency-Key was used with another payload"


class ForeignSiteError(ServiceError):
    status, slug, title = 403, "foreign-site", "Not for web pages of other sites"


class NotFoundError(ServiceError):
    status, slug, title = 404, "not-found", "Not found"


class SlowRequestError(ServiceError):
    status, slug, title = 408, "slow-request", "The request did not come in time"


class ConflictError(ServiceError):
    status, slug, title = 409, "conflict", "Not possible in this state"


class InProgressError(ConflictError):
    slug, title = "in-progress", "A request with this Idempotency-Key is in progress"


class TooLargeError(ServiceError):
    status, slug, title = 413, "too-large", "Over the size limit"


class MediaTypeError(ServiceError):
    status, slug, title = 415, "media-type", "This media type is not taken here"


class HeadTooLargeError(ServiceError):
    status, slug, title = 431, "head-too-large", "The head of the request is too large"


class UnreadableImageError(ServiceError):
    status, slug, title = 400, "unreadable-image", "The image cannot be read"


class InferenceRequestError(ServiceError):
    status, slug, title = 400, "inference-request", "The inference request cannot be used"


class BusyError(ServiceError):
    status, slug, title = 429, "busy", "Too much at once"


class UnavailableError(ServiceError):
    status, slug, title = 503, "unavailable", "A part of the service is not there"


class LostBlobError(UnavailableError):
    slug, title = "lost-blob", "Stored bytes are missing or damaged"
