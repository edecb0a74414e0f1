"""Work of several steps as generators: they say what is to be done next, and are told what came of
it. A sender (``client/sending.py``) does it, in a thread or in an event loop."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from client.call import Call

if TYPE_CHECKING:
    from client.downloads import Download

T = TypeVar("T")


@dataclass(frozen=True)
class Exchange:
    """Send this once; the outcome is the ``httpx.Response``."""

    call: Call[Any]


@dataclass(frozen=True)
class Pause:
    """Wait for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Work:
    """Run something that blocks: reading files, hashing."""

    do: Callable[[], Any]


@dataclass(frozen=True)
class Fetch:
    """Bring once as much of a file as comes."""

    download: Download


Step = Call[Any] | Exchange | Pause | Work | Fetch
Flow = Generator[Step, Any, T]


def ask(call: Call[T]) -> Flow[T]:
    """The answer to a call, retried as the sender retries."""
    answer: T = yield call
    return answer


def work(do: Callable[[], T]) -> Flow[T]:
    """What a blocking function returns."""
    result: T = yield Work(do)
    return result
