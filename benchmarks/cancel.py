"""How long a cancel takes: from the request until the state says it, and until the child is gone.

    python -m benchmarks.cancel --cancels 60 --out benchmarks/results/cancel.json

Starts the embedded service with one worker, and cancels one job after the other at a random moment
of its optimisation.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil

from tests.worker import samples

STEPS = 100_000
"""Of the optimisation: more than anybody waits for."""
WITHIN_SECONDS = 3.0
"""Of the first step that is reported, the cancel comes."""
PATIENCE_SECONDS = 300.0
LOOK_SECONDS = 0.01


def main() -> None:
    """Measure, print, write."""
    options = _options()
    generator = random.Random(options.seed)
    with TemporaryDirectory() as folder, _served(Path(folder)) as (process, client):
        measured = []
        for number in range(options.cancels):
            measured.append(_one(process, client, generator.uniform(0, WITHIN_SECONDS)))
            print(f"{number + 1:3} {_shown(measured[-1])}", flush=True)
    found = {
        "cancels": len(measured),
        "within_seconds_of_the_first_step": WITHIN_SECONDS,
        "seconds_to_cancelled": spread([one["cancelled"] for one in measured]),
        "seconds_to_child_gone": spread([one["gone"] for one in measured]),
        "machine": {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version()},
        "each": measured,
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n")
    for name in ("seconds_to_cancelled", "seconds_to_child_gone"):
        print(name, found[name])


def spread(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile (the value that so many reach) and maximum, in seconds."""
    ordered = sorted(values)
    rank = -(-95 * len(ordered) // 100) - 1
    return {
        "median": round(ordered[(len(ordered) - 1) // 2], 3),
        "p95": round(ordered[rank], 3),
        "max": round(ordered[-1], 3),
    }


def _one(process: psutil.Process, client: httpx.Client, after: float) -> dict[str, float]:
    defense = _submit(client)
    _until(lambda: _stage(client, defense) == "purifying" and _progress(client, defense))
    time.sleep(after)
    children = [one for one in process.children(recursive=True) if "worker.child" in _line(one)]
    started = time.monotonic()
    client.post(f"/v1/defenses/{defense}/cancel").raise_for_status()
    found: dict[str, float] = {"after": round(after, 3)}

    def over() -> bool:
        passed = round(time.monotonic() - started, 3)
        if "gone" not in found and not any(_lives(child) for child in children):
            found["gone"] = passed
        if "cancelled" not in found and _get(client, defense)["status"] == "cancelled":
            found["cancelled"] = passed
        return len(found) == 3

    _until(over)
    return found


def _submit(client: httpx.Client) -> str:
    request = samples.request(method="stage", steps=STEPS, check_every=0)
    form = {name: (name, content) for name, content in samples.inputs().items()}
    answer = client.post("/v1/defenses", files=form, data={"request": json.dumps(request)})
    answer.raise_for_status()
    return str(answer.json()["id"])


def _get(client: httpx.Client, defense: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/defenses/{defense}").raise_for_status().json()
    return found


def _stage(client: httpx.Client, defense: str) -> str | None:
    found: str | None = _get(client, defense)["stage"]
    return found


def _progress(client: httpx.Client, defense: str) -> bool:
    events = client.get(f"/v1/defenses/{defense}/events").raise_for_status().json()["data"]
    return any(event["type"] == "progress" for event in events)


def _until(look: Any) -> None:  # noqa: ANN401 - a function of nothing
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_SECONDS:.0f} seconds")
        time.sleep(LOOK_SECONDS)


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _shown(one: dict[str, float]) -> str:
    return f"after {one['after']:.2f} s: cancelled {one['cancelled']:.2f}, gone {one['gone']:.2f}"


@contextmanager
def _served(folder: Path) -> Iterator[tuple[psutil.Process, httpx.Client]]:
    environment = os.environ | {
        "POLARIZER_DATA_DIR": str(folder / "data"),
        "POLARIZER_DEVICE": "cpu",
        "POLARIZER_LIMIT_DEFENSES_A_DAY": "0",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "serve", "--port", "0"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            with httpx.Client(base_url=address, timeout=60) as client:
                yield psutil.Process(process.pid), client
        finally:
            process.terminate()
            process.communicate()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cancels", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/cancel.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
