"""Repairs a BadNets model with both methods and three sizes of clean set.

    python -m benchmarks.badnets ../shared/data

The folder holds ``badnets/model.safetensors``, ``badnets/model.json``, ``cifar10-clean-2500.npz``
and ``cifar10-test-3000.npz``. The trigger is a white 3x3 square at the bottom right, the target is
class 0. Test images are reported on and choose nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from polarizer.architectures import build
from polarizer.classifier import Classifier
from polarizer.config import PurifyConfig
from polarizer.description import ModelDescription
from polarizer.images import LabelledImages
from polarizer.metrics import (
    accuracy,
    attack_success_rate,
    defense_effectiveness,
    predict,
    recovered_accuracy,
)
from polarizer.purification import purify

TARGET = 0
COLUMNS = ("method", "images", "seed", "accuracy", "attack_success", "recovered", "der", "seconds")


@dataclass(frozen=True)
class Row:
    """One line of the table; shares in [0, 1]."""

    method: str
    images: int
    seed: int
    accuracy: float
    attack_success: float
    recovered: float
    der: float
    seconds: float


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    base = read_classifier(options.data / "badnets")
    clean = read_images(options.data / "cifar10-clean-2500.npz")
    test = read_images(options.data / "cifar10-test-3000.npz")
    triggered = with_trigger(test)
    before = measure(base, test, triggered)
    rows = [Row("none", 0, 0, *before, der=0.5, seconds=0.0)]
    print("  ".join(f"{column:>14}" for column in COLUMNS))
    show(rows[0])
    for method in options.methods:
        for count in options.images:
            config = PurifyConfig(method=method, seed=options.seed, **dict(options.set))
            rows.append(repair(base, first_of_each_class(clean, count), config, before, test))
            show(rows[-1])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(as_report(rows, options), indent=2) + "\n")


def repair(
    base: Classifier,
    clean: LabelledImages,
    config: PurifyConfig,
    before: tuple[float, float, float],
    test: LabelledImages,
) -> Row:
    """Purify once and measure; the seconds are those of the purification alone."""
    result = purify(base, clean, config)
    after = measure(result.classifier, test, with_trigger(test))
    der = defense_effectiveness(
        accuracy_before=before[0],
        attack_success_before=before[1],
        accuracy_after=after[0],
        attack_success_after=after[1],
    )
    return Row(config.method, len(clean), config.seed, *after, der=der, seconds=result.seconds)


def measure(
    classifier: Classifier, test: LabelledImages, triggered: LabelledImages
) -> tuple[float, float, float]:
    """ACC, ASR, R-ACC."""
    on_clean, on_triggered = predict(classifier, test), predict(classifier, triggered)
    return (
        accuracy(on_clean, test.labels),
        attack_success_rate(on_triggered, triggered.labels, TARGET),
        recovered_accuracy(on_triggered, triggered.labels, TARGET),
    )


def read_classifier(folder: Path) -> Classifier:
    description = ModelDescription.model_validate_json((folder / "model.json").read_text())
    network = build(description.architecture)
    network.load_state_dict(load_file(folder / "model.safetensors"))
    return Classifier(network, description.input)


def read_images(path: Path) -> LabelledImages:
    with np.load(path) as arrays:
        images = torch.from_numpy(arrays["images"]).permute(0, 3, 1, 2).contiguous()
        return LabelledImages(images, torch.from_numpy(arrays["labels"]))


def with_trigger(images: LabelledImages) -> LabelledImages:
    others = images.select(images.labels != TARGET)
    others.images[:, :, 29:32, 29:32] = 255
    return others


def first_of_each_class(images: LabelledImages, count: int) -> LabelledImages:
    classes = torch.unique(images.labels)
    each = count // len(classes)
    chosen = [torch.nonzero(images.labels == label).flatten()[:each] for label in classes]
    return images.select(torch.cat(chosen))


def show(row: Row) -> None:
    cells = [
        f"{value:.4f}" if isinstance(value, float) else value for value in asdict(row).values()
    ]
    print("  ".join(f"{cell:>14}" for cell in cells), flush=True)


def as_report(rows: list[Row], options: argparse.Namespace) -> dict[str, object]:
    return {
        "benchmark": "badnets",
        "torch": torch.__version__,
        "machine": platform.machine(),
        "threads": options.threads,
        "set": dict(options.set),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "rows": [asdict(row) for row in rows],
    }


def _setting(text: str) -> tuple[str, object]:
    name, _, value = text.partition("=")
    return name, json.loads(value)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder with the models and images")
    parser.add_argument("--methods", nargs="+", default=["stage", "npd"])
    parser.add_argument("--images", nargs="+", type=int, default=[2500, 500, 100])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--set", nargs="+", type=_setting, default=[], metavar="NAME=JSON", help="hyper-parameters"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/work/badnets.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
