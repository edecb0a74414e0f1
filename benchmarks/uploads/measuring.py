"""One upload of one file: seconds from its first byte to the answer, and memory meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from client import Polarizer
from client.flows import parts
from service.storage import Store

MIB = 1 << 20
LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Row:
    """``peak_mib``: how much larger the web process became than it was before;
    ``processor_seconds``: what it took of all cores together."""

    store: str
    way: str
    round: int
    seconds: float
    mib_per_second: float
    peak_mib: float | None = None
    processor_seconds: float | None = None


@dataclass
class Memory:
    """Resident bytes of a process, looked at all the time."""

    process: psutil.Process
    before: int = 0
    peak: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.peak = max(self.peak, self.process.memory_info().rss)

    @contextmanager
    def watched(self) -> Iterator[None]:
        self.before = self.peak = self.process.memory_info().rss
        thread = threading.Thread(target=self.watch)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()


def in_one_piece(service: Polarizer, path: Path, digest: str) -> str:
    return service.uploads.send(path, sha256=digest).id


def in_parts(service: Polarizer, path: Path, digest: str) -> str:
    """As ``uploads.create`` does it, without its look for the same file."""
    whole = parts.Whole(path, digest, path.stat().st_size, path.name)
    sender = service.uploads._sender
    begun = sender.run(parts.begin(whole, resume=False, part_size=None))
    assert begun is not None
    return sender.run(parts.send_parts(whole, begun, None)).id


WAYS: dict[str, Callable[[Polarizer, Path, str], str]] = {
    "one piece": in_one_piece,
    "parts": in_parts,
}


def upload(
    url: str, process: psutil.Process, path: Path, digest: str, way: str, *, store: str, turn: int
) -> Row:
    """One upload, which is deleted again."""
    memory = Memory(process)
    with Polarizer(url, timeout=600) as service, memory.watched():
        started, worked = time.perf_counter(), _worked(process)
        made = WAYS[way](service, path, digest)
        seconds = time.perf_counter() - started
        worked = _worked(process) - worked
    with Polarizer(url) as service:
        service.uploads.delete(made)
    size = path.stat().st_size / MIB
    grown = (memory.peak - memory.before) / MIB
    return Row(store, way, turn, seconds, size / seconds, grown, worked)


def _worked(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def put(store: Store, path: Path, *, name: str, turn: int) -> Row:
    """The store's own way, without a service."""
    started = time.perf_counter()
    store.put("benchmark/own", path)
    seconds = time.perf_counter() - started
    store.delete("benchmark/own")
    return Row(name, "own put", turn, seconds, path.stat().st_size / MIB / seconds)
