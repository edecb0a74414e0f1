"""How often the check of a clean set sees what is wrong with it, and how often it errs.

    python -m benchmarks.cleanset --digits 3
    python -m benchmarks.cleanset --models ../shared/data/badnets --data ../shared/data --images 500

Every draw of clean images is checked as it is, and with each defect. A defect is found when the
check names one of its codes; an alarm is any finding of at least a warning on images as they are,
other than on their number. Models hold backdoors, as a user's would.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from benchmarks.attacks.backdoored import read
from benchmarks.defense.machine import about_machine
from demo import digits
from polarizer.classifier import Classifier
from polarizer.cleanset import CleanSetReport, Severity, check
from polarizer.images import LabelledImages

OF_NUMBER = {"few-images", "few-of-class", "missing-classes", "imbalanced"}
Spoil = Callable[[LabelledImages, torch.Generator], LabelledImages]


@dataclass(frozen=True)
class Defect:
    """What is done to a set, and the codes that say so."""

    name: str
    spoil: Spoil
    codes: frozenset[str]


@dataclass
class Row:
    """``found`` of ``draws``; ``estimate`` is the mean of the estimated share of wrong labels."""

    model: str
    defect: str
    images: int
    draws: int
    found: int
    estimate: float
    seconds: float
    seen: list[str]


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    rows: list[Row] = []
    print(f"{'model':34} {'defect':24} {'images':>6} {'found':>9} {'wrong labels':>13} {'s':>6}")
    for name, classifier, clean in models(options):
        for defect in (GOOD, *defects(clean)):
            if options.only and defect.name not in options.only:
                continue
            rows.append(row := measure(name, classifier, clean, defect, options))
            print(
                f"{row.model:34} {row.defect:24} {row.images:6} {row.found:4} / {row.draws:2}"
                f" {row.estimate:13.3f} {row.seconds:6.1f}  {' '.join(row.seen)}",
                flush=True,
            )
            write(rows, options)


def models(options: argparse.Namespace) -> Iterator[tuple[str, Classifier, LabelledImages]]:
    """Small networks for digits, trained here with a BadNets trigger, and the folders given."""
    for seed in range(options.digits):
        parts = digits.load(seed)
        network = digits.train_backdoored(parts, seed)
        images, labels = (torch.from_numpy(array) for array in parts.test)
        clean = LabelledImages(images[:, None], labels)
        yield f"digits-small_cnn-{seed}", Classifier(network, digits.description().input), clean
    for folder in options.models:
        bench = read(folder, options.data)
        yield bench.name, bench.classifier, bench.clean


def measure(
    name: str,
    classifier: Classifier,
    clean: LabelledImages,
    defect: Defect,
    options: argparse.Namespace,
) -> Row:
    """Several draws of the clean images, each with the defect."""
    reports, began = [], time.perf_counter()
    for draw in range(options.draws):
        generator = torch.Generator().manual_seed(draw)
        chosen = torch.randperm(len(clean), generator=generator)[: options.images]
        reports.append(check(classifier, defect.spoil(clean.select(chosen), generator)))
    seconds = (time.perf_counter() - began) / options.draws
    found = [alarms(report) if defect is GOOD else report.codes() for report in reports]
    return Row(
        model=name,
        defect=defect.name,
        images=min(options.images, len(clean)),
        draws=options.draws,
        found=sum(bool(codes & defect.codes) if defect.codes else bool(codes) for codes in found),
        estimate=sum(report.wrong_labels for report in reports) / options.draws,
        seconds=seconds,
        seen=sorted(set().union(*(report.codes() for report in reports)) - OF_NUMBER),
    )


def alarms(report: CleanSetReport) -> set[str]:
    """Codes of at least a warning, other than on the number of images."""
    severe = [item.code for item in report.findings if item.severity is not Severity.NOTE]
    return set(severe) - OF_NUMBER


def defects(clean: LabelledImages) -> list[Defect]:
    """Those that make sense for images of this shape."""
    colour = clean.shape[0] == 3
    return [*LABELS, *(COLOUR if colour else []), *PREPARATION, *DISTRIBUTION, *COPIES, *NUMBERS]


def wrong(share: float) -> Spoil:
    def spoil(clean: LabelledImages, generator: torch.Generator) -> LabelledImages:
        classes = int(clean.labels.max()) + 1
        steps = torch.randint(1, classes, clean.labels.shape, generator=generator)
        mask = torch.rand(len(clean), generator=generator) < share
        other = (clean.labels + steps) % classes
        return LabelledImages(clean.images, torch.where(mask, other, clean.labels))

    return spoil


def swapped(clean: LabelledImages, generator: torch.Generator) -> LabelledImages:
    first, second = torch.randperm(int(clean.labels.max()) + 1, generator=generator)[:2]
    labels = clean.labels.clone()
    labels[clean.labels == first], labels[clean.labels == second] = second, first
    return LabelledImages(clean.images, labels)


def off_by_one(clean: LabelledImages, _: torch.Generator) -> LabelledImages:
    return LabelledImages(clean.images, (clean.labels + 1) % (int(clean.labels.max()) + 1))


def merged(clean: LabelledImages, generator: torch.Generator) -> LabelledImages:
    """Most images of one class are labelled as another."""
    first, second = torch.randperm(int(clean.labels.max()) + 1, generator=generator)[:2]
    of_first = (clean.labels == first) & (torch.rand(len(clean), generator=generator) < 0.7)
    return LabelledImages(clean.images, torch.where(of_first, second, clean.labels))


def pixels(change: Callable[[Tensor], Tensor]) -> Spoil:
    def spoil(clean: LabelledImages, _: torch.Generator) -> LabelledImages:
        changed = change(clean.images.float()).clamp(0, 255).round().to(torch.uint8)
        return LabelledImages(changed.contiguous(), clean.labels)

    return spoil


def clouds(images: Tensor) -> Tensor:
    """Smooth noise of the same size: no image of any class."""
    count, channels, height, width = images.shape
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, channels, 3, 3, generator=generator) * 255
    return interpolate(coarse, (height, width), mode="bilinear", align_corners=True)


def copied(share: float, *, relabelled: bool = False) -> Spoil:
    """That share of the images is replaced by slightly noisy copies of others."""

    def spoil(clean: LabelledImages, generator: torch.Generator) -> LabelledImages:
        count = int(share * len(clean))
        order = torch.randperm(len(clean), generator=generator)
        images, labels = clean.images.clone(), clean.labels.clone()
        noise = 2 * torch.randn(count, *clean.shape, generator=generator)
        source = clean.images[order[:count]].float()
        images[order[-count:]] = (source * 0.9 + noise).clamp(0, 255).to(torch.uint8)
        if not relabelled:
            labels[order[-count:]] = labels[order[:count]]
        return LabelledImages(images, labels)

    return spoil


def keep(wanted: Callable[[Tensor], Tensor]) -> Spoil:
    return lambda clean, _: clean.select(wanted(clean.labels))


def _one_rare(labels: Tensor) -> Tensor:
    return (labels != 3) | ((labels == 3).cumsum(0) <= 2)


def _codes(*names: str) -> frozenset[str]:
    return frozenset(names)


NOISE = torch.Generator().manual_seed(0)
ELSEWHERE = _codes("another-distribution", "low-agreement", "class-disagrees")
GOOD = Defect("none", lambda clean, _: clean, _codes())
LABELS = [
    *(
        Defect(f"{share:.0%} wrong labels", wrong(share), _codes("wrong-labels"))
        for share in (0.02, 0.05, 0.1, 0.2, 0.4)
    ),
    Defect("two classes swapped", swapped, _codes("permuted-labels")),
    Defect("labels off by one", off_by_one, _codes("permuted-labels")),
    Defect("a class in another", merged, _codes("class-disagrees")),
]
COLOUR = [Defect("channels swapped", pixels(lambda x: x.flip(1)), _codes("swapped-channels"))]
PREPARATION = [
    Defect("inverted", pixels(lambda x: 255 - x), _codes("inverted-colours")),
    Defect("upside down", pixels(lambda x: x.flip(2)), _codes("upside-down")),
    Defect("transposed", pixels(lambda x: x.mT), _codes("transposed")),
    Defect("rotated", pixels(lambda x: x.rot90(1, (2, 3))), _codes("rotated")),
    Defect("fractions as bytes", pixels(lambda x: x / 255), _codes("narrow-range")),
]
DISTRIBUTION = [
    Defect("half as bright", pixels(lambda x: x / 2), ELSEWHERE),
    Defect("blurred", pixels(lambda x: avg_pool2d(x, 3, 1, 1)), ELSEWHERE),
    Defect("noisy", pixels(lambda x: x + 50 * torch.randn(x.shape, generator=NOISE)), ELSEWHERE),
    Defect("clouds", pixels(clouds), ELSEWHERE),
]
COPIES = [
    Defect("10% copies", copied(0.1), _codes("near-duplicates")),
    Defect("40% copies", copied(0.4), _codes("near-duplicates")),
    Defect(
        "5% copies, other labels", copied(0.05, relabelled=True), _codes("contradicting-labels")
    ),
]
NUMBERS = [
    Defect("a class missing", keep(lambda labels: labels != 3), _codes("missing-classes")),
    Defect("two of a class", keep(_one_rare), _codes("few-of-class")),
]


def write(rows: list[Row], options: argparse.Namespace) -> None:
    options.out.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "benchmark": "cleanset",
        "about": about_machine("cpu", 1),
        "rows": [asdict(row) for row in rows],
    }
    options.out.write_text(json.dumps(content, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=Path, nargs="*", default=[], help="folders of models")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="their images")
    parser.add_argument("--digits", type=int, default=0, help="small networks to train")
    parser.add_argument("--images", type=int, default=300, help="in each draw")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], help="names of defects; none is one")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/work/cleanset.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
