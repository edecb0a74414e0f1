"""The results as a page of the documentation."""

from __future__ import annotations

from typing import Any

GOAL_MILLISECONDS = 200

_INTRODUCTION = f"""# How soon the pages are seen

`python -m benchmarks.pages` starts `python -m service api` with a few defenses and a model in it,
and opens each page in headless Chromium on the same machine. *First paint* is the first contentful
paint after the start of the navigation, as the browser tells it, *largest* the largest one; below
{GOAL_MILLISECONDS} ms is the goal. *Empty* is a browser that has never been here; *known* one that
has the files and asks whether they changed. Bytes are all that came, heads of answers included, the
API's answers that the page shows too. The first row is a line of text that comes from no server:
what the browser takes by itself on this machine, under the load that it was measured under. What
a page takes beyond it is the service's and the page's own share.
"""
_HEAD = (
    "| page | first paint, empty | slowest | largest | bytes | requests | first paint, known"
    " | slowest | bytes |\n|---|---|---|---|---|---|---|---|---|"
)


def written(results: dict[str, Any]) -> str:
    """The whole page."""
    about = results["about"]
    load = ", ".join(map(str, about["load"]))
    conditions = (
        f"{about['browser']}, Python {about['python']}, {about['machine']}, {about['date']};"
        f" medians of {about['runs']}, milliseconds. Niceness {about['niceness']}, load average"
        f" {load} at the end. {about['conditions']}".rstrip()
    )
    rows = [_row(row) for row in results["rows"]]
    return "\n".join([_INTRODUCTION, conditions, "", _HEAD, *rows]) + "\n"


def _row(row: dict[str, Any]) -> str:
    empty, known = row["empty"], row["known"]
    cells = [
        row["name"],
        _time(empty["median"]["first"]),
        _time(empty["slowest_first"]),
        _time(empty["median"]["largest"]),
        f"{empty['median']['bytes']:,.0f}",
        f"{empty['median']['requests']:.0f}",
        _time(known["median"]["first"]),
        _time(known["slowest_first"]),
        f"{known['median']['bytes']:,.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.0f}{'' if milliseconds < GOAL_MILLISECONDS else ' ✗'}"
