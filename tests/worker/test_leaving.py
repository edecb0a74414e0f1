"""When a worker that is told to go gives its jobs back, and when it goes all the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from celery.signals import worker_shutting_down

from service.settings import Settings
from worker import leaving


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self._due: list[tuple[float, Callable[[], object]]] = []

    def later(self, seconds: float, what: Callable[[], object]) -> None:
        self._due.append((seconds, what))

    def pass_to(self, moment: float) -> None:
        for seconds, what in [entry for entry in self._due if entry[0] <= moment]:
            self._due.remove((seconds, what))
            what()


class GoneError(Exception):
    """The process would have ended here."""


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(_status: int) -> None:
        raise GoneError

    monkeypatch.setattr(leaving.os, "_exit", end)


@pytest.mark.usefixtures("gone")
@pytest.mark.parametrize("drain", [0, 100])
def test_a_job_may_go_on_for_the_time_to_drain(tmp_path: Path, drain: int) -> None:
    give_back, clock = threading.Event(), Clock()
    settings = Settings(data_dir=tmp_path, drain_seconds=drain, shutdown_seconds=10)
    with leaving.set_when_told(give_back, settings, clock.later):
        assert not give_back.is_set()
        worker_shutting_down.send(sender=None)
        clock.pass_to(drain - 1)
        assert give_back.is_set() == (drain == 0)
        clock.pass_to(drain)
        assert give_back.is_set()
        clock.pass_to(drain + 9)
        with pytest.raises(GoneError):
            clock.pass_to(drain + 10)


def test_nobody_listens_afterwards(tmp_path: Path) -> None:
    give_back, clock = threading.Event(), Clock()
    with leaving.set_when_told(give_back, Settings(data_dir=tmp_path), clock.later):
        pass
    worker_shutting_down.send(sender=None)
    assert not give_back.is_set()
