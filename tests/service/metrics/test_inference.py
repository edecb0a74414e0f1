"""What engines count arrives in Prometheus' form, in a bounded number of series."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from service.inference.metrics import ModelMetrics, Snapshot
from service.metrics.inference import MOST_MODELS, OTHERS, InferenceFamilies


def samples(models: dict[str, ModelMetrics]) -> dict[tuple[str, str, str], float]:
    """Values by name, model and upper bound, as a scraper reads them."""
    snapshot = Snapshot(models, 3, 4, 5, 6, ("",))
    text = generate_latest(InferenceFamilies(snapshot)).decode()
    return {
        (sample.name, sample.labels.get("model", ""), sample.labels.get("le", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_family_is_there() -> None:
    model = ModelMetrics(requests=1, rows=2, evictions=3, alarms=4, rejected=5, backend="eager")
    found = samples({"mdl_1": model})
    for name, value in {
        **{"requests_total": 1, "rows_total": 2, "evictions_total": 3, "alarms_total": 4},
        **{"rejected_total": 5, "loaded": 1, "queue_seconds_count": 0, "batch_rows_count": 0},
        **{"seconds_count": 0, "load_seconds_count": 0},
    }.items():
        assert found[f"polarizer_inference_{name}", "mdl_1", ""] == value
    assert found["polarizer_inference_waiting_rows", "", ""] == 3
    assert found["polarizer_inference_waiting_bytes", "", ""] == 4
    assert found["polarizer_inference_shared_bytes", "", ""] == 5
    assert found["polarizer_inference_engine_starts_total", "", ""] == 6


@given(st.lists(st.floats(0, 200)))
def test_a_histogram_counts_what_is_at_most_each_bound(values: list[float]) -> None:
    model = ModelMetrics()
    for value in values:
        model.queue_seconds.observe(value)
    found = samples({"m": model})
    name = "polarizer_inference_queue_seconds"
    for (kind, _, bound), count in found.items():
        if kind == f"{name}_bucket":
            assert count == sum(value <= float(bound) for value in values)
    assert found[f"{name}_bucket", "m", "+Inf"] == found[f"{name}_count", "m", ""] == len(values)
    assert abs(found[f"{name}_sum", "m", ""] - sum(values)) <= 1e-6 * (1 + sum(values))


def test_more_models_make_no_more_series() -> None:
    def some(count: int) -> dict[str, ModelMetrics]:
        models = {f"mdl_{number}": ModelMetrics(rows=number) for number in range(count)}
        for model in models.values():
            model.batch_rows.observe(4)
        return models

    few, many = samples(some(MOST_MODELS + 1)), samples(some(MOST_MODELS + 50))
    assert few.keys() == many.keys()
    rows = "polarizer_inference_rows_total"
    assert sum(value for (name, _, _), value in many.items() if name == rows) == sum(
        range(MOST_MODELS + 50)
    )
    assert many["polarizer_inference_batch_rows_count", OTHERS, ""] == 50
    assert many[rows, "mdl_7", ""] == few[rows, "mdl_7", ""] == 7
