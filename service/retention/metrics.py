"""What was removed because it was old, counted for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class RemovalMetrics:
    """Of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._removed = Counter(
            "polarizer_retention_removed",
            "Things that were removed because their time was over.",
            ("kind",),
            registry=self.registry,
        )
        self._refused = Gauge(
            "polarizer_retention_clock_trouble",
            "1 while nothing is removed because the clock cannot be believed.",
            registry=self.registry,
        )

    def removed(self, kind: str, count: int = 1) -> None:
        self._removed.labels(kind).inc(count)

    def clock_is_believed(self, believed: bool) -> None:
        self._refused.set(not believed)
