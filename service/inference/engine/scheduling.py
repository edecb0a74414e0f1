"""Which rows are computed next, and which models are in memory.

A batch takes whatever waits for one loaded model, up to a number of rows; nobody waits for a batch
to fill. The model whose oldest row came first goes first. Models are loaded when rows wait for
them, each in a thread of its own, so that the others go on meanwhile. The one used longest ago
makes room; one that rows wait for does so only after it has served a batch, and only for an older
row. So every load is of use, and every row gets its turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from polarizer.classifier import Classifier
from service.inference.engine.requests import Request, Row
from service.inference.engine.waiting import Waiting

MOST_ROWS = 64
MOST_ELEMENTS = 32 * 3 * 224 * 224
MOST_WAITING_BYTES = 256 << 20

Load = Callable[[str, Path], Classifier]
Blame = Callable[[Exception, Iterable[Request]], None]


@dataclass(frozen=True)
class Batch:
    """Rows of one model, to be computed together."""

    classifier: Classifier
    rows: list[Row]


@dataclass
class _Resident:
    classifier: Classifier
    has_served: bool = False


class Scheduler:
    """Shared by the threads that decode (``put``), compute (``take``, one thread only) and read
    the socket. ``load`` reads an artefact; ``blame`` fails the requests that its error concerns."""

    def __init__(self, load: Load, blame: Blame, max_models: int) -> None:
        self._load = load
        self._blame = blame
        self._max_models = max_models
        self._changed = threading.Condition()
        self._waiting = Waiting()
        self._residents: dict[str, _Resident] = {}  # that used longest ago first
        self._loading: set[str] = set()
        self._forgotten: set[str] = set()  # among those being loaded
        self._computing: str | None = None

    def put(self, row: Row) -> None:
        """Queues a row; waits while the rows that wait already take too much memory."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_room(row))
            if not row.request.is_over:
                self._waiting.add(row)
                self._load_what_is_missing()
                self._changed.notify_all()

    def take(self) -> Batch:
        """The next batch, as soon as there is one; that before counts as computed."""
        with self._changed:
            self._computing = None
            while True:
                self._load_what_is_missing()
                for model in self._waiting.by_age():
                    if model in self._residents:
                        return self._batch(model)
                self._changed.wait()

    def drop(self, request: Request) -> None:
        """Forgets the rows of a request that nobody waits for."""
        with self._changed:
            request.drop()
            self._waiting.discard(request)
            self._changed.notify_all()

    def forget(self, model: str) -> None:
        """Frees a model's memory, unless rows wait for it."""
        with self._changed:
            if model in self._loading:
                self._forgotten.add(model)
            elif model not in self._waiting:
                self._residents.pop(model, None)

    # With the lock held

    def _has_room(self, row: Row) -> bool:
        waiting = self._waiting.nbytes
        return not waiting or waiting + row.pixels.nbytes <= MOST_WAITING_BYTES

    def _batch(self, model: str) -> Batch:
        resident = self._residents[model] = self._residents.pop(model)
        resident.has_served = True
        self._computing = model
        elements = self._waiting.first(model).pixels.numel()
        rows = self._waiting.pop(model, most=min(MOST_ROWS, max(1, MOST_ELEMENTS // elements)))
        self._changed.notify_all()
        return Batch(resident.classifier, rows)

    def _load_what_is_missing(self) -> None:
        for model in self._waiting.by_age():
            if model in self._residents or model in self._loading:
                continue
            if not self._make_room(model):
                return
            self._loading.add(model)
            file = Path(self._waiting.first(model).request.question.file)
            threading.Thread(target=self._run_load, args=(model, file), daemon=True).start()

    def _make_room(self, wanted: str) -> bool:
        if len(self._residents) + len(self._loading) < self._max_models:
            return True
        for model in self._residents:
            if self._may_go(model, wanted):
                del self._residents[model]
                return True
        return False

    def _may_go(self, model: str, wanted: str) -> bool:
        if model == self._computing:
            return False
        if model not in self._waiting:
            return True
        is_older = self._waiting.age(wanted) < self._waiting.age(model)
        return self._residents[model].has_served and is_older

    # In the thread of one load

    def _run_load(self, model: str, file: Path) -> None:
        try:
            classifier = self._load(model, file)
        except Exception as error:  # noqa: BLE001 - hostile file; those who wait for it are told
            with self._changed:
                rows = self._waiting.pop(model)
                self._end_load(model)
            self._blame(error, {row.request for row in rows})
            return
        with self._changed:
            if model in self._waiting or model not in self._forgotten:
                self._residents[model] = _Resident(classifier)
            self._end_load(model)

    def _end_load(self, model: str) -> None:
        self._loading.discard(model)
        self._forgotten.discard(model)
        self._changed.notify_all()
