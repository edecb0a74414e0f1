"""What happened in inference, as Prometheus families."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from math import isinf

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from service.inference.metrics import Histogram, ModelMetrics, Snapshot

MOST_MODELS = 200
OTHERS = "others"
"""The label of all models beyond the first :data:`MOST_MODELS`, together."""

_HISTOGRAMS: tuple[tuple[str, str, Callable[[ModelMetrics], Histogram]], ...] = (
    (
        "polarizer_inference_queue_seconds",
        "From a request's arrival in the engine to the start of its first batch.",
        lambda model: model.queue_seconds,
    ),
    (
        "polarizer_inference_batch_rows",
        "Rows that were computed together.",
        lambda model: model.batch_rows,
    ),
    (
        "polarizer_inference_seconds",
        "The forward pass of a batch.",
        lambda model: model.inference_seconds,
    ),
    (
        "polarizer_inference_load_seconds",
        "Loading a model, from its file to the first answer that it can give.",
        lambda model: model.load_seconds,
    ),
)
_COUNTERS: tuple[tuple[str, str, Callable[[ModelMetrics], int]], ...] = (
    ("polarizer_inference_requests", "Requests that were taken.", lambda model: model.requests),
    ("polarizer_inference_rows", "Rows (images) of these requests.", lambda model: model.rows),
    (
        "polarizer_inference_evictions",
        "How often a model left memory to make room for another one.",
        lambda model: model.evictions,
    ),
    (
        "polarizer_inference_alarms",
        "Rows that were flagged: base and purified model disagree confidently.",
        lambda model: model.alarms,
    ),
    (
        "polarizer_inference_rejected",
        "Requests that were refused because too much waited.",
        lambda model: model.rejected,
    ),
    (
        "polarizer_inference_failures",
        "Requests that had no answer through no fault of their own.",
        lambda model: model.failures,
    ),
)
_GAUGES: tuple[tuple[str, str, Callable[[Snapshot], int]], ...] = (
    (
        "polarizer_inference_waiting_rows",
        "Rows that wait for an answer.",
        lambda snapshot: snapshot.waiting_rows,
    ),
    (
        "polarizer_inference_waiting_bytes",
        "Bytes of the requests that wait for an answer.",
        lambda snapshot: snapshot.waiting_bytes,
    ),
    (
        "polarizer_inference_shared_bytes",
        "Memory shared with the engines, in use.",
        lambda snapshot: snapshot.shared_bytes,
    ),
)


class InferenceFamilies(Collector):
    """A snapshot, for ``generate_latest``."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        models = bounded(self._snapshot.models)
        for name, told, histogram_of in _HISTOGRAMS:
            histograms = HistogramMetricFamily(name, told, labels=["model"])
            for label, model in models:
                histogram = histogram_of(model)
                histograms.add_metric([label], buckets(histogram), histogram.sum)
            yield histograms
        for name, told, count_of in _COUNTERS:
            counter = CounterMetricFamily(name, told, labels=["model"])
            for label, model in models:
                counter.add_metric([label], count_of(model))
            yield counter
        for name, told, value_of in _GAUGES:
            yield GaugeMetricFamily(name, told, value=value_of(self._snapshot))
        yield self._loaded(models)
        yield CounterMetricFamily(
            "polarizer_inference_engine_starts",
            "How often an engine was started; each beyond the number of devices was a restart.",
            value=self._snapshot.engine_starts,
        )

    def _loaded(self, models: list[tuple[str, ModelMetrics]]) -> Metric:
        loaded = GaugeMetricFamily(
            "polarizer_inference_loaded",
            "1 for a model in memory, with the backend that computes it.",
            labels=["model", "backend"],
        )
        for label, model in models:
            if model.backend and label != OTHERS:
                loaded.add_metric([label, model.backend], 1)
        return loaded


def bounded(models: dict[str, ModelMetrics]) -> list[tuple[str, ModelMetrics]]:
    """Those that were asked first, and one that stands for all others: a model never changes from
    one to the other, so that counters only rise."""
    found = list(islice(models.items(), MOST_MODELS))
    if len(models) > MOST_MODELS:
        found.append((OTHERS, together(list(islice(models.values(), MOST_MODELS, None)))))
    return found


def together(models: list[ModelMetrics]) -> ModelMetrics:
    """The sums."""
    total = ModelMetrics()
    for model in models:
        for _, _, histogram_of in _HISTOGRAMS:
            _add(histogram_of(total), histogram_of(model))
        total.requests += model.requests
        total.rows += model.rows
        total.evictions += model.evictions
        total.alarms += model.alarms
        total.rejected += model.rejected
        total.failures += model.failures
    return total


def buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Cumulative counts by upper bound, as Prometheus wants them."""
    found, total = [], 0
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        total += count
        found.append(("+Inf" if isinf(bound) else str(bound), float(total)))
    return found


def _add(total: Histogram, histogram: Histogram) -> None:
    total.counts = [one + other for one, other in zip(total.counts, histogram.counts, strict=True)]
    total.sum += histogram.sum
