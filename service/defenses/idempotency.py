"""Idempotency-Key: the same key and payload make one defense, however often they are sent.

A first request claims its key, then commits the claim together with the defense. While it works,
others get 409; when it fails, the key is free again; when it dies, the claim can be taken over
after ``TAKEOVER``, and the moment of the claim keeps a slow first request from committing then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.database import Database, now
from service.errors import IdempotencyMismatchError, InProgressError
from service.records import IdempotencyRecord

TAKEOVER = timedelta(minutes=2)
"""How long the key of a request whose process died is answered with 409. Storing files may take
longer: the moment of the claim decides then, and the files need not be stored again."""

RETRY_AFTER = 5  # seconds


@dataclass(frozen=True)
class Claim:
    """The right to make the defense of a key."""

    tenant: str
    key: str
    claimed_at: datetime


def claim(database: Database, tenant: str, key: str, fingerprint: str) -> Claim | str:
    """A claim, or the id of the defense that the key has made already.

    Raises IdempotencyMismatchError for another payload, InProgressError while another request
    works on it.
    """
    try:
        with database.write() as session:
            return _claim(session, tenant, key, fingerprint)
    except IntegrityError:  # another request inserted the same key meanwhile
        raise _in_progress() from None


def _claim(session: Session, tenant: str, key: str, fingerprint: str) -> Claim | str:
    moment = now(session)
    found = session.get(IdempotencyRecord, (tenant, key), with_for_update=True)
    if found is None:
        session.add(
            IdempotencyRecord(tenant=tenant, key=key, payload_sha256=fingerprint, created_at=moment)
        )
        session.flush()
        return Claim(tenant, key, moment)
    if found.payload_sha256 != fingerprint:
        raise IdempotencyMismatchError("this Idempotency-Key was sent with another payload before")
    if found.defense_id is not None:
        return found.defense_id
    if found.created_at > moment - TAKEOVER:
        raise _in_progress()
    found.created_at = moment
    return Claim(tenant, key, moment)


def settle(session: Session, claim: Claim, defense_id: str) -> None:
    """The claim has made this defense. Raises InProgressError when it was taken over."""
    query = update(IdempotencyRecord).where(*_open(claim)).values(defense_id=defense_id)
    if session.execute(query).rowcount != 1:  # type: ignore[attr-defined]
        raise _in_progress()


def free(database: Database, claim: Claim) -> None:
    """The request failed: the key may be used again, with any payload."""
    with database.write() as session:
        session.execute(delete(IdempotencyRecord).where(*_open(claim)))


def _open(claim: Claim):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return (
        IdempotencyRecord.tenant == claim.tenant,
        IdempotencyRecord.key == claim.key,
        IdempotencyRecord.created_at == claim.claimed_at,
        IdempotencyRecord.defense_id.is_(None),
    )


def _in_progress() -> InProgressError:
    return InProgressError(
        "a request with this Idempotency-Key is in progress", retry_after=RETRY_AFTER
    )
