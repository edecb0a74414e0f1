"""How a batch goes through the network when stand-ins take the trigger's place."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from polarizer.classifier import Classifier
from polarizer.deep.aiming import Aim, Aims, Kind, succeeded
from polarizer.deep.augmentation import Augmentation, accuracies, tolerated
from polarizer.deep.doors import CANDIDATES, PatchDoors, patch_doors, tried
from polarizer.deep.stand_ins import StandIns
from polarizer.deep.teaching import Teacher, cut_and_pasted
from polarizer.images import LabelledImages, sent
from polarizer.optimisation import Answers, Phase
from polarizer.perturbation import TriggerSearch
from polarizer.progress import Part, Ticked, Work, unwatched

SEARCH_STEPS = 50  # on the base network, before any weight moves
SEARCH_BATCH = 64  # at most; never more images than the two halves of a later step
AT_LEAST = 0.15  # of each stand-in's success counts in these: none is given up early


class StandInPasses:
    """One pass for the clean and the perturbed half of a batch; the stand-ins learn on the way.

    The clean half is cut and pasted, and learns from ``teacher``.

    The gradient that moves the weights against the perturbed half moves the stand-ins up the same
    loss, at no cost of its own ("free" adversarial training, Shafahi et al., NeurIPS 2019).
    """

    def __init__(
        self,
        stand_ins: StandIns,
        aim: Aim,
        augmentation: Augmentation,
        teacher: Teacher,
        doors: PatchDoors,
        generator: torch.Generator,
    ) -> None:
        self.doors = doors
        self.stand_ins = stand_ins
        self.aim = aim
        self._teacher = teacher
        self._augmentation = augmentation
        self._generator = generator

    def __call__(
        self,
        classifier: Classifier,
        pixels: Tensor,
        labels: Tensor,
        search: TriggerSearch,  # noqa: ARG002  # the stand-ins have their own
        *,
        phase: Phase,
    ) -> Answers:
        """Augmented, and cut and pasted, except in checks."""
        self.stand_ins.learn()
        aims = self.aim.draw(labels)
        labels, targets = sent(labels, pixels.device), sent(aims.targets, pixels.device)
        if phase is not Phase.CHECK:
            pixels = self._augmentation(pixels, self._generator)
        if phase is Phase.WARMUP:
            logits = classifier(pixels).float()
            return Answers(logits, logits.detach(), targets)
        clean, lesson = pixels, None
        if phase is Phase.TRAINING:
            clean, others = cut_and_pasted(pixels, self._generator)
            lesson = self._teacher.lesson(clean, labels, labels[others])
        perturbed = self.stand_ins.apply(pixels, aims)
        clean_logits, perturbed_logits = classifier(torch.cat([clean, perturbed])).float().chunk(2)
        if phase is Phase.TRAINING:
            _note(self.aim, self.stand_ins, aims, perturbed_logits)
        return Answers(clean_logits, perturbed_logits, targets, lesson)


def begin(
    classifier: Classifier,
    clean: LabelledImages,
    search: TriggerSearch,
    classes: int,
    batch_size: int,
    generator: torch.Generator,
    ticked: Ticked = unwatched,
) -> StandInPasses:
    """Passes for ``classifier`` as it came in: stand-ins that drive it, augmentation it bears.

    ``ticked`` may raise to stop the work.
    """
    device = classifier.mean.device
    stand_ins = StandIns(classes, clean.shape, search.norm, device=device, generator=generator)
    aim = Aim(classes, generator)
    teacher = Teacher(classifier)
    _search(stand_ins, aim, classifier, clean, batch_size, generator, ticked)
    found = aim.success[Kind.PATCH]
    doors = patch_doors(classifier, stand_ins.patches, found, clean, device, generator, ticked)
    augmentation = tolerated(classifier, clean, device, ticked)
    return StandInPasses(stand_ins, aim, augmentation, teacher, doors, generator)


def preparation(
    shape: tuple[int, int, int], classes: int, images: int, batch_size: int
) -> dict[Part, Work]:
    """What :func:`begin` does with so many ``images`` of ``shape`` (C, H, W)."""
    shown = min(SEARCH_BATCH, 2 * batch_size)
    return {
        Part.SEARCH: Work(SEARCH_STEPS, 2 * shown),
        Part.DOORS: Work(min(CANDIDATES, classes), tried(images)),
        Part.AUGMENTATION: Work(accuracies(shape), tried(images)),
    }


def _search(
    stand_ins: StandIns,
    aim: Aim,
    classifier: Classifier,
    clean: LabelledImages,
    batch_size: int,
    generator: torch.Generator,
    ticked: Ticked,
) -> None:
    """Drive the network as it came in, with patterns of any norm: a backdoor's needs little."""
    device = classifier.mean.device
    count = min(SEARCH_BATCH, 2 * batch_size)
    for _ in range(SEARCH_STEPS):
        indices = torch.randint(len(clean), (count,), generator=generator)
        aims = aim.draw(clean.labels[indices], AT_LEAST)
        pixels = stand_ins.apply(clean.pixels(indices, device), aims, any_norm=True)
        logits = classifier(pixels).float()
        _note(aim, stand_ins, aims, logits)
        stand_ins.climb(-cross_entropy(logits, sent(aims.targets, device)))
        ticked(Part.SEARCH)


def _note(aim: Aim, stand_ins: StandIns, aims: Aims, logits: Tensor) -> None:
    """The one moment of a pass that waits for the device: what follows depends on who succeeded."""
    hits = succeeded(aims, logits)
    aim.note(aims, hits)
    stand_ins.note(aims, hits)
