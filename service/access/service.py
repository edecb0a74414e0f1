"""Making, revoking and looking up keys; what a tenant uses."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.access import audit, quotas, repository, tokens
from service.access.callers import Caller
from service.access.schemas import CreatedKey, Key, Usage
from service.access.scopes import Scope
from service.database import Database, now
from service.errors import ConflictError, InvalidRequestError
from service.ids import new_id
from service.records import KeyRecord

MOST_KEYS = 1000
_TENANT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def create_key(
    session: Session,
    *,
    tenant: str,
    name: str,
    scopes: list[Scope],
    expires_at: datetime | None = None,
    requests_per_second: float | None = None,
    created_by: str | None = None,
) -> CreatedKey:
    """A new key, whose text nobody can have again. Raises InvalidRequestError, ConflictError
    (there are too many), NotFoundError (no such tenant)."""
    repository.get_tenant(session, tenant)
    if repository.count_usable(session, tenant) >= MOST_KEYS:
        raise ConflictError(f"the tenant has {MOST_KEYS} keys that could be used; revoke some")
    moment = now(session)
    if expires_at is not None and expires_at <= moment:
        raise InvalidRequestError("expires_at: this moment has passed")
    key_id = new_id("key")
    text = tokens.new(key_id)
    record = KeyRecord(
        id=key_id,
        tenant=tenant,
        name=name,
        secret_sha256=tokens.digest(text),
        scopes=sorted(set(scopes)),
        requests_per_second=requests_per_second,
        created_at=moment,
        created_by=created_by,
        expires_at=expires_at and expires_at.astimezone(UTC),
    )
    session.add(record)
    session.flush()
    audit.note(session, key_id, 201)
    return CreatedKey.with_text(record, text)


def revoke_key(session: Session, tenant: str | None, key_id: str) -> Key:
    """From now on nobody may use it; repeating it changes nothing. Raises NotFoundError."""
    record = repository.get(session, tenant, key_id)
    repository.revoke(session, record)
    audit.note(session, key_id, 204)
    session.flush()
    return Key.of(record)


def create_tenant(database: Database, name: str) -> None:
    """Raises InvalidRequestError, ConflictError (there is one)."""
    if _TENANT.fullmatch(name) is None:
        raise InvalidRequestError(
            f"{name!r:.80} is no name of a tenant: take 1 to 64 lower-case letters, digits, '.',"
            " '_' and '-', a letter or digit first"
        )
    try:
        with database.write() as session:
            repository.add_tenant(session, name)
            audit.note(session, name, 201)
    except IntegrityError:
        raise ConflictError(f"there is a tenant {name!r} already") from None


def limit_tenant(session: Session, name: str, own: dict[str, float]) -> None:
    """Gives it limits of its own in place of those that it had; the others are the settings'.
    Raises NotFoundError."""
    record = repository.get_tenant(session, name, lock=True)
    record.limits = own or None
    audit.note(session, name, 200)


def usage(session: Session, caller: Caller) -> Usage:
    """What the caller's tenant uses now."""
    record = repository.get_tenant(session, caller.tenant)
    return Usage(
        waiting_defenses=quotas.waiting_defenses(session, caller.tenant),
        defenses_today=quotas.defenses_today(record, now(session)),
        stored_bytes=quotas.stored_bytes(session, caller.tenant),
    )
