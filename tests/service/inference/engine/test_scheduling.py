"""Every row is computed once, by its own model, in bounded room, whatever comes in what order."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polarizer.description import InputSpec
from service.inference.engine import scheduling
from service.inference.engine.memory import Memory
from service.inference.engine.requests import Logits, Piece, Request
from service.inference.engine.scheduling import Batch, Room, Scheduler
from service.inference.messages import Answer, Cause, Dropped, Failure, Last, Network, Predict

SPEC = InputSpec(channels=1, height=4, width=4, mean=(0.5,), std=(0.5,))
MOST_ROWS = 64


class FakeModel:
    """Stands for a model: the scheduler only hands it out."""

    def __init__(self, name: str, nbytes: int, most_rows: int) -> None:
        self.name = name
        self.nbytes = nbytes
        self.most_rows = most_rows


class Models:
    """Loads fake models, each only when its gate is open, and counts those in memory."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.left: list[tuple[str, bool]] = []
        self.nbytes: dict[str, int] = {}
        self.most_rows = MOST_ROWS
        self.gates: dict[str, threading.Event] = {}
        self.broken: set[str] = set()
        self.alive: weakref.WeakSet[FakeModel] = weakref.WeakSet()
        self.most_alive = 0

    def load(self, network: Network) -> Any:
        model = network.model
        if gate := self.gates.get(model):
            assert gate.wait(10)
        if model in self.broken:
            raise ValueError(f"{model} is broken")
        fake = FakeModel(model, self.nbytes.get(model, 0), self.most_rows)
        self.loaded.append(model)
        self.alive.add(fake)
        self.most_alive = max(self.most_alive, len(self.alive))
        return fake


class Bench:
    """A scheduler, its models, and requests that note their outcome."""

    def __init__(self, max_models: int = 2, *, nbytes: int = 1000) -> None:
        self.models = Models()
        self.scheduler = Scheduler[Any](
            self.models.load,
            self._blame,
            Room(max_models, nbytes),
            lambda *left: self.models.left.append(left),
        )
        self.memory = Memory(-1, 1 << 16)
        self.outcomes: dict[int, Last] = {}
        self.blamed = threading.Semaphore(0)

    def _blame(self, error: Exception, requests: Iterable[Request]) -> None:
        for request in requests:
            request.fail(Cause.MODEL, str(error))
            self.blamed.release()

    def request(
        self, model: str, images: int = 1, number: int = 0, *, seconds: float = 1000
    ) -> Request:
        question = Predict.model_construct(
            id=number,
            network=Network.model_construct(model=model, file=f"/{model}"),
            input=SPEC,
            classes=1,
            seconds=seconds,
            begin=0,
            answer=0,
            sizes=(1,) * images,
        )
        return Request(
            question, self.memory, lambda message: self.outcomes.update({message.id: message})
        )

    def put(self, request: Request, *, size: int = 4) -> Request:
        for image in range(len(request.question.sizes)):
            pixels = torch.zeros((1, 1, size, size), dtype=torch.uint8)
            self.scheduler.put(Piece(request, image, pixels, is_ours=True))
        return request

    def put_together(self, request: Request) -> Request:
        """All rows in one piece, as tensors come."""
        pixels = torch.zeros((request.question.rows, 1, 4, 4), dtype=torch.uint8)
        self.scheduler.put(Piece(request, 0, pixels))
        return request

    def compute(self, batch: Batch[Any] | None = None) -> list[Piece]:
        """Answers a batch, the next one unless one is given; returns a piece for every row."""
        batch = batch or self.scheduler.take()
        assert {piece.key for piece in batch.pieces} == {batch.served.name}
        for piece in batch.pieces:
            piece.request.answer(piece.start, Logits(torch.zeros(piece.rows, 1)).encoded())
            piece.request.let_go()
        self.scheduler.done(batch)
        return [piece for piece in batch.pieces for _ in range(piece.rows)]


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


def test_a_model_being_loaded_delays_no_other() -> None:
    bench = Bench()
    gate = bench.models.gates["slow"] = threading.Event()
    bench.put(bench.request("slow", number=1))
    for number in range(2, 5):
        bench.put(bench.request("quick", number=number))
        bench.compute()
    assert sorted(bench.outcomes) == [2, 3, 4]
    gate.set()
    bench.compute()
    assert sorted(bench.outcomes) == [1, 2, 3, 4]


def test_a_model_is_loaded_once_however_many_wait() -> None:
    bench = Bench()
    gate = bench.models.gates["a"] = threading.Event()
    for number in range(20):
        bench.put(bench.request("a", number=number))
    gate.set()
    assert len(bench.compute()) == 20
    assert bench.models.loaded == ["a"]


def test_a_model_that_cannot_be_loaded_fails_its_own_requests_only() -> None:
    bench = Bench()
    bench.models.broken.add("bad")
    bench.put(bench.request("bad", number=1))
    bench.put(bench.request("good", number=2))
    bench.compute()
    assert bench.blamed.acquire(timeout=10)
    assert isinstance(bench.outcomes[1], Failure)
    assert isinstance(bench.outcomes[2], Answer)
    bench.models.broken.clear()
    bench.put(bench.request("bad", number=3))
    bench.compute()
    assert isinstance(bench.outcomes[3], Answer)


def test_the_model_used_longest_ago_makes_room() -> None:
    bench = Bench(max_models=2)
    for number, model in enumerate(["a", "b", "a", "c", "a", "b"]):
        bench.put(bench.request(model, number=number))
        bench.compute()
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
        computed += len(bench.compute())
    assert sorted(bench.outcomes) == list(range(len(models)))
    assert bench.models.most_alive <= max_models
    assert len(bench.models.loaded) == len(set(models)), "all rows of a model wait for one load"


def test_a_busy_model_makes_room_for_older_rows() -> None:
    """One place, and a model that always has rows: another one gets its turn in between."""
    bench = Bench(max_models=1)
    bench.models.most_rows = 1
    order = "aaabaacba"
    for number, model in enumerate(order):
        bench.put(bench.request(model, number=number))
    computed = [bench.compute()[0].key for _ in order]
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
    bench.compute(batch)
    del batch
    bench.compute()
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
    assert [row.request.question.id for row in bench.compute()] == [2]


def test_a_forgotten_model_leaves_memory() -> None:
    bench = Bench()
    for model in "ab":
        bench.put(bench.request(model))
        bench.compute()
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
    assert len(bench.compute()) == 1


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


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


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


def test_models_are_kept_by_bytes() -> None:
    bench = Bench(max_models=10, nbytes=100)
    bench.models.nbytes = {"small": 30, "other": 30, "large": 60, "giant": 500}
    for number, model in enumerate(["small", "other", "small", "large"]):
        bench.put(bench.request(model, number=number))
        bench.compute()
    assert bench.models.left == [("other", True)]
    bench.put(bench.request("giant", number=9))
    bench.compute()
    assert isinstance(bench.outcomes[9], Answer), "one that is larger than all there is"
    assert {fake.name for fake in bench.models.alive} == {"giant"}


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
