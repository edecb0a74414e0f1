"""Compares our methods with the rivals, prints a table and writes JSON after every run.

    python -m benchmarks.defense --only small_cnn --images 300 50
    python -m benchmarks.defense --models ../shared/data/badnets --images 2500 500 --seeds 0 1 2 \\
        --backdoorbench ../BackdoorBench --out benchmarks/results/defense.json

Models are those that ``python -m benchmarks.attacks`` made and any folders named with --models;
when folders are named, of those made only what --only names. Times are divided by those of the
first method.

    python -m benchmarks.defense --profile --steps 10    # where the time of ours goes
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.attacks.backdoored import read
from benchmarks.defense import profiling
from benchmarks.defense.machine import about_machine
from benchmarks.defense.plan import Plan, run
from benchmarks.defense.rivals import RIVALS
from benchmarks.defense.rows import Results, Row, read_results
from benchmarks.defense.table import (
    COLUMNS,
    as_text,
    cells,
    number,
    on_clean_models,
    percent,
    summarise,
)
from polarizer.config import PurifyConfig

MODELS = Path("benchmarks/work/models")


def main() -> None:
    """Run what the options name; what is in the file already is kept with --resume."""
    if sys.argv[1:2] == ["--profile"]:
        return profiling.main(sys.argv[2:])
    options = _options()
    plan, results = make_plan(options), open_results(options)
    for folder in find_models(options.models, options.only, options.skip):
        bench = read(folder, options.data)
        print(f"\n{bench.name}: {len(bench.clean)} clean images", flush=True)
        run(plan, folder, bench, results, partial(show, time.monotonic()))
    print(report(results, plan.methods[0]))
    return None


def make_plan(options: argparse.Namespace) -> Plan:
    """The options as a plan; says on the terminal which rival is left out and why."""
    if "official_npd" in options.rivals and not options.backdoorbench:
        print("official_npd is left out: name a checkout of BackdoorBench with --backdoorbench")
    return Plan(
        data=options.data,
        methods=tuple(options.methods),
        rivals=tuple(options.rivals),
        images=tuple(options.images),
        seeds=tuple(options.seeds),
        device=options.device,
        threads=options.threads,
        settings=dict(options.set),
        share=options.rival_share,
        timed=options.time_rivals,
        backdoorbench=options.backdoorbench,
        official_full=options.official_full,
        timeout=options.timeout,
    )


def open_results(options: argparse.Namespace) -> Results:
    """A new file, or with --resume the one that is there."""
    about = about_machine(options.device, options.threads) | {
        "ours": options.methods[0],
        "settings": dict(options.set),
    }
    if options.resume and options.out.exists():
        return Results(options.out, about, read_results(options.out).rows)
    return Results(options.out, about)


def find_models(given: list[Path], only: list[str], skip: list[str]) -> list[Path]:
    """The folders given, and those made: all when none is given, else those that ``only`` names."""
    made = sorted(path.parent for path in MODELS.glob("*/attack.json"))
    if only or given:
        made = [path for path in made if any(part in path.name for part in only)]
    kept = [path for path in made if not any(part in path.name for part in skip)]
    if not kept and not given:
        raise SystemExit(f"no model in {MODELS} fits; make some: python -m benchmarks.attacks")
    return [*kept, *given]


def show(began: float, row: Row) -> None:
    """One line for a finished run."""
    what = row.problem or (
        f"ACC {percent(row.accuracy):>5}  ASR {percent(row.attack_success):>5}  "
        f"R-ACC {percent(row.recovered):>5}  DER {percent(row.effectiveness):>5}  "
        f"{number(row.seconds, '' if row.share >= 1 else '≈'):>6} s  {number(row.megabytes)} MB"
    )
    place = f"{row.defense:14} {row.images:5} images, seed {row.seed}"
    print(f"[{time.monotonic() - began:6.0f} s] {place}: {what}", flush=True)


def report(results: Results, ours: str) -> str:
    """The summaries as text: backdoored models, models without a backdoor, what did not run."""
    parts = []
    groups: list[tuple[str, Callable[..., list[Any]]]] = [
        ("Models with a backdoor", summarise),
        ("Models without one", on_clean_models),
    ]
    for title, summary_of in groups:
        summaries = summary_of(results.rows, ours)
        if summaries:
            parts += ["", title, as_text([COLUMNS, *map(cells, summaries)])]
    problems = sorted({f"{row.defense}, {row.model}: {row.problem}" for row in _failed(results)})
    if problems:
        parts += ["", "Did not run", *problems]
    return "\n".join(parts)


def _failed(results: Results) -> list[Row]:
    return [row for row in results.rows if row.problem]


def default_method() -> str:
    """What ``polarizer.purify`` does when nothing is asked for."""
    return PurifyConfig().method.value


def _setting(text: str) -> tuple[str, object]:
    name, _, value = text.partition("=")
    return name, json.loads(value)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.defense",
        description=(__doc__ or "").partition("\n")[0],
        epilog="--profile as the first argument: where the time of ours goes (--profile --help)",
    )
    add = parser.add_argument
    add("--models", nargs="+", type=Path, default=[], help="folders with models")
    add("--only", nargs="+", default=[], metavar="PART", help="made models with this in the name")
    add("--skip", nargs="+", default=[], metavar="PART", help="but none with this")
    add("--data", type=Path, default=Path("../shared/data"), help="where the images lie")
    add(
        "--methods",
        nargs="+",
        default=[default_method()],
        help="ours; times are divided by the first",
    )
    add("--set", nargs="+", type=_setting, default=[], metavar="NAME=JSON", help="of our methods")
    add("--rivals", nargs="*", choices=RIVALS, default=list(RIVALS))
    add("--rival-share", type=float, default=1.0, help="part of the published epochs or rounds")
    add("--time-rivals", action="store_true", help="measure nothing but the time of such a part")
    add("--images", nargs="+", type=int, default=[2500, 500, 250, 100, 50], help="clean images")
    add("--seeds", nargs="+", type=int, default=[0])
    add("--device", default="cpu")
    add("--threads", type=int, default=torch.get_num_threads())
    add("--backdoorbench", type=Path, help="a checkout of BackdoorBench, for official_npd")
    add("--official-full", action="store_true", help="run all of its epochs instead of timing two")
    add("--timeout", type=float, metavar="SECONDS", help="for one run")
    add("--out", type=Path, default=Path("benchmarks/work/defense.json"))
    add("--resume", action="store_true", help="keep the finished rows of --out")
    options = parser.parse_args()
    if not 0 < options.rival_share <= 1:
        parser.error("--rival-share must be above 0 and at most 1")
    return options


if __name__ == "__main__":
    main()
