"""What was measured, from the files that the other benchmarks wrote, and what is assumed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

RESULTS = Path("benchmarks/results")
RESNET, SMALL = "PreAct-ResNet18 width 32, 32×32", "small CNN, 8×8"
DEFENSES = ("defense-digits", "defense-architectures", "defense-cifar")

LIGHT = 110.0
"""Requests a second at which a process has time between two of them."""

MODEL_BYTES, IMAGES_BYTES = 44_720_784, 7_700_510
"""Of a PreAct-ResNet18's weights and of 2,500 images of 32×32, as files."""

CONNECTIONS = 100
"""That PostgreSQL takes without being told otherwise."""

CONNECTIONS_OF_A_WORKER = 2
"""With a job: its runner's, and the one that renews the lease."""


@dataclass(frozen=True)
class Costs:
    """Seconds. ``jobs``: each of these was measured, on one core. ``database``: of its processor,
    by transaction. A prediction: ``web`` of the API's processor and ``idle`` more while it is not
    busy; ``batch`` of the engine and ``row`` for each row in it."""

    jobs: tuple[float, ...]
    database: dict[str, float]
    web: float
    idle: float
    batch: float
    row: float

    @property
    def job(self) -> float:
        return mean(self.jobs)


def read(model: str = RESNET) -> Costs:
    """From the results in the repository."""
    jobs = [
        row["seconds"]
        for name in DEFENSES
        for row in _load(name)["rows"]
        if row["defense"] == "auto" and row["seconds"]
    ]
    milliseconds = _load("capacity-costs")["milliseconds"]
    serving = _load("serving")["rows"]
    full, light = _processor(serving, SMALL, None), _processor(serving, SMALL, LIGHT)
    row = _least(serving, model)
    return Costs(
        jobs=tuple(jobs),
        database={name: value / 1000 for name, value in milliseconds.items()},
        web=full,
        idle=light - full,
        batch=max(0.0, _processor(serving, model, LIGHT) - light - row),
        row=row,
    )


def measured_points() -> list[dict[str, Any]]:
    """Single predictions that came at random, without a limit: what the simulation is held to."""
    rows = _load("serving")["rows"]
    points = [row for row in rows if row["server"] == "ours" and row["offered"]]
    return [row for row in points if row["model"] in (SMALL, RESNET)]


def _processor(rows: list[dict[str, Any]], model: str, below: float | None) -> float:
    """Seconds of a single row, mean of the rounds: in a closed loop, or offered fewer a second."""
    found = [
        row["cpu_ms_per_row"]
        for row in rows
        if (row["model"], row["server"], row["rows"]) == (model, "ours", 1)
        and (row["offered"] is None if below is None else (row["offered"] or 1e9) < below)
    ]
    return mean(found) / 1000


def _least(rows: list[dict[str, Any]], model: str) -> float:
    """Seconds of a row in a large batch, of the network alone."""
    return (
        min(
            row["cpu_ms_per_row"]
            for row in rows
            if (row["model"], row["server"]) == (model, "in process")
        )
        / 1000
    )


def _load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return found
