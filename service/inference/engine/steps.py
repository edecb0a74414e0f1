"""What a traced request goes through, noted by the threads that do it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from service.inference.messages import MOST_STEPS, Step, StepName

_OTHERS = 3  # decoding, waiting, loading
_OF_A_BATCH = 2
_MOST_BATCHES = (MOST_STEPS - _OTHERS) // _OF_A_BATCH


@dataclass(frozen=True)
class Computing:
    """One batch; times are seconds since 1970."""

    number: int
    rows: int
    backend: str
    began: float
    model_began: float
    ended: float

    def steps(self) -> tuple[Step, Step]:
        """The batch, and the model in it."""
        batch = Step(
            name=StepName.BATCH,
            began=self.began,
            ended=self.ended,
            batch=self.number,
            rows=self.rows,
        )
        its = {"name": StepName.MODEL, "began": self.model_began, "backend": self.backend[:32]}
        return batch, batch.model_copy(update=its)


class Steps:
    """Of one request. Its images are decoded as one step, from the first to the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrived = time.time()
        self._decoding: tuple[float, float] | None = None
        self._loading: tuple[float, float] | None = None
        self._batches: list[Computing] = []

    def decoded(self, began: float) -> None:
        """One more image, just now."""
        now = time.time()
        with self._lock:
            first, last = self._decoding or (began, now)
            self._decoding = min(first, began), max(last, now)

    def loaded(self, began: float) -> None:
        """Its model, just now."""
        self._loading = max(began, self._arrived), time.time()

    def computed(self, batch: Computing) -> None:
        """Rows of it, in this batch; of very many the first are told."""
        with self._lock:
            if len(self._batches) < _MOST_BATCHES:
                self._batches.append(batch)

    def told(self) -> tuple[Step, ...]:
        """All of them, once nobody works on the request any more."""
        found = []
        if self._decoding is not None:
            found.append(_step(StepName.DECODE, *self._decoding))
        if self._batches:
            ready = self._decoding[1] if self._decoding else self._arrived
            found.append(_step(StepName.WAIT, ready, max(ready, self._batches[0].began)))
        if self._loading is not None:
            found.append(_step(StepName.LOAD, *self._loading))
        return (*found, *(step for batch in self._batches for step in batch.steps()))


def _step(name: StepName, began: float, ended: float) -> Step:
    return Step(name=name, began=began, ended=ended)
