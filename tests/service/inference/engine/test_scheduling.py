"""Every row is computed once, by its own model, in bounded room, whatever comes in what order."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polarizer.description import InputSpec
from service.inference.engine import scheduling
from service.inference.engine.requests import Request, Row
from service.inference.engine.scheduling import Batch, Scheduler
from service.inference.messages import Answer, Failure, Predict

SPEC = InputSpec(channels=1, height=4, width=4, mean=(0.5,), std=(0.5,))


class FakeModel:
    """Stands for a classifier: the scheduler only hands it out."""

    def __init__(self, name: str) -> None:
        self.name = name


class Models:
    """Loads fake models, each only when its gate is open, and counts those in memory."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.gates: dict[str, threading.Event] = {}
        self.broken: set[str] = set()
        self.alive: weakref.WeakSet[FakeModel] = weakref.WeakSet()
        self.most_alive = 0

    def load(self, model: str, file: Path) -> Any:
        if gate := self.gates.get(model):
            assert gate.wait(10)
        if model in self.broken:
            raise ValueError(f"{model} is broken")
        fake = FakeModel(model)
        self.loaded.append(model)
        self.alive.add(fake)
        self.most_alive = max(self.most_alive, len(self.alive))
        return fake


class Bench:
    """A scheduler, its models, and requests that note their outcome."""

    def __init__(self, max_models: int = 2) -> None:
        self.models = Models()
        self.scheduler = Scheduler(self.models.load, self._blame, max_models)
        self.outcomes: dict[int, Answer | Failure] = {}
        self.blamed = threading.Semaphore(0)

    def _blame(self, error: Exception, requests: Iterable[Request]) -> None:
        for request in requests:
            request.fail("model", str(error))  # type: ignore[arg-type]
            self.blamed.release()

    def request(self, model: str, images: int = 1, number: int = 0) -> Request:
        question = Predict.model_construct(
            id=number, model=model, file=f"/{model}", input=SPEC, sizes=(1,) * images, top=1
        )
        return Request(question, lambda message: self.outcomes.update({message.id: message}))

    def put(self, request: Request, *, size: int = 4) -> Request:
        for image in range(len(request.question.sizes)):
            pixels = torch.zeros((1, size, size), dtype=torch.uint8)
            self.scheduler.put(Row(request, image, pixels))
        return request


def compute(batch: Batch) -> list[Row]:
    """Answers a batch with the name of the model that computed it."""
    name = batch.classifier.name  # type: ignore[attr-defined]
    assert {row.model for row in batch.rows} == {name}
    for row in batch.rows:
        row.request.rank(row.image, ((0, 1.0),))
    return batch.rows


def test_a_batch_is_whatever_waits() -> None:
    bench = Bench()
    for number in range(3):
        bench.put(bench.request("a", images=2, number=number))
    assert len(compute(bench.scheduler.take())) == 6
    assert {type(outcome) for outcome in bench.outcomes.values()} == {Answer}


def test_a_batch_counts_rows_not_requests() -> None:
    bench = Bench()
    most = scheduling.MOST_ROWS
    bench.put(bench.request("a", images=most + 3))
    assert [len(compute(bench.scheduler.take())) for _ in range(2)] == [most, 3]
    assert len(bench.outcomes) == 1


def test_rows_of_large_images_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    monkeypatch.setattr(scheduling, "MOST_ELEMENTS", 3 * 16)
    bench.put(bench.request("a", images=4))
    assert [len(compute(bench.scheduler.take())) for _ in range(2)] == [3, 1]


def test_a_model_being_loaded_delays_no_other() -> None:
    bench = Bench()
    gate = bench.models.gates["slow"] = threading.Event()
    bench.put(bench.request("slow", number=1))
    for number in range(2, 5):
        bench.put(bench.request("quick", number=number))
        compute(bench.scheduler.take())
    assert sorted(bench.outcomes) == [2, 3, 4]
    gate.set()
    compute(bench.scheduler.take())
    assert sorted(bench.outcomes) == [1, 2, 3, 4]


def test_a_model_is_loaded_once_however_many_wait() -> None:
    bench = Bench()
    gate = bench.models.gates["a"] = threading.Event()
    for number in range(20):
        bench.put(bench.request("a", number=number))
    gate.set()
    assert len(compute(bench.scheduler.take())) == 20
    assert bench.models.loaded == ["a"]


