"""What a traced request went through, in the engine's own words."""

from __future__ import annotations

import time

from service.inference.engine.steps import Computing, Steps
from service.inference.messages import MOST_STEPS, StepName, Traced


def computing(number: int, began: float) -> Computing:
    return Computing(number, 4, "eager", began, began, time.time())


def test_images_are_decoded_as_one_step() -> None:
    steps, began = Steps(), time.time()
    for _ in range(5):
        steps.decoded(began)
    steps.computed(computing(1, time.time()))
    decode, wait, batch, model = steps.told()
    names = [step.name for step in (decode, wait, batch, model)]
    assert names == [StepName.DECODE, StepName.WAIT, StepName.BATCH, StepName.MODEL]
    assert decode.began == began
    assert decode.ended == wait.began <= wait.ended == batch.began
    assert (batch.batch, batch.rows, model.backend) == (1, 4, "eager")


def test_what_was_loaded_before_it_came_is_not_its_time() -> None:
    began = time.time() - 1000
    steps = Steps()
    steps.loaded(began)
    (load,) = steps.told()
    assert load.name is StepName.LOAD
    assert began + 999 < load.began <= load.ended


def test_of_very_many_batches_the_first_are_told() -> None:
    steps = Steps()
    steps.decoded(time.time())
    steps.loaded(time.time())
    for number in range(1, 1000):
        steps.computed(computing(number, time.time()))
    told = Traced(id=1, steps=steps.told()).steps
    assert MOST_STEPS - 1 <= len(told) <= MOST_STEPS
    assert told[-1].batch < 100


def test_a_request_that_nothing_was_done_for_tells_nothing() -> None:
    assert Steps().told() == ()
