"""Discrete events: things that take time, and stations where they wait for their turn.

A process is a generator. It yields how long something takes, or a station and how long it holds one
of its servers; the simulation resumes it when that is over. First come, first served.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from itertools import count

Step = float | tuple["Station", float]
Process = Generator[Step, None, None]


@dataclass
class Station:
    """``servers`` that each serve up to ``most`` at a time, whoever waits, which takes ``fixed``
    seconds and the time of each. ``busy_seconds`` and ``waits`` are of everything that began after
    ``Simulation.forget``."""

    name: str
    servers: int
    most: int = 1
    fixed: float = 0.0
    busy: int = 0
    busy_seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    line: deque[tuple[float, float, Process]] = field(default_factory=deque)


class Simulation:
    """Runs processes in simulated seconds."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.random = random.Random(seed)
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._stations: list[Station] = []

    def station(self, name: str, servers: int, most: int = 1, fixed: float = 0.0) -> Station:
        """One that ``forget`` knows."""
        made = Station(name, servers, most, fixed)
        self._stations.append(made)
        return made

    def start(self, process: Process) -> None:
        """Begins it now."""
        self._resume(process)

    def arrivals(self, rate: float, make: Callable[[], Process]) -> None:
        """New processes, independent of each other, ``rate`` a second."""
        if rate <= 0:
            return

        def come() -> None:
            self._at(self.now + self.random.expovariate(rate), come)
            self.start(make())

        self._at(self.now + self.random.expovariate(rate), come)

    def run(self, seconds: float) -> None:
        """Lets so much time pass."""
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            self.now, _, happen = heapq.heappop(self._due)
            happen()
        self.now = end

    def forget(self) -> None:
        """What was counted up to now: the house was filling."""
        for station in self._stations:
            station.busy_seconds = 0.0
            station.waits.clear()

    def _at(self, moment: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._due, (moment, next(self._order), happen))

    def _resume(self, process: Process) -> None:
        try:
            step = next(process)
        except StopIteration:
            return
        if isinstance(step, tuple):
            station, seconds = step
            station.line.append((self.now, seconds, process))
            self._serve(station)
        else:
            self._at(self.now + step, lambda: self._resume(process))

    def _serve(self, station: Station) -> None:
        while station.line and station.busy < station.servers:
            together = [station.line.popleft() for _ in range(min(station.most, len(station.line)))]
            seconds = station.fixed + sum(own for _, own, _ in together)
            station.busy += 1
            station.busy_seconds += seconds
            station.waits += [self.now - came for came, _, _ in together]
            processes = [process for _, _, process in together]
            self._at(self.now + seconds, partial(self._leave, station, processes))

    def _leave(self, station: Station, processes: list[Process]) -> None:
        station.busy -= 1
        self._serve(station)
        for process in processes:
            self._resume(process)


def percentile(values: list[float], share: float) -> float:
    """0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
