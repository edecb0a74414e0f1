"""How a child's end is told."""

from __future__ import annotations

import pytest

from worker.events import FailedEvent, SucceededEvent
from worker.shortage import NO_MEMORY_TO_SAY
from worker.supervision import Ending


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (0, "child-crashed", "status 0 and without a result"),
        (137, "child-crashed", "status 137"),
        (-9, "out-of-memory", "SIGKILL"),
        (NO_MEMORY_TO_SAY, "out-of-memory", "memory ran out"),
        (-11, "child-crashed", "SIGSEGV"),
        (-31, "sandbox-violation", "system call"),
        (-250, "child-crashed", "250"),
    ],
)
def test_an_end_without_a_word_is_explained(status: int, code: str, words: str) -> None:
    failure = Ending(said=None, status=status).failure
    assert failure
    assert failure.code == code
    assert words in failure.message


def test_the_last_word_counts_whatever_the_status() -> None:
    said = FailedEvent(code="dataset-labels", message="one class only")
    assert Ending(said=said, status=-9).failure == said
    assert Ending(said=SucceededEvent(), status=1).failure is None
    assert Ending(said=SucceededEvent(), status=0, too_much=True).failure


@pytest.mark.parametrize(
    "words",
    ["cannot allocate memory for thread-local data: ABORT\n", "MemoryError\n", "std::bad_alloc"],
)
def test_a_library_that_gave_up_for_lack_of_memory_is_understood(words: str) -> None:
    failure = Ending(said=None, status=127, muttered=words).failure
    assert failure
    assert failure.code == "out-of-memory"
