"""Errors in their own words, strangers' errors without details."""

from __future__ import annotations

import pytest

from polarizer.errors import DataError, ModelError, PolarizerError
from worker.child.failure import MAX_MESSAGE, explain


def raised_from(cause: Exception) -> Exception:
    try:
        raise RuntimeError("while loading") from cause
    except RuntimeError as error:
        return error


@pytest.mark.parametrize("kind", [PolarizerError, *DataError.__subclasses__(), ModelError])
def test_our_own_errors_keep_code_and_message(kind: type[PolarizerError]) -> None:
    event = explain(kind("what was wrong"))
    assert (event.code, event.message) == (kind.code, "what was wrong")


@pytest.mark.parametrize("message", ["", "  ", "x" * 100_000])
def test_every_message_can_be_sent(message: str) -> None:
    assert 0 < len(explain(PolarizerError(message)).message) <= MAX_MESSAGE


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("std::bad_alloc"),
        raised_from(MemoryError()),
    ],
)
def test_lack_of_memory_is_recognised(error: Exception) -> None:
    assert explain(error).code == "out-of-memory"


def test_our_own_error_for_lack_of_memory_is_that() -> None:
    error = ModelError("the network does not take such images")
    error.__cause__ = RuntimeError("std::bad_alloc")
    assert explain(error).code == "out-of-memory"
    error.__cause__ = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    assert explain(error).code == ModelError.code


def test_other_errors_tell_nothing_but_their_kind() -> None:
    event = explain(ValueError("/srv/secret"))
    assert event.code == "internal"
    assert "ValueError" in event.message
    assert "secret" not in event.message
