"""A trace as a waterfall: a bar for each step, below the step that it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

COLOURS = {"polarizer-api": "#3b6ea8", "polarizer-worker": "#c2703d"}
CHILD = "#5b8f4e"
_PROCESS = {"child", "engine"}
"""Steps that run in a process of their own, with all below them."""
_STATEMENT = re.compile(r"[A-Z]+( [a-z_]+)?")
_STYLE = {
    "svg.hashsalt": "benchmarks.trace",
    "svg.fonttype": "none",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "grid.alpha": 0.3,
}


@dataclass(frozen=True)
class Step:
    """A span; times in milliseconds since the first of its trace began."""

    id: str
    parent: str
    service: str
    name: str
    began: float
    ended: float


@dataclass(frozen=True)
class Line:
    """A step where it stands in the picture."""

    step: Step
    depth: int
    in_child: bool


def shown(steps: Sequence[Step]) -> list[Step]:
    """Those that a picture has room for: transactions, but not their statements."""
    transactions = {step.id for step in steps if step.name.startswith("database.")}
    return [
        step
        for step in steps
        if step.parent not in transactions or not _STATEMENT.fullmatch(step.name)
    ]


def ordered(steps: Sequence[Step]) -> list[Line]:
    """Each step below the one that it is part of, by time. A step whose parent is not there is a
    root."""
    known = {step.id for step in steps}

    def below(parent: Step | None, depth: int, in_child: bool) -> Iterator[Line]:
        for step in sorted(steps, key=lambda one: (one.began, -one.ended, one.id)):
            is_root = step.parent not in known
            if (parent is None and is_root) or (parent is not None and step.parent == parent.id):
                inside = in_child or step.name in _PROCESS
                yield Line(step, depth, inside)
                yield from below(step, depth + 1, inside)

    return list(below(None, 0, False))


def draw(steps: Sequence[Step], path: Path, *, inside: str = "the job's process") -> None:
    """Writes an SVG file; equal steps give equal files. ``inside``: whose process the third colour
    is."""
    lines = ordered(steps)
    whole = max(step.ended for step in steps)
    unit, told = (1000, "seconds") if whole > 1000 else (1, "milliseconds")
    with mpl.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(8.2, 0.19 * len(lines) + 0.9))
        for row, line in enumerate(lines):
            step = line.step
            length = step.ended - step.began
            bar = max(length, whole / 2500) / unit
            axes.barh(row, bar, left=step.began / unit, color=_colour(line), height=0.7)
            place = (step.ended + whole / 300) / unit
            axes.text(place, row, _told(length / 1000), va="center", fontsize=7)
        names = ["\u2003" * line.depth + line.step.name for line in lines]
        axes.set_yticks(range(len(lines)), names, ha="left")
        axes.tick_params(axis="y", length=0, pad=max(138, 4.6 * max(map(len, names))))
        axes.set_ylim(len(lines) - 0.4, -0.6)
        axes.set_xlabel(f"{told} since the request")
        _explain(axes, lines, inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)


def _colour(line: Line) -> str:
    """Of the process that the step ran in; what a child has done the worker writes down."""
    own = line.in_child and not line.step.name.startswith("database.")
    return CHILD if own else COLOURS.get(line.step.service, "grey")


def _explain(axes: Axes, lines: Sequence[Line], inside: str) -> None:
    """Which colour is whose, of those that there are, above the picture."""
    names = dict(zip((*COLOURS.values(), CHILD), ("api", "worker", inside), strict=True))
    used = {_colour(line) for line in lines}
    handles = [
        plt.Rectangle((0, 0), 1, 1, color=colour, label=name)
        for colour, name in names.items()
        if colour in used
    ]
    where = {"loc": "lower right", "bbox_to_anchor": (1, 1)}
    axes.legend(handles=handles, ncols=3, frameon=False, **where)


def _told(seconds: float) -> str:
    if seconds >= 0.1:
        return f"{seconds:.2f} s"
    return f"{1000 * seconds:.0f} ms" if seconds >= 0.01 else f"{1000 * seconds:.1f} ms"
