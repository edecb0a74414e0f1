"""What a network without a backdoor makes of the triggers of the others.

    python -m benchmarks.defense.strangers --stranger FOLDER --models FOLDER ...

A strong trigger changes what any network sees: some of the images that carry it get the class that
the attacker wants from networks that never saw it, and fewer keep their own. No repair can be asked
for more than that, so it is measured, and stands beside what the repairs reach.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.attacks.backdoored import Backdoored, read
from benchmarks.defense.machine import about_machine
from polarizer.classifier import Classifier
from polarizer.metrics import accuracy, predict

OUT = Path("benchmarks/results/strangers.json")


@dataclass(frozen=True)
class Answers:
    """Shares in [0, 1] of the triggered images of ``model``: the class wanted and the true one, by
    ``model`` itself and by the network ``stranger``, which never saw the trigger."""

    model: str
    attack: str
    stranger: str
    attack_success: float
    recovered: float
    by_stranger: float
    recovered_by_stranger: float


def main() -> None:
    """Measure, print and write."""
    options = _options()
    torch.set_num_threads(options.threads)
    stranger = read(options.stranger, options.data)
    victims = (read(folder, options.data) for folder in options.models)
    answers = []
    for one in compare(stranger, victims):
        answers.append(asdict(one))
        print(
            f"{one.model:40} ASR {100 * one.attack_success:5.1f}, by {one.stranger} "
            f"{100 * one.by_stranger:5.1f} (R-ACC {100 * one.recovered_by_stranger:.1f})",
            flush=True,
        )
    about = about_machine("cpu", options.threads)
    content = {"about": about, "answers": _kept(options.out, stranger.name) + answers}
    options.out.write_text(json.dumps(content, indent=1) + "\n")


def compare(stranger: Backdoored, victims: Iterable[Backdoored]) -> Iterable[Answers]:
    """The triggers of ``victims`` on themselves and on ``stranger``, which takes the same images.

    Raises :class:`ValueError` where it does not.
    """
    for victim in victims:
        if stranger.classifier.spec != victim.classifier.spec:
            raise ValueError(f"{stranger.name} and {victim.name} take different images")
        own, others = _shares(victim.classifier, victim), _shares(stranger.classifier, victim)
        yield Answers(victim.name, victim.attack, stranger.name, *own, *others)


def _kept(path: Path, stranger: str) -> list[dict[str, Any]]:
    """What ``path`` holds of other strangers."""
    before = json.loads(path.read_text())["answers"] if path.exists() else []
    return [one for one in before if one["stranger"] != stranger]


def _shares(network: Classifier, victim: Backdoored) -> tuple[float, float]:
    predicted = predict(network, victim.triggered)
    wanted = (predicted == victim.targets).float().mean().item()
    return wanted, accuracy(predicted, victim.triggered.labels)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stranger", type=Path, required=True, help="a folder without a backdoor")
    parser.add_argument("--models", type=Path, nargs="+", required=True, help="folders with one")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


if __name__ == "__main__":
    main()
