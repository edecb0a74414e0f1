"""How often the verdict of trigger-free evidence is wrong, on clean and on backdoored models.

    python -m benchmarks.evidence --json docs/benchmarks/evidence.json

Trains small CNNs on digits (20 clean ones, and ten attacks twice), repairs each with the default
settings, examines it, and compares the verdict with the attack's success, which the examination
never sees. Models and rows that lie in the work folder already are kept, so the command may be
stopped and started again; ``--most`` ends it early. ``--models`` examines backdoored classifiers
that ``benchmarks.attacks`` has made instead, or the shared one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from benchmarks.attacks.attack import ATTACKS
from benchmarks.attacks.backdoored import Backdoored, read
from benchmarks.attacks.making import Maker
from benchmarks.attacks.plan import Plan
from benchmarks.attacks.suites import digits
from benchmarks.attacks.training import Machine
from polarizer.config import PurifyConfig
from polarizer.evidence import ClassEvidence, examine
from polarizer.evidence.verdict import GREW, STANDS_OUT_BEFORE, verdict_of
from polarizer.metrics import predict
from polarizer.purification import purify

CLEAN_SEEDS = range(20)
ATTACK_SEEDS = range(2)
GONE, LEFT = 0.1, 0.2
VERDICTS = ("no-evidence-found", "closed", "weaker", "still-open", "inconclusive")


@dataclass(frozen=True)
class Row:
    """One model: what is true of it, and what the examination says. Shares in [0, 1].

    ``classes`` are the numbers of :class:`ClassEvidence`, so that other thresholds need no new
    run. Seconds are of the processor.
    """

    name: str
    attack: str
    target: int | str
    accuracy: tuple[float, float]
    attack_success: tuple[float, float]
    classes: tuple[dict[str, float], ...]
    bound: float
    control: tuple[float, float, float]
    purify_seconds: float
    examine_seconds: float

    @property
    def truth(self) -> str:
        """Which row of the table the model belongs to."""
        if self.attack == "clean":
            return "clean"
        if self.attack_success[1] <= GONE:
            return "repaired"
        return "left" if self.attack_success[1] > LEFT else "in between"

    @property
    def judged(self) -> tuple[str, list[int]]:
        """The verdict with the present thresholds, and the suspects."""
        verdict, suspects = verdict_of([ClassEvidence(**one) for one in self.classes], self.bound)
        return verdict.value, suspects

    @property
    def of_target(self) -> dict[str, float]:
        """The numbers of the target class, if there is one."""
        return next((one for one in self.classes if one["label"] == self.target), {})

    def highest(self, name: str) -> float:
        """Of all classes."""
        return max(one[name] for one in self.classes)


def main() -> None:
    """Make, repair, examine; then print the tables."""
    options = _options()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    rows = []
    for backdoored, target in _suspects(options):
        kept = options.work / f"{backdoored.name}.json"
        if not kept.exists():
            row = measured(backdoored, target, options.clean)
            kept.write_text(json.dumps(asdict(row)))
        rows.append(Row(**json.loads(kept.read_text())))
        row = rows[-1]
        print(
            f"{row.name:42} ASR {row.attack_success[0]:.2f} → {row.attack_success[1]:.2f} "
            f"{row.judged}",
            flush=True,
        )
    print("\n".join(tables(rows)))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def plans() -> Iterator[Plan]:
    """Clean and backdoored models in turn, each backdoored one with another target class."""
    small = {plan.attack.name: plan for plan in digits() if "small_cnn" in plan.name}
    attacks = [name for name in ATTACKS if name != "clean"]
    backdoored = [(name, seed) for seed in ATTACK_SEEDS for name in attacks]
    for number, (name, seed) in enumerate(backdoored):
        if number in CLEAN_SEEDS:
            yield _seeded(small["clean"], number, 0)
        yield _seeded(small[name], seed, number % 10)


def _seeded(plan: Plan, seed: int, target: int) -> Plan:
    attack = plan.attack
    if attack.name != "clean" and attack.target != "next":
        attack = replace(attack, target=target)
    recipe = replace(plan.recipe, epochs=12)
    return replace(plan, name=f"{plan.name}-{seed}", seed=seed, attack=attack, recipe=recipe)


def _suspects(options: argparse.Namespace) -> Iterator[tuple[Backdoored, int | str]]:
    for folder in options.models:
        backdoored = read(folder, options.data)
        common = int(backdoored.targets.mode().values)
        yield backdoored, common if bool((backdoored.targets == common).all()) else "next"
    if not options.models:
        maker = Maker(options.work, options.data, Machine(torch.device("cpu"), None))
        for _, plan in zip(range(options.most), plans(), strict=False):
            if not (options.work / plan.name / "attack.json").exists():
                maker.make(plan)
            yield read(options.work / plan.name, options.data), plan.attack.target


def measured(backdoored: Backdoored, target: int | str, clean_images: int) -> Row:
    """Repair and examine one model. The trigger is only used to say what is true."""
    chosen = torch.randperm(len(backdoored.clean), generator=torch.Generator().manual_seed(0))[
        :clean_images
    ]
    clean = backdoored.clean.select(chosen)
    base = backdoored.classifier
    began = time.process_time()
    purification = purify(base, clean, PurifyConfig())
    between = time.process_time()
    search, _ = clean.split(PurifyConfig().holdout, torch.Generator().manual_seed(0))
    found = examine(base, purification.classifier, backdoored.test, search=search)
    ended = time.process_time()
    both = (base, purification.classifier)
    right = [(predict(model, backdoored.test) == backdoored.test.labels) for model in both]
    hit = [(predict(model, backdoored.triggered) == backdoored.targets) for model in both]
    control = found.control
    return Row(
        name=backdoored.name,
        attack=backdoored.attack,
        target=target,
        accuracy=_shares(right),
        attack_success=_shares(hit),
        classes=tuple(_numbers(one) for one in found.classes),
        bound=found.bound,
        control=(control.flips_before, control.flips_after, control.new_flips),
        purify_seconds=round(between - began, 2),
        examine_seconds=round(ended - between, 2),
    )


def tables(rows: list[Row]) -> Iterator[str]:
    """Markdown: verdicts by truth, thresholds by false alarms and hits, attack by attack."""
    yield "\n| what is true | models | " + " | ".join(VERDICTS) + " |"
    yield "|---|---|" + "---|" * len(VERDICTS)
    for truth in ("clean", "repaired", "in between", "left"):
        group = [row for row in rows if row.truth == truth]
        counts = [sum(row.judged[0] == verdict for row in group) for verdict in VERDICTS]
        yield f"| {truth} | {len(group)} | " + " | ".join(map(str, counts)) + " |"
    clean = [row for row in rows if row.truth == "clean"]
    bad = [row for row in rows if row.truth != "clean" and row.of_target]
    yield "\n| number | threshold | clean models above | backdoored: target class above |"
    yield "|---|---|---|---|"
    for name, thresholds in (
        ("anomaly_before", (1.0, 1.5, 2.0, STANDS_OUT_BEFORE, 3.0)),
        ("gain", (0.2, 0.3, GREW, 0.5)),
    ):
        for threshold in thresholds:
            alarms = sum(row.highest(name) >= threshold for row in clean)
            hits = sum(row.of_target[name] >= threshold for row in bad)
            yield f"| {name} | {threshold} | {alarms} of {len(clean)} | {hits} of {len(bad)} |"
    yield "\n| model | ASR before | after | surrogate before | after | verdict | suspects |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        if row.truth != "clean":
            flips = [row.of_target.get(name) for name in ("flips_before", "flips_after")]
            shown = " | ".join("–" if share is None else f"{share:.2f}" for share in flips)
            success = " | ".join(f"{share:.2f}" for share in row.attack_success)
            verdict, suspects = row.judged
            named = ", ".join(map(str, suspects)) or "–"
            yield f"| {row.name} | {success} | {shown} | {verdict} | {named} |"


def _numbers(one: ClassEvidence) -> dict[str, float]:
    return {name: round(value, 3) for name, value in asdict(one).items()}


def _shares(hits: list[torch.Tensor]) -> tuple[float, float]:
    before, after = (round(hit.float().mean().item(), 4) for hit in hits)
    return before, after


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.evidence", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--work", type=Path, default=Path("benchmarks/work/evidence"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="shared images")
    parser.add_argument("--models", type=Path, nargs="+", default=[], help="folders of models")
    parser.add_argument("--clean", type=int, default=200, help="clean images to repair with")
    parser.add_argument("--most", type=int, default=1000, help="how many digits models at most")
    parser.add_argument("--json", type=Path, help="write all rows there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
