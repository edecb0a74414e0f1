"""Which backend computes a model: the fastest of those that give the right answers, as measured.

The choice is written beside the model's file, for this machine and these versions, so that it is
made once.
"""

from __future__ import annotations

import json
import logging
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import Tensor

from polarizer.description import InputSpec
from service.inference.engine.served import Backend

log = logging.getLogger(__name__)

TOLERANCE = 1e-4
"""of the largest logit, or of 1"""
BATCHES = (1, 8, 32, 64)
BUDGET_SECONDS = 1.5
"""for measuring one backend"""
_REPEATS = 3

Make = Callable[[], Backend]


@dataclass(frozen=True)
class Speed:
    """Of a backend: the score by which the fastest is chosen, and its best batch."""

    score: float
    best_rows: int


@dataclass(frozen=True)
class Choice:
    backend: str
    most_rows: int


def agrees(backend: Backend, eager: Backend, spec: InputSpec) -> bool:
    """Whether it answers as eager torch does, at two sizes of the batch."""
    for rows in (2, 5):
        pixels = noise(spec, rows)
        expected, found = eager(pixels), backend(pixels)
        bound = TOLERANCE * max(1.0, float(expected.abs().max()))
        if found.shape != expected.shape or not bool((found - expected).abs().max() <= bound):
            return False
    return True


def made(name: str, make: Make, eager: Backend, spec: InputSpec) -> Backend | None:
    """The backend, if it can be made and agrees."""
    try:
        backend = make()
        if agrees(backend, eager, spec):
            return backend
        log.warning("backend %s gives other answers", name)
    except Exception as error:  # noqa: BLE001 - exporters and compilers raise whatever they like
        log.warning("backend %s fails: %s", name, type(error).__name__)
    return None


def measure(backend: Backend, spec: InputSpec) -> Speed:
    """Rows per second at each size of the batch, as long as there is time for it."""
    rates: dict[int, float] = {}
    ends = time.monotonic() + BUDGET_SECONDS
    for rows in BATCHES:
        rates[rows] = rows / _seconds(backend, noise(spec, rows))
        if time.monotonic() > ends:
            break
    fastest = max(rates.values())
    best_rows = next(rows for rows, rate in rates.items() if rate >= 0.97 * fastest)
    return Speed(score=rates[min(rates)] ** 0.25 * fastest**0.75, best_rows=max(best_rows, 8))


def noise(spec: InputSpec, rows: int) -> Tensor:
    """Images that are the same each time."""
    generator = torch.Generator().manual_seed(rows)
    return torch.rand((rows, spec.channels, spec.height, spec.width), generator=generator)


def _seconds(backend: Backend, pixels: Tensor) -> float:
    """The shortest of a few runs, after one that does not count."""
    backend(pixels)
    found = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        backend(pixels)
        found.append(time.perf_counter() - began)
    return min(found)


# What was found before


def recall(file: Path, device: str) -> Choice | None:
    """The choice made earlier for this machine and these versions."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        known = json.loads(file.read_text(encoding="utf-8"))
        if known["surroundings"] == surroundings(device):
            return Choice(str(known["backend"]), int(known["most_rows"]))
    return None


def remember(file: Path, device: str, choice: Choice) -> None:
    """Written at once or not at all; a folder that cannot be written is no misfortune."""
    text = json.dumps({**vars(choice), "surroundings": surroundings(device)})
    partial = file.with_name(file.name + ".partial")
    with suppress(OSError):
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)


def surroundings(device: str) -> Mapping[str, str | int]:
    """What a measurement holds for."""
    return {
        "machine": _processor(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "torch": torch.__version__,
        "onnxruntime": _version("onnxruntime"),
    }


def _processor() -> str:
    """Its name; ``platform.processor`` would start a program."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
