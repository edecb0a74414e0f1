"""What a job's rows cost PostgreSQL: processor time of the server for each transaction.

    python -m benchmarks.capacity.measure

Time of the processor and not of the clock, so that a busy machine measures the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.defense.machine import about_machine
from benchmarks.scale.servers import migrated
from service.database import Database
from service.defenses import lifecycle, repository
from service.defenses.lifecycle import Lease
from service.defenses.states import QueueName
from service.ids import new_id
from service.records import DefenseRecord
from tests.servers import postgres

RESULTS = Path("benchmarks/results/capacity-costs.json")
TIMES = 400
TENANTS = 20


def main() -> None:
    """Measures, prints, writes."""
    with postgres() as server, server.fresh_database() as url:
        migrated(url)
        database = Database(url)
        costs = measured(database)
        database.dispose()
    about = about_machine("cpu", 1) | {"times": TIMES}
    RESULTS.write_text(json.dumps({"about": about, "milliseconds": costs}, indent=1) + "\n")
    for name, cost in costs.items():
        print(f"{name:10} {cost:6.2f} ms")


def measured(database: Database) -> dict[str, float]:
    """Milliseconds of the server's processor by transaction."""
    ids = [new_id("def") for _ in range(TIMES)]
    leases: list[Lease] = []

    def create(number: int) -> None:
        record = DefenseRecord(
            id=ids[number], tenant=f"tenant-{number % TENANTS}", request={}, inputs=[]
        )
        with database.write() as session:
            lifecycle.add(session, record)

    def claim(_: int) -> None:
        with database.write() as session:
            lease = lifecycle.claim_next(session, QueueName.CPU, worker="w", seconds=600)
        assert lease is not None
        leases.append(lease)

    def renew(number: int) -> None:
        with database.write() as session:
            lifecycle.renew(session, leases[number], seconds=600)

    def progress(number: int) -> None:
        with database.write() as session:
            lifecycle.report(session, leases[number], "progress", {"progress": 0.5}, progress=0.5)

    def get(number: int) -> None:
        with database.read() as session:
            record = repository.get(session, f"tenant-{number % TENANTS}", ids[number])
            assert record.id == ids[number]

    def end(number: int) -> None:
        with database.write() as session:
            lifecycle.fail(session, leases[number], code="internal", message="measured")

    steps: tuple[Callable[[int], None], ...] = (create, claim, renew, progress, get, end)
    return {step.__name__: _cost(step) for step in steps}


def _cost(step: Callable[[int], None]) -> float:
    before = _server_seconds()
    for number in range(TIMES):
        step(number)
    return round(1000 * (_server_seconds() - before) / TIMES, 3)


def _server_seconds() -> float:
    """Of all processes of the server, which is a child of this one."""
    times = [process.cpu_times() for process in psutil.Process().children(recursive=True)]
    return sum(time.user + time.system for time in times)


if __name__ == "__main__":
    main()
