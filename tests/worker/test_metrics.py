"""What a worker counts, and that it can be fetched."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from service.settings import Settings
from worker.metrics import INPUT, OURS, WorkerMetrics, served


def value(metrics: WorkerMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"polarizer_worker_{name}", labels)


def test_codes_that_a_child_invents_make_no_series() -> None:
    metrics = WorkerMetrics()
    for number in range(100):
        metrics.attempt("failed", f"invented-{number}", 1.0)
    metrics.attempt("failed", "timeout", 1.0)
    metrics.attempt("succeeded", None, 1.0)
    codes = {
        sample.labels["code"]
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "polarizer_worker_attempts_total"
    }
    assert codes == {INPUT, "timeout", ""}
    assert "timeout" in OURS
    assert value(metrics, "attempts_total", outcome="failed", code=INPUT) == 100


def test_it_is_served_where_the_settings_say(tmp_path: Path) -> None:
    metrics = WorkerMetrics(slots=3)
    settings = Settings(data_dir=tmp_path, worker_metrics_port=0)
    with served(metrics, settings) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60)
        found = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert found["polarizer_worker_slots"].samples[0].value == 3
    assert "process_resident_memory_bytes" in found


def test_nowhere_unless_they_say(tmp_path: Path) -> None:
    with served(WorkerMetrics(), Settings(data_dir=tmp_path)) as port:
        assert port is None


def test_a_port_that_is_taken_stops_nobody(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(data_dir=tmp_path, worker_metrics_port=taken.getsockname()[1])
        with served(WorkerMetrics(), settings) as port:
            assert port is None
