"""What the API answers about keys, limits, the audit log and webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from client.records import Record


class Key(Record):
    """A key, but for its secret."""

    id: str
    tenant: str
    name: str
    scopes: list[str]
    requests_per_second: float | None
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class CreatedKey(Key):
    """The one answer that holds the key itself, which is not shown by ``repr``."""

    key: Annotated[str, Field(repr=False)]


class Usage(Record):
    """What a tenant uses of its limits."""

    waiting_defenses: int
    defenses_today: int
    stored_bytes: int


class Myself(Record):
    """Who is asking, as the service sees it; ``limits`` is null where there are none."""

    tenant: str
    key_id: str | None
    scopes: list[str]
    limits: dict[str, Any] | None
    requests_per_second: float | None
    usage: Usage


class Entry(Record):
    """Somebody did something, or was refused."""

    id: str
    key_id: str | None
    operation: str
    target: str | None
    status: int
    address: str | None
    request_id: str | None
    created_at: datetime


class Secret(Record):
    """A secret that webhooks are signed by, but for what it is."""

    id: str
    created_at: datetime
    expires_at: datetime | None


class CreatedSecret(Secret):
    """The one answer that holds the secret itself, which is not shown by ``repr``."""

    secret: Annotated[str, Field(repr=False)]


class Secrets(Record):
    """Those that sign, newest first."""

    data: list[Secret]


class Delivery(Record):
    """One message to a webhook, and how it fared; ``id`` is its ``webhook-id``."""

    id: str
    type: str
    url: str
    state: str
    attempts: int
    last_status: int | None
    last_error: str | None
    created_at: datetime
    next_attempt_at: datetime | None


class Deliveries(Record):
    """All of one defense, oldest first."""

    data: list[Delivery]


class Retention(Record):
    """How many days things are kept; 0: for ever. ``own``: those that the tenant said itself."""

    periods: dict[str, int]
    own: dict[str, int | None]


class Erasure(Record):
    """A deletion of everything that a tenant has; ``finished_at`` says that nothing is left, and
    ``sha256`` is then that of the certificate."""

    id: str
    tenant: str
    everything: bool
    deleted: int
    sha256: str | None
    requested_by: str | None
    created_at: datetime
    finished_at: datetime | None
