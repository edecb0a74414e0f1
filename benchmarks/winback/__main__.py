"""What an attacker who knows the trigger wins back after a repair: ours, and plain fine-tuning.

    python -m benchmarks.winback --small --only held-out-digits-small_cnn
    python -m benchmarks.winback --models ../shared/data/badnets --images 500

Models are those that ``python -m benchmarks.attacks`` made, as far as --only names them, and any
folders named with --models. Each is repaired, then attacked by re-activation (with gradients and
with answers alone) and by retuning; ``none`` is the model as it came. A model made with
``attack="clean"`` never had the backdoor: what its trigger "wins back" is what any network gives.
JSON and the page are written after every attack; attacks that the JSON holds are passed over.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.attacks.backdoored import read
from benchmarks.defense.machine import about_machine
from benchmarks.winback.attacking import ATTACKS, Plan, attacked
from benchmarks.winback.page import write_page
from benchmarks.winback.rows import Row, opened
from polarizer.winback import ReactivationBudget, RetuningBudget

MADE = (Path("benchmarks/work/held-out"), Path("benchmarks/work/models"))
RESULTS = Path("benchmarks/results/winback.json")
PAGE = Path("docs/benchmarks/winback.md")
# What a digits model takes seconds with: fewer steps, nothing asked, fewer images.
SMALL = {"epochs": 20, "triggered": 200, "tuned_on": 200, "images": 300}


def main() -> None:
    """Repairs, attacks, prints and writes."""
    options = _options()
    torch.set_num_threads(options.threads)
    plan = make_plan(options)
    try:
        results = opened(options.out, about_machine(plan.device, options.threads), budget(plan))
    except ValueError as error:
        raise SystemExit(str(error)) from error
    print(" ".join(f"{name:>10}" for name in ("before", "after", "control", "won back", "s")))
    for folder in find(options):
        for row in attacked(plan, folder, read(folder, plan.data), results):
            results.add(row)
            write_page(options.out.parent, options.page)
            print(shown(row), flush=True)


def make_plan(options: argparse.Namespace) -> Plan:
    """The options as a plan; with --small what is not given is small."""
    published = ReactivationBudget()
    usual = {"epochs": published.epochs, "triggered": 1000, "images": 500}
    usual |= {"tuned_on": RetuningBudget().clean}
    sizes = {
        name: getattr(options, name) or (SMALL if options.small else usual)[name] for name in usual
    }
    attacks = options.attacks or [
        attack for attack in ATTACKS if not (options.small and attack == "black-box")
    ]
    return Plan(
        data=options.data,
        defenses=tuple(options.defenses),
        attacks=tuple(attacks),
        images=sizes["images"],
        seeds=tuple(options.seeds),
        triggered=sizes["triggered"],
        reactivation=ReactivationBudget(
            epochs=sizes["epochs"], queries=options.queries or published.queries
        ),
        retuning=RetuningBudget(clean=sizes["tuned_on"]),
        device=options.device,
    )


def budget(plan: Plan) -> dict[str, object]:
    """What the attacker may spend, as it stands in the file."""
    return {
        "bound": plan.reactivation.bound,
        "gradient_steps": plan.reactivation.epochs * plan.reactivation.steps,
        "queries": plan.reactivation.queries,
        "retuning": asdict(plan.retuning),
    }


def find(options: argparse.Namespace) -> Iterator[Path]:
    """Folders that were made and named, then those given; without either all that were made."""
    made = sorted(path.parent for parent in MADE for path in parent.glob("*/attack.json"))
    fitting = [path for path in made if any(part in path.name for part in options.only)]
    if not options.only and not options.models:
        fitting = made
    if not fitting and not options.models:
        raise SystemExit("no model fits; make some with benchmarks.attacks, and name them: --only")
    yield from [*fitting, *options.models]


def shown(row: Row) -> str:
    """One line for a finished attack."""
    shares = (row.asr_before, row.asr_after, row.control, row.won_back)
    numbers = " ".join(f"{100 * share:10.1f}" for share in shares)
    return f"{numbers} {row.seconds:10.1f}  {row.model} {row.defense} {row.attack} seed {row.seed}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.winback", description=(__doc__ or "").partition("\n")[0]
    )
    add = parser.add_argument
    add("--only", nargs="+", default=[], metavar="PART", help="made models with this in the name")
    add("--models", type=Path, nargs="+", default=[], help="further folders")
    add("--data", type=Path, default=Path("../shared/data"), help="their images")
    add("--small", action="store_true", help=f"{SMALL}, and no black box, where not given")
    add("--defenses", nargs="*", default=list(Plan(Path()).defenses))
    add("--attacks", nargs="+", choices=ATTACKS)
    add("--images", type=int, help="clean images of the defender")
    add("--seeds", nargs="+", type=int, default=[0])
    add("--triggered", type=int, help="triggered images used")
    add("--epochs", type=int, help="of 5 gradient steps")
    add("--queries", type=int)
    add("--tuned-on", type=int, help="clean images of the attacker")
    add("--device", default="cpu")
    add("--threads", type=int, default=1)
    add("--out", type=Path, default=RESULTS)
    add("--page", type=Path, default=PAGE)
    return parser.parse_args()


if __name__ == "__main__":
    main()
