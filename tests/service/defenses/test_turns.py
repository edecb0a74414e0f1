"""Whose job is next: nobody's thousand jobs keep another's one waiting."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from service.database import Database
from service.defenses import lifecycle
from service.defenses.lifecycle import Lease
from service.defenses.states import QueueName
from service.ids import new_id
from service.records import DefenseRecord

CPU, GPU = QueueName.CPU, QueueName.GPU
ON_SERVERS = [pytest.param("servers", marks=pytest.mark.server)]


@dataclass(frozen=True)
class Hall:
    """Where jobs wait and workers come by."""

    database: Database

    def queue(self, tenant: str, *, priority: int = 5, queue: QueueName = CPU) -> str:
        record = DefenseRecord(
            id=new_id("def"), tenant=tenant, request={}, inputs=[], priority=priority, queue=queue
        )
        with self.database.write() as session:
            lifecycle.add(session, record)
        return record.id

    def claim(self, queue: QueueName = CPU) -> Lease | None:
        with self.database.write() as session:
            return lifecycle.claim_next(session, queue, worker="w", seconds=60)

    def claimed(self, queue: QueueName = CPU) -> str | None:
        lease = self.claim(queue)
        return lease.defense_id if lease else None

    def end(self, lease: Lease) -> None:
        with self.database.write() as session:
            lifecycle.fail(session, lease, code="internal", message="-")


@pytest.fixture
def hall(database: Database) -> Hall:
    return Hall(database)


def test_one_job_waits_for_one_running_job_at_most(hall: Hall) -> None:
    many = {hall.queue("many") for _ in range(20)}
    running = hall.claim()
    assert running
    assert running.defense_id in many
    one = hall.queue("one")
    hall.end(running)
    assert hall.claimed() == one


def test_two_who_have_many_alternate(hall: Hall) -> None:
    """One worker: nothing runs when it chooses, so that numbers alone would decide nothing."""
    owner = {hall.queue(tenant): tenant for tenant in "aaaabb"}
    order = []
    for _ in range(6):
        lease = hall.claim()
        assert lease
        order.append(owner[lease.defense_id])
        hall.end(lease)
    assert order == list("ababaa")


def test_who_has_fewer_running_comes_first(hall: Hall) -> None:
    jobs = [hall.queue("a") for _ in range(3)]
    assert {hall.claimed(), hall.claimed()} <= set(jobs)
    late = [hall.queue("b") for _ in range(3)]
    taken = [hall.claimed() for _ in range(4)]
    assert set(taken[:2]) <= set(late), "two of b's before a's third"


def test_a_priority_orders_a_tenants_own_jobs_and_no_others(hall: Hall) -> None:
    first, urgent, urgent_too = (hall.queue("a", priority=priority) for priority in (5, 9, 9))
    other = hall.queue("b", priority=0)
    assert [hall.claimed() for _ in range(4)] == [urgent, other, urgent_too, first]


def test_queues_are_apart(hall: Hall) -> None:
    on_card, on_cpu = hall.queue("a", queue=GPU), hall.queue("a")
    assert hall.claimed(GPU) == on_card
    assert hall.claimed(GPU) is None
    assert hall.claimed() == on_cpu


def test_jobs_on_a_card_do_not_count_against_those_on_a_processor(hall: Hall) -> None:
    hall.queue("a", queue=GPU)
    assert hall.claimed(GPU)
    first, _other = hall.queue("a"), hall.queue("b")
    assert hall.claimed() == first


def test_nothing_waits(hall: Hall) -> None:
    assert hall.claim() is None


@pytest.mark.parametrize("stack", ON_SERVERS, indirect=True)
def test_a_worker_that_is_asleep_while_it_takes_a_job_keeps_no_other_waiting(hall: Hall) -> None:
    jobs = [hall.queue("a"), hall.queue("a"), hall.queue("b")]
    with hall.database.write() as asleep:
        lease = lifecycle.claim_next(asleep, CPU, worker="asleep", seconds=60)
        assert lease
        taken = [lease.defense_id, hall.claimed(), hall.claimed()]
        assert hall.claim() is None
    assert sorted(map(str, taken)) == sorted(jobs)


Steps = st.lists(
    st.one_of(
        st.tuples(st.just("queue"), st.sampled_from("abc"), st.integers(0, 9)),
        st.tuples(st.just("claim"), st.none(), st.none()),
        st.tuples(st.just("end"), st.integers(0, 9), st.none()),
    ),
    min_size=5,
    max_size=25,
)


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(steps=Steps)
def test_turns_are_as_the_rule_says(hall: Hall, steps: list[tuple[str, object, int]]) -> None:
    with hall.database.write() as session:
        session.execute(delete(DefenseRecord))
    waiting: dict[str, tuple[str, int]] = {}
    running: list[tuple[str, Lease]] = []
    began: dict[str, int] = {}
    for moment, (step, which, priority) in enumerate(steps):
        if step == "queue":
            waiting[hall.queue(str(which), priority=priority)] = (str(which), priority)
        elif step == "claim":
            expected = _next(waiting, [tenant for tenant, _ in running], began)
            lease = hall.claim()
            assert (lease.defense_id if lease else None) == expected
            if lease:
                tenant, _ = waiting.pop(lease.defense_id)
                began[tenant] = moment
                running.append((tenant, lease))
        elif running:
            hall.end(running.pop(int(str(which)) % len(running))[1])


def _next(
    waiting: dict[str, tuple[str, int]], running: list[str], began: dict[str, int]
) -> str | None:
    """The rule, over all jobs at once."""
    first: dict[str, tuple[int, str]] = {}
    for job, (tenant, priority) in waiting.items():
        first[tenant] = min(first.get(tenant, (0, job)), (-priority, job))
    if not first:
        return None
    turn = min(first, key=lambda one: (running.count(one), began.get(one, -1), first[one][1]))
    return first[turn][1]
