"""What waits is told as it was found last."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from service.metrics.jobs import Backlog, JobMetrics


def test_the_backlog_is_that_of_the_last_look() -> None:
    registry = CollectorRegistry()
    metrics = JobMetrics(registry)

    def jobs(status: str, queue: str) -> float | None:
        labels = {"status": status, "queue": queue}
        return registry.get_sample_value("polarizer_jobs", labels)

    assert jobs("queued", "cpu") is None
    metrics.found(Backlog({("queued", "cpu"): 3, ("running", "gpu"): 1}, {"cpu": 12.5}))
    metrics.found(Backlog({("queued", "cpu"): 2}, {"cpu": 4.5, "gpu": 0.0}))
    assert (jobs("queued", "cpu"), jobs("running", "gpu")) == (2, None)
    name = "polarizer_jobs_oldest_queued_seconds"
    assert registry.get_sample_value(name, {"queue": "cpu"}) == 4.5
    assert registry.get_sample_value(name, {"queue": "gpu"}) == 0


def test_a_first_expiry_is_an_increase() -> None:
    registry = CollectorRegistry()
    metrics = JobMetrics(registry)
    name, labels = "polarizer_job_lease_expiries_total", {"after": "failed"}
    assert registry.get_sample_value(name, labels) == 0
    metrics.expiries.labels("failed").inc()
    assert registry.get_sample_value(name, labels) == 1
