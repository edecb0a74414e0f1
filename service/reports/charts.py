"""Small drawings in SVG. Their numbers always stand beside them as text, so readers of the page
that see no drawing lose nothing; shapes and dashes tell apart what colours tell apart too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.reports.markup import Markup, element, joined
from service.reports.wording import number

WIDTH, HEIGHT = 150, 18
_EDGE = 6
_DASHES = (None, "6 3", "2 3", "9 3 2 3", "1 5")


@dataclass(frozen=True)
class Line:
    """``values``: (x, y), x rising."""

    label: str
    values: Sequence[tuple[float, float]]


def span(before: float, after: float, top: float) -> Markup:
    """From 0 to ``top``: a ring where it was, a dot where it is, a line between."""
    xs = [
        _EDGE + (WIDTH - 2 * _EDGE) * min(1.0, value / top if top else 0)
        for value in (before, after)
    ]
    middle = HEIGHT / 2
    return element(
        "svg",
        _stroke("axis", _EDGE, middle, WIDTH - _EDGE, middle),
        _stroke("way", xs[0], middle, xs[1], middle),
        element("circle", class_="was", cx=_short(xs[0]), cy=_short(middle), r=4.5),
        element("circle", class_="is", cx=_short(xs[1]), cy=_short(middle), r=4.5),
        **_hidden("span"),
        width=WIDTH,
        height=HEIGHT,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
    )


def bar(value: float, top: float) -> Markup:
    """From 0 to ``top``."""
    long = (WIDTH - 2 * _EDGE) * min(1.0, value / top if top else 0)
    return element(
        "svg",
        element("rect", class_="bar", x=_EDGE, y=4, width=_short(long), height=10, rx=2),
        _stroke("axis", _EDGE, 2, _EDGE, HEIGHT - 2),
        **_hidden("span"),
        width=WIDTH,
        height=HEIGHT,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
    )


def curves(lines: Sequence[Line], label: str, across: str) -> Markup:
    """Lines over a common axis from 0, with a legend and the ends of both axes as text."""
    points = [point for line in lines for point in line.values]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(0.0, *(y for _, y in points)), max(0.0, *(y for _, y in points))
    wide, tall = right - left or 1.0, high - low or 1.0

    def placed(line: Line) -> str:
        return " ".join(
            f"{_short(1000 * (x - left) / wide)},{_short(300 - 300 * (y - low) / tall)}"
            for x, y in line.values
        )

    drawn = [
        element("polyline", class_=f"line line{i}", points=placed(line), **_dashed(i))
        for i, line in enumerate(lines)
    ]
    legend = [
        element(
            "li",
            _sample(i),
            line.label,
            f" {number(line.values[0][1])} → ",
            number(line.values[-1][1]),
        )
        for i, line in enumerate(lines)
    ]
    return joined(
        [
            element("ul", *legend, class_="legend"),
            element(
                "div",
                element(
                    "div",
                    element("span", number(high)),
                    element("span", number(low)),
                    class_="upward",
                    aria_hidden="true",
                ),
                element(
                    "svg",
                    *drawn,
                    class_="curves",
                    viewBox="0 0 1000 300",
                    role="img",
                    preserveAspectRatio="none",
                    aria_label=label,
                ),
                element(
                    "div",
                    element("span", f"{across} {number(left, 6)}"),
                    element("span", number(right, 6)),
                    class_="across",
                    aria_hidden="true",
                ),
                class_="plot",
            ),
        ]
    )


def _sample(index: int) -> Markup:
    """A piece of the line, for the legend."""
    line = element("line", class_=f"line line{index}", x1=0, y1=6, x2=34, y2=6, **_dashed(index))
    return element("svg", line, width=34, height=12, viewBox="0 0 34 12", **_hidden("sample"))


def _stroke(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return element("line", class_=kind, x1=_short(x1), y1=_short(y1), x2=_short(x2), y2=_short(y2))


def _dashed(index: int) -> dict[str, str | None]:
    return {"stroke_dasharray": _DASHES[index % len(_DASHES)]}


def _hidden(kind: str) -> dict[str, str | None]:
    return {"class_": kind, "aria_hidden": "true", "focusable": "false"}


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
