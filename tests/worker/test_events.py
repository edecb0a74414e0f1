"""What the child says is bounded and checked, however it arrives."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.defenses.report import Numbers
from worker.events import (
    MAX_LINE,
    Event,
    FailedEvent,
    LineSplitter,
    MeasuredEvent,
    ProgressEvent,
    StageEvent,
    SucceededEvent,
    WarningEvent,
    parse,
    serialised,
)

PROGRESS = ProgressEvent(
    fraction=0.5, step=4, steps=8, losses={"total": 1.5, "clean": 0.5}, remaining_seconds=None
)
EVENTS: list[Event] = [
    StageEvent(stage="measuring"),
    PROGRESS,
    WarningEvent(code="few-images", message="only 12 clean images"),
    MeasuredEvent(numbers=Numbers(accuracy_before=0.9)),
    SucceededEvent(),
    FailedEvent(code="dataset-labels", message="one class only"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_arrives_as_it_was_sent(event: Event) -> None:
    line = serialised(event)
    assert line.endswith(b"\n")
    assert parse(line.rstrip(b"\n")) == event


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"type": "status", "status": "succeeded"}',
        b'{"type": "stage", "stage": "storing"}',
        b'{"type": "succeeded", "model": "mine"}',
        b'{"type": "failed", "code": "Any Thing", "message": "x"}',
        b'{"type": "failed", "code": "x", "message": ""}',
        b'{"type": "measured", "numbers": {"accuracy_after": 7}}',
        b'{"type": "measured", "numbers": {"accuracy_after": NaN}}',
        b"[" * MAX_LINE,
        json.dumps({"type": "warning", "code": "x", "message": "x" * 1001}).encode(),
        PROGRESS.model_dump_json().replace("0.5", "1.5").encode(),
        PROGRESS.model_dump_json().replace("1.5", "Infinity").encode(),
        PROGRESS.model_dump_json().replace("null", "-1").encode(),
    ],
)
def test_anything_else_is_no_event(line: bytes) -> None:
    assert parse(line) is None


@given(line=st.binary(max_size=200))
def test_no_line_makes_parsing_raise(line: bytes) -> None:
    parse(line)


@given(data=st.data())
def test_lines_do_not_depend_on_the_portions(data: st.DataObject) -> None:
    lengths = st.sampled_from([0, 1, 7, MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, 3 * MAX_LINE])
    sent = [b"x" * length for length in data.draw(st.lists(lengths, max_size=6))]
    stream = b"".join(line + b"\n" for line in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    portions = [
        stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
    ]
    splitter = LineSplitter()
    assert [line for portion in portions for line in splitter.feed(portion)] == [
        line for line in sent if len(line) <= MAX_LINE
    ]
    assert splitter.dropped == sum(len(line) > MAX_LINE for line in sent)
    assert splitter.seen == len(stream)


def test_an_endless_line_is_not_kept() -> None:
    splitter = LineSplitter()
    for _ in range(100):
        assert splitter.feed(b"x" * MAX_LINE) == []
    assert splitter.dropped == 1
    assert splitter.feed(b"x\nnext\n") == [b"next"]
