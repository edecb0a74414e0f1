"""Measure a large upload through the service beside the store's own put.

python -m benchmarks.uploads [--mib 1024] [--rounds 3] [--out benchmarks/results/uploads.json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.uploads.measuring import MIB, WAYS, Row, put, upload
from benchmarks.uploads.page import table
from benchmarks.uploads.stores import STORES, serving, settings_of
from client.downloads import digest_of
from service.storage import open_store

WARM_UP = 64  # MiB, so that what is loaded once is not counted as an upload's


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, write the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stores", nargs="+", default=list(STORES), choices=list(STORES))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/uploads.json"))
    parser.add_argument("--conditions", default="", help="what else ran meanwhile")
    options = parser.parse_args(arguments)
    before, started = os.getloadavg()[0], time.monotonic()
    rows = []
    with tempfile.TemporaryDirectory(prefix="uploads-") as scratch:
        for name in options.stores:
            folder = Path(scratch) / name
            folder.mkdir()
            rows += measured(name, folder, options.mib, options.rounds)
    about = {
        "machine": {"processor": _processor(), "cores": os.cpu_count()},
        "date": time.strftime("%Y-%m-%d"),
        "mib": options.mib,
        "rounds": options.rounds,
        "load_before": before,
        "load_after": os.getloadavg()[0],
        "minutes": (time.monotonic() - started) / 60,
        "conditions": options.conditions,
    }
    results: dict[str, Any] = {"about": about, "rows": [asdict(row) for row in rows]}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    print("\n".join(table(rows)))


def measured(name: str, folder: Path, mib: int, rounds: int) -> list[Row]:
    """Each way in turn, in every round."""
    path = random_file(folder / "large", mib)
    digest = digest_of(path)
    small = random_file(folder / "small", WARM_UP)
    rows = []
    with STORES[name](folder) as store, serving(folder / "data", store) as (url, process):
        own = open_store(settings_of(folder / "data", store))
        for way in WAYS:
            upload(url, process, small, digest_of(small), way, store=name, turn=0)
        for turn in range(1, rounds + 1):
            rows.append(put(own, path, name=name, turn=turn))
            for way in WAYS:
                rows.append(upload(url, process, path, digest, way, store=name, turn=turn))
            speeds = ", ".join(f"{row.way} {row.mib_per_second:.0f}" for row in rows[-3:])
            print(f"{name}, round {turn}: {speeds} MiB/s", flush=True)
    path.unlink()
    return rows


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def random_file(path: Path, mib: int) -> Path:
    """Nothing that could be compressed."""
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(MIB))
    return path


if __name__ == "__main__":
    main()
