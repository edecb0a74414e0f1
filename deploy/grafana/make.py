"""Writes the dashboards beside this file, as Grafana's own types say them: ``python make.py``.

Panels stand in rows by room, and in a row by golden signal: latency, traffic, errors, saturation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grafana_foundation_sdk.builders.common import VizLegendOptions, VizTooltipOptions
from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable, Row
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.timeseries import Panel
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
WIDTH, HEIGHT = 6, 8


@dataclass(frozen=True)
class Chart:
    """A panel: its unit as Grafana names it, and pairs of a query and a legend."""

    title: str
    unit: str
    lines: Sequence[tuple[str, str]]
    told: str = ""


def quantiles(metric: str, by: str = "", condition: str = "") -> list[tuple[str, str]]:
    """Half, and the slowest twentieth and hundredth, of a histogram."""
    groups = f"le, {by}" if by else "le"
    legend = f" {{{{{by}}}}}" if by else ""
    rates = f"sum by ({groups}) (rate({metric}_bucket{condition}[$__rate_interval]))"
    return [
        (f"histogram_quantile({share}, {rates})", f"p{100 * share:.0f}{legend}")
        for share in (0.5, 0.95, 0.99)
    ]


def rate(metric: str, by: str, condition: str = "") -> list[tuple[str, str]]:
    """A second's, of a counter."""
    return [(f"sum by ({by}) (rate({metric}{condition}[$__rate_interval]))", f"{{{{{by}}}}}")]


API = [
    Chart("Latency", "s", quantiles("polarizer_http_request_seconds")),
    Chart("Traffic", "reqps", rate("polarizer_http_requests_total", "route")),
    Chart(
        "Errors",
        "reqps",
        rate("polarizer_http_requests_total", "status", '{status=~"0|4..|5.."}'),
        "0: the client left before the answer",
    ),
    Chart(
        "Saturation",
        "short",
        [("sum by (instance) (polarizer_http_requests_running)", "{{instance}}")],
        "requests that are being answered",
    ),
]
ENGINE = [
    Chart("Latency: waiting for a batch", "s", quantiles("polarizer_inference_queue_seconds")),
    Chart("Traffic", "rowsps", rate("polarizer_inference_rows_total", "model")),
    Chart(
        "Errors",
        "reqps",
        [
            ("sum(rate(polarizer_inference_failures_total[$__rate_interval]))", "failed"),
            ("sum(rate(polarizer_inference_rejected_total[$__rate_interval]))", "rejected"),
        ],
    ),
    Chart(
        "Saturation: rows that wait",
        "short",
        [("sum by (instance) (polarizer_inference_waiting_rows)", "{{instance}}")],
    ),
]
WORKER = [
    Chart("Latency: from claim to outcome", "s", quantiles("polarizer_worker_attempt_seconds")),
    Chart("Traffic: attempts", "ops", rate("polarizer_worker_attempts_total", "outcome")),
    Chart(
        "Errors by code",
        "ops",
        rate("polarizer_worker_attempts_total", "code", '{outcome="failed"}'),
        "input: the files that were sent are to blame",
    ),
    Chart(
        "Saturation: occupancy",
        "percentunit",
        [
            ("polarizer:worker_occupancy:ratio", "all"),
            (
                "sum by (instance) (rate(polarizer_worker_busy_seconds_total[5m]))"
                " / sum by (instance) (polarizer_worker_slots)",
                "{{instance}}",
            ),
        ],
    ),
]
STORE = [
    Chart("Latency", "s", quantiles("polarizer_store_seconds", "operation")),
    Chart("Traffic", "Bps", rate("polarizer_store_bytes_total", "operation")),
    Chart("Errors", "ops", rate("polarizer_store_operations_total", "outcome", '{outcome!="ok"}')),
    Chart(
        "Saturation: calls that run",
        "short",
        [("sum by (job) (polarizer_store_operations_running)", "{{job}}")],
    ),
]
WEBHOOKS = [
    Chart("Latency", "s", quantiles("polarizer_webhook_seconds")),
    Chart("Traffic", "ops", rate("polarizer_webhook_attempts_total", "outcome")),
    Chart(
        "Errors",
        "ops",
        rate("polarizer_webhook_attempts_total", "outcome", '{outcome!="delivered"}'),
        "silent: no answer, or no way there",
    ),
    Chart(
        "Saturation: attempts that run",
        "short",
        [("sum by (instance) (polarizer_webhook_attempts_running)", "{{instance}}")],
        "eight at a time in each process",
    ),
]
RETENTION = [
    Chart("Removed because it was old", "ops", rate("polarizer_retention_removed_total", "kind")),
    Chart(
        "Clock trouble",
        "short",
        [("max by (instance) (polarizer_retention_clock_trouble)", "{{instance}}")],
        "1: nothing is removed, because the clock cannot be believed",
    ),
]
QUEUE = [
    Chart(
        "Jobs that have not ended",
        "short",
        [("max by (queue, status) (polarizer_jobs)", "{{queue}} {{status}}")],
    ),
    Chart(
        "Age of the oldest queued job",
        "s",
        [("max by (queue) (polarizer_jobs_oldest_queued_seconds)", "{{queue}}")],
    ),
    Chart("From request to first claim", "s", quantiles("polarizer_worker_queue_seconds")),
    Chart(
        "Lost and found",
        "short",
        [
            (
                "sum by (after) (increase(polarizer_job_lease_expiries_total[5m]))",
                "lease {{after}}",
            ),
            ("sum(increase(polarizer_job_redeliveries_total[5m]))", "announced again"),
            ("sum(increase(polarizer_worker_redeliveries_total[5m]))", "delivered again"),
        ],
        "in five minutes",
    ),
]
STAGES = [
    Chart(
        "Seconds of each stage, mean",
        "s",
        [
            (
                "sum by (stage) (rate(polarizer_worker_stage_seconds_sum[15m]))"
                " / sum by (stage) (rate(polarizer_worker_stage_seconds_count[15m]))",
                "{{stage}}",
            )
        ],
    ),
    Chart(
        "Seconds of each stage, slowest twentieth",
        "s",
        quantiles("polarizer_worker_stage_seconds", "stage")[1:2],
    ),
    Chart("Messages", "ops", rate("polarizer_worker_messages_total", "result")),
    Chart(
        "Inputs, by where they were read from",
        "ops",
        rate("polarizer_worker_inputs_total", "source"),
        "copy: the worker had kept it from an earlier job",
    ),
    Chart(
        "Memory of worker processes",
        "bytes",
        [('process_resident_memory_bytes{job="polarizer-worker"}', "{{instance}}")],
        "without the processes of their jobs",
    ),
]
MODELS = [
    Chart(
        "Alarm rate by model",
        "percentunit",
        [("model:polarizer_inference_alarm_ratio:rate15m", "{{model}}")],
        "rows that are flagged: the model as it came and the purified one disagree confidently",
    ),
    Chart(
        "Rows in a batch",
        "short",
        [
            (
                "sum by (model) (rate(polarizer_inference_batch_rows_sum[$__rate_interval]))"
                " / sum by (model) (rate(polarizer_inference_batch_rows_count[$__rate_interval]))",
                "{{model}}",
            )
        ],
    ),
    Chart("Forward pass of a batch", "s", quantiles("polarizer_inference_seconds")),
    Chart(
        "Models in memory",
        "short",
        [("sum by (backend) (polarizer_inference_loaded)", "{{backend}}")],
    ),
]
MEMORY = [
    Chart("Loading a model", "s", quantiles("polarizer_inference_load_seconds")),
    Chart("Evictions", "ops", rate("polarizer_inference_evictions_total", "model")),
    Chart(
        "Memory shared with engines",
        "bytes",
        [
            ("sum by (instance) (polarizer_inference_shared_bytes)", "shared {{instance}}"),
            ("sum by (instance) (polarizer_inference_waiting_bytes)", "waiting {{instance}}"),
        ],
    ),
    Chart(
        "Starts of engines",
        "short",
        [("increase(polarizer_inference_engine_starts_total[15m])", "{{instance}}")],
        "in a quarter of an hour",
    ),
]

