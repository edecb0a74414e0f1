"""A run of a few faults against the whole service, each part a process; ``make faults`` is the
long one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.faults.faults import all_faults
from tests.faults.schedule import Plan, run
from tests.faults.stack import Stack, stack
from tests.servers import UnavailableError

pytestmark = [pytest.mark.server, pytest.mark.slow]

JOBS = 12
CHOSEN = (
    "killed at succeeding",
    "redis restarted empty",
    "killed at defense-committed",
    "postgres killed",
)


@pytest.fixture
def small_stack() -> Iterator[Stack]:
    try:
        with stack({"api-1": 0.0, "worker-1": -60.0}) as made:
            yield made
    except UnavailableError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have this server: {error}", pytrace=False)
        pytest.skip(str(error))


def test_nothing_is_lost(small_stack: Stack) -> None:
    faults = {fault.name: fault for fault in all_faults()}
    plan = Plan(
        seed=1, jobs=JOBS, faults=tuple(faults[name] for name in CHOSEN), seconds=200, pause=0.3
    )
    result = run(small_stack, plan)
    assert [str(violation) for violation in result.violations] == []
    assert set(result.happened) == set(CHOSEN)
    assert result.accepted >= JOBS
    assert result.jobs["succeeded"]


def test_names_of_faults_are_unique() -> None:
    names = [fault.name for fault in all_faults()]
    assert len(set(names)) == len(names)
