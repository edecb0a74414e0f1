"""A model in memory: a backend that computes it, and its alarm where that is on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from polarizer.alarm.calibration import disagreement
from polarizer.alarm.facts import Calibration
from service.inference.engine.requests import Logits

log = logging.getLogger(__name__)

MOST_ROWS = 64


class Backend(Protocol):
    """One way to compute a network."""

    name: str
    nbytes: int

    def __call__(self, pixels: Tensor) -> Tensor:
        """float32 ``(N, C, H, W)`` in [0, 1] on the CPU → float32 logits on the CPU, ``(N, K)``,
        or ``(2N, K)`` of a network that answers for its base model too."""


class ServedModel:
    """Computes by a backend that may be replaced by a faster one at any time, and by the one that
    ``fall_back`` makes when it fails."""

    def __init__(
        self,
        backend: Backend,
        *,
        calibration: Calibration | None = None,
        fall_back: Callable[[], Backend],
    ) -> None:
        self.backend = backend
        self.most_rows = MOST_ROWS
        self._calibration = calibration
        self._fall_back = fall_back
        self._fallen = False

    @property
    def nbytes(self) -> int:
        return self.backend.nbytes

    def use(self, backend: Backend, most_rows: int) -> None:
        """From the next batch on, unless one failed before."""
        if not self._fallen:
            self.backend, self.most_rows = backend, most_rows

    def compute(self, pixels: Tensor) -> Logits:
        """Of images ``(N, C, H, W)`` in [0, 1]."""
        logits = self._logits(pixels)
        if self._calibration is None:
            return Logits(logits)
        ours, base = logits[: len(pixels)], logits[len(pixels) :]
        return Logits(ours, base, disagreement(ours, base) > self._calibration.threshold)

    def _logits(self, pixels: Tensor) -> Tensor:
        backend = self.backend
        try:
            return backend(pixels)
        except Exception as error:  # a runtime of others raises whatever it likes
            if backend.name == "eager":
                raise
            log.warning("backend %s fails, eager takes over: %s", backend.name, error)
            self._fallen = True
            self.backend = self._fall_back()
            return self.backend(pixels)
