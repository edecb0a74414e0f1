"""What happened in inference, per model, counted since this process began."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from service.inference.messages import Computed, Evicted, Loaded, Notice

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


class Histogram:
    """Counts of values up to each bound, as Prometheus keeps them; ``counts`` has one more entry
    than ``bounds``, for what is above all of them, and is not cumulative."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    @property
    def count(self) -> int:
        return sum(self.counts)

    def observe(self, value: float, times: int = 1) -> None:
        self.counts[bisect_left(self.bounds, value)] += times
        self.sum += value * times


@dataclass
class ModelMetrics:
    """Of one model, over all engines."""

    queue_seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    """of each request: from its arrival in the engine to the start of its first batch"""
    batch_rows: Histogram = field(default_factory=lambda: Histogram(ROWS))
    """of each batch"""
    inference_seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    """of each batch: the forward pass"""
    load_seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    """of each load: from the file to the first answer that it can give"""
    requests: int = 0
    rows: int = 0
    evictions: int = 0
    """how often it left memory to make room for another one"""
    alarms: int = 0
    """rows that were flagged"""
    rejected: int = 0
    """requests that were refused because too much waited"""
    failures: int = 0
    """requests that had no answer through no fault of their own"""
    backend: str = ""
    """the one that computes now; empty while it is not in memory"""


class Metrics:
    """Collects what engines say and what is asked. Belongs to one event loop."""

    def __init__(self) -> None:
        self.models: defaultdict[str, ModelMetrics] = defaultdict(ModelMetrics)
        self._ids: dict[str, str] = {}

    def asked(self, model_id: str, sha256: str, rows: int) -> ModelMetrics:
        """A request; what engines say of this digest counts for this model from now on."""
        self._ids[sha256] = model_id
        metrics = self.models[model_id]
        metrics.requests += 1
        metrics.rows += rows
        return metrics

    def notice(self, notice: Notice) -> None:
        """What an engine says."""
        metrics = self.models[self._ids.get(notice.model, notice.model)]
        match notice:
            case Loaded():
                if not notice.again:
                    metrics.load_seconds.observe(notice.seconds)
                if not notice.again or metrics.backend:  # it may have left meanwhile
                    metrics.backend = notice.backend
            case Evicted():
                metrics.evictions += 1
                metrics.backend = ""
            case Computed():
                metrics.batch_rows.observe(notice.rows)
                metrics.inference_seconds.observe(notice.seconds)
                metrics.alarms += notice.alarms

    def forget(self, sha256: str) -> None:
        """The model is gone, and what was counted of it too."""
        self.models.pop(self._ids.pop(sha256, sha256), None)


@dataclass(frozen=True)
class Snapshot:
    """``models`` by their id; ``waiting_*`` and ``shared_bytes`` are of this moment."""

    models: dict[str, ModelMetrics]
    waiting_rows: int
    waiting_bytes: int
    shared_bytes: int
    """of the memory that is shared with the engines, in use"""
    engine_starts: int
    """of all engines together; each beyond the number of devices was a restart"""
    devices: tuple[str, ...]
