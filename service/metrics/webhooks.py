"""Messages to webhooks, counted: how many attempts, how long each took, what became of it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
DELIVERED, REFUSED, SILENT, UNSETTLED = "delivered", "refused", "silent", "unsettled"


class WebhookMetrics:
    """Of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = Counter(
            "polarizer_webhook_attempts",
            "Attempts by how they ended: delivered, refused (another answer than 2xx), silent (no"
            " answer, or no way there), unsettled (the database did not take what became of it).",
            ("outcome",),
            registry=registry,
        )
        self._seconds = Histogram(
            "polarizer_webhook_seconds",
            "From the beginning of an attempt to its end.",
            buckets=SECONDS,
            registry=registry,
        )
        self.running = Gauge(
            "polarizer_webhook_attempts_running",
            "Attempts that have not ended; a process makes eight at a time.",
            registry=registry,
        )
        for outcome in (DELIVERED, REFUSED, SILENT, UNSETTLED):
            self._attempts.labels(outcome)

    def attempted(self, outcome: str, seconds: float) -> None:
        self._attempts.labels(outcome).inc()
        self._seconds.observe(seconds)
