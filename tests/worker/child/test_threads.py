from __future__ import annotations

import pytest
import torch

from worker.child import threads


@pytest.fixture(autouse=True)
def _as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("fastest", "most"), [(1, 1), (1, 2), (2, 4), (8, 8)])
def test_the_fastest_number_is_taken(
    monkeypatch: pytest.MonkeyPatch, fastest: int, most: int
) -> None:
    monkeypatch.setattr(threads, "_seconds", lambda count: abs(count - fastest))

    assert threads.choose_threads(most) == fastest


def test_something_is_really_measured() -> None:
    assert threads.choose_threads(2) in (1, 2)
    assert threads._seconds(1) > 0
