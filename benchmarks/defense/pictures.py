"""Pictures of the trade-offs, as small SVG files that come out equal from equal results."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.defense.rows import NO_BACKDOOR, NOTHING, Row
from benchmarks.defense.table import Summary

mpl.use("svg")
from matplotlib import pyplot as plt

MARKS = "osD^vP*Xdh"
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "benchmarks.defense",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
}
_SIZE = (6.4, 3.8)  # inches


def success_against_accuracy(rows: Sequence[Row], images: int, title: str, path: Path) -> None:
    """Each run a point: attack success left against points of accuracy lost. Low and left is good.

    One colour and mark for each defense; the large mark is its average.
    """
    with mpl.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=_SIZE)
        shown = [row for row in rows if _has_trade_off(row) and row.images == images]
        for number, name in enumerate(_names(shown)):
            points = [row for row in shown if row.defense == name]
            x = [100 * (row.accuracy_lost or 0) for row in points]
            y = [100 * (row.attack_success or 0) for row in points]
            look = {"marker": MARKS[number % len(MARKS)], "color": f"C{number}"}
            axes.scatter(x, y, s=14, alpha=0.45, linewidths=0, **look)
            mean = (sum(x) / len(x), sum(y) / len(y))
            axes.scatter(*mean, s=80, edgecolors="black", linewidths=0.8, label=name, **look)
        axes.set_xlabel("accuracy lost, points")
        axes.set_ylabel("attack success left, %")
        axes.set_yscale("symlog", linthresh=1)
        axes.set_yticks([0, 1, 5, 10, 50, 100], ["0", "1", "5", "10", "50", "100"])
        axes.set_title(title)
        _finish(figure, axes, path)


def seconds_by_defense(rows: Sequence[Row], images: int, title: str, path: Path) -> None:
    """The seconds of every run on a logarithmic scale, one line for each defense."""
    with mpl.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=_SIZE)
        shown = [row for row in rows if _is_timed(row) and row.images == images]
        names = _names(shown)
        for number, name in enumerate(names):
            points = [row for row in shown if row.defense == name]
            seconds = [row.seconds or 0 for row in points]
            look = {"marker": MARKS[number % len(MARKS)], "color": f"C{number}"}
            axes.scatter(seconds, [number] * len(seconds), s=14, alpha=0.45, linewidths=0, **look)
            middle = math.exp(sum(map(math.log, seconds)) / len(seconds))
            axes.scatter(middle, number, s=80, edgecolors="black", linewidths=0.8, **look)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xscale("log")
        axes.set_xlabel("seconds for all the published work")
        axes.set_title(title)
        _finish(figure, axes, path)


def against_images(
    summaries: Sequence[Summary], of: Callable[[Summary], float | None], label: str, path: Path
) -> None:
    """A measure against the number of clean images, a line for each defense."""
    with mpl.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=_SIZE)
        for number, name in enumerate(dict.fromkeys(one.defense for one in summaries)):
            known = [
                (one.images, 100 * value)
                for one in summaries
                if one.defense == name and (value := of(one)) is not None
            ]
            if known:
                mark = MARKS[number % len(MARKS)]
                axes.plot(*zip(*known, strict=True), marker=mark, color=f"C{number}", label=name)
        sizes = sorted({one.images for one in summaries})
        axes.set_xscale("log")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.set_xlabel("clean images")
        axes.set_ylabel(label)
        _finish(figure, axes, path)


def growth(cases: Sequence[dict[str, Any]], path: Path) -> None:
    """Seconds of a repair by phase, as bars: one panel for each property that changes."""
    changed = [what for what in dict.fromkeys(_what(one) for one in cases) if what != "reference"]
    phases = list(dict.fromkeys(name for one in cases for name in one["shares"]))
    with mpl.rc_context(_STYLE):
        figure, rows = plt.subplots(1, max(len(changed), 1), figsize=(8.4, 3.6), squeeze=False)
        for axes, what in zip(rows[0], changed or ["images"], strict=True):
            shown = [one for one in cases if _what(one) in (what, "reference")]
            shown.sort(key=lambda one, key=what: one["case"][key])  # type: ignore[misc]
            bottom = [0.0] * len(shown)
            for number, phase in enumerate(phases):
                heights = [one["seconds"] * one["shares"].get(phase, 0) for one in shown]
                look = {"color": f"C{number % 10}", "hatch": "//" if number >= 10 else None}
                axes.bar(range(len(shown)), heights, bottom=bottom, label=phase, **look)
                bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
            values = [f"{one['case'][what]:,}" for one in shown]
            axes.set_xticks(range(len(shown)), values)
            axes.set_xlabel(what)
        rows[0][0].set_ylabel("seconds of a repair")
        handles, labels = rows[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="center right", fontsize=7, framealpha=0.6)
        figure.subplots_adjust(right=0.83, wspace=0.35)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None})
        plt.close(figure)


def _what(case: dict[str, Any]) -> str:
    return str(case["case"]["what"])


def _has_trade_off(row: Row) -> bool:
    return _is_timed(row) and row.attack != NO_BACKDOOR and row.accuracy_lost is not None


def _is_timed(row: Row) -> bool:
    return row.defense != NOTHING and not row.problem and bool(row.seconds)


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.defense for row in rows))


def _finish(figure: Any, axes: Any, path: Path) -> None:  # noqa: ANN401
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, framealpha=0.6)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
