"""Makes docs/benchmarks/serving.md from the committed results.

python -m benchmarks.serving.page
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.serving.cases import CASES
from benchmarks.serving.measure import Row
from benchmarks.serving.table import Figure, figures, medians
from benchmarks.serving.wording import INTRODUCTION, explained

PAGE = Path("docs/benchmarks/serving.md")
RESULTS = Path("benchmarks/results/serving.json")


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    page = written(json.loads(options.results.read_text()))
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(page)
    print(f"wrote {options.page}")


def written(results: dict[str, Any]) -> str:
    """The whole page."""
    rows = [Row(**row) for row in results["rows"]]
    found = figures(rows, results["memory"])
    parts = [
        INTRODUCTION,
        "## Conditions",
        "",
        conditions(results["about"]),
        "",
        "## Figures",
        "",
        *figure_table(found),
        "",
        *explained(found, rows),
        *not_measured(results["problems"] | not_reached(rows, results["memory"])),
        "## Every measurement",
        "",
        "Medians of the rounds. `offered` is an open loop's rate; without it the loop is closed.",
        "",
        *row_table(medians(rows)),
        "",
        *memory_section(results["memory"]),
    ]
    return "\n".join(parts).rstrip() + "\n"


def conditions(about: dict[str, Any]) -> str:
    """On what, with which settings, and what else ran."""
    rivals = ", ".join(f"{name} {version}" for name, version in about["rivals"].items())
    text = (
        f"{about['processor']}, {about['cores']} cores, torch {about['torch']}, Python"
        f" {about['python']}, {about['day']}; servers on cores {about['server_cores']}, the load"
        f" generator on {about['load_cores']}; {about['threads']} thread(s) compute in each server."
        f" {about['rounds']} rounds of {about['seconds']:g} s each, the servers in turn;"
        f" {about['clients']} clients with one row a request. Rivals: {rivals or 'none'}; their"
        f" batcher waits {about['rival_wait_ms']} ms."
        f" Niceness {about['niceness']}, load average {about['load_average_before']} before and"
        f" {about['load_average_after']} after, {about['minutes']} minutes in all."
    )
    return f"{text} {about['conditions']}".strip()


def figure_table(found: Sequence[Figure]) -> list[str]:
    """A line a figure, a column a model."""
    models = [model for model in dict.fromkeys(one.model for one in found) if model]
    cells: dict[str, dict[str, str]] = {}
    goals: dict[str, list[str]] = {}
    for one in found:
        mark = "" if one.is_reached else " ✗"
        cells.setdefault(one.what, {})[one.model] = f"{one.value:.2f}{mark}"
        if one.goal not in goals.setdefault(one.what, []):
            goals[one.what].append(one.goal)
    by_model = {what: own for what, own in cells.items() if "" not in own}
    of_service = {what: own[""] for what, own in cells.items() if "" in own}
    head = ("", "to reach", *models)
    body = [
        (what, "; ".join(goals[what]), *(own.get(model, "–") for model in models))
        for what, own in by_model.items()
    ]
    lines = [*table(head, body), ""] if body else []
    if of_service:
        others = [(what, goals[what][0], value) for what, value in of_service.items()]
        lines += table(("", "to reach", "measured"), others)
    return [*lines, "", "✗: missed. Where two goals stand, the first is the small CNN's."]


def not_reached(rows: Sequence[Row], memory: dict[str, float]) -> dict[str, str]:
    """What a run that was cut short, or a quick one, leaves out."""
    measured = {row.model for row in rows}
    missing = [case.name for case in CASES if case.name not in measured]
    if "engine_before_mb" not in memory:
        missing.append("memory after loading and unloading")
    return dict.fromkeys(missing, "this run did not come to it")


def not_measured(problems: dict[str, str]) -> list[str]:
    """Which server is missing, and why."""
    if not problems:
        return []
    told = [f"- {what}: {' '.join(why.split())[-300:]}" for what, why in problems.items()]
    return ["## Not measured", "", *told, ""]


def row_table(rows: Sequence[Row]) -> list[str]:
    """Every measurement."""
    head = (
        "model",
        "server",
        "rows",
        "offered/s",
        "rows/s",
        "p50 ms",
        "p99 ms",
        "CPU ms/row",
        "failed",
    )
    return table(
        head,
        [
            (
                *(row.model, row.server, str(row.rows)),
                f"{row.offered:.0f}" if row.offered else "",
                *(f"{row.rows_per_second:,.0f}" if row.rows_per_second >= 100 else
                  f"{row.rows_per_second:.1f}",),
                *(f"{row.p50_ms:.1f}", f"{row.p99_ms:.1f}", f"{row.cpu_ms_per_row:.3f}"),
                str(row.failed),
            )
            for row in rows
        ],
    )  # fmt: skip


def memory_section(memory: dict[str, float]) -> list[str]:
    """Megabytes."""
    if not memory:
        return []
    body = [(name.replace("_", " "), f"{value:.0f}") for name, value in memory.items()]
    return ["## Memory, MB (1e6 bytes)", "", *table(("", ""), body)]


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *body]
    return [f"| {' | '.join(line)} |" for line in lines]


if __name__ == "__main__":
    main()
