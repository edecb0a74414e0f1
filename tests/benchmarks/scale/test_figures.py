"""The table: what was measured, beside what it is to reach."""

from __future__ import annotations

from typing import Any

from benchmarks.scale.figures import Figure, figures, table
from benchmarks.scale.page import written

RESULTS: dict[str, Any] = {
    "about": {
        "rows": {
            "processor": "one of ours",
            "cores": 2,
            "python": "3.11",
            "day": "2026-11-23",
            "load_average": 0.5,
            "quick": False,
            "conditions": "",
        }
    },
    "throughput": [
        {"workers": 1, "job_seconds": 4.0, "jobs": 15, "seconds": 60.0},
        {"workers": 4, "job_seconds": 4.0, "jobs": 60, "seconds": 75.0},
    ],
    "overhead": {
        "warm": [{"total": 2.0, "work": 1.6, "waiting": 0.1}] * 3,
        "cold": [{"total": 6.0, "work": 1.6, "waiting": 0.1}] * 3,
    },
    "creates": [
        {"server": server, "rate": rate, "per_second": 250.0, "p99_ms": 60.0, "cpu_ms": 4.0}
        for server in ("ours", "bare")
        for rate in (None, 200.0)
    ],
    "rows": {
        "few": 1000,
        "many": 1_000_000,
        "acts": [{"what": "get", "few": [1, 1, 9], "many": [1.2]}],
    },
    "fairness": {"many": 1000, "job_seconds": 1.0, "before": 0, "waited": 0.8},
}


def test_each_part_gives_its_figures() -> None:
    found = {one.what: one for one in figures(RESULTS)}
    ratio = found["jobs an hour, 4 workers ÷ 1"]
    assert (ratio.value, ratio.is_reached) == (3.2, False)
    warm = next(one for what, one in found.items() if "warm" in what)
    assert round(warm.value, 6) == 0.4
    assert warm.is_reached
    assert found["creates a second, one API process"].is_reached
    assert not found["p99 of a create at 200 a second, ms"].is_reached
    assert found["get: 1,000,000 rows ÷ 1,000"].value == 1.2
    waited = next(one for what, one in found.items() if "only one waited" in what)
    assert (waited.value, waited.is_reached) == (0, True)


def test_what_is_not_reached_is_marked() -> None:
    shown = table([Figure("a", 1.0, 2.0), Figure("b", 1.0, 2.0, at_least=False), Figure("c", 1.0)])
    assert [line.count("✗") for line in shown] == [0, 0, 1, 0, 0]


def test_the_page_holds_the_table_and_the_conditions() -> None:
    page = written(RESULTS)
    assert "one of ours, 2 cores" in page
    assert "| jobs an hour, 4 workers ÷ 1 | ≥ 3.8 | 3.20 ✗ |" in page
