"""How a batch goes through the network when stand-ins take the trigger's place."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from polarizer.classifier import Classifier
from polarizer.deep.aiming import Aim, Aims, Kind, goals_of, succeeded
from polarizer.deep.augmentation import Augmentation, accuracies, tolerated
from polarizer.deep.doors import CANDIDATES, PatchDoors, patch_doors, tried
from polarizer.deep.stand_ins import StandIns
from polarizer.deep.teaching import Teacher, cut_and_pasted
from polarizer.deep.trying import passes as passes_of_trying
from polarizer.deep.trying import start_apart
from polarizer.images import LabelledImages, sent
from polarizer.optimisation import Answers, Phase
from polarizer.perturbation import TriggerSearch, runner_up
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
        labels = sent(labels, pixels.device)
        if phase is not Phase.CHECK:
            pixels = self._augmentation(pixels, self._generator)
        if phase is Phase.WARMUP:
            logits = classifier(pixels).float()
            return Answers(logits, logits.detach(), runner_up(logits.detach(), labels))
        clean, lesson = pixels, None
        if phase is Phase.TRAINING:
            clean, others = cut_and_pasted(pixels, self._generator)
            lesson = self._teacher.lesson(clean, labels, labels[others])
        perturbed = self.stand_ins.apply(pixels, aims)
        clean_logits, perturbed_logits = classifier(torch.cat([clean, perturbed])).float().chunk(2)
        if phase is Phase.TRAINING:
            _note(self.aim, self.stand_ins, aims, perturbed_logits)
        targets = _targets(aims, perturbed_logits.detach(), labels)
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
    goals, shown = goals_of(classes), _shown(batch_size)
    stand_ins = StandIns(goals, clean.shape, search.norm, device=device, generator=generator)
    aim = Aim(classes, generator)
    away = range(classes, goals)
    start_apart(stand_ins.patches, away, classifier, clean, 2 * shown, generator, ticked)
    teacher = Teacher(classifier)
    _search(stand_ins, aim, classifier, clean, shown, generator, ticked)
    found = aim.success[Kind.PATCH, :classes]
    doors = patch_doors(classifier, stand_ins.patches, found, clean, device, generator, ticked)
    augmentation = tolerated(classifier, clean, device, ticked)
    return StandInPasses(stand_ins, aim, augmentation, teacher, doors, generator)


def preparation(
    shape: tuple[int, int, int], classes: int, images: int, batch_size: int
) -> dict[Part, Work]:
    """What :func:`begin` does with so many ``images`` of ``shape`` (C, H, W)."""
    shown = _shown(batch_size)
    steps = passes_of_trying(shape, 2 * shown) + SEARCH_STEPS  # of equal cost
    return {
        Part.SEARCH: Work(steps, 2 * shown),
        Part.DOORS: Work(min(CANDIDATES, classes), tried(images)),
        Part.AUGMENTATION: Work(accuracies(shape), tried(images)),
    }


def _search(
    stand_ins: StandIns,
    aim: Aim,
    classifier: Classifier,
    clean: LabelledImages,
    count: int,
    generator: torch.Generator,
    ticked: Ticked,
) -> None:
    """Drive the network as it came in, with patterns of any norm: a backdoor's needs little.

    ``count`` images a step.
    """
    device = classifier.mean.device
    for _ in range(SEARCH_STEPS):
        indices = torch.randint(len(clean), (count,), generator=generator)
        aims = aim.draw(clean.labels[indices], AT_LEAST)
        pixels = stand_ins.apply(clean.pixels(indices, device), aims, any_norm=True)
        logits = classifier(pixels).float()
        _note(aim, stand_ins, aims, logits)
        stand_ins.climb(_driven(aims, logits))
        ticked(Part.SEARCH)


def _shown(batch_size: int) -> int:
    """Images of a step of the search."""
    return min(SEARCH_BATCH, 2 * batch_size)


def _driven(aims: Aims, logits: Tensor) -> Tensor:
    """What rises as images go where they are aimed; a scalar."""
    wanted = torch.where(aims.away, aims.labels, aims.goals)
    losses = cross_entropy(logits, sent(wanted, logits.device), reduction="none")
    return torch.where(sent(aims.away, logits.device), losses, -losses).mean()


def _targets(aims: Aims, logits: Tensor, labels: Tensor) -> Tensor:
    """The class that each image was driven to (N,): away is where it comes nearest to."""
    away = sent(aims.away, logits.device)
    return torch.where(away, runner_up(logits, labels), sent(aims.goals, logits.device))


def _note(aim: Aim, stand_ins: StandIns, aims: Aims, logits: Tensor) -> None:
    """The one moment of a pass that waits for the device: what follows depends on who succeeded."""
    hits = succeeded(aims, logits)
    aim.note(aims, hits)
    stand_ins.note(aims, hits)
