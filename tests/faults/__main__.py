"""``python -m tests.faults``: a run of the given size; its summary as JSON.

Exit codes: 0 nothing was broken, 1 something was, 2 a server cannot be had here.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from tests.faults.faults import Fault, all_faults
from tests.faults.migrations import revisions
from tests.faults.schedule import Plan, Result, run
from tests.faults.stack import stack
from tests.servers import UnavailableError


def main() -> int:
    arguments = _arguments()
    plan = make_plan(arguments.seed, arguments.jobs, arguments.faults, arguments.seconds)
    if arguments.only:
        chosen = [fault for fault in all_faults() if arguments.only in fault.name]
        plan = replace(plan, faults=tuple(chosen), migrations=(), real_jobs=0)
    try:
        with stack() as made:
            result = run(made, plan)
            if arguments.logs:
                _keep_logs(made.folder, arguments.logs)
    except UnavailableError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    _tell(plan, result, arguments.out)
    return 1 if result.violations else 0


def make_plan(seed: int, jobs: int, faults: int, seconds: float) -> Plan:
    """Every kind of fault once, in an order of chance, then whichever."""
    chance = random.Random(seed)
    kinds: list[Fault] = all_faults()
    migrations = [(revision, when) for revision in revisions() for when in ("before", "after")]
    migrations = [step for step in migrations if step != (revisions()[0], "before")]
    chance.shuffle(kinds)
    chosen = (kinds * (1 + faults // len(kinds)))[: max(0, faults - len(migrations))]
    if len(chosen) > len(kinds):
        chance.shuffle(chosen)
    return Plan(
        seed,
        jobs,
        tuple(chosen),
        seconds,
        pause=0.8 * seconds / jobs,
        real_jobs=6,
        migrations=tuple(migrations),
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=520)
    parser.add_argument("--faults", type=int, default=120)
    parser.add_argument("--seconds", type=float, default=1200, help="no fault begins later")
    parser.add_argument("--only", help="faults whose name holds this, each once")
    parser.add_argument("--out", type=Path, help="the summary as JSON")
    parser.add_argument("--logs", type=Path, help="keep every part's log in this folder")
    return parser.parse_args()


def _keep_logs(folder: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for log in folder.glob("*.log"):
        shutil.copy(log, target)


def _tell(plan: Plan, result: Result, out: Path | None) -> None:
    summary = result.summary(plan) | {"cores": len(os.sched_getaffinity(0))}
    text = json.dumps(summary, indent=2)
    if out:
        out.write_text(f"{text}\n", encoding="utf-8")
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
