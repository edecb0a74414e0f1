"""What an attacker who knows the trigger wins back after a repair: ours, and plain fine-tuning.

    python -m benchmarks.winback --models ../shared/data/badnets --images 500

Models are the folders under benchmarks/work/models (of ``python -m benchmarks.attacks``) and those
named. Each is repaired, then attacked by re-activation (with gradients and with answers alone) and
by retuning; ``none`` is the model as it came. A model made with ``attack="clean"`` never had the
backdoor: what its trigger "wins back" is what any network gives. JSON is written after every line.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.attacks.backdoored import Backdoored, read
from benchmarks.defense.draws import draw
from benchmarks.defense.job import Job, defend
from benchmarks.defense.machine import about_machine
from polarizer.classifier import Classifier
from polarizer.images import LabelledImages
from polarizer.winback import ReactivationBudget, RetuningBudget, reactivate, retune

MODELS = Path("benchmarks/work/models")
NOTHING = "none"
ATTACKS = ("white-box", "black-box", "retuning")


@dataclass(frozen=True)
class Row:
    """Shares in [0, 1]. ``control``: a perturbation that was searched without the trigger, or a
    trigger that was never seen, taught in the same way."""

    model: str
    defense: str
    attack: str
    images: int
    seed: int
    asr_before: float
    asr_after: float
    control: float
    won_back: float
    measured_on: int
    seconds: float


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    rows: list[Row] = []
    print(" ".join(f"{name:>10}" for name in ("before", "after", "control", "won back", "s")))
    for folder in [*sorted(path.parent for path in MODELS.glob("*/attack.json")), *options.models]:
        if options.only and not any(part in folder.name for part in options.only):
            continue
        for row in attacked(folder, options):
            rows.append(row)
            show(row)
            write(rows, options)


def attacked(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """Every defense of one model, and every attack on it."""
    bench = read(folder, options.data)
    chosen = torch.randperm(len(bench.triggered), generator=torch.Generator().manual_seed(0))
    chosen = chosen[: options.triggered]
    triggered, targets = bench.triggered.select(chosen), bench.targets[chosen]
    for seed in options.seeds:
        clean = draw(bench.clean, options.images, seed)
        for defense in (NOTHING, *options.defenses):
            repaired = repair(folder, bench, clean, defense, seed, options)
            for attack in options.attacks:
                yield measure(bench, repaired, attack, triggered, targets, options, defense, seed)


def repair(
    folder: Path,
    bench: Backdoored,
    clean: LabelledImages,
    defense: str,
    seed: int,
    options: argparse.Namespace,
) -> Classifier:
    if defense == NOTHING:
        return bench.classifier
    job = Job(str(folder), str(options.data), defense, options.images, seed, options.device)
    outcome = defend(job, bench.classifier, clean, torch.device(options.device))
    if outcome.classifier is None:
        raise SystemExit(f"{defense} gives no classifier: {outcome.note}")
    return outcome.classifier


def measure(
    bench: Backdoored,
    classifier: Classifier,
    attack: str,
    triggered: LabelledImages,
    targets: Tensor,
    options: argparse.Namespace,
    defense: str,
    seed: int,
) -> Row:
    """One attack; the attacker's clean images are the defender's, the others are test images."""
    target = int(targets[0]) if bool((targets == targets[0]).all()) else targets
    generator, began = torch.Generator().manual_seed(seed), time.perf_counter()
    if attack == "retuning":
        found = retune(
            classifier,
            bench.clean,
            triggered,
            target,
            budget=RetuningBudget(clean=options.tuned_on),
            device=options.device,
            generator=generator,
        )
        control = found.new_trigger
    else:
        found = reactivate(
            classifier,
            triggered,
            bench.test.select(torch.arange(min(len(bench.test), 2 * options.triggered))),
            target,
            budget=ReactivationBudget(epochs=options.epochs, queries=options.queries),
            access=attack,
            device=options.device,
            generator=generator,
        )
        control = found.control
    return Row(
        model=bench.name,
        defense=defense,
        attack=attack,
        images=options.images,
        seed=seed,
        asr_before=found.asr_before,
        asr_after=found.asr_after,
        control=control,
        won_back=found.won_back,
        measured_on=found.measured_on,
        seconds=time.perf_counter() - began,
    )


def show(row: Row) -> None:
    shares = (row.asr_before, row.asr_after, row.control, row.won_back)
    numbers = " ".join(f"{100 * share:10.1f}" for share in shares)
    what = f"{row.model} {row.defense} {row.attack} seed {row.seed}"
    print(f"{numbers} {row.seconds:10.1f}  {what}", flush=True)


def write(rows: list[Row], options: argparse.Namespace) -> None:
    budget = {
        "bound": ReactivationBudget().bound,
        "gradient_steps": options.epochs * ReactivationBudget().steps,
        "queries": options.queries,
        "retuning": asdict(RetuningBudget(clean=options.tuned_on)),
    }
    content = {
        "benchmark": "winback",
        "about": about_machine(options.device, options.threads),
        "budget": budget,
        "rows": [asdict(row) for row in rows],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(content, indent=1) + "\n")


def _options() -> argparse.Namespace:
    published = ReactivationBudget()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=Path, nargs="*", default=[], help="further folders")
    parser.add_argument("--only", nargs="*", default=[], help="models whose folder's name has this")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="their images")
    parser.add_argument("--defenses", nargs="*", default=["stage", "ft"])
    parser.add_argument("--attacks", nargs="+", choices=ATTACKS, default=list(ATTACKS))
    parser.add_argument("--images", type=int, default=500, help="clean images of the defender")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--triggered", type=int, default=1000, help="triggered images used")
    parser.add_argument("--epochs", type=int, default=published.epochs, help="of 5 gradient steps")
    parser.add_argument("--queries", type=int, default=published.queries)
    parser.add_argument("--tuned-on", type=int, default=RetuningBudget().clean)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, default=Path("benchmarks/work/winback.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
