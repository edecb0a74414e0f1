"""Finds a model's fastest backend while it is already served by another one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from polarizer.alarm import Calibration, pair
from polarizer.classifier import Classifier
from polarizer.description import InputSpec
from service.inference.engine import choosing, onnx_backend
from service.inference.engine.backends import CompiledBackend, FusedBackend
from service.inference.engine.choosing import Choice, Make, Speed
from service.inference.engine.fusing import fuse
from service.inference.engine.served import Backend, ServedModel

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


class Improvement:
    """A thread of its own, once. It holds the model's weights a second time until it is done.

    ``served`` computes eagerly so far. It gets the folded network as soon as that is made and
    gives the same answers, and the fastest of all when they are measured; ``say`` hears of each.
    """

    def __init__(
        self,
        spec: InputSpec,
        served: ServedModel,
        device: torch.device,
        makes: dict[str, Make],
        file: Path,
        say: Callable[[float], None],
    ) -> None:
        self._served = served
        self._device = device
        self._makes = makes
        self._file = file
        self._say = say
        self._eager = served.backend
        self._spec = spec

    def start(self) -> None:
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        """Returns when nothing better can be found."""
        with _MEASURING:
            known = choosing.recall(self._file, str(self._device))
            if known is None or not self._take(known):
                self._take_fastest()

    def _take(self, choice: Choice) -> bool:
        """Whether the backend chosen earlier can be had again."""
        began = time.monotonic()
        backend = self._made(choice.backend)
        if backend is not None:
            self._use(backend, choice.most_rows, began)
        return backend is not None

    def _take_fastest(self) -> None:
        began = time.monotonic()
        found: list[tuple[Speed, Backend]] = [self._measured(self._eager)]
        for name in self._makes:
            backend = self._made(name)
            if backend is not None:
                found.append(self._measured(backend))
                speed, backend = max(found, key=lambda each: each[0].score)
                found = [(speed, backend)]  # the slower one leaves memory
                self._use(backend, speed.best_rows, began)
        speed, backend = found[0]
        choosing.remember(self._file, str(self._device), Choice(backend.name, speed.best_rows))

    def _made(self, name: str) -> Backend | None:
        if name == self._eager.name:
            return self._eager
        if name not in self._makes:
            return None
        return choosing.made(name, self._makes[name], self._eager, self._spec)

    def _measured(self, backend: Backend) -> tuple[Speed, Backend]:
        return choosing.measure(backend, self._spec), backend

    def _use(self, backend: Backend, most_rows: int, began: float) -> None:
        if self._served.backend is not backend:
            self._served.use(backend, most_rows)
            self._say(began)


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
        makes["onnxruntime"] = lambda: onnx_backend.OnnxBackend(source.network(fused=False), pixels)
    return {name: make for name, make in makes.items() if name in wanted or not wanted}
