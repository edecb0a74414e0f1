"""Where the child computes, and how much of a card it may take."""

from __future__ import annotations

import pytest
import torch

from worker.child.device import choose_device, take_share
from worker.child.failure import DeviceError
from worker.memory import card_share

CARD = torch.device("cuda", 1)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, torch.device]]:
    """Shares that were taken, where there may be no card."""
    found: list[tuple[float, torch.device]] = []
    monkeypatch.setattr(
        torch.cuda,
        "set_per_process_memory_fraction",
        lambda share, device: found.append((share, device)),
    )
    return found


def test_jobs_that_share_a_card_never_want_more_than_there_is() -> None:
    assert card_share(1) == 1
    assert all(0.8 < jobs * card_share(jobs) < 1 for jobs in range(2, 20))


def test_a_job_takes_its_share_of_a_card(taken: list[tuple[float, torch.device]]) -> None:
    take_share(CARD, 0.45)
    assert taken == [(0.45, CARD)]


def test_one_alone_and_one_without_a_card_take_none(
    taken: list[tuple[float, torch.device]],
) -> None:
    take_share(CARD, 1.0)
    take_share(torch.device("cpu"), 0.45)
    assert taken == []


@pytest.mark.parametrize("asked", ["cuda:99", "somewhere"])
def test_a_device_that_is_not_there_is_named(asked: str) -> None:
    with pytest.raises(DeviceError, match=asked):
        choose_device(asked)
