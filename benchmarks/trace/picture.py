"""A trace as a waterfall: a bar for each step, below the step that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

COLOURS = {"polarizer-api": "#3b6ea8", "polarizer-worker": "#c2703d"}
CHILD = "#5b8f4e"
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


def ordered(steps: Sequence[Step]) -> list[Line]:
    """Each step below the one that it is part of, by time. A step whose parent is not there is a
    root."""
    known = {step.id for step in steps}

    def below(parent: Step | None, depth: int, in_child: bool) -> Iterator[Line]:
        for step in sorted(steps, key=lambda one: (one.began, -one.ended, one.id)):
            is_root = step.parent not in known
            if (parent is None and is_root) or (parent is not None and step.parent == parent.id):
                inside = in_child or step.name == "child"
                yield Line(step, depth, inside)
                yield from below(step, depth + 1, inside)

    return list(below(None, 0, False))


def draw(steps: Sequence[Step], path: Path) -> None:
    """Writes an SVG file; equal steps give equal files."""
    lines = ordered(steps)
    with mpl.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(8.2, 0.19 * len(lines) + 0.9))
        for row, line in enumerate(lines):
            step = line.step
            seconds = (step.ended - step.began) / 1000
            colour = CHILD if line.in_child else COLOURS.get(step.service, "grey")
            axes.barh(row, max(seconds, 0.004), left=step.began / 1000, color=colour, height=0.7)
            axes.text(step.ended / 1000 + 0.03, row, _told(seconds), va="center", fontsize=7)
        names = ["\u2003" * line.depth + line.step.name for line in lines]
        axes.set_yticks(range(len(lines)), names, ha="left")
        axes.tick_params(axis="y", length=0, pad=138)
        axes.set_ylim(len(lines) - 0.4, -0.6)
        axes.set_xlabel("seconds since the request")
        handles = [
            plt.Rectangle((0, 0), 1, 1, color=colour) for colour in (*COLOURS.values(), CHILD)
        ]
        axes.legend(handles, ["api", "worker", "the job's process"], loc="upper right")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)


def _told(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{1000 * seconds:.0f} ms"
