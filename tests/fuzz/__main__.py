"""The long run: ``python -m tests.fuzz`` (``make fuzz``). Exit status 1 when anything was found.

The summary is one JSON object; files that were answered wrongly are kept beside it.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.fuzz import file_run, requests

BATCH = 10_000
"""Files of one process, so that none lives long."""
SEED = 20261123
PHASES = "examples,coverage,fuzzing"


def main() -> int:
    """Files, then requests."""
    asked = _arguments()
    asked.findings.mkdir(parents=True, exist_ok=True)
    summary: dict[str, Any] = {"seed": asked.seed, "python": platform.python_version()}
    if asked.files:
        summary["files"] = _timed(_files, asked)
    if asked.requests:
        summary["requests"] = _timed(_requests, asked)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(summary, indent=1) + "\n")
    sys.stdout.write(json.dumps(summary, indent=1) + "\n")
    return int(any(_is_bad(part) for part in summary.values() if isinstance(part, dict)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/fuzz.json"))
    parser.add_argument("--findings", type=Path, default=Path("data/fuzz-findings"))
    return parser.parse_args()


def _timed(run: Any, asked: argparse.Namespace) -> dict[str, Any]:
    started = time.monotonic()
    found: dict[str, Any] = run(asked)
    return found | {"seconds": round(time.monotonic() - started)}


def _files(asked: argparse.Namespace) -> dict[str, Any]:
    batches = []
    for number, done in enumerate(range(0, asked.files, BATCH)):
        with tempfile.TemporaryDirectory() as folder:
            count = min(BATCH, asked.files - done)
            batches.append(file_run.batch(Path(folder), count, asked.seed + number))
            kept = Path(folder) / "findings"
            if kept.exists():
                shutil.copytree(kept, asked.findings, dirs_exist_ok=True)
    return file_run.together(batches)


def _requests(asked: argparse.Namespace) -> dict[str, Any]:
    """Runs of another seed each, until there were so many."""
    runs: list[dict[str, Any]] = []
    while sum(one["requests"] for one in runs) < asked.requests:
        with tempfile.TemporaryDirectory() as folder:
            one = requests.run(
                Path(folder), seed=asked.seed + len(runs), examples=60, phases=PHASES
            )
            runs.append(one)
            told = Path(folder) / "schemathesis.txt"
            if _is_bad(one):
                shutil.copy(told, asked.findings / f"requests-{len(runs)}.txt")
            if not one["ended_in_order"]:
                break
    return _together(runs)


def _together(runs: list[dict[str, Any]]) -> dict[str, Any]:
    statuses: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    for one in runs:
        statuses.update(one["statuses"])
        findings.update(one["findings"])
    return {
        "requests": statuses.total(),
        "runs": len(runs),
        "operations": max(one["operations"] for one in runs),
        "statuses": dict(sorted(statuses.items())),
        "server_errors": sum(one["server_errors"] for one in runs),
        "unanswered": sum(one["unanswered"] for one in runs),
        "logged_errors": [event for one in runs for event in one["logged_errors"]],
        "findings": dict(findings),
        "ended_in_order": all(one["ended_in_order"] for one in runs),
    }


def _is_bad(part: dict[str, Any]) -> bool:
    wrong = ("findings", "server_errors", "unanswered", "logged_errors")
    return any(part.get(name) for name in wrong) or not part.get("ended_in_order", True)


if __name__ == "__main__":
    sys.exit(main())
