"""What was measured, from the files that the other benchmarks wrote, and what is assumed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

RESULTS = Path("benchmarks/results")
RESNET, SMALL = "PreAct-ResNet18 width 32, 32×32", "small CNN, 8×8"
CHILDS_STAGES = ("validating", "measuring", "evaluating")
"""Beside purifying: what else a job's process computes, all of it in passes of the network."""
DEFENSES = ("defense-digits", "defense-architectures", "defense-cifar")

MODEL_BYTES, IMAGES_BYTES = 44_720_784, 7_700_510
"""Of a PreAct-ResNet18's weights and of 2,500 images of 32×32, as files."""

CONNECTIONS = 100
"""That PostgreSQL takes without being told otherwise."""

CONNECTIONS_OF_A_WORKER = 2
"""With a job: its runner's, and the one that renews the lease."""


@dataclass(frozen=True)
class Costs:
    """Seconds. ``purifying``: each of these was measured, on one core. ``service``: a job's, beside
    what its process computes. ``shares``: the other stages of that, beside purifying.
    ``database``: of its processor, by transaction. A prediction: ``web`` of the API's processor and
    ``idle`` more while it is not busy; ``batch`` of the engine and ``row`` for each row in it."""

    purifying: tuple[float, ...]
    service: float
    shares: dict[str, float]
    database: dict[str, float]
    web: float
    idle: float
    batch: float
    row: float

    def stages(self, purifying: float) -> dict[str, float]:
        """A job's, one after the other; the service's own as one, at the beginning."""
        beside = {name: share * purifying for name, share in self.shares.items()}
        last = {"evaluating": beside.pop("evaluating", 0.0)}
        return {"service": self.service} | beside | {"purifying": purifying} | last

    @property
    def job(self) -> float:
        """The mean of all of it."""
        return sum(self.stages(mean(self.purifying)).values())


def read(model: str = RESNET) -> Costs:
    """From the results in the repository."""
    purifying = [
        row["seconds"]
        for name in DEFENSES
        for row in _load(name)["rows"]
        if row["defense"] == "auto" and row["seconds"]
    ]
    milliseconds = _load("capacity-costs")["milliseconds"]
    serving = _load("serving")["rows"]
    full, light = _busy(serving, SMALL), _light(serving, SMALL)
    row = _least(serving, model)
    return Costs(
        purifying=tuple(purifying),
        service=_service(),
        shares=_shares(),
        database={name: value / 1000 for name, value in milliseconds.items()},
        web=full,
        idle=light - full,
        batch=max(0.0, _light(serving, model) - light - row),
        row=row,
    )


def measured_points() -> list[dict[str, Any]]:
    """Single predictions that came at random, without a limit: what the simulation is held to."""
    rows = _load("serving")["rows"]
    points = [row for row in rows if row["server"] == "ours" and row["offered"]]
    return [row for row in points if row["model"] in (SMALL, RESNET)]


def _service() -> float:
    """What the service adds to a job whose process is started for it."""
    cold = _load("scale")["overhead"]["cold"]
    found: float = median(job["total"] - job["work"] for job in cold)
    return found


def _shares() -> dict[str, float]:
    """Of the traced job's stages: whatever else the machine did made all of them longer."""
    stages = {step["name"]: step["ended"] - step["began"] for step in _load("trace")["job"]}
    return {name: stages[name] / stages["purifying"] for name in CHILDS_STAGES}


def _busy(rows: list[dict[str, Any]], model: str) -> float:
    """Seconds of processor for a single row in a closed loop; mean of the rounds."""
    found = [row["cpu_ms_per_row"] for row in _singles(rows, model) if not row["offered"]]
    return mean(found) / 1000


def _light(rows: list[dict[str, Any]], model: str) -> float:
    """The same at the lightest load that was offered, where there is time between two requests."""
    offered = [row for row in _singles(rows, model) if row["offered"]]
    least = min(row["offered"] for row in offered)
    return mean(row["cpu_ms_per_row"] for row in offered if row["offered"] == least) / 1000


def _singles(rows: list[dict[str, Any]], model: str) -> list[dict[str, Any]]:
    wanted = (model, "ours", 1)
    return [row for row in rows if (row["model"], row["server"], row["rows"]) == wanted]


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
