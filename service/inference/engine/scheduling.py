"""Which rows are computed next, and which models are in memory.

A batch takes whatever waits for one loaded model, up to a number of rows; nobody waits for a batch
to fill. While one batch computes the next is put together if it is full already. The model whose
oldest row came first goes first. Models are loaded when rows wait for them, each in a thread of its
own, so that the others go on meanwhile. The one used longest ago makes room; one that rows wait for
does so only after it has served a batch, and only for an older row. So every load is of use, and
every row gets its turn.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from service.inference.engine.requests import Piece, Request
from service.inference.engine.waiting import Waiting
from service.inference.messages import Cause, Network

MOST_ELEMENTS = 32 * 3 * 224 * 224
MOST_DECODED_BYTES = 256 << 20
MOST_IN_HAND = 2
"""batches: one that computes, one that is put together"""


class Served(Protocol):
    """A model in memory."""

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""

    @property
    def most_rows(self) -> int:
        """How many rows a batch of it may have."""


S = TypeVar("S", bound=Served)
Blame = Callable[[Exception, Iterable[Request]], None]


@dataclass(frozen=True)
class Room:
    """What may be in memory."""

    models: int
    nbytes: int


@dataclass(frozen=True)
class Batch(Generic[S]):
    """Rows of one model, to be computed together. Their requests are held."""

    key: str
    served: S
    pieces: list[Piece]

    @property
    def rows(self) -> int:
        return sum(piece.rows for piece in self.pieces)


@dataclass
class _Resident(Generic[S]):
    served: S
    has_served: bool = False


class Scheduler(Generic[S]):
    """Shared by the threads that decode (``put``), compute (``take``, ``done``) and read the
    socket. ``load`` reads an artefact; ``blame`` fails the requests that its error concerns;
    ``on_left`` hears the key of a model that left, and whether that was to make room."""

    def __init__(
        self,
        load: Callable[[Network], S],
        blame: Blame,
        room: Room,
        on_left: Callable[[str, bool], None],
    ) -> None:
        self._load = load
        self._blame = blame
        self._room = room
        self._on_left = on_left
        self._changed = threading.Condition()
        self._waiting = Waiting()
        self._residents: dict[str, _Resident[S]] = {}  # that used longest ago first
        self._loading: dict[str, int] = {}  # the bytes of their files
        self._forgotten: set[str] = set()  # among those being loaded
        self._in_hand: list[str] = []

    def put(self, *pieces: Piece) -> None:
        """Queues rows; waits while those decoded here already take too much memory."""
        with self._changed:
            for piece in pieces:
                if not self._has_room(piece):
                    self._wait_for_room(piece)
                if not piece.request.is_over:
                    self._waiting.add(piece)
            self._load_what_is_missing()
            self._changed.notify_all()

    def take(self) -> Batch[S]:
        """The next batch, as soon as there is one; to be given to ``done`` later."""
        with self._changed:
            while True:
                self._load_what_is_missing()
                key = self._next()
                if key is None:
                    self._changed.wait()
                elif batch := self._batch(key):
                    return batch

    def done(self, batch: Batch[S]) -> None:
        """The batch was computed."""
        with self._changed:
            self._in_hand.remove(batch.key)
            self._changed.notify_all()

    def drop(self, request: Request) -> None:
        """Forgets the rows of a request that nobody waits for."""
        request.drop()
        with self._changed:
            self._waiting.discard(request)
            self._changed.notify_all()

    def forget(self, model: str) -> None:
        """Frees a model's memory, unless rows wait for it."""
        with self._changed:
            self._forgotten.update(key for key in self._loading if key.startswith(model))
            for key in [key for key in self._residents if key.startswith(model)]:
                if key not in self._waiting and key not in self._in_hand:
                    self._remove(key, made_room=False)

    # With the lock held

    def _wait_for_room(self, piece: Piece) -> None:
        self._changed.notify_all()  # of those before it
        self._changed.wait_for(lambda: piece.request.is_over or self._has_room(piece))

    def _has_room(self, piece: Piece) -> bool:
        decoded = self._waiting.nbytes
        return not decoded or decoded + piece.nbytes <= MOST_DECODED_BYTES

    def _next(self) -> str | None:
        """The model whose turn it is: that of the oldest row. A second batch in hand must be full,
        and does not overtake one that is not."""
        if len(self._in_hand) >= MOST_IN_HAND:
            return None
        loaded = (key for key in self._waiting.by_age() if key in self._residents)
        key = next(loaded, None)
        if key is None or not self._in_hand:
            return key
        return key if self._waiting.rows(key) >= self._most_rows(key) else None

    def _most_rows(self, key: str) -> int:
        spec = self._waiting.first(key).request.question.input
        elements = spec.channels * spec.height * spec.width
        return min(self._residents[key].served.most_rows, max(1, MOST_ELEMENTS // elements))

    def _batch(self, key: str) -> Batch[S] | None:
        popped = self._waiting.pop(key, most=self._most_rows(key))
        self._changed.notify_all()
        pieces = [piece for piece in popped if _is_wanted(piece)]
        if not pieces:
            return None
        resident = self._residents[key] = self._residents.pop(key)
        resident.has_served = True
        self._in_hand.append(key)
        return Batch(key, resident.served, pieces)

    def _load_what_is_missing(self) -> None:
        for key in self._waiting.by_age():
            if key in self._residents or key in self._loading:
                continue
            network = self._waiting.first(key).request.question.network
            nbytes = _file_bytes(network)
            if not self._make_room(key, models=1, nbytes=nbytes):
                return
            self._loading[key] = nbytes
            threading.Thread(target=self._run_load, args=(network,), daemon=True).start()

    def _make_room(self, wanted: str, *, models: int, nbytes: int) -> bool:
        """Whether so much more fits now; one that is larger than all there is fits alone."""
        while not self._fits(models, nbytes):
            leaving = next((key for key in self._residents if self._may_go(key, wanted)), None)
            if leaving is None:
                return not self._residents and not self._loading
            self._remove(leaving, made_room=True)
        return True

    def _fits(self, models: int, nbytes: int) -> bool:
        models += len(self._residents) + len(self._loading)
        nbytes += sum(resident.served.nbytes for resident in self._residents.values())
        nbytes += sum(self._loading.values())
        return models <= self._room.models and nbytes <= self._room.nbytes

    def _may_go(self, key: str, wanted: str) -> bool:
        if key in self._in_hand or key == wanted:
            return False
        if key not in self._waiting:
            return True
        is_older = wanted in self._waiting and self._waiting.age(wanted) < self._waiting.age(key)
        return self._residents[key].has_served and is_older

    def _remove(self, key: str, *, made_room: bool) -> None:
        del self._residents[key]
        self._on_left(key, made_room)

    # In the thread of one load

    def _run_load(self, network: Network) -> None:
        key, began = network.key, time.time()
        try:
            served = self._load(network)
        except Exception as error:  # noqa: BLE001 - hostile file; those who wait for it are told
            with self._changed:
                pieces = self._waiting.pop(key)
                self._end_load(key)
            self._blame(error, {piece.request for piece in pieces})
            return
        with self._changed:
            for request in self._waiting.requests(key):
                if request.steps is not None:
                    request.steps.loaded(began)
            is_wanted = key in self._waiting or key not in self._forgotten
            self._end_load(key)
            if is_wanted:
                self._residents[key] = _Resident(served)
                self._make_room(key, models=0, nbytes=0)  # now that its size is known

    def _end_load(self, key: str) -> None:
        del self._loading[key]
        self._forgotten.discard(key)
        self._changed.notify_all()


def _is_wanted(piece: Piece) -> bool:
    """Holds the piece's request if anybody waits for it still."""
    if piece.request.is_late:
        piece.request.fail(Cause.LATE, "its time was over before its turn came")
    return piece.request.hold()


def _file_bytes(network: Network) -> int:
    files = [Path(name) for name in (network.file, network.alarm_file) if name]
    return sum(file.stat().st_size for file in files if file.exists())
