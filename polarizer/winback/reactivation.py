"""Re-activation: a small perturbation on top of the known trigger (Zhu et al., arXiv 2405.16134).

Any classifier gives way to some universal perturbation, backdoor or not. So the same search is made
without the trigger, on clean images, and only what the trigger adds to it was really won back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from polarizer.classifier import Classifier
from polarizer.errors import ConfigError, DatasetImagesError, DatasetLabelsError
from polarizer.images import LabelledImages
from polarizer.winback.universal import Victim, descend, hits, search_squares

Target = int | Tensor


@dataclass(frozen=True)
class ReactivationBudget:
    """What the attacker may spend; by default what was published.

    The white box takes ``epochs`` x ``steps`` gradient steps on ``batch_size`` images each. The
    black box asks for ``queries`` answers, on ``shown`` images for each candidate. ``bound`` is L∞
    in pixels of [0, 1].
    """

    bound: float = 0.05
    epochs: int = 50
    steps: int = 5
    queries: int = 10_000
    batch_size: int = 64
    shown: int = 20

    def __post_init__(self) -> None:
        if not 0 < self.bound <= 1:
            raise ConfigError(f"the bound must lie in (0, 1], not {self.bound}")
        if min(self.epochs, self.steps, self.batch_size, self.shown) < 1:
            raise ConfigError("epochs, steps, batch_size and shown must be at least 1")
        if self.queries < self.shown:
            raise ConfigError(
                f"{self.queries} queries do not suffice to show {self.shown} images once"
            )


@dataclass(frozen=True)
class Reactivation:
    """Shares of images that get the target class; measured on images that were not searched on.

    ``asr_before``: the trigger alone. ``asr_after``: with the perturbation that was found with it.
    ``without_trigger``: clean images with that perturbation. ``control``: clean images with one
    that was found, with the same budget, on clean images.
    """

    access: Literal["white-box", "black-box"]
    budget: ReactivationBudget
    searched_on: int
    measured_on: int
    asr_before: float
    asr_after: float
    without_trigger: float
    control: float

    @property
    def won_back(self) -> float:
        """What the trigger adds to a universal perturbation: 0 says that the door is closed."""
        return max(0.0, self.asr_after - max(self.control, self.asr_before))


def reactivate(
    classifier: Classifier,
    triggered: LabelledImages,
    clean: LabelledImages,
    target: Target,
    *,
    budget: ReactivationBudget | None = None,
    access: Literal["white-box", "black-box"] = "white-box",
    device: torch.device | str = "cpu",
    generator: torch.Generator | None = None,
) -> Reactivation:
    """Search a perturbation for ``triggered`` images, and one for ``clean`` images as the control.

    Both carry their true labels. ``target`` is the class that the trigger leads to, or one for each
    triggered image (int64); the clean images are then sent to the class after their own, as
    all-to-all attacks do. Images of the target class are left out. Half of the others are searched
    on and the other half measured. ``classifier`` is moved to ``device`` and not changed otherwise.

    Raises :class:`DatasetImagesError` for fewer than two images of other classes than the target,
    :class:`DatasetLabelsError` for targets that do not belong to the images.
    """
    budget = budget or ReactivationBudget()
    device = torch.device(device)
    generator = generator or torch.Generator().manual_seed(0)
    classifier = classifier.to(device)
    find = partial(_FINDERS[access], budget=budget, generator=generator)
    classes = classifier(triggered.pixels(slice(0, 1)).to(device)).shape[1]
    attacked, wanted = attacked_images(triggered, target, classes, "triggered")
    others, others_wanted = attacked_images(
        clean, target if isinstance(target, int) else None, classes, "clean"
    )
    search, measure = _halves(len(attacked), generator)
    others_search, others_measure = _halves(len(others), generator)
    delta = find(Victim(classifier, attacked.images[search], wanted[search], device))
    control = find(
        Victim(classifier, others.images[others_search], others_wanted[others_search], device)
    )
    shown, shown_wanted = attacked.images[measure], wanted[measure]
    plain, plain_wanted = others.images[others_measure], others_wanted[others_measure]
    return Reactivation(
        access=access,
        budget=budget,
        searched_on=len(search),
        measured_on=len(measure),
        asr_before=hits(classifier, shown, shown_wanted, None),
        asr_after=hits(classifier, shown, shown_wanted, delta),
        without_trigger=hits(classifier, plain, plain_wanted, delta),
        control=hits(classifier, plain, plain_wanted, control),
    )


def attacked_images(
    images: LabelledImages, target: Target | None, classes: int, what: str
) -> tuple[LabelledImages, Tensor]:
    """``(images of other classes than their target, targets)``; None: the class after their own."""
    if isinstance(target, Tensor):
        if target.shape != images.labels.shape:
            raise DatasetLabelsError(f"{len(target)} targets for {len(images)} {what} images")
        targets = target
    elif target is None:
        targets = (images.labels + 1) % classes
    else:
        targets = torch.full_like(images.labels, target)
    attacked = images.labels != targets
    if int(attacked.sum()) < 2:
        raise DatasetImagesError(
            f"{what} images: fewer than two are of another class than the target"
        )
    return images.select(attacked), targets[attacked]


def _white_box(victim: Victim, *, budget: ReactivationBudget, generator: torch.Generator) -> Tensor:
    return descend(
        victim,
        bound=budget.bound,
        epochs=budget.epochs,
        steps=budget.steps,
        batch_size=budget.batch_size,
        generator=generator,
    )


def _black_box(victim: Victim, *, budget: ReactivationBudget, generator: torch.Generator) -> Tensor:
    return search_squares(
        victim,
        bound=budget.bound,
        queries=budget.queries,
        batch_size=budget.shown,
        generator=generator,
    )


_FINDERS: dict[str, Callable[..., Tensor]] = {"white-box": _white_box, "black-box": _black_box}


def _halves(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    shuffled = torch.randperm(count, generator=generator)
    return shuffled[: count // 2], shuffled[count // 2 :]
