"""How the repair went: its losses, and how far it moved the weights."""

from __future__ import annotations

from service.defenses.report import Report
from service.reports.charts import Line, bar, curves
from service.reports.markup import Markup, element, joined, name
from service.reports.sections.tables import MOST_ROWS, facts, note, section, shortened, table
from service.reports.wording import number, plural

_LOSSES = ("total", "clean", "consistency", "margin", "target")


def training(report: Report) -> Markup:
    """What was done, the curves, the layers."""
    method = report.method or report.config.method
    asked = "" if method == report.config.method else f" (asked for: {report.config.method})"
    return section(
        "repair",
        "The repair",
        facts(
            [
                ("Method", f"{method}{asked}"),
                ("Steps", str(report.steps)),
                ("Pattern bound", f"L2 norm {number(report.trigger_norm)}, pixels of 0 to 1"),
                ("Layers repaired", _layers(report.layers)),
            ]
        ),
        _curves(report),
        _movement(report),
    )


def _layers(layers: tuple[str, ...]) -> Markup:
    some = [element("code", layer) for layer in layers[:8]]
    more = f" and {len(layers) - 8} more" if len(layers) > 8 else None
    spaced = [part for one in some for part in (one, " ")]
    return joined([f"{plural(len(layers), 'layer')}: ", *spaced, more])


def _curves(report: Report) -> Markup | None:
    known = {key for point in report.losses for key in point.losses}
    ordered = [key for key in _LOSSES if key in known]
    lines = [
        Line(
            key, [(point.step, point.losses[key]) for point in report.losses if key in point.losses]
        )
        for key in ordered
    ]
    lines = [line for line in lines if any(value for _, value in line.values)]
    if not lines or len(report.losses) < 2:
        return None
    label = "Loss curves: " + ", ".join(
        f"{line.label} from {number(line.values[0][1])} to {number(line.values[-1][1])}"
        for line in lines
    )
    return joined([element("h3", "Losses"), curves(lines, label, "step")])


def _movement(report: Report) -> Markup | None:
    if not report.movement:
        return None
    moved = [one for one in report.movement if one.moved > 0]
    rows = sorted(moved, key=lambda one: -one.moved)
    top = rows[0].moved if rows else 1.0
    still = len(report.movement) - len(moved)
    return joined(
        [
            element("h3", "How far the weights moved"),
            note(
                "The size of the change of each tensor, relative to the tensor as it came. "
                + plural(still, "tensor is", "tensors are")
                + " unchanged."
            ),
            table(
                "Largest change first",
                ("Tensor", "Moved", f"0 to {_moved(top)}"),
                [
                    (name(one.name), _moved(one.moved), bar(one.moved, top))
                    for one in rows[:MOST_ROWS]
                ],
            )
            if rows
            else None,
            shortened(MOST_ROWS, len(rows), "tensors that moved"),
        ]
    )


def _moved(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"
