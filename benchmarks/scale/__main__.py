"""Measures what the service does under load; what ``make bench-scale`` runs.

    python -m benchmarks.scale [--only rows creates overhead throughput fairness] [--quick]

Real Redis and PostgreSQL on loopback, real API and worker processes. Results are written after
every part; with ``--only`` the others stay as they were.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.defense.machine import about_machine
from benchmarks.scale import creates, jobs, overhead, rows
from benchmarks.scale.figures import figures, table
from benchmarks.scale.servers import house, servers
from tests.servers import PostgresServer, RedisServer

RESULTS = Path("benchmarks/results/scale.json")
Part = Callable[[PostgresServer, RedisServer, argparse.Namespace], Any]


def main() -> None:
    """Measure, print the table, write the results."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended too
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    with servers() as (database, broker):
        for name in options.only:
            results[name] = PARTS[name](database, broker, options)
            results.setdefault("about", {})[name] = about_machine("cpu", 1) | {
                "load_average": round(os.getloadavg()[0], 1),
                "quick": options.quick,
                "conditions": options.conditions,
            }
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
            print("\n".join(table(figures({name: results[name]}))), flush=True)


def _throughput(
    database: PostgresServer, broker: RedisServer, options: argparse.Namespace
) -> list[dict[str, Any]]:
    found = []
    for workers in (1, 4):
        with house(database, broker, options.cores) as made:
            found.append(asdict(jobs.throughput(made, workers, 1.0 if options.quick else 8.0)))
    return found


def _fairness(
    database: PostgresServer, broker: RedisServer, options: argparse.Namespace
) -> dict[str, Any]:
    with house(database, broker, options.cores) as made:
        return asdict(jobs.fairness(made, many=100 if options.quick else 1000))


def _overhead(
    database: PostgresServer, broker: RedisServer, options: argparse.Namespace
) -> dict[str, Any]:
    count = 5 if options.quick else 20
    found = {}
    for name, spares in (("warm", 1), ("cold", 0)):
        with house(database, broker, options.cores) as made:
            measured = overhead.measured(made, jobs=count, spares=spares)
        found[name] = [asdict(one) for one in measured]
    return found


def _creates(
    database: PostgresServer, broker: RedisServer, options: argparse.Namespace
) -> list[dict[str, Any]]:
    seconds, rounds = (3.0, 1) if options.quick else (15.0, 3)
    with house(database, broker, options.cores) as made:
        found = creates.measured(made, options.load_cores, seconds=seconds, rounds=rounds)
    return [asdict(one) for one in found]


def _rows(
    database: PostgresServer, _broker: RedisServer, options: argparse.Namespace
) -> dict[str, Any]:
    many = 50_000 if options.quick else rows.MANY
    found = rows.measured(database, many=many)
    return {"few": rows.FEW, "many": many, "acts": [asdict(one) for one in found]}


PARTS: dict[str, Part] = {
    "throughput": _throughput,
    "overhead": _overhead,
    "creates": _creates,
    "rows": _rows,
    "fairness": _fairness,
}


def _options() -> argparse.Namespace:
    everywhere = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--quick", action="store_true", help="smaller and shorter, a few minutes")
    parser.add_argument("--cores", default=everywhere, help="of the service, as taskset takes them")
    parser.add_argument("--load-cores", default=everywhere, help="of what sends requests")
    parser.add_argument("--conditions", default="", help="what else ran, to be told in the results")
    return parser.parse_args()


if __name__ == "__main__":
    main()
