"""What an engine says of a question's steps, as spans: believed within bounds."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.inference.messages import MOST_STEPS, Step, StepName, Traced
from service.inference.tracing import traced_question
from service.tracing import active
from tests.service.tracing.test_spans import FakeSpan

moments = st.floats(0, 1e11)
steps = st.lists(
    st.builds(
        Step,
        name=st.sampled_from(StepName),
        began=moments,
        ended=moments,
        batch=st.integers(0, 5),
        rows=st.integers(0, 9),
    ),
    min_size=1,
    max_size=MOST_STEPS,
)


def test_of_a_trace_that_is_not_recorded_nothing_is_said() -> None:
    assert traced_question() == (None, None)
    with active(FakeSpan("asking", recording=False)):
        assert traced_question() == (None, None)


def test_a_model_computes_within_its_batch() -> None:
    asking = FakeSpan("engine.ask")
    with active(asking):
        trace, on_steps = traced_question()
        assert trace == asking.context.header
    assert on_steps
    began = time.time()
    on_steps(
        [
            Step(name=StepName.WAIT, began=began, ended=began),
            Step(name=StepName.MODEL, began=began, ended=began, batch=7, rows=3, backend="eager"),
            Step(name=StepName.BATCH, began=began, ended=began, batch=7, rows=3),
        ]
    )
    (engine,) = asking.children
    wait, batch = engine.children
    (model,) = batch.children
    names = [span.name for span in engine.everything()]
    assert names == ["engine", "engine.wait", "engine.batch", "engine.model"]
    assert wait.attributes == {}
    assert batch.attributes == {"polarizer.batch": 7, "polarizer.rows": 3}
    assert model.attributes == {**batch.attributes, "polarizer.backend": "eager"}
    assert all(span.ended for span in engine.everything())


@given(steps)
def test_whatever_it_says_lies_between_the_question_and_now(said: list[Step]) -> None:
    asking, asked = FakeSpan("engine.ask"), time.time_ns()
    with active(asking):
        _, on_steps = traced_question()
    assert on_steps
    on_steps(said)
    now = time.time_ns()
    (engine,) = asking.children
    assert len(engine.everything()) == 1 + len(said)
    for span in engine.everything():
        times = asked, *span.times, now
        assert all(one <= other for one, other in pairwise(times)), span  # type: ignore[operator]


def test_more_than_there_can_be_is_not_a_message() -> None:
    one = Step(name=StepName.WAIT, began=1, ended=2)
    with pytest.raises(ValueError, match="too_long"):
        Traced(id=1, steps=(one,) * (MOST_STEPS + 1))


def test_of_nothing_no_span_is_made() -> None:
    asking = FakeSpan("engine.ask")
    with active(asking):
        _, on_steps = traced_question()
    assert on_steps
    on_steps([])
    assert asking.children == []
