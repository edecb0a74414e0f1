"""Claims on an Idempotency-Key, when two requests meet and one of them was slow or dead."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from service.database import Database
from service.defenses import idempotency, lifecycle
from service.defenses.idempotency import TAKEOVER, Claim
from service.errors import IdempotencyMismatchError, InProgressError
from service.ids import new_id
from service.records import DefenseRecord, IdempotencyRecord


def claim(database: Database, fingerprint: str = "f") -> Claim:
    claimed = idempotency.claim(database, "t", "key", fingerprint)
    assert isinstance(claimed, Claim)
    return claimed


def settle(database: Database, claimed: Claim) -> str:
    with database.write() as session:
        record = DefenseRecord(id=new_id("def"), tenant="t", request={}, inputs=[])
        lifecycle.add(session, record)
        idempotency.settle(session, claimed, record.id)
        return record.id


def aged(database: Database, claimed: Claim, by: timedelta) -> Claim:
    """The same claim, made so much earlier."""
    moment = claimed.claimed_at - by
    with database.write() as session:
        session.execute(update(IdempotencyRecord).values(created_at=moment))
    return Claim(claimed.tenant, claimed.key, moment)


def test_a_settled_key_leads_to_its_defense(database: Database) -> None:
    made = settle(database, claim(database))
    assert idempotency.claim(database, "t", "key", "f") == made
    with pytest.raises(IdempotencyMismatchError):
        idempotency.claim(database, "t", "key", "other")
    assert isinstance(idempotency.claim(database, "another tenant", "key", "other"), Claim)


def test_a_slow_first_request_makes_nothing_after_a_takeover(database: Database) -> None:
    slow = aged(database, claim(database), TAKEOVER + timedelta(seconds=1))
    second = claim(database)
    with pytest.raises(InProgressError):
        settle(database, slow)
    made = settle(database, second)
    assert idempotency.claim(database, "t", "key", "f") == made
    with database.read() as session:
        assert [record.id for record in session.query(DefenseRecord)] == [made]


def test_a_slow_first_request_does_not_free_what_was_taken_over(database: Database) -> None:
    slow = aged(database, claim(database), TAKEOVER + timedelta(seconds=1))
    claim(database)
    idempotency.free(database, slow)
    with pytest.raises(InProgressError):
        idempotency.claim(database, "t", "key", "f")


def test_a_freed_key_takes_any_payload(database: Database) -> None:
    first = claim(database, "one")
    idempotency.free(database, first)
    second = claim(database, "two")
    made = settle(database, second)
    idempotency.free(database, second)
    assert idempotency.claim(database, "t", "key", "two") == made
