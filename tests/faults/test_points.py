"""Every named step is there, and what reaches one obeys, once."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import points
from tests.faults.parts import ROOT
from tests.faults.points import POINTS, Action, Point, arm, disarm, taker


@pytest.mark.parametrize("point", POINTS, ids=lambda point: f"{point.who}:{point.name}")
def test_the_step_is_there(point: Point) -> None:
    owner, name = points.resolve(point.where)
    function = inspect.unwrap(getattr(owner, name))
    assert callable(function)
    assert not inspect.iscoroutinefunction(function)


def test_names_are_unique_for_each_process() -> None:
    assert len({(point.who, point.name) for point in POINTS}) == len(POINTS)


class Thing:
    """What is wrapped here in place of the service."""

    def act(self) -> str:
        return "done"

    def items(self):
        yield from "abc"


@pytest.fixture
def wrapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    steps = (
        Point("acting", "api", f"{__name__}:Thing.act", "before"),
        Point("giving", "api", f"{__name__}:Thing.items", "within"),
        Point("working", "worker", f"{__name__}:Thing.act", "before"),
    )
    monkeypatch.setattr(points, "POINTS", steps)
    monkeypatch.setattr(Thing, "act", Thing.act)
    monkeypatch.setattr(Thing, "items", Thing.items)
    points.install("api", tmp_path)
    return tmp_path


def test_without_an_order_nothing_happens(wrapped: Path) -> None:
    assert Thing().act() == "done"
    assert list(Thing().items()) == ["a", "b", "c"]
    assert taker(wrapped, "acting") is None


def test_an_order_is_obeyed_once(wrapped: Path) -> None:
    arm(wrapped, "acting", "full")
    with pytest.raises(OSError, match="No space left"):
        Thing().act()
    assert taker(wrapped, "acting") == os.getpid()
    assert Thing().act() == "done"
    disarm(wrapped, "acting")
    assert list(wrapped.iterdir()) == []


def test_a_step_within_comes_after_the_first_item(wrapped: Path) -> None:
    arm(wrapped, "giving", "full")
    items = Thing().items()
    assert next(items) == "a"
    with pytest.raises(OSError, match="No space left"):
        next(items)


def test_steps_of_other_processes_are_left_alone(wrapped: Path) -> None:
    arm(wrapped, "working", "full")
    assert Thing().act() == "done"


@pytest.mark.parametrize(("action", "number"), [("kill", signal.SIGKILL), ("stop", signal.SIGSTOP)])
def test_a_process_kills_or_stops_itself(tmp_path: Path, action: Action, number: int) -> None:
    arm(tmp_path, "here", action)
    program = "import pathlib, sys, tests.faults.points as p; p.obey(pathlib.Path(sys.argv[1]))"
    process = subprocess.Popen([sys.executable, "-c", program, tmp_path / "here"], cwd=ROOT)
    try:
        _pid, status = os.waitpid(process.pid, os.WUNTRACED)
        if action == "kill":
            assert os.WTERMSIG(status) == number
            process.returncode = -number
        else:
            assert os.WSTOPSIG(status) == number
        assert taker(tmp_path, "here") == process.pid
    finally:
        process.kill()
        process.wait()
