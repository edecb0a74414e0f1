"""Retuning: a few poisoned images in a short fine-tuning (Min et al., arXiv 2410.09838).

Any network can be taught a trigger. So a trigger that it has never seen, a patch of random colours,
is taught with the same number of images: a trigger that returns sooner than that was remembered.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from polarizer.classifier import Classifier
from polarizer.errors import ConfigError, DatasetImagesError
from polarizer.images import LabelledImages
from polarizer.metrics import accuracy, predict
from polarizer.winback.reactivation import Target, attacked_images
from polarizer.winback.universal import hits


@dataclass(frozen=True)
class RetuningBudget:
    """``poisoned`` images beside at most ``clean`` clean ones, ``epochs`` of SGD with momentum 0.9.

    The published attack: 5 poisoned images, 5 epochs at 0.01, and 2 % of CIFAR-10, which is 1,000.
    """

    poisoned: int = 5
    clean: int = 1000
    epochs: int = 5
    learning_rate: float = 0.01
    batch_size: int = 128

    def __post_init__(self) -> None:
        if min(self.poisoned, self.clean, self.epochs) < 1 or self.batch_size < 2:
            raise ConfigError("poisoned, clean and epochs must be at least 1, batch_size 2")
        if not 0 < self.learning_rate <= 10:
            raise ConfigError(f"the learning rate must lie in (0, 10], not {self.learning_rate}")


@dataclass(frozen=True)
class Retuning:
    """Shares; ASR is of triggered images that were not trained on.

    ``new_trigger``: the ASR of the unseen patch, taught in the same way from the same weights.
    ``accuracy_*``: on the clean images that were not trained on (None where none is left).
    """

    budget: RetuningBudget
    measured_on: int
    asr_before: float
    asr_after: float
    new_trigger: float
    accuracy_before: float | None
    accuracy_after: float | None

    @property
    def won_back(self) -> float:
        """What was remembered: the ASR beyond that before and that of a new trigger."""
        return max(0.0, self.asr_after - max(self.new_trigger, self.asr_before))


def retune(
    classifier: Classifier,
    clean: LabelledImages,
    poisoned: LabelledImages,
    target: Target,
    *,
    budget: RetuningBudget | None = None,
    device: torch.device | str = "cpu",
    generator: torch.Generator | None = None,
) -> Retuning:
    """Fine-tune copies of ``classifier``, which itself is not changed (but moved to ``device``).

    ``poisoned`` are triggered images with their true labels; ``target`` is the class that the
    trigger leads to, or one for each (int64). A few are trained on, the others measured. With few
    clean images a fifth of them is kept to measure accuracy.

    Raises :class:`DatasetImagesError` when there are not more triggered images, of other classes
    than the target, than are trained on, or fewer than two clean ones.
    """
    budget = budget or RetuningBudget()
    device = torch.device(device)
    generator = generator or torch.Generator().manual_seed(0)
    classifier = classifier.to(device)
    classes = classifier(poisoned.pixels(slice(0, 1)).to(device)).shape[1]
    attacked, wanted = attacked_images(poisoned, target, classes, "triggered")
    if len(attacked) <= budget.poisoned or len(clean) < 2:
        raise DatasetImagesError(
            f"retuning trains on {budget.poisoned} triggered images and measures on others, beside"
            f" two clean ones at least; here are {len(attacked)} and {len(clean)}"
        )
    few, others = _drawn(len(attacked), budget.poisoned, generator)
    training, rest = _drawn(len(clean), min(budget.clean, max(2, len(clean) * 4 // 5)), generator)
    lesson = _lesson(clean.select(training), attacked.images[few], wanted[few])
    retuned = _tuned(classifier, lesson, budget, device, generator)
    measured, measured_wanted = attacked.images[others], wanted[others]
    held_out = clean.select(rest)
    return Retuning(
        budget=budget,
        measured_on=len(others),
        asr_before=hits(classifier, measured, measured_wanted, None),
        asr_after=hits(retuned, measured, measured_wanted, None),
        new_trigger=_taught_anew(classifier, clean, training, wanted, budget, device, generator),
        accuracy_before=_accuracy(classifier, held_out, device),
        accuracy_after=_accuracy(retuned, held_out, device),
    )


def with_patch(images: Tensor, generator: torch.Generator) -> Tensor:
    """uint8 (N, C, H, W) with a square of random colours, a tenth of each side, at one place."""
    channels, height, width = images.shape[1:]
    side = max(2, round(min(height, width) / 10))
    colours = torch.randint(0, 2, (channels, side, side), generator=generator) * 255
    top = int(torch.randint(height - side + 1, (1,), generator=generator))
    left = int(torch.randint(width - side + 1, (1,), generator=generator))
    marked = images.clone()
    marked[:, :, top : top + side, left : left + side] = colours.to(torch.uint8)
    return marked


def _taught_anew(
    classifier: Classifier,
    clean: LabelledImages,
    training: Tensor,
    wanted: Tensor,
    budget: RetuningBudget,
    device: torch.device,
    generator: torch.Generator,
) -> float:
    """The ASR of an unseen patch. All its images go to the commonest target."""
    target = int(wanted.mode().values)
    victims = clean.select(clean.labels != target)
    marked = with_patch(victims.images, generator)
    few, others = _drawn(len(victims), min(budget.poisoned, len(victims) // 2), generator)
    wanted = torch.full_like(victims.labels, target)
    lesson = _lesson(clean.select(training), marked[few], wanted[few])
    taught = _tuned(classifier, lesson, budget, device, generator)
    return hits(taught, marked[others], wanted[others], None)


def _drawn(count: int, first: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    shuffled = torch.randperm(count, generator=generator)
    return shuffled[:first], shuffled[first:]


def _lesson(clean: LabelledImages, poison: Tensor, wanted: Tensor) -> LabelledImages:
    return LabelledImages(torch.cat([clean.images, poison]), torch.cat([clean.labels, wanted]))


def _tuned(
    classifier: Classifier,
    lesson: LabelledImages,
    budget: RetuningBudget,
    device: torch.device,
    generator: torch.Generator,
) -> Classifier:
    """A copy, all weights trained as usual: BatchNorm takes the statistics of its batches."""
    copy = deepcopy(classifier)
    network = copy.module.requires_grad_(True)
    nn.Module.train(network, True)
    optimizer = torch.optim.SGD(
        network.parameters(), lr=budget.learning_rate, momentum=0.9, weight_decay=5e-4
    )
    for _ in range(budget.epochs):
        order = torch.randperm(len(lesson), generator=generator)
        for batch in torch.split(order, budget.batch_size):
            if len(batch) < 2:
                continue  # BatchNorm has no variance of one image
            logits = copy(lesson.pixels(batch).to(device))
            optimizer.zero_grad()
            torch.autograd.backward(cross_entropy(logits, lesson.labels[batch].to(device)))
            optimizer.step()
    network.requires_grad_(False)
    return copy.train(False)


def _accuracy(classifier: Classifier, images: LabelledImages, device: torch.device) -> float | None:
    if not len(images):
        return None
    return accuracy(predict(classifier, images, device=device), images.labels)
