from __future__ import annotations

import pytest
import torch

from worker.child import threads


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("fastest", "most"), [(1, 1), (1, 2), (2, 4), (8, 8)])
def test_the_fastest_number_is_taken(
    monkeypatch: pytest.MonkeyPatch, fastest: int, most: int
) -> None:
    monkeypatch.setattr(threads, "_seconds", lambda count: abs(count - fastest))

    assert threads.choose_threads(most) == fastest


@pytest.mark.parametrize(("told", "found"), [("2", 2), ("64", 8), ("0", 1), ("many", 8)])
def test_a_container_has_fewer_than_its_machine(
    monkeypatch: pytest.MonkeyPatch, told: str, found: int
) -> None:
    monkeypatch.setattr(threads, "_seconds", lambda count: -count)
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert threads.choose_threads(8) == found


def test_where_there_is_no_choice_nobody_waits_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_seconds", lambda _count: pytest.fail("it was measured"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads.choose_threads(8) == 1


def test_something_is_really_measured() -> None:
    assert threads.choose_threads(2) in (1, 2)
    assert threads._seconds(1) > 0
