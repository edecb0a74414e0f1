"""``python -m benchmarks.capacity``: the simulation from 10³ jobs and 10⁶ predictions a day on.

Reads what was measured from ``benchmarks/results``, prints tables, writes ``capacity.json`` there
and the picture of docs/architecture/12-past-one-cluster.md. Takes two minutes on one core.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from statistics import mean
from typing import Any

from benchmarks.capacity import costs, house, picture
from benchmarks.capacity.costs import RESULTS, Costs
from benchmarks.capacity.house import DAY, PEAK, Writes

JOBS = (1e3, 1e4, 1e5, 3e5, 1e6)
PREDICTIONS = (1e6, 1e7, 1e8, 1e9)
DATABASE_CORES = 8
SECONDS = 60.0
FEWEST_JOBS = 300
"""Come in what is simulated, however few a day has."""


def main() -> None:
    """Simulates, prints, writes."""
    known = costs.read()
    found: dict[str, Any] = {
        "about": about(known),
        "beside": beside(),
        "jobs": [jobs(known, load, Writes()) for load in JOBS],
        "fewer writes": jobs(known, JOBS[-1], Writes(renewal=10.0, progress=5.0)),
        "predictions": [predictions(known, load) for load in PREDICTIONS],
    }
    (RESULTS / "capacity.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    for name in ("beside", "jobs", "predictions"):
        table(found[name])
    table([found["fewer writes"]])
    picture.draw(found)


def about(known: Costs) -> dict[str, Any]:
    """What went in."""
    return {
        "job_seconds": round(known.job, 2),
        "purifications_measured": len(known.purifying),
        "stages": {name: round(seconds, 2) for name, seconds in _mean_stages(known).items()},
        "peak": PEAK,
        "database_cores": DATABASE_CORES,
        "filled": house.FILLED,
        "bytes_a_job": 2 * costs.MODEL_BYTES + costs.IMAGES_BYTES,
    }


def _mean_stages(known: Costs) -> dict[str, float]:
    return known.stages(mean(known.purifying))


def beside() -> list[dict[str, Any]]:
    """Simulated answers beside measured ones, at the same rates."""
    found = []
    for point in costs.measured_points():
        known = costs.read(point["model"])
        simulated = house.predictions(known, point["offered"], processes=1, seconds=SECONDS)
        found.append(
            {
                "model": point["model"],
                "offered": point["offered"],
                "measured_p50_ms": round(point["p50_ms"], 1),
                "simulated_p50_ms": round(1000 * simulated.p50, 1),
                "measured_p99_ms": round(point["p99_ms"], 1),
                "simulated_p99_ms": round(1000 * simulated.p99, 1),
            }
        )
    return found


def jobs(known: Costs, load: float, writes: Writes) -> dict[str, Any]:
    """The peak, and what a day moves and keeps."""
    seconds = max(SECONDS, FEWEST_JOBS * DAY / (PEAK * load))
    point = house.jobs(known, load, cores=DATABASE_CORES, writes=writes, seconds=seconds)
    a_day = load * (2 * costs.MODEL_BYTES + costs.IMAGES_BYTES) / 1e12
    return asdict(point) | {"core_hours_a_day": load * known.job / 3600, "terabytes_a_day": a_day}


def predictions(known: Costs, load: float) -> dict[str, Any]:
    """The peak, with as many processes as keep their engines as busy as they are meant to be if no
    two rows ever met in a batch; since they do, there is some room."""
    rate = PEAK * load / DAY
    processes = math.ceil(rate * (known.row + known.batch) / house.FILLED)
    point = house.predictions(known, rate, processes=processes, seconds=SECONDS)
    hours = load * (known.row + known.batch + known.web) / 3600
    return {"predictions_a_day": load} | asdict(point) | {"core_hours_a_day": hours}


def table(rows: list[dict[str, Any]]) -> None:
    """As Markdown."""
    print("| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(_shown(value) for value in row.values()) + " |")
    print()


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
