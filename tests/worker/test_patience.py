"""What is away is tried again; what will not mend is not."""

from __future__ import annotations

import pytest

from service.errors import LostBlobError, UnavailableError
from worker.patience import AWAY, JITTER, PAUSES, patiently


class Failing:
    """Fails so often, then answers."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error = error
        self.left = times
        self.calls = 0
        self.pauses: list[float] = []

    def __call__(self) -> str:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        return "done"

    def patiently(self, more: int = 0) -> str:
        return patiently(self, pause=self.pauses.append, more=more)


@pytest.mark.parametrize("error", [UnavailableError("away"), OSError(28, "No space left")])
def test_it_waits_longer_each_time(error: Exception) -> None:
    action = Failing(error, len(PAUSES))
    assert action.patiently() == "done"
    assert list(PAUSES) == sorted(PAUSES)
    for waited, meant in zip(action.pauses, PAUSES, strict=True):
        assert meant * (1 - JITTER) <= waited <= meant * (1 + JITTER)
    assert action.pauses != list(PAUSES)


def test_it_gives_up_in_the_end() -> None:
    action = Failing(UnavailableError("away"), 1000)
    with pytest.raises(UnavailableError):
        action.patiently()
    assert action.calls == len(PAUSES) + 1


def test_it_is_more_patient_when_much_is_at_stake() -> None:
    action = Failing(UnavailableError("away"), len(PAUSES) + 3)
    assert action.patiently(more=3) == "done"
    assert min(action.pauses[-3:]) >= PAUSES[-1] * (1 - JITTER)


@pytest.mark.parametrize("error", [LostBlobError("gone"), ValueError("a bug")])
def test_what_will_not_mend_is_raised_at_once(error: Exception) -> None:
    action = Failing(error, 1)
    with pytest.raises(type(error)):
        action.patiently()
    assert action.pauses == []
    assert isinstance(error, AWAY) is isinstance(error, LostBlobError)
