"""One batch of files in a process of its own: ``python -m tests.fuzz.file_run FOLDER FILES SEED``.

A process that a file kills leaves that file in ``FOLDER/file``.
"""

from __future__ import annotations

import json
import logging
import resource
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from tests.fuzz.files import Fuzzer, Summary, bounded
from tests.fuzz.targets import HEAVY, TARGETS

PATIENCE = 3600  # seconds for a batch; each file has its own


def main(folder: Path, files: int, seed: int) -> None:
    """Writes ``summary.json`` and ``findings/`` beside the files."""
    warnings.simplefilter("ignore")
    logging.disable()
    torch.set_num_threads(1)
    fuzzer = Fuzzer(TARGETS | HEAVY, folder, seed)
    fuzzer.run(0)  # imports and first times
    before = _peak()
    with bounded():
        summary = fuzzer.run(files)
    (folder / "summary.json").write_text(json.dumps(_plain(summary, _peak() - before)))
    for number, found in enumerate(summary.findings):
        (folder / "findings").mkdir(exist_ok=True)
        (folder / "findings" / f"{seed}-{number}").write_bytes(found.content)


def _peak() -> int:
    """Bytes of memory that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _plain(summary: Summary, grown: int) -> dict[str, Any]:
    return {
        "files": dict(summary.files),
        "accepted": dict(summary.accepted),
        "answers": dict(summary.answers),
        "slowest": summary.slowest,
        "grown": grown,
        "findings": [
            {"target": found.target, "error": found.error, "where": found.where}
            for found in summary.findings
        ],
    }


def batch(folder: Path, files: int, seed: int) -> dict[str, Any]:
    """The summary of a batch; a process that ended otherwise is a finding."""
    command = [sys.executable, "-m", __name__, str(folder), str(files), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode == 0:
        found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
        return found
    (folder / "findings").mkdir(exist_ok=True)
    (folder / "file").rename(folder / "findings" / f"{seed}-crash")
    crash = {"target": "?", "error": f"exit status {done.returncode}", "where": done.stderr[-500:]}
    return {"files": {}, "accepted": {}, "answers": {}, "slowest": {}, "grown": 0} | {
        "findings": [crash]
    }


def together(batches: list[dict[str, Any]]) -> dict[str, Any]:
    """All batches as one summary, by parser."""
    files: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    for one in batches:
        files.update(one["files"])
        accepted.update(one["accepted"])
    parsers = {
        name: {
            "files": files[name],
            "accepted": accepted[name],
            "answers": max(one["answers"].get(name, 0) for one in batches),
            "slowest_seconds": round(max(one["slowest"].get(name, 0) for one in batches), 3),
        }
        for name in files
    }
    return {
        "files": files.total(),
        "findings": [found for one in batches for found in one["findings"]],
        "most_memory_beside_the_process_mib": max(one["grown"] for one in batches) >> 20,
        "parsers": parsers,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
