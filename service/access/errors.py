"""Why a caller is refused.

ServiceError
├── UnauthorizedError         401   no key, or one that is not good (any more)
├── ForbiddenError            403   the key's scopes do not hold this
└── BusyError                 429
    ├── RateLimitedError          429   too many requests
    └── QuotaError                429   as many defenses or bytes as the tenant may have
"""

from __future__ import annotations

from collections.abc import Iterable

from service.access.callers import Caller
from service.errors import BusyError, ServiceError

REALM = 'Bearer realm="neural-polarizer"'


class UnauthorizedError(ServiceError):
    """``sent`` tells a key that is not good from none at all; ``caller`` is for the audit log,
    where the secret was right."""

    status, slug, title = 401, "unauthorized", "A key is needed"

    def __init__(self, detail: str, *, sent: bool = True, caller: Caller | None = None) -> None:
        super().__init__(detail)
        self.caller = caller
        self.headers = {"WWW-Authenticate": REALM + (', error="invalid_token"' if sent else "")}


class ForbiddenError(ServiceError):
    """Any of ``scopes`` would do."""

    status, slug, title = 403, "forbidden", "The key is not for this"

    def __init__(self, detail: str, scopes: Iterable[str]) -> None:
        super().__init__(detail)
        named = f'{REALM}, error="insufficient_scope", scope="{" ".join(scopes)}"'
        self.headers = {"WWW-Authenticate": named}


class RateLimitedError(BusyError):
    slug, title = "rate-limited", "Too many requests"


class QuotaError(BusyError):
    slug, title = "quota", "As much as the tenant may have"
