"""From what was measured to the table: each figure beside what it is to reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A number, ``at_least`` or at most ``bound``; no bound: it is told for comparison."""

    what: str
    value: float
    bound: float | None = None
    at_least: bool = True

    @property
    def goal(self) -> str:
        if self.bound is None:
            return ""
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"

    @property
    def is_reached(self) -> bool:
        if self.bound is None:
            return True
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    @property
    def shown(self) -> str:
        value = f"{self.value:.0f}" if self.value >= 100 else f"{self.value:.2f}"
        return value if self.is_reached else f"{value} ✗"


def figures(results: Mapping[str, Any]) -> list[Figure]:
    """Of every part that was measured."""
    parts = {
        "throughput": _throughput,
        "overhead": _overhead,
        "creates": _creates,
        "rows": _rows,
        "fairness": _fairness,
    }
    return [figure for name, of in parts.items() if name in results for figure in of(results[name])]


def table(found: Sequence[Figure]) -> list[str]:
    """As Markdown."""
    return [
        "| | to reach | measured |",
        "|---|---|---|",
        *(f"| {one.what} | {one.goal} | {one.shown} |" for one in found),
    ]


def _throughput(measured: Sequence[Mapping[str, Any]]) -> list[Figure]:
    per_hour = {one["workers"]: 3600 * one["jobs"] / one["seconds"] for one in measured}
    few, many = min(per_hour), max(per_hour)
    seconds = measured[0]["job_seconds"]
    return [
        Figure(f"jobs an hour, {many} workers ÷ {few}", per_hour[many] / per_hour[few], 3.8),
        Figure(f"jobs an hour of {seconds:g} s, {few} worker", per_hour[few]),
        Figure(f"jobs an hour of {seconds:g} s, {many} workers", per_hour[many]),
    ]


def _overhead(measured: Mapping[str, Sequence[Mapping[str, float]]]) -> list[Figure]:
    found = []
    for name, jobs in measured.items():
        added = median(one["total"] - one["work"] for one in jobs)
        bound = 0.5 if name == "warm" else None
        what = f"seconds that the service adds to a job, {name} child, median of {len(jobs)}"
        found.append(Figure(what, added, bound, at_least=False))
    return found


def _creates(measured: Sequence[Mapping[str, Any]]) -> list[Figure]:
    def of(server: str, column: str, *, open_loop: bool) -> float:
        rounds = [one for one in measured if one["server"] == server]
        return median(one[column] for one in rounds if (one["rate"] is not None) is open_loop)

    rate = median(one["rate"] for one in measured if one["rate"])
    return [
        Figure("creates a second, one API process", of("ours", "per_second", open_loop=False), 200),
        Figure(
            f"p99 of a create at {rate:g} a second, ms",
            of("ours", "p99_ms", open_loop=True),
            50 if rate >= 200 else None,
            at_least=False,
        ),
        Figure("creates a second, the bare insert", of("bare", "per_second", open_loop=False)),
        Figure(
            f"p99 at {rate:g} a second, the bare insert, ms", of("bare", "p99_ms", open_loop=True)
        ),
        Figure("milliseconds of processor a create, ours", of("ours", "cpu_ms", open_loop=False)),
        Figure(
            "milliseconds of processor a create, the bare insert",
            of("bare", "cpu_ms", open_loop=False),
        ),
    ]


def _rows(measured: Mapping[str, Any]) -> list[Figure]:
    many = measured["many"]
    return [
        Figure(
            f"{one['what']}: {many:,} rows ÷ {measured['few']:,}",
            median(one["many"]) / median(one["few"]),
            1.5,
            at_least=False,
        )
        for one in measured["acts"]
    ]


def _fairness(measured: Mapping[str, Any]) -> list[Figure]:
    what = f"jobs of a tenant with {measured['many']:,} that began while another's only one waited"
    return [
        Figure(what, measured["before"], 1, at_least=False),
        Figure(
            f"seconds that it waited, of jobs of {measured['job_seconds']:g} s", measured["waited"]
        ),
    ]
