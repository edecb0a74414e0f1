"""Chores go on whatever happens, and end when told; bounded calls return in time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from service.bounded import bounded
from service.housekeeping import Housekeeper


class Chore:
    """Counts; fails when told; says when it has run so often."""

    def __init__(self, fails: bool = False, wanted: int = 3) -> None:
        self.runs = 0
        self._fails = fails
        self._wanted = wanted
        self.enough = threading.Event()

    def __call__(self) -> None:
        self.runs += 1
        if self.runs >= self._wanted:
            self.enough.set()
        if self._fails:
            raise OSError("away")


@pytest.mark.parametrize("fails", [False, True])
def test_chores_go_on_until_told(fails: bool) -> None:
    often, seldom = Chore(fails), Chore(fails, wanted=1)
    keeper = Housekeeper(often, seldom, seconds=0.001, rare_seconds=3600)
    keeper.start()
    assert often.enough.wait(20)
    keeper.stop(seconds=20)
    runs = often.runs
    assert seldom.runs == 1
    assert not any(thread.is_alive() for thread in keeper._threads)
    assert often.runs == runs


def test_a_sweep_that_hangs_keeps_no_job_waiting() -> None:
    """As one does while the store does not answer: the reaper goes on."""
    began, go_on, often = threading.Event(), threading.Event(), Chore()

    def hang() -> None:
        began.set()
        go_on.wait(60)

    keeper = Housekeeper(often, hang, seconds=0.001, rare_seconds=3600)
    keeper.start()
    assert began.wait(20)
    before = often.runs
    often.enough.clear()
    assert often.enough.wait(20)
    assert often.runs > before
    go_on.set()
    keeper.stop(seconds=20)


def test_stopping_waits_no_longer_than_that() -> None:
    began, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        began.set()
        go_on.wait(60)

    keeper = Housekeeper(hang, Chore(), seconds=1, rare_seconds=1)
    keeper.start()
    assert began.wait(20)
    keeper.stop(seconds=0)
    hanging, _ = keeper._threads
    assert hanging.is_alive()
    assert hanging.daemon
    go_on.set()
    hanging.join(20)


def test_a_bounded_call_gives_its_result_or_its_error() -> None:
    assert asyncio.run(bounded(lambda: 7, seconds=20)) == 7

    def fail() -> None:
        raise LookupError("told")

    with pytest.raises(LookupError, match="told"):
        asyncio.run(bounded(fail, seconds=20))


def test_a_bounded_call_ends_in_time() -> None:
    go_on = threading.Event()
    with pytest.raises(TimeoutError):
        asyncio.run(bounded(lambda: go_on.wait(60), seconds=0.01))
    go_on.set()
