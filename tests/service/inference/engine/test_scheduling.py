"""Every row is computed once, by its own model, in bounded room, whatever comes in what order."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.inference.engine import scheduling
from service.inference.engine.scheduling import Batch
from service.inference.messages import Answer, Cause, Dropped, Failure
from tests.service.inference.engine.bench import MOST_ROWS, Bench, in_thread


def test_a_batch_is_whatever_waits() -> None:
    bench = Bench()
    for number in range(3):
        bench.put(bench.request("a", images=2, number=number))
    assert len(bench.compute()) == 6
    assert {type(outcome) for outcome in bench.outcomes.values()} == {Answer}


def test_a_batch_counts_rows_not_requests() -> None:
    bench = Bench()
    most = MOST_ROWS
    bench.put(bench.request("a", images=most + 3))
    assert [len(bench.compute()) for _ in range(2)] == [most, 3]
    assert len(bench.outcomes) == 1


def test_rows_of_large_images_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    monkeypatch.setattr(scheduling, "MOST_ELEMENTS", 3 * 16)
    bench.put(bench.request("a", images=4))
    assert [len(bench.compute()) for _ in range(2)] == [3, 1]


@given(
    models=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=30),
    max_models=st.integers(1, 3),
    images=st.integers(1, 3),
)
def test_every_row_gets_its_turn_in_bounded_room(
    models: list[str], max_models: int, images: int
) -> None:
    bench = Bench(max_models)
    for number, model in enumerate(models):
        bench.put(bench.request(model, images=images, number=number))
    computed = 0
    while computed < len(models) * images:
        computed += len(bench.compute())
    assert sorted(bench.outcomes) == list(range(len(models)))
    assert bench.models.most_alive <= max_models
    assert len(bench.models.loaded) == len(set(models)), "all rows of a model wait for one load"


def test_a_request_given_up_is_not_computed() -> None:
    bench = Bench()
    gate = bench.models.gates["a"] = threading.Event()
    given_up = bench.put(bench.request("a", images=5, number=1))
    bench.put(bench.request("a", number=2))
    bench.scheduler.drop(given_up)
    bench.put(given_up)  # decoded too late
    gate.set()
    assert [row.request.question.id for row in bench.compute()] == [2]


def test_decoding_waits_while_too_much_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    monkeypatch.setattr(scheduling, "MOST_DECODED_BYTES", 100)
    bench.put(bench.request("a", number=1), size=9)
    putting = in_thread(lambda: bench.put(bench.request("a", number=2), size=9))
    putting.join(0.2)
    assert putting.is_alive()
    assert [row.request.question.id for row in bench.compute()] == [1]
    assert [row.request.question.id for row in bench.compute()] == [2]
    putting.join(10)
    bench.put(bench.request("a", number=3), size=20)  # over the limit, but alone
    assert len(bench.compute()) == 1


def test_rows_that_come_together_are_cut_only_where_a_batch_is_full() -> None:
    bench = Bench()
    for number in range(3):
        bench.put_together(bench.request("a", images=50, number=number))
    cuts = []
    for _ in range(3):
        batch = bench.scheduler.take()
        cuts.append([piece.rows for piece in batch.pieces])
        bench.compute(batch)
    assert cuts == [[50, 14], [36, 28], [22]]
    assert sorted(bench.outcomes) == [0, 1, 2]


def test_no_rows_at_all_load_the_model_and_are_answered() -> None:
    bench = Bench()
    bench.put_together(bench.request("a", images=0, number=1))
    assert bench.compute() == []
    assert isinstance(bench.outcomes[1], Answer)
    assert bench.models.loaded == ["a"]


def test_the_next_batch_is_put_together_early_only_if_it_is_full() -> None:
    bench = Bench()
    bench.put(bench.request("a", images=1, number=1))
    first = bench.scheduler.take()
    bench.put_together(bench.request("a", images=MOST_ROWS - 1, number=2))
    second: list[Batch[Any]] = []
    taking = in_thread(lambda: second.append(bench.scheduler.take()))
    taking.join(0.1)
    assert taking.is_alive(), "one row more may come while the first batch computes"
    bench.put_together(bench.request("a", images=5, number=3))
    taking.join(10)
    assert second[0].rows == MOST_ROWS
    bench.compute(first)
    bench.compute(second[0])
    bench.compute()
    assert sorted(bench.outcomes) == [1, 2, 3]


def test_full_batches_do_not_overtake_an_older_row_of_another_model() -> None:
    bench = Bench()
    for model in "ab":
        bench.put_together(bench.request(model, images=0))
        bench.compute()
    bench.put_together(bench.request("a", images=MOST_ROWS, number=1))
    first = bench.scheduler.take()
    bench.put(bench.request("b", number=2))
    bench.put_together(bench.request("a", images=MOST_ROWS, number=3))
    taken: list[Batch[Any]] = []
    taking = in_thread(lambda: taken.append(bench.scheduler.take()))
    taking.join(0.1)
    assert taking.is_alive()
    bench.compute(first)
    taking.join(10)
    assert taken[0].key == "b"


def test_rows_whose_time_is_over_are_not_computed() -> None:
    bench = Bench()
    bench.put(bench.request("a", number=1, seconds=-1))
    bench.put(bench.request("a", number=2))
    assert [row.request.question.id for row in bench.compute()] == [2]
    late = bench.outcomes[1]
    assert isinstance(late, Failure)
    assert late.cause is Cause.LATE


def test_memory_is_let_go_of_only_when_nobody_writes_there() -> None:
    bench = Bench()
    request = bench.put(bench.request("a", images=2, number=1))
    batch = bench.scheduler.take()
    bench.scheduler.drop(request)
    assert not bench.outcomes, "the batch that computes would write into another's memory"
    bench.compute(batch)
    assert bench.outcomes == {1: Dropped(id=1)}