def test_a_model_that_cannot_be_loaded_fails_its_own_requests_only() -> None:
    bench = Bench()
    bench.models.broken.add("bad")
    bench.put(bench.request("bad", number=1))
    bench.put(bench.request("good", number=2))
    compute(bench.scheduler.take())
    assert bench.blamed.acquire(timeout=10)
    assert isinstance(bench.outcomes[1], Failure)
    assert isinstance(bench.outcomes[2], Answer)
    bench.models.broken.clear()
    bench.put(bench.request("bad", number=3))
    compute(bench.scheduler.take())
    assert isinstance(bench.outcomes[3], Answer)


def test_the_model_used_longest_ago_makes_room() -> None:
    bench = Bench(max_models=2)
    for number, model in enumerate(["a", "b", "a", "c", "a", "b"]):
        bench.put(bench.request(model, number=number))
        compute(bench.scheduler.take())
    assert bench.models.loaded == ["a", "b", "c", "b"]


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
        computed += len(compute(bench.scheduler.take()))
    assert sorted(bench.outcomes) == list(range(len(models)))
    assert bench.models.most_alive <= max_models
    assert len(bench.models.loaded) == len(set(models)), "all rows of a model wait for one load"


def test_a_busy_model_makes_room_for_older_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """One place, and a model that always has rows: another one gets its turn in between."""
    monkeypatch.setattr(scheduling, "MOST_ROWS", 1)
    bench = Bench(max_models=1)
    order = "aaabaacba"
    for number, model in enumerate(order):
        bench.put(bench.request(model, number=number))
    computed = [compute(bench.scheduler.take())[0].model for _ in order]
    assert computed[:4] == list("aaab")
    assert sorted(computed) == sorted(order)
    assert bench.models.most_alive == 1


def test_a_model_is_not_replaced_while_it_computes() -> None:
    bench = Bench(max_models=1)
    bench.put(bench.request("a", number=1))
    batch = bench.scheduler.take()
    before = set(threading.enumerate())
    bench.put(bench.request("b", number=2))
    for loading in set(threading.enumerate()) - before:
        loading.join(10)
    assert bench.models.loaded == ["a"]
    compute(batch)
    del batch
    compute(bench.scheduler.take())
    assert bench.models.loaded == ["a", "b"]
    assert bench.models.most_alive == 1


def test_a_request_given_up_is_not_computed() -> None:
    bench = Bench()
    gate = bench.models.gates["a"] = threading.Event()
    given_up = bench.put(bench.request("a", images=5, number=1))
    bench.put(bench.request("a", number=2))
    bench.scheduler.drop(given_up)
    bench.put(given_up)  # decoded too late
    gate.set()
    assert [row.request.question.id for row in compute(bench.scheduler.take())] == [2]


def test_a_forgotten_model_leaves_memory() -> None:
    bench = Bench()
    for model in "ab":
        bench.put(bench.request(model))
        compute(bench.scheduler.take())
    bench.scheduler.forget("a")
    bench.scheduler.forget("never seen")
    assert {fake.name for fake in bench.models.alive} == {"b"}


def test_a_model_forgotten_while_it_loads_does_not_stay() -> None:
    bench = Bench()
    gate = bench.models.gates["a"] = threading.Event()
    before = set(threading.enumerate())
    bench.scheduler.drop(bench.put(bench.request("a")))
    bench.scheduler.forget("a")
    gate.set()
    for loading in set(threading.enumerate()) - before:
        loading.join(10)
    assert bench.models.loaded == ["a"]
    assert not bench.models.alive


def test_a_model_forgotten_while_it_loads_is_still_there_for_those_who_wait() -> None:
    bench = Bench()
    gate = bench.models.gates["a"] = threading.Event()
    bench.put(bench.request("a"))
    bench.scheduler.forget("a")
    gate.set()
    assert len(compute(bench.scheduler.take())) == 1


def test_decoding_waits_while_too_much_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    monkeypatch.setattr(scheduling, "MOST_WAITING_BYTES", 100)
    bench.put(bench.request("a", number=1), size=9)
    putting = in_thread(lambda: bench.put(bench.request("a", number=2), size=9))
    putting.join(0.2)
    assert putting.is_alive()
    assert [row.request.question.id for row in compute(bench.scheduler.take())] == [1]
    assert [row.request.question.id for row in compute(bench.scheduler.take())] == [2]
    putting.join(10)
    bench.put(bench.request("a", number=3), size=20)  # over the limit, but alone
    assert len(compute(bench.scheduler.take())) == 1


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread
