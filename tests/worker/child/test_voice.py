"""The child's voice: whole lines, progress throttled, the last one never lost."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable

import pytest

from worker.child.voice import BETWEEN_PROGRESS, MOST_LETTERS, LogVoice, Voice
from worker.events import (
    Event,
    LogEvent,
    ProgressEvent,
    StageEvent,
    StepEvent,
    SucceededEvent,
    parse,
)

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


def test_a_step_ends_with_the_next_one_with_its_stage_and_with_the_work(
    voice: Voice, pipe: tuple[int, int]
) -> None:
    voice.tells_steps = True
    voice.step("load-model")
    voice.step("read-images")
    voice.say(StageEvent(stage="measuring"))
    voice.step("measure-model")
    voice.say(SucceededEvent())
    said = heard(pipe)
    names = [event.name if isinstance(event, StepEvent) else None for event in said]
    assert names == ["load-model", "read-images", None, "measure-model", None]
    assert all(event.began <= event.ended for event in said if isinstance(event, StepEvent))


def test_without_a_trace_no_step_is_said(voice: Voice, pipe: tuple[int, int]) -> None:
    voice.step("load-model")
    voice.say(SucceededEvent())
    assert heard(pipe) == [SucceededEvent()]


def record(name: str, level: int, message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord(name, level, "file.py", 1, message, arguments, sys.exc_info())


def test_what_is_logged_is_said_without_an_exceptions_words(
    voice: Voice, pipe: tuple[int, int]
) -> None:
    handler = LogVoice(voice)
    handler.emit(record("polarizer.x", logging.WARNING, "%d images", 3))
    try:
        raise ValueError("a secret")
    except ValueError:
        handler.emit(record("no name!", logging.CRITICAL, "failed"))
    handler.emit(record("polarizer", logging.INFO, "x" * 5000))
    assert heard(pipe) == [
        LogEvent(level="warning", source="polarizer.x", message="3 images"),
        LogEvent(level="error", source="other", message="failed: ValueError"),
        LogEvent(level="info", source="polarizer", message="x" * MOST_LETTERS),
    ]


def test_a_line_that_cannot_be_made_ends_nothing(
    voice: Voice, pipe: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    LogVoice(voice).emit(record("polarizer", logging.INFO, "%d", "no number"))
    assert heard(pipe) == []
    assert "Logging error" in capsys.readouterr().err
