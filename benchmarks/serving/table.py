"""From single measurements to the figures of the table, each beside what it is to reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.serving.cases import (
    CASES,
    DEFENDED,
    UNDEFENDED,
    VARIANTS,
)
from benchmarks.serving.measure import IN_PROCESS, Row

OURS = "ours"
RIVALS = ("litserve", "bentoml")
SMALLEST = CASES[0].name


@dataclass(frozen=True)
class Figure:
    """A number, ``at_least`` or at most ``bound``."""

    what: str
    model: str
    value: float
    bound: float
    at_least: bool = True

    @property
    def is_reached(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    @property
    def goal(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


def medians(rows: Sequence[Row]) -> list[Row]:
    """One row for all rounds of the same measurement: the median of each number."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = (row.model, row.server, row.rows, row.offered and round(row.offered, 3))
        groups.setdefault(key, []).append(row)
    return [_median(group) for group in groups.values()]


def figures(rows: Sequence[Row], memory: dict[str, float]) -> list[Figure]:
    """Every figure that can be had from what was measured."""
    found: list[Figure] = []
    merged = medians(rows)
    for model in dict.fromkeys(row.model for row in merged):
        own = [row for row in merged if row.model == model]
        found += [*_of_capacity(model, own), *_beside_rivals(model, own)]
        found += [*_of_work(model, own), *_of_alarm(model, own)]
    return [*found, *_of_memory(memory)]


def _of_capacity(model: str, rows: Sequence[Row]) -> list[Figure]:
    ours = _fastest(rows, lambda row: row.server == OURS and row.offered is None)
    alone = _fastest(rows, lambda row: row.server == IN_PROCESS)
    if ours is None or alone is None:
        return []
    what = "rows/s at saturation ÷ in process"
    return [Figure(what, model, ours.rows_per_second / alone.rows_per_second, 0.85)]


def _of_work(model: str, rows: Sequence[Row]) -> list[Figure]:
    """What a row takes of the processor: theirs ÷ ours, which other programs disturb least."""
    found = []
    for rival in RIVALS:
        for size in dict.fromkeys(row.rows for row in rows if row.server == rival):
            ours, theirs = (_one(rows, name, size, is_open=False) for name in (OURS, rival))
            if ours and theirs and theirs.rows_per_second and ours.cpu_ms_per_row > 0:
                value = theirs.cpu_ms_per_row / ours.cpu_ms_per_row
                rows_told = f"{size} row{'s' if size > 1 else ''} a request"
                found.append(Figure(f"{rival}'s CPU time ÷ ours, {rows_told}", model, value, 1.0))
    return found


def _beside_rivals(model: str, rows: Sequence[Row]) -> list[Figure]:
    found = []
    for rival in RIVALS:
        for size in dict.fromkeys(row.rows for row in rows if row.server == rival):
            beside = f"{rival}, {size} row{'s' if size > 1 else ''} a request"
            ours, theirs = (_one(rows, name, size, is_open=False) for name in (OURS, rival))
            if ours and theirs and theirs.rows_per_second:
                bound = 2.0 if model == SMALLEST else 1.0
                value = ours.rows_per_second / theirs.rows_per_second
                found.append(Figure(f"rows/s ÷ {beside}", model, value, bound))
            ours, theirs = (_one(rows, name, size, is_open=True) for name in (OURS, rival))
            if ours and theirs and theirs.p99_ms == theirs.p99_ms:
                value = ours.p99_ms / theirs.p99_ms
                found.append(Figure(f"p99 ÷ {beside}", model, value, 1.0, at_least=False))
    return found


def _of_alarm(model: str, rows: Sequence[Row]) -> list[Figure]:
    base = _fastest(rows, lambda row: row.server == UNDEFENDED)
    found = []
    for variant in VARIANTS[1:]:
        row = _fastest(rows, lambda row, name=variant: row.server == name)  # type: ignore[misc]
        if base and row:
            bound = 0.99 if variant == DEFENDED else 0.8
            value = row.rows_per_second / base.rows_per_second
            found.append(Figure(f"{variant} ÷ undefended", model, value, bound))
    return found


def _of_memory(memory: dict[str, float]) -> list[Figure]:
    found = []
    if "engine_before_mb" in memory:
        value = memory["engine_after_mb"] / memory["engine_before_mb"]
        what = f"engine's memory after {memory['models']:.0f} models ÷ before"
        found.append(Figure(what, "", value, 1.1, at_least=False))
    if "web_mb" in memory:
        found.append(Figure("web process, MB", "", memory["web_mb"], 150, at_least=False))
    return found


def _one(rows: Sequence[Row], server: str, size: int, *, is_open: bool) -> Row | None:
    """That of a server; of open loops the one with the lowest rate, which all were offered."""
    found = [
        row
        for row in rows
        if row.server == server and row.rows == size and (row.offered is not None) == is_open
    ]
    return min(found, key=lambda row: row.offered or 0.0, default=None)


def _fastest(rows: Sequence[Row], wanted: Callable[[Row], bool]) -> Row | None:
    return max(filter(wanted, rows), key=lambda row: row.rows_per_second, default=None)


def _median(group: Sequence[Row]) -> Row:
    first = group[0]
    return Row(
        model=first.model,
        server=first.server,
        rows=first.rows,
        rows_per_second=median(row.rows_per_second for row in group),
        p50_ms=median(row.p50_ms for row in group),
        p99_ms=median(row.p99_ms for row in group),
        failed=sum(row.failed for row in group),
        offered=first.offered,
        note=next((row.note for row in group if row.note), ""),
        cpu_ms_per_row=median(row.cpu_ms_per_row for row in group),
    )


def lines(found: Sequence[Figure]) -> list[str]:
    """The figures as a table of text."""
    return [
        f"{one.what:44} {one.model:32} {one.value:8.2f}  {one.goal:8}"
        f" {'reached' if one.is_reached else 'missed'}"
        for one in found
    ]
