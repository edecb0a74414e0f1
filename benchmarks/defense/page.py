"""Makes docs/benchmarks/defense.md and its pictures from the committed results.

python -m benchmarks.defense.page
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.defense import pictures
from benchmarks.defense.markdown import (
    clean_table,
    model_table,
    problems,
    profile_section,
    reported_section,
    strangers_section,
    table,
)
from benchmarks.defense.rows import NO_BACKDOOR, NOTHING, Results, Row, read_results
from benchmarks.defense.table import COLUMNS, Summary, cells, on_clean_models, summarise
from benchmarks.defense.wording import INTRODUCTION, RIVALS

PAGE = Path("docs/benchmarks/defense.md")
RESULTS = Path("benchmarks/results")


def main() -> None:
    """Write the page and the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    print(f"wrote {write_page(options.results, options.page)}")


def write_page(folder: Path, page: Path) -> Path:
    """The page of all ``defense*.json`` and ``profile*.json`` in ``folder``; pictures beside it."""
    parts = [INTRODUCTION]
    for path in sorted(folder.glob("defense*.json")):
        parts += section(read_results(path), page.parent)
    strangers = folder / "strangers.json"
    if strangers.exists():
        parts += strangers_section(json.loads(strangers.read_text()))
    parts.append(RIVALS)
    for path in sorted(folder.glob("profile*.json")):
        content = json.loads(path.read_text())
        picture = page.parent / f"defense-{path.stem}.svg"
        pictures.growth(content["cases"], picture)
        parts += profile_section(content, picture.name)
    parts += reported_section()
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(parts).rstrip() + "\n")
    return page


def section(results: Results, folder: Path) -> list[str]:
    """What one file of results says: averages, pictures, every model, what did not run."""
    name, ours = results.path.stem, results.about["ours"]
    rows = results.rows
    summaries = summarise(rows, ours)
    parts = [f"## {title(results)}", "", about(results), ""]
    for images in dict.fromkeys(one.images for one in summaries):
        chosen = [one for one in summaries if one.images == images]
        parts += [
            f"### {images:,} clean images",
            "",
            *table(COLUMNS[1:], _without_size(chosen)),
            "",
        ]
        parts += draw_pictures(rows, images, f"{name}-{images}", folder)
    if len({one.images for one in summaries}) > 1:
        parts += draw_lines(summaries, name, folder)
    unharmed = on_clean_models(rows, ours)
    if unharmed:
        parts += ["### Models without a backdoor", "", *clean_table(unharmed), ""]
    return [*parts, "### Every model", "", *model_table(rows), "", *problems(rows)]


def title(results: Results) -> str:
    """A heading that says how much was measured."""
    backdoored = {row.model for row in results.rows if row.attack != NO_BACKDOOR}
    seeds = {row.seed for row in results.rows if row.defense != NOTHING}
    size = results.path.stem.removeprefix("defense").strip("-") or "all"
    return f"{size.capitalize()} table: {len(backdoored)} backdoored models, {len(seeds)} seeds"


def about(results: Results) -> str:
    """On what, with which settings."""
    told = results.about
    device = "" if told["device"] == "cpu" else f"{told['device']}, "
    text = (
        f"{device}{told['processor']}, {told['threads']} threads, torch {told['torch']}, "
        f"{told['day']}. Ours: `{told['ours']}`"
    )
    if told.get("settings"):
        text += f" with `{json.dumps(told['settings'])}`"
    for images, share in sorted({(row.images, row.share) for row in results.rows if _cut(row)}):
        text += f". At {images:,} images rivals did {100 * share:.0f} % of the published work"
    return f"{text}."


def draw_pictures(rows: Sequence[Row], images: int, stem: str, folder: Path) -> list[str]:
    """Two pictures of one clean-set size, and the lines that show them."""
    trade_off, seconds = folder / f"{stem}-trade-off.svg", folder / f"{stem}-seconds.svg"
    heading = f"{images:,} clean images"
    pictures.success_against_accuracy(rows, images, heading, trade_off)
    pictures.seconds_by_defense(rows, images, heading, seconds)
    return [
        f"![attack success left against accuracy lost, {heading}]({trade_off.name})",
        f"![seconds of each defense, {heading}]({seconds.name})",
        "",
    ]


def draw_lines(summaries: Sequence[Summary], name: str, folder: Path) -> list[str]:
    """How the averages and the worst cases depend on the number of clean images."""
    lost, worst = folder / f"{name}-lost.svg", folder / f"{name}-worst.svg"
    pictures.against_images(
        summaries, lambda one: one.accuracy_lost, "accuracy lost, points, average", lost
    )
    pictures.against_images(
        summaries, lambda one: one.worst_attack_success, "attack success left, %, worst", worst
    )
    return [
        "### Fewer clean images",
        "",
        f"![accuracy lost against clean images]({lost.name})",
        f"![worst attack success left against clean images]({worst.name})",
        "",
    ]


def _cut(row: Row) -> bool:
    return row.share < 1 and row.accuracy is not None and not row.problem


def _without_size(summaries: Sequence[Summary]) -> list[tuple[str, ...]]:
    return [(f"`{one.defense}`", *cells(one)[2:]) for one in summaries]


if __name__ == "__main__":
    main()
