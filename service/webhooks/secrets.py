"""A tenant's signing secrets: derived, never stored. Who reads the database cannot sign."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.database import now
from service.errors import InvalidRequestError
from service.ids import new_id
from service.records import WebhookSecretRecord
from service.settings import Settings

KEY_FILE = "webhook.key"
MOST = 5
"""Secrets that sign at a time, and so signatures of one message."""


def master_key(settings: Settings) -> bytes:
    """The operator's. Raises InvalidRequestError where there is none and none can be made up:
    several processes would make up several."""
    if settings.webhook_key is not None:
        return settings.webhook_key.get_secret_value().encode()
    if not settings.database.startswith("sqlite"):
        raise InvalidRequestError(
            "this service sends no webhooks: its operator has not set POLARIZER_WEBHOOK_KEY"
        )
    path = settings.data_dir.resolve() / KEY_FILE
    with suppress(FileExistsError):
        partial = path.with_name(f"{KEY_FILE}.{secrets.token_hex(8)}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        try:
            os.link(partial, path)  # whole, or not at all
        finally:
            partial.unlink()
    return path.read_bytes()


def derived(master: bytes, record: WebhookSecretRecord) -> bytes:
    """The secret of a row, 32 bytes."""
    purpose = f"webhook:{record.tenant}:{record.id}:{record.salt}"
    return hmac.new(master, purpose.encode(), hashlib.sha256).digest()


def current(session: Session, tenant: str) -> Sequence[WebhookSecretRecord]:
    """Those that sign now, newest first."""
    query = (
        select(WebhookSecretRecord)
        .where(WebhookSecretRecord.tenant == tenant, _signs(now(session)))
        .order_by(WebhookSecretRecord.id.desc())
        .limit(MOST)
    )
    return session.scalars(query).all()


def create(session: Session, tenant: str, *, keep_previous: timedelta) -> WebhookSecretRecord:
    """A new secret; those before it expire after ``keep_previous``."""
    moment = now(session)
    for record in current(session, tenant):
        expires = moment + keep_previous
        record.expires_at = min(record.expires_at or expires, expires)
    record = WebhookSecretRecord(
        id=new_id("whs"),
        tenant=tenant,
        salt=secrets.token_hex(16),
        created_at=moment,
        expires_at=None,
    )
    session.add(record)
    session.flush()
    return record


def _signs(moment: datetime):  # type: ignore[no-untyped-def]  # noqa: ANN202
    expires = WebhookSecretRecord.expires_at
    return expires.is_(None) | (expires > moment)
