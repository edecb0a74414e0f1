"""The state machine under Hypothesis: several workers, a reaper and a user on one defense.

The model below says what the database must hold after every step. Expiry is brought about by
leases of negative length, so nothing waits.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import inspect, null, select

from service.database import Database, now
from service.defenses import lifecycle, repository
from service.defenses.lifecycle import Lease, LostLeaseError
from service.defenses.states import QueueName, Stage, Status, before, may_follow
from service.ids import new_id
from service.records import BlobRecord, DefenseRecord, EventRecord, InputRecord

MAX_ATTEMPTS = 3
workers = st.sampled_from(["ada", "bob"])


class Lifecycle(RuleBasedStateMachine):
    """One defense in a migrated database, and what must become of it."""

    leases: Bundle[Any] = Bundle("leases")

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.database = database
        self.id = new_id("def")
        self.status = Status.QUEUED
        self.attempt = 0
        self.expired = False
        self.events = 1
        self.ended: tuple[Any, ...] | None = None
        with self.database.write() as session:
            lifecycle.add(session, DefenseRecord(id=self.id, tenant="t", request={}, inputs=[]))

    # What the model says

    def holds(self, lease: Lease) -> bool:
        return lease.attempt == self.attempt and self.status.is_leased

    def moved(self, after: Status) -> None:
        assert may_follow(self.status, after)
        self.status = after
        self.events += 1

    # Workers

    @rule(target=leases, worker=workers, lost=st.booleans())
    def claim(self, worker: str, lost: bool) -> Lease:
        with self.database.write() as session:
            seconds = -1 if lost else 60
            lease = lifecycle.claim(session, self.id, worker=worker, seconds=seconds)
        assert (lease is not None) is (self.status is Status.QUEUED)
        if lease is None:
            return Lease(self.id, -1)  # a right that nobody has
        self.attempt += 1
        assert lease == Lease(self.id, self.attempt)
        self.moved(Status.RUNNING)
        self.expired = lost
        return lease

    @rule(lease=leases, lost=st.booleans())
    def renew(self, lease: Lease, lost: bool) -> None:
        with self.only_if(self.holds(lease)), self.database.write() as session:
            seconds = -1 if lost else 60
            assert lifecycle.renew(session, lease, seconds=seconds) == self.status
            self.expired = lost

    @rule(lease=leases, columns=st.sampled_from([{}, {"stage": Stage.STORING}]))
    def report(self, lease: Lease, columns: dict[str, Any]) -> None:
        with self.only_if(self.holds(lease)), self.database.write() as session:
            lifecycle.report(session, lease, "progress", {"step": 1}, **columns)
            self.events += 1

    @rule(lease=leases)
    def succeed(self, lease: Lease) -> None:
        allowed = self.holds(lease) and self.status is Status.RUNNING
        with self.only_if(allowed), self.database.write() as session:
            blob = BlobRecord(id=new_id("blb"), sha256="0" * 64, size=1, live=True)
            blob.created_at = now(session)
            session.add(blob)
            session.flush()
            lifecycle.succeed(session, lease, numbers={"a": 1.0}, report_blob_id=blob.id)
            self.moved(Status.SUCCEEDED)

    @rule(lease=leases)
    def fail(self, lease: Lease) -> None:
        allowed = self.holds(lease) and self.status is Status.RUNNING
        with self.only_if(allowed), self.database.write() as session:
            lifecycle.fail(session, lease, code="diverged", message="NaN")
            self.moved(Status.FAILED)

    @rule(lease=leases)
    def hand_back(self, lease: Lease) -> None:
        allowed = self.holds(lease) and self.status is Status.RUNNING
        with self.only_if(allowed), self.database.write() as session:
            lifecycle.hand_back(session, lease)
            self.moved(Status.QUEUED)

    @rule(lease=leases)
    def confirm_cancel(self, lease: Lease) -> None:
        allowed = self.holds(lease) and self.status is Status.CANCELLING
        with self.only_if(allowed), self.database.write() as session:
            lifecycle.confirm_cancel(session, lease)
            self.moved(Status.CANCELLED)

    def only_if(self, allowed: bool) -> Any:
        """LostLeaseError, and nothing written, for a lease that is not good for this."""
        return _nothing if allowed else pytest.raises(LostLeaseError)

    # User and reaper

    @rule()
    def cancel(self) -> None:
        with self.database.write() as session:
            record = repository.get(session, "t", self.id, lock=True)
            lifecycle.request_cancel(session, record)
            shown = record.status
        if self.status is Status.QUEUED:
            self.moved(Status.CANCELLED)
        elif self.status is Status.RUNNING:
            self.moved(Status.CANCELLING)
        assert shown == self.status

    @rule()
    def reap(self) -> None:
        with self.database.write() as session:
            for record in lifecycle.expired(session, limit=1000):
                if record.id == self.id:
                    assert self.status.is_leased
                    assert self.expired
                    lifecycle.take_from_lost_worker(session, record, max_attempts=MAX_ATTEMPTS)
        if self.expired and self.status is Status.CANCELLING:
            self.moved(Status.CANCELLED)
        elif self.expired and self.status is Status.RUNNING:
            again = self.attempt < MAX_ATTEMPTS
            self.moved(Status.QUEUED if again else Status.FAILED)

    @rule()
    def wake(self) -> None:
        with self.database.write() as session:
            cpu = QueueName.CPU
            woken = lifecycle.take_unwoken(session, cpu, older_than=-1, limit=1000)
            again = lifecycle.take_unwoken(session, cpu, older_than=60, limit=1000)
        assert (self.id in woken) is (self.status is Status.QUEUED)
        assert self.id not in again

    # What always holds

    @invariant()
    def the_row_is_as_the_model_says(self) -> None:
        with self.database.read() as session:
            record = repository.get(session, "t", self.id)
            assert (record.status, record.attempt) == (self.status, self.attempt)
            assert (record.worker is not None) is self.status.is_leased
            assert (record.lease_until is not None) is self.status.is_leased
            assert (record.finished_at is not None) is self.status.is_terminal
            assert (record.error is not None) is (self.status is Status.FAILED)
            assert (record.numbers is not None) is (self.status is Status.SUCCEEDED)

    @invariant()
    def events_have_no_gap(self) -> None:
        with self.database.read() as session:
            query = select(EventRecord).where(EventRecord.defense_id == self.id)
            found = session.scalars(query.order_by(EventRecord.sequence)).all()
        assert [event.sequence for event in found] == list(range(1, self.events + 1))
        attempts = [event.attempt for event in found]
        assert attempts == sorted(attempts)
        states = [Status(event.data["status"]) for event in found if event.type == "status"]
        assert states[0] is Status.QUEUED
        assert states[-1] is self.status
        assert all(may_follow(first, then) for first, then in itertools.pairwise(states))

    @invariant()
    def the_end_is_the_end(self) -> None:
        if not self.status.is_terminal:
            return
        with self.database.read() as session:
            record = repository.get(session, "t", self.id)
            columns = DefenseRecord.__table__.columns
            state = tuple(getattr(record, column.key) for column in columns)
        assert self.ended in (None, state)
        self.ended = state


class _Nothing:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


_nothing = _Nothing()


def test_the_lifecycle_keeps_its_promises(database: Database) -> None:
    how_much = settings(
        max_examples=15,
        stateful_step_count=15,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    run_state_machine_as_test(lambda: Lifecycle(database), settings=how_much)


# What the machine cannot reach: two at once


@pytest.fixture
def defense_id(database: Database) -> str:
    identifier = new_id("def")
    with database.write() as session:
        lifecycle.add(session, DefenseRecord(id=identifier, tenant="t", request={}, inputs=[]))
    return identifier


@pytest.mark.parametrize("woken", [False, True])
@pytest.mark.parametrize("roles", [(), ("model",), ("clean", "model", "test", "triggered")])
def test_what_was_added_is_what_is_read(
    database: Database, roles: tuple[str, ...], woken: bool
) -> None:
    """It is written past the session, which must know the same as if it had read it."""
    blob = BlobRecord(id=new_id("blb"), sha256="0" * 64, size=3, live=True)
    with database.write() as session:
        blob.created_at = now(session)
        session.add(blob)
    inputs = [
        InputRecord(role=role, uri="s3://b/k", sha256=None)
        if role == "test"
        else InputRecord(role=role, blob=blob, sha256=blob.sha256, filename=f"{role}.bin")
        for role in roles
    ]
    record = DefenseRecord(
        id=new_id("def"), tenant="t", name="mine", request={"config": {}}, inputs=inputs
    )
    with database.write() as session:
        lifecycle.add(session, record, woken=woken)
        assert record in session
        assert not session.dirty
    with database.read() as session:
        read = repository.get(session, "t", record.id)
        columns = inspect(DefenseRecord).columns.keys()
        assert {name: getattr(read, name) for name in columns} == {
            name: getattr(record, name) for name in columns
        }
        assert (read.enqueued_at is not None) is woken
        assert [(one.role, one.uri, one.filename, one.blob_id) for one in read.inputs] == [
            (one.role, one.uri, one.filename, one.blob_id) for one in inputs
        ]
        unmeasured = select(DefenseRecord.id).where(DefenseRecord.numbers.is_(null()))
        assert session.scalar(unmeasured) == record.id


def test_a_stale_look_takes_nothing(database: Database, defense_id: str) -> None:
    """A reaper that read the row before the worker came back does not take it away."""
    with database.write() as session:
        lease = lifecycle.claim(session, defense_id, worker="ada", seconds=-1)
        assert lease is not None
    with database.read() as session:
        (stale,) = lifecycle.expired(session)
    with database.write() as session:
        lifecycle.renew(session, lease, seconds=60)
    with database.write() as session:
        after = lifecycle.take_from_lost_worker(session, stale, max_attempts=MAX_ATTEMPTS)
    assert after == Status.RUNNING
    with database.read() as session:
        assert repository.get(session, "t", defense_id).status == Status.RUNNING


def test_a_failed_transaction_leaves_no_event(database: Database, defense_id: str) -> None:
    with pytest.raises(RuntimeError), database.write() as session:  # noqa: PT012
        lifecycle.claim(session, defense_id, worker="ada", seconds=60)
        raise RuntimeError
    with database.read() as session:
        record = repository.get(session, "t", defense_id)
        assert (record.status, record.attempt, record.event_count) == (Status.QUEUED, 0, 1)


def test_terminal_states_lead_nowhere() -> None:
    for status in Status:
        leaves = {after for after in Status if may_follow(status, after)}
        assert status.is_terminal == (not leaves)
        assert all(status in before(after) for after in leaves)
