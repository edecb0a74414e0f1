"""Every metric that the service and a worker tell, as Prometheus would find them."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from service.metrics.store import StoreMetrics
from tests.service.conftest import Site
from worker.metrics import WorkerMetrics

PARTS = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",), "gauge": ("",)}


def families(site: Site) -> dict[str, str]:
    """The kind of each family of ours, by its name; counters with their ``_total``."""
    worker = WorkerMetrics()
    StoreMetrics(worker.registry)
    texts = [site.client.get("/metrics").text, _text(worker.registry)]
    return {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for text in texts
        for family in text_string_to_metric_families(text)
        if family.name.startswith("polarizer_") and not family.name.endswith("_created")
    }


def samples(found: dict[str, str]) -> Iterator[str]:
    """What queries may name."""
    for name, kind in found.items():
        for part in PARTS[kind]:
            yield name.removesuffix("_total") + part


def _text(registry: CollectorRegistry) -> str:
    return generate_latest(registry).decode()
