"""One measurement: a loop against a server, or the backend in this process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.serving.load import Plan
from benchmarks.serving.processes import Server, cpu_seconds

IN_PROCESS = "in process"
BATCHES = (1, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Row:
    """``rows`` a request (the batch, in process); ``offered`` requests a second in an open loop,
    None in a closed one. Milliseconds are those of a request; of failed ones none count. The
    processor's milliseconds are those that all processes of the server took, for each row."""

    model: str
    server: str
    rows: int
    rows_per_second: float
    p50_ms: float
    p99_ms: float
    failed: int = 0
    offered: float | None = None
    note: str = ""
    cpu_ms_per_row: float = float("nan")


@dataclass(frozen=True)
class Loader:
    """How long to measure, and on which cores the load is made."""

    seconds: float
    cores: str
    warm_up: float = 1.0
    clients: int = 32

    def closed(self, model: str, name: str, server: Server, request: Path, rows: int) -> Row:
        """As fast as the server can."""
        return self._run(model, name, server, request, rows, None)

    def open(
        self, model: str, name: str, server: Server, request: Path, rows: int, rate: float
    ) -> Row:
        """``rate`` requests a second, at random moments."""
        return self._run(model, name, server, request, rows, rate)

    def _run(
        self, model: str, name: str, server: Server, request: Path, rows: int, rate: float | None
    ) -> Row:
        plan = Plan(
            port=server.port,
            request=str(request),
            seconds=self.seconds,
            warm_up=self.warm_up,
            clients=max(4, self.clients // rows),
            rate=rate,
        )
        before = cpu_seconds(server)
        ended = subprocess.run(
            ["taskset", "-c", self.cores, sys.executable, "-m", "benchmarks.serving.load"],
            input=json.dumps(asdict(plan)),
            capture_output=True,
            text=True,
            check=True,
        )
        cpu_ms = 1000 * (cpu_seconds(server) - before)
        seen = json.loads(ended.stdout)
        times = np.array(seen["milliseconds"] or [float("nan")])
        done = len(seen["milliseconds"]) if rate is not None else seen["work"]
        return Row(
            model=model,
            server=name,
            rows=rows,
            rows_per_second=rows * done / self.seconds,
            p50_ms=float(np.percentile(times, 50)),
            p99_ms=float(np.percentile(times, 99)),
            failed=seen["failed"],
            offered=rate,
            note=seen["first_failure"],
            cpu_ms_per_row=cpu_ms / max(1, rows * seen["answered"]),
        )


def best_batch(
    compute: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, seconds: float
) -> int:
    """The batch of :data:`BATCHES` at which most rows a second are computed."""
    rates = {}
    for rows in BATCHES:
        times = run(compute, batch_of(pixels, rows), seconds)
        rates[rows] = rows / float(np.median(times))
    return max(rates, key=lambda rows: rates[rows])


def in_process(
    model: str,
    compute: Callable[[np.ndarray], np.ndarray],
    pixels: np.ndarray,
    rows: int,
    seconds: float,
) -> Row:
    """Batches of ``rows``, one after the other, without any server."""
    began, cpu_began = time.perf_counter(), time.process_time()
    times = run(compute, batch_of(pixels, rows), seconds)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    return Row(
        model=model,
        server=IN_PROCESS,
        rows=rows,
        rows_per_second=rows * len(times) / took,
        p50_ms=1000 * float(np.percentile(times, 50)),
        p99_ms=1000 * float(np.percentile(times, 99)),
        cpu_ms_per_row=1000 * cpu / (rows * (len(times) + 1)),
    )


def batch_of(pixels: np.ndarray, rows: int) -> np.ndarray:
    """``rows`` images, of as many as there are, again and again."""
    return np.ascontiguousarray(np.resize(pixels, (rows, *pixels.shape[1:])))


def run(
    compute: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, seconds: float
) -> list[float]:
    """Seconds of each call, at least two, after one that does not count."""
    compute(pixels)
    times: list[float] = []
    ends = time.perf_counter() + seconds
    while len(times) < 2 or time.perf_counter() < ends:
        began = time.perf_counter()
        compute(pixels)
        times.append(time.perf_counter() - began)
    return times
