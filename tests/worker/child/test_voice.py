"""The child's voice: whole lines, progress throttled, the last one never lost."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from worker.child.voice import BETWEEN_PROGRESS, Voice
from worker.events import Event, ProgressEvent, StageEvent, SucceededEvent, parse

Heard = Callable[[], list[Event | None]]


class FakeClock:
    seconds = 10.0

    def __call__(self) -> float:
        return self.seconds


def progress(step: int) -> ProgressEvent:
    return ProgressEvent(fraction=step / 9, step=step, steps=9, losses={}, remaining_seconds=None)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def pipe() -> tuple[int, int]:
    return os.pipe()


@pytest.fixture
def voice(pipe: tuple[int, int], clock: FakeClock) -> Voice:
    return Voice(pipe[1], clock=clock)


def heard(pipe: tuple[int, int]) -> list[Event | None]:
    os.close(pipe[1])
    with os.fdopen(pipe[0], "rb") as reader:
        return [parse(line) for line in reader.read().splitlines()]


def test_progress_is_throttled(voice: Voice, pipe: tuple[int, int], clock: FakeClock) -> None:
    for step in (1, 2, 3):
        voice.say(progress(step))
    clock.seconds += BETWEEN_PROGRESS
    voice.say(progress(4))
    assert heard(pipe) == [progress(1), progress(4)]


def test_the_last_progress_comes_before_the_next_event(voice: Voice, pipe: tuple[int, int]) -> None:
    for step in (1, 2, 9):
        voice.say(progress(step))
    voice.say(SucceededEvent())
    assert heard(pipe) == [progress(1), progress(9), SucceededEvent()]


def test_other_events_are_never_held_back(voice: Voice, pipe: tuple[int, int]) -> None:
    stages = [StageEvent(stage="measuring")] * 5
    for stage in stages:
        voice.say(stage)
    assert heard(pipe) == stages
