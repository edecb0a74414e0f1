"""One defense of one model, in a process of its own: a :class:`Job` on stdin, JSON on stdout."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.attacks.backdoored import Backdoored, read
from benchmarks.defense.draws import draw
from benchmarks.defense.memory import peak_memory
from benchmarks.defense.rivals import RIVALS, make_rival
from benchmarks.defense.rivals.outcome import Outcome
from benchmarks.defense.rows import NOTHING, Row
from polarizer.classifier import Classifier
from polarizer.config import PurifyConfig
from polarizer.images import LabelledImages
from polarizer.metrics import accuracy, predict
from polarizer.purification import purify

_LAST_LINES = 3  # of a failed process, for the message


@dataclass(frozen=True)
class Job:
    """What to run. ``settings`` are for our own methods, ``share`` is for the rivals: the part of
    the published work that they do. With ``timed`` one that does only a part is not measured."""

    folder: str
    data: str
    defense: str
    images: int
    seed: int
    device: str = "cpu"
    threads: int = 1
    settings: dict[str, Any] = field(default_factory=dict)
    share: float = 1.0
    timed: bool = False
    backdoorbench: str | None = None
    official_full: bool = False


def run_apart(job: Job, row: Row, timeout: float | None = None) -> Row:
    """``row`` completed by a fresh process that executes ``job``; a failure becomes its problem."""
    command = [sys.executable, "-m", "benchmarks.defense.job"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(asdict(job)),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return replace(row, problem=f"stopped after {timeout:.0f} seconds")
    if done.returncode:
        last = " / ".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
        return replace(row, problem=last or f"exit status {done.returncode}")
    return replace(row, **json.loads(done.stdout.splitlines()[-1]))


def execute(job: Job, bench: Backdoored) -> dict[str, Any]:
    """The fields of a :class:`Row` that ``job`` on ``bench`` gives; in this process."""
    device = torch.device(job.device)
    if job.defense == NOTHING:
        return measures(bench.classifier, bench, device) | {"seconds": 0.0}
    clean = draw(bench.clean, job.images, job.seed)
    with peak_memory(device) as peak:
        began = time.perf_counter()
        try:
            outcome = defend(job, bench.classifier, clean, device)
        except ValueError as error:
            return {"problem": str(error)}
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds = time.perf_counter() - began
    fields = {
        "share": outcome.share,
        "seconds": outcome.full_seconds or seconds / outcome.share,
        "megabytes": peak.megabytes,
        "note": outcome.note,
    }
    if outcome.classifier is not None and not (job.timed and outcome.share < 1):
        fields |= measures(outcome.classifier, bench, device)
    return fields


def defend(
    job: Job, classifier: Classifier, clean: LabelledImages, device: torch.device
) -> Outcome:
    """Our method or a rival, by name; :class:`ValueError` when it does not apply."""
    if job.defense in RIVALS:
        checkout = Path(job.backdoorbench) if job.backdoorbench else None
        rival = make_rival(
            job.defense, share=job.share, backdoorbench=checkout, full=job.official_full
        )
        generator = torch.Generator().manual_seed(job.seed)
        return rival.repair(classifier, clean, device, generator)
    config = PurifyConfig(method=job.defense, seed=job.seed, **job.settings)
    return Outcome(purify(classifier, clean, config, device=device).classifier)


def measures(classifier: Classifier, bench: Backdoored, device: torch.device) -> dict[str, float]:
    """ACC, ASR and R-ACC, on the device and on images that chose nothing."""
    on_clean = predict(classifier, bench.test, device=device)
    on_triggered = predict(classifier, bench.triggered, device=device)
    classifier.to("cpu")
    return {
        "accuracy": accuracy(on_clean, bench.test.labels),
        "attack_success": accuracy(on_triggered, bench.targets),
        "recovered": accuracy(on_triggered, bench.triggered.labels),
    }


def main() -> None:
    """Execute the job on stdin; the last line of stdout is its result."""
    job = Job(**json.load(sys.stdin))
    torch.set_num_threads(job.threads)
    result = execute(job, read(Path(job.folder), Path(job.data)))
    print(f"\n{json.dumps(result)}", flush=True)


if __name__ == "__main__":
    main()
