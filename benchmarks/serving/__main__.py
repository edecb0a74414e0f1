"""Measures the service's inference beside LitServe and BentoML; what ``make bench-serve`` runs.

    python -m benchmarks.serving [--quick]

Rivals are measured where ``python -m benchmarks.serving.environments`` could install them. Two
cores are enough. Results are written after every model.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.defense.machine import about_machine
from benchmarks.serving import unloading
from benchmarks.serving.cases import CASES
from benchmarks.serving.environments import RIVALS, is_installed, version_of
from benchmarks.serving.measure import Loader, Row
from benchmarks.serving.plan import Settings, measured
from benchmarks.serving.rivals.network import MAX_LATENCY_MS
from benchmarks.serving.table import figures, lines

WORK = Path("benchmarks/work/serving")
RESULTS = Path("benchmarks/results/serving.json")


def main() -> None:
    """Measure, print the table, write the results."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers are ended too
    rows: list[Row] = []
    memory: dict[str, float] = {}
    problems = {name: "not installed" for name in RIVALS if not is_installed(name)}
    settings = _settings(options)
    about = _about(options, settings)
    shutil.rmtree(WORK, ignore_errors=True)
    web_mb: list[float] = []
    for case in CASES[: options.models or (2 if options.quick else None)]:
        for row in measured(case, settings, web_mb, problems):
            rows.append(row)
            print(_told(row), flush=True)
        memory["web_mb"] = median(web_mb)
        _write(options.out, about, rows, memory, problems)
    memory |= unloading.measured(
        CASES[1], WORK / "memory", options.unload, options.threads, options.server_cores
    )
    _write(options.out, about, rows, memory, problems)
    print("\n".join(lines(figures(rows, memory))))


def _settings(options: argparse.Namespace) -> Settings:
    seconds, rounds = (1.5, 1) if options.quick else (options.seconds, options.rounds)
    loader = Loader(
        seconds=seconds,
        cores=options.load_cores,
        warm_up=0.5 if options.quick else 1.0,
        clients=options.clients,
    )
    return Settings(WORK, loader, rounds, options.threads, options.server_cores)


def _about(options: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    return about_machine("cpu", options.threads) | {
        "seconds": settings.loader.seconds,
        "rounds": settings.rounds,
        "quick": options.quick,
        "clients": options.clients,
        "server_cores": options.server_cores,
        "load_cores": options.load_cores,
        "load_average_before": round(os.getloadavg()[0], 1),
        "niceness": os.nice(0),
        "rivals": {name: version_of(name) for name in RIVALS if is_installed(name)},
        "rival_wait_ms": MAX_LATENCY_MS,
        "conditions": options.conditions,
    }


def _write(
    path: Path,
    about: dict[str, Any],
    rows: list[Row],
    memory: dict[str, float],
    problems: dict[str, str],
) -> None:
    about["load_average_after"] = round(os.getloadavg()[0], 1)
    about["minutes"] = round((time.monotonic() - _BEGAN) / 60, 1)
    content = {
        "about": about,
        "rows": [asdict(row) for row in rows],
        "memory": memory,
        "problems": problems,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _told(row: Row) -> str:
    offered = f" of {row.offered:.0f}/s" if row.offered else ""
    failed = f"  {row.failed} failed: {row.note[:80]}" if row.failed else ""
    return (
        f"{row.server:24} {row.rows:3} rows{offered}: {row.rows_per_second:9.1f} rows/s,"
        f" p50 {row.p50_ms:.1f} ms, p99 {row.p99_ms:.1f} ms{failed}"
    )


def _options() -> argparse.Namespace:
    everywhere = f"0-{(os.cpu_count() or 1) - 1}"
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument(
        "--quick", action="store_true", help="two models, one short round; 3 minutes"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--clients", type=int, default=64, help="at once, one row a request")
    parser.add_argument("--threads", type=int, default=1, help="that compute, for every server")
    parser.add_argument("--server-cores", default=everywhere, help="as taskset takes them")
    parser.add_argument("--load-cores", default=everywhere)
    parser.add_argument("--unload", type=int, default=50, help="models that are loaded and deleted")
    parser.add_argument("--models", type=int, help="the first so many only")
    parser.add_argument("--conditions", default="", help="what else ran on the machine")
    return parser.parse_args()


_BEGAN = time.monotonic()

if __name__ == "__main__":
    main()
