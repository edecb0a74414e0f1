"""Models are loaded once, and leave memory when others need the room or they are forgotten."""

from __future__ import annotations

import threading

from service.inference.messages import Answer, Failure
from tests.service.inference.engine.bench import Bench


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
