"""The service as stations: what a job and a prediction ask of each part."""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.capacity.costs import CONNECTIONS_OF_A_WORKER, Costs
from benchmarks.capacity.simulation import Process, Simulation, percentile

DAY = 86_400
PEAK = 3.0
"""The busiest hour beside the mean of a day; assumed."""

FILLED = 0.8
"""How much of its time a worker, an engine or an API process is meant to be busy."""

POLL_SECONDS = 2.0
TELLING = ("purifying", "evaluating")
"""The stages that tell their progress (worker/rows.py)."""


@dataclass(frozen=True)
class Writes:
    """Seconds between what a running job writes."""

    renewal: float = 1.0
    progress: float = 0.5


@dataclass(frozen=True)
class JobsPoint:
    """One simulated load. Cores are busy ones, waits in seconds."""

    jobs_a_day: float
    workers: int
    database_cores: float
    database_wait_p99: float
    queue_wait_p50: float
    queue_wait_p99: float
    transactions_a_second: float
    connections: int


def workers_for(costs: Costs, jobs_a_day: float) -> int:
    """At the peak."""
    return math.ceil(PEAK * jobs_a_day / DAY * costs.job / FILLED)


def jobs(
    costs: Costs, jobs_a_day: float, *, cores: int, writes: Writes, seconds: float, seed: int = 0
) -> JobsPoint:
    """The peak of a day on a database with so many cores."""
    simulation = Simulation(seed)
    count = workers_for(costs, jobs_a_day)
    workers = simulation.station("workers", count)
    database = simulation.station("database", cores)
    chance = simulation.random

    def beside(station_seconds: float, between: float, until: float) -> Process:
        yield chance.uniform(0, between)
        while simulation.now < until:
            yield database, station_seconds
            yield between

    def job() -> Process:
        yield database, costs.database["create"]
        ended: list[bool] = []
        simulation.start(polls(ended))
        stages = costs.stages(chance.choice(costs.purifying))
        simulation.start(writing(stages))
        yield workers, sum(stages.values())
        yield database, costs.database["end"]
        ended.append(True)

    def writing(stages: dict[str, float]) -> Process:
        """What a running job writes. It begins with the job's arrival and not with its turn: as
        many begin too early as end too early, and the database sees the same rate."""
        yield database, costs.database["claim"]
        until = simulation.now + sum(stages.values())
        simulation.start(beside(costs.database["renew"], writes.renewal, until))
        for name, length in stages.items():
            yield database, costs.database["progress"]  # the stage's own row
            if name in TELLING:
                told = simulation.now + length
                simulation.start(beside(costs.database["progress"], writes.progress, told))
            yield length

    def polls(ended: list[bool]) -> Process:
        while not ended:
            yield POLL_SECONDS
            yield database, costs.database["get"]

    simulation.arrivals(PEAK * jobs_a_day / DAY, job)
    simulation.run(2 * sum(costs.stages(max(costs.purifying)).values()))
    simulation.forget()
    simulation.run(seconds)
    return JobsPoint(
        jobs_a_day=jobs_a_day,
        workers=count,
        database_cores=database.busy_seconds / seconds,
        database_wait_p99=percentile(database.waits, 0.99),
        queue_wait_p50=percentile(workers.waits, 0.5),
        queue_wait_p99=percentile(workers.waits, 0.99),
        transactions_a_second=len(database.waits) / seconds,
        connections=CONNECTIONS_OF_A_WORKER * count,
    )


@dataclass(frozen=True)
class Answers:
    """Of predictions: seconds that they took, and how much of their time the parts were busy."""

    rate: float
    processes: int
    p50: float
    p99: float
    web_busy: float
    engine_busy: float


def predictions(
    costs: Costs, rate: float, *, processes: int, seconds: float, seed: int = 0
) -> Answers:
    """Single rows at random to so many processes, each with an engine of its own. They share
    nothing, so one of them is simulated."""
    simulation = Simulation(seed)
    web = simulation.station("web", 1)
    engine = simulation.station("engine", 1, most=64, fixed=costs.batch)
    took: list[float] = []

    def predict() -> Process:
        came = simulation.now
        yield web, costs.web
        yield engine, costs.row
        yield costs.idle * (1 - web.busy)
        took.append(simulation.now - came)

    simulation.arrivals(rate / processes, predict)
    simulation.run(seconds / 10)
    simulation.forget()
    took.clear()
    simulation.run(seconds)
    return Answers(
        rate=rate,
        processes=processes,
        p50=percentile(took, 0.5),
        p99=percentile(took, 0.99),
        web_busy=web.busy_seconds / seconds,
        engine_busy=engine.busy_seconds / seconds,
    )
