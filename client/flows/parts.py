"""A large file in parts. Whatever breaks off, the connection or this process, is gone on with: the
service is asked by the file's digest what it has already."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from client.call import OnBytes
from client.calls import multipart
from client.errors import ConflictError, NotFoundError
from client.flow import Flow, Pause, ask, work
from client.flows.once import once
from client.records import KeptPart, Multipart, Upload
from client.retries import IN_PROGRESS

ASK_AGAIN = 1.0  # seconds, where the service does not say
COMPLETIONS = 300  # questions, while the service still reads what another connection asked it to
PORTION = 1 << 20


@dataclass(frozen=True)
class Whole:
    """The file that is to be there: ``size`` bytes with the digest ``sha256``."""

    path: Path
    sha256: str
    size: int
    filename: str


class Counter:
    """Tells the listener what went out; what is sent again is taken back first."""

    def __init__(self, on_bytes: OnBytes | None) -> None:
        self._on_bytes = on_bytes or (lambda _count: None)
        self._sent = 0

    def add(self, count: int) -> None:
        self._sent += count
        self._on_bytes(count)

    def restart(self) -> None:
        if self._sent:
            self._on_bytes(-self._sent)
        self._sent = 0


def begin(whole: Whole, *, resume: bool, part_size: int | None) -> Flow[Multipart | None]:
    """An upload in parts, with ``resume`` the one that an earlier run began; None from a service
    that has none."""
    try:
        found = (yield from _open(whole)) if resume else None
        return found or (yield from _begin(whole, part_size))
    except NotFoundError:
        return None


def send_parts(whole: Whole, begun: Multipart, on_bytes: OnBytes | None) -> Flow[Upload]:
    """Sends what the service has not got, and completes the upload."""
    kept = yield from _kept(begun)
    for number in range(1, begun.part_count + 1):
        yield from _part(whole, begun, number, kept.get(number), Counter(on_bytes))
    return (yield from _complete(begun))


def _open(whole: Whole) -> Flow[Multipart | None]:
    page = yield from ask(multipart.list_(sha256=whole.sha256, state="open"))
    return next((item for item in page.data if item.size == whole.size), None)


def _begin(whole: Whole, part_size: int | None) -> Flow[Multipart]:
    call = multipart.begin(
        size=whole.size, sha256=whole.sha256, filename=whole.filename, part_size=part_size
    )
    return (yield from once(call, lambda: _open(whole)))


def _kept(begun: Multipart) -> Flow[dict[int, KeptPart]]:
    found: dict[int, KeptPart] = {}
    more = True
    while more:
        page = yield from ask(multipart.parts(begun.id, after=max(found, default=0)))
        found |= {part.number: part for part in page.data}
        more = page.has_more and bool(page.data)
    return found


def _part(
    whole: Whole, begun: Multipart, number: int, kept: KeptPart | None, counter: Counter
) -> Flow[None]:
    start = (number - 1) * begun.part_size
    length = min(begun.part_size, whole.size - start)
    digest = yield from work(_digest(whole.path, start, length))
    if kept is not None and (kept.sha256, kept.size) == (digest, length):
        counter.add(length)
        return
    call = multipart.put(
        begun.id,
        number,
        whole.path,
        start=start,
        length=length,
        sha256=digest,
        on_bytes=counter.add,
        on_start=counter.restart,
    )
    yield from ask(call)


def _digest(path: Path, start: int, length: int) -> Callable[[], str]:
    def digest() -> str:
        found, left = hashlib.sha256(), length
        with path.open("rb") as file:
            file.seek(start)
            while left and (portion := file.read(min(PORTION, left))):
                found.update(portion)
                left -= len(portion)
        return found.hexdigest()

    return digest


def _complete(begun: Multipart) -> Flow[Upload]:
    for _ in range(COMPLETIONS):
        try:
            return (yield from ask(multipart.complete(begun.id)))
        except ConflictError as error:
            if error.slug != IN_PROGRESS:
                raise
            yield Pause(error.retry_after or ASK_AGAIN)
    return (yield from ask(multipart.complete(begun.id)))
