"""Finds a model's fastest backend while it is already served by another one."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Collection
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from polarizer.alarm.facts import Calibration
from polarizer.alarm.pairing import beside, pair
from polarizer.classifier import Classifier
from polarizer.description import InputSpec
from service.inference.engine import choosing, onnx_backend
from service.inference.engine.backends import CompiledBackend, FusedBackend
from service.inference.engine.choosing import Choice, Make
from service.inference.engine.fusing import fuse
from service.inference.engine.served import Backend, ServedModel

log = logging.getLogger(__name__)

_MEASURING = threading.Lock()
"""Held by one thread at a time: several would measure each other."""


@dataclass(frozen=True, eq=False)
class Source:
    """What a model's files hold; networks are made from copies of it."""

    purified: Classifier
    base: Classifier | None = None
    calibration: Calibration | None = None

    def network(self, *, fused: bool) -> nn.Module:
        """Of pixels; it answers for the base model too where there is one."""
        purified, base = deepcopy(self.purified), deepcopy(self.base)
        if fused:
            pixels = choosing.noise(purified.spec, 2)
            for each in filter(None, (purified, base)):
                fuse(each, pixels)
        return pair(purified, base) if base is not None else purified

    def graph(self) -> nn.Module:
        """The same, to be exported: what both networks compute alike is found in the graph."""
        purified, base = deepcopy(self.purified), deepcopy(self.base)
        return beside(purified, base) if base is not None else purified


class Improvement:
    """A thread of its own, once.

    ``served`` computes eagerly so far. It gets each backend that is faster and gives the same
    answers; ``say`` hears of it. While the thread waits for its turn it keeps nothing in memory,
    and if the model is gone by then it does nothing. ``candidates`` makes the backends' makers.
    """

    def __init__(
        self,
        spec: InputSpec,
        served: ServedModel,
        device: torch.device,
        candidates: Callable[[], dict[str, Make]],
        file: Path,
        say: Callable[[ServedModel, float], None],
    ) -> None:
        self._spec = spec
        self._served = weakref.ref(served)
        self._device = device
        self._candidates = candidates
        self._file = file
        self._say = say

    def start(self) -> None:
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        """Returns when nothing better can be found."""
        with _MEASURING:
            served = self._served()
            if served is None:
                return
            try:
                makes = self._candidates()
            except Exception as error:  # noqa: BLE001 - its files are gone, in all likelihood
                log.warning("no backends to choose from: %s", type(error).__name__)
                return
            eager = served.backend
            known = choosing.recall(self._file, str(self._device))
            if known is None or not self._take(known, served, eager, makes):
                self._take_fastest(served, eager, makes)

    def _take(
        self, choice: Choice, served: ServedModel, eager: Backend, makes: dict[str, Make]
    ) -> bool:
        """Whether the backend chosen earlier can be had again."""
        began = time.monotonic()
        backend = self._made(choice.backend, eager, makes)
        if backend is not None:
            self._use(served, backend, choice.most_rows, began)
        return backend is not None

    def _take_fastest(self, served: ServedModel, eager: Backend, makes: dict[str, Make]) -> None:
        began = time.monotonic()
        fastest, speed = eager, choosing.measure(eager, self._spec)
        served.use(eager, speed.best_rows)
        for name in makes:
            backend = self._made(name, eager, makes)
            if backend is None:
                continue
            measured = choosing.measure(backend, self._spec)
            if measured.score > speed.score:
                fastest, speed = backend, measured
                self._use(served, fastest, speed.best_rows, began)
        choosing.remember(self._file, str(self._device), Choice(fastest.name, speed.best_rows))

    def _made(self, name: str, eager: Backend, makes: dict[str, Make]) -> Backend | None:
        if name == eager.name:
            return eager
        return choosing.made(name, makes[name], eager, self._spec) if name in makes else None

    def _use(self, served: ServedModel, backend: Backend, most_rows: int, began: float) -> None:
        served.use(backend, most_rows)
        self._say(served, began)


def candidates(
    source: Source, device: torch.device, wanted: Collection[str] = ()
) -> dict[str, Make]:
    """How the backends beside eager are made that may be had here, by name: those ``wanted``, or
    all when none are named."""
    makes: dict[str, Make] = {"fused": lambda: FusedBackend(source.network(fused=True), device)}
    if device.type == "cuda":
        makes["compiled"] = lambda: CompiledBackend(source.network(fused=True), device)
    elif onnx_backend.is_available():
        pixels = choosing.noise(source.purified.spec, 2)
        makes["onnxruntime"] = lambda: onnx_backend.OnnxBackend(source.graph(), pixels)
    return {name: make for name, make in makes.items() if name in wanted or not wanted}
