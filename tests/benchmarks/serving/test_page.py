from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmarks.serving.cases import ALARM_DEEP, CASES, UNDEFENDED
from benchmarks.serving.measure import IN_PROCESS, Row
from benchmarks.serving.page import written
from benchmarks.serving.table import OURS

MODEL = CASES[0].name


def results(**changed: Any) -> dict[str, Any]:
    rows = [
        Row(MODEL, OURS, 1, 900.0, 1.0, 2.0),
        Row(MODEL, IN_PROCESS, 8, 1000.0, 1.0, 2.0),
        Row(MODEL, "litserve", 1, 300.0, 1.0, 2.0, failed=4),
        Row(MODEL, UNDEFENDED, 8, 1000.0, 1.0, 2.0),
        Row(MODEL, ALARM_DEEP, 8, 500.0, 1.0, 2.0),
    ]
    about = {
        **{"processor": "A processor", "cores": 2, "torch": "2", "python": "3", "day": "today"},
        **{"server_cores": "0-1", "load_cores": "0-1", "threads": 1, "rounds": 2, "seconds": 4.0},
        **{"clients": 64, "rivals": {"litserve": "0.2.19"}, "rival_wait_ms": 5, "niceness": 0},
        **{"load_average_before": 0.1, "load_average_after": 2.0, "minutes": 9.0},
        "conditions": "Nothing else ran.",
    }
    memory = {"web_mb": 120.0, "models": 50, "engine_before_mb": 400.0, "engine_after_mb": 410.0}
    return {
        "about": about,
        "rows": [asdict(row) for row in rows],
        "memory": memory,
        "problems": {},
    } | changed


def test_the_page_says_what_is_reached_and_what_is_missed() -> None:
    page = written(results())
    assert "| rows/s at saturation ÷ in process | ≥ 0.85 | 0.90 |" in page
    assert "| rows/s ÷ litserve, 1 row a request | ≥ 2 | 3.00 |" in page
    assert f"| {ALARM_DEEP} ÷ undefended | ≥ 0.8 | 0.50 ✗ |" in page
    assert "| web process, MB | ≤ 150 | 120.00 |" in page
    assert f"- {ALARM_DEEP} ÷ undefended, {MODEL}: 0.50 instead of ≥ 0.8. Every layer" in page


def test_the_page_says_under_what_conditions() -> None:
    page = written(results())
    for told in ("A processor", "litserve 0.2.19", "Nothing else ran.", "servers on cores 0-1"):
        assert told in page


def test_the_page_says_what_could_not_be_measured() -> None:
    page = written(results(problems={"bentoml": "no\nwheel"}))
    assert "- bentoml: no wheel" in page
    assert "bentoml:" not in written(results())


def test_the_page_says_what_a_run_did_not_come_to() -> None:
    page = written(results(memory={}))
    assert f"- {CASES[2].name}: this run" in page
    assert f"- {MODEL}: this run" not in page
    assert "- memory after loading and unloading: this run" in page


def test_failed_requests_are_shown() -> None:
    assert "- 4 requests failed in all" in written(results())


def test_a_page_can_be_made_before_all_is_measured() -> None:
    assert "| rows/s at saturation" in written(results(memory={}))
