"""The simulation beside what queueing theory says, with fixed seeds."""

from __future__ import annotations

from math import factorial

import pytest

from benchmarks.capacity.simulation import Process, Simulation, Station, percentile


def waits(rate: float, servers: int, *, exponential: bool, seconds: float = 30_000) -> Station:
    """A station of unit mean service time under so many arrivals a second."""
    simulation = Simulation(seed=1)
    station = simulation.station("s", servers)

    def visit() -> Process:
        yield station, simulation.random.expovariate(1) if exponential else 1.0

    simulation.arrivals(rate, visit)
    simulation.run(seconds / 10)
    simulation.forget()
    simulation.run(seconds)
    station.busy_seconds /= seconds
    return station


def erlang_c(load: float, servers: int) -> float:
    """The share that waits, in M/M/c."""
    last = load**servers / factorial(servers) * servers / (servers - load)
    return last / (sum(load**k / factorial(k) for k in range(servers)) + last)


@pytest.mark.parametrize(("rate", "servers"), [(0.5, 1), (0.8, 1), (2.4, 3), (8.0, 10)])
def test_one_line_and_several_servers_wait_as_erlang_says(rate: float, servers: int) -> None:
    station = waits(rate, servers, exponential=True)
    expected = erlang_c(rate, servers) / (servers - rate)
    assert sum(station.waits) / len(station.waits) == pytest.approx(expected, rel=0.1)
    assert station.busy_seconds == pytest.approx(rate, rel=0.03)


def test_equal_times_wait_half_as_long() -> None:
    """Pollaczek and Khinchine: M/D/1 waits half as long as M/M/1."""
    station = waits(0.8, 1, exponential=False)
    assert sum(station.waits) / len(station.waits) == pytest.approx(0.8 / (2 * 0.2), rel=0.1)


def test_nobody_waits_while_a_server_is_free_and_the_first_goes_first() -> None:
    simulation = Simulation(seed=0)
    station = simulation.station("s", 2)
    ended: list[tuple[str, float]] = []

    def visit(name: str, seconds: float) -> Process:
        yield station, seconds
        ended.append((name, simulation.now))

    for name, seconds in (("a", 3.0), ("b", 1.0), ("c", 1.0), ("d", 5.0)):
        simulation.start(visit(name, seconds))
    simulation.run(100)
    assert ended == [("b", 1.0), ("c", 2.0), ("a", 3.0), ("d", 7.0)]
    assert station.waits == [0.0, 0.0, 1.0, 2.0]


def test_who_waits_is_served_together_up_to_the_most() -> None:
    simulation = Simulation(seed=0)
    station = simulation.station("s", 1, most=2, fixed=10.0)
    ended: list[tuple[str, float]] = []

    def visit(name: str) -> Process:
        yield station, 1.0
        ended.append((name, simulation.now))

    for name in "abcd":
        simulation.start(visit(name))
    simulation.run(100)
    assert ended == [("a", 11.0), ("b", 23.0), ("c", 23.0), ("d", 34.0)]
    assert station.busy_seconds == 34.0


def test_the_same_seed_gives_the_same_history() -> None:
    first, second = (waits(0.9, 1, exponential=True, seconds=1000) for _ in range(2))
    assert first.waits == second.waits


def test_percentiles() -> None:
    assert percentile([], 0.5) == 0
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([1.0, 2.0], 0.99) == 2.0