DASHBOARDS: dict[str, tuple[str, dict[str, list[Chart]]]] = {
    "service": (
        "Neural Polarizer: the service",
        {
            "API": API,
            "Inference engine": ENGINE,
            "Workers": WORKER,
            "Object store": STORE,
            "Webhooks": WEBHOOKS,
            "Retention": RETENTION,
        },
    ),
    "jobs": (
        "Neural Polarizer: jobs",
        {"Queue": QUEUE, "Stages": STAGES, "Workers": WORKER},
    ),
    "inference": (
        "Neural Polarizer: inference",
        {"Engine": ENGINE, "Models": MODELS, "Memory": MEMORY},
    ),
}


def dashboard(name: str) -> str:
    """One of ``DASHBOARDS`` as JSON."""
    title, rows = DASHBOARDS[name]
    made = (
        Dashboard(title)
        .uid(f"polarizer-{name}")
        .tags(["polarizer"])
        .refresh("30s")
        .time("now-6h", "now")
        .with_variable(DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    panels = 0
    for row, charts in rows.items():
        panels += 1
        made = made.with_row(Row(row).id(panels))
        for chart in charts:
            panels += 1
            made = made.with_panel(_panel(chart).id(panels))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def _panel(chart: Chart) -> Panel:
    panel = (
        Panel()
        .title(chart.title)
        .description(chart.told)
        .unit(chart.unit)
        .min(0)
        .span(WIDTH)
        .height(HEIGHT)
        .datasource(SOURCE)
        .legend(
            VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs([])
        )
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    for letter, (query, legend) in zip("ABCDEF", chart.lines, strict=False):
        panel = panel.with_target(
            Dataquery().expr(query).legend_format(legend).ref_id(letter).datasource(SOURCE)
        )
    return panel


def main() -> None:
    for name in DASHBOARDS:
        Path(__file__).with_name(f"{name}.json").write_text(dashboard(name), encoding="utf-8")


if __name__ == "__main__":
    main()
