"""The model that a rival serves: the same file, computed by the same backend as ours.

Runs in the rival's environment. What it is to serve comes from ``BENCH_*`` variables.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from polarizer.artefact import load_artefact
from service.inference.engine.backends import EagerBackend
from service.inference.engine.improving import Source, candidates

MODEL, BACKEND, THREADS, PORT, BATCH = (
    *("BENCH_MODEL", "BENCH_BACKEND", "BENCH_THREADS", "BENCH_PORT"),
    "BENCH_BATCH",
)
MAX_LATENCY_MS = 5
"""how long a rival's batcher waits for a batch to fill"""

Compute = Callable[[np.ndarray], np.ndarray]


def load(path: Path, backend: str, threads: int) -> Compute:
    """float32 ``(N, C, H, W)`` in [0, 1] → logits ``(N, K)``, by the backend of that name."""
    torch.set_num_threads(threads)
    device = torch.device("cpu")
    source = Source(load_artefact(path).classifier)
    if backend == "eager":
        chosen = EagerBackend(source.network(fused=False), device)
    else:
        chosen = candidates(source, device)[backend]()

    def compute(pixels: np.ndarray) -> np.ndarray:
        return chosen(torch.from_numpy(pixels)).numpy()

    return compute


def from_environment() -> Compute:
    return load(Path(os.environ[MODEL]), os.environ.get(BACKEND, "eager"), int(os.environ[THREADS]))


def shape_of(path: Path) -> tuple[int, int, int]:
    """(C, H, W) that the model takes."""
    spec = load_artefact(path).classifier.spec
    return spec.channels, spec.height, spec.width
