"""The lease keeper: renews while nobody objects, and says why a run must stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import OperationalError

from service.defenses import lifecycle
from service.defenses.lifecycle import Lease
from service.records import DefenseRecord
from tests.waiting import wait_until
from tests.worker.conftest import Bench
from worker.lease import LeaseKeeper, Stop, StoppedError


@pytest.fixture
def lease(bench: Bench) -> Lease:
    defense = bench.queued()
    with bench.database.write() as session:
        claimed = lifecycle.claim(session, defense, worker="me", seconds=0.06)
    assert claimed
    return claimed


@contextmanager
def keeping(bench: Bench, lease: Lease, *, timeout: float = 60.0) -> Iterator[LeaseKeeper]:
    with LeaseKeeper(
        bench.database, lease, lease_seconds=0.06, timeout_seconds=timeout, shutdown=bench.shutdown
    ) as keeper:
        yield keeper


def until(bench: Bench, lease: Lease) -> float:
    with bench.database.read() as session:
        lease_until = session.get_one(DefenseRecord, lease.defense_id).lease_until
    assert lease_until
    return lease_until.timestamp()


def test_it_renews(bench: Bench, lease: Lease) -> None:
    with keeping(bench, lease) as keeper:
        first = wait_until(lambda: until(bench, lease))
        wait_until(lambda: until(bench, lease) > first)
        assert keeper.stop is None
        keeper.check()


def test_it_sees_a_cancellation(bench: Bench, lease: Lease) -> None:
    with keeping(bench, lease) as keeper:
        bench.cancel(lease.defense_id)
        assert wait_until(lambda: keeper.stop) is Stop.CANCELLED
        with pytest.raises(StoppedError):
            keeper.check()


def test_it_sees_that_the_lease_is_lost(bench: Bench, lease: Lease) -> None:
    with keeping(bench, lease) as keeper:
        with bench.database.write() as session:
            lifecycle.hand_back(session, lease)
        assert wait_until(lambda: keeper.stop) is Stop.LOST_LEASE


def test_it_sees_a_shutdown(bench: Bench, lease: Lease) -> None:
    with keeping(bench, lease) as keeper:
        bench.shutdown.set()
        assert keeper.stop is Stop.SHUTDOWN


def test_a_run_that_takes_too_long_is_no_longer_renewed(bench: Bench, lease: Lease) -> None:
    with keeping(bench, lease, timeout=0.2) as keeper:
        assert wait_until(lambda: keeper.stop) is Stop.TIMEOUT

        def expired() -> bool:
            with bench.database.read() as session:
                return bool(lifecycle.expired(session))

        wait_until(expired)


def test_a_database_that_is_away_stops_nothing(
    bench: Bench, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew, tries = lifecycle.renew, []

    def away_at_first(*arguments, **keywords):  # type: ignore[no-untyped-def]
        tries.append(1)
        if len(tries) < 3:
            raise OperationalError("UPDATE", {}, OSError("gone"))
        return renew(*arguments, **keywords)

    monkeypatch.setattr(lifecycle, "renew", away_at_first)
    with keeping(bench, lease) as keeper:
        wait_until(lambda: len(tries) > 3)
        assert keeper.stop is None


def test_a_pause_ends_when_the_run_must_stop(bench: Bench, lease: Lease) -> None:
    with keeping(bench, lease) as keeper:
        threading.Timer(0.05, bench.shutdown.set).start()
        began = time.monotonic()
        with pytest.raises(StoppedError):
            keeper.pause(600)
        assert time.monotonic() - began < 300
