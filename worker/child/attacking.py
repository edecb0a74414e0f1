"""The attacks on the repair that a user asked for, with the triggered images that were sent."""

from __future__ import annotations

import time
from typing import Literal

import torch

from polarizer.checkpoints import LoadedModel
from polarizer.classifier import Classifier
from polarizer.errors import DatasetImagesError
from polarizer.images import LabelledImages
from polarizer.winback import (
    Reactivation,
    ReactivationBudget,
    Retuning,
    RetuningBudget,
    reactivate,
    retune,
)
from service.defenses.report import Numbers
from service.defenses.winback import (
    AttackTest,
    AttackTestFacts,
    ReactivationFacts,
    ReactivationShares,
    RetuningFacts,
    RetuningShares,
)
from worker.child.sets import ImageSets
from worker.job import Job

REACTIVATION = ReactivationBudget(epochs=20)
"""100 gradient steps, or 10,000 queries."""
RETUNING = RetuningBudget()
_ACCESS: dict[AttackTest, Literal["white-box", "black-box"]] = {
    "reactivation": "white-box",
    "black-box-reactivation": "black-box",
}


def require_attackable(job: Job, sets: ImageSets) -> None:
    """Raises DatasetImagesError, before any time is spent, when a test has too few images."""
    if not job.attack_tests or sets.triggered is None or sets.target is None:
        return
    needed = RETUNING.poisoned + 1 if "retuning" in job.attack_tests else 2
    for role, images, least in (
        ("triggered", sets.triggered.images, needed),
        ("clean", _clean(sets), 2),
    ):
        others = int((images.labels != sets.target).sum())
        if others < least:
            raise DatasetImagesError(
                f"{role} images: {others} are of another class than the target; the attack tests"
                f" need {least} or more"
            )


def attacked(
    job: Job,
    source: LoadedModel,
    shipped: LoadedModel,
    sets: ImageSets,
    device: torch.device,
) -> tuple[AttackTestFacts, ...]:
    """The tests in the order they were asked for; every one on copies, base and purified alike."""
    if sets.triggered is None or sets.target is None:
        return ()
    attack = _Attack(sets.triggered.images, sets, sets.target, device, job.config.seed)
    base, purified = source.classifier, shipped.classifier
    return tuple(attack.run(test, base, purified) for test in job.attack_tests)


def numbers_of(found: tuple[AttackTestFacts, ...]) -> Numbers:
    """The most that was won back in any test."""
    return Numbers(won_back=max((test.purified.won_back for test in found), default=None))


class _Attack:
    """One set of triggered images, against any classifier."""

    def __init__(
        self,
        triggered: LabelledImages,
        sets: ImageSets,
        target: int,
        device: torch.device,
        seed: int,
    ) -> None:
        self._triggered = triggered
        self._sets = sets
        self._target = target
        self._device = device
        self._seed = seed

    def run(self, test: AttackTest, base: Classifier, purified: Classifier) -> AttackTestFacts:
        began = time.monotonic()
        if test == "retuning":
            after, before = self._retuning(purified), self._retuning(base)
            return RetuningFacts(
                test=test,
                poisoned=RETUNING.poisoned,
                clean=RETUNING.clean,
                epochs=RETUNING.epochs,
                learning_rate=RETUNING.learning_rate,
                measured_on=after.measured_on,
                purified=_retuning_shares(after),
                base=_retuning_shares(before),
                seconds=time.monotonic() - began,
            )
        first, second = self._reactivation(test, purified), self._reactivation(test, base)
        blind = _ACCESS[test] == "black-box"
        return ReactivationFacts(
            test=test,
            bound=REACTIVATION.bound,
            gradient_steps=0 if blind else REACTIVATION.epochs * REACTIVATION.steps,
            queries=REACTIVATION.queries if blind else 0,
            searched_on=first.searched_on,
            measured_on=first.measured_on,
            purified=_reactivation_shares(first),
            base=_reactivation_shares(second),
            seconds=time.monotonic() - began,
        )

    def _reactivation(self, test: AttackTest, classifier: Classifier) -> Reactivation:
        return reactivate(
            classifier,
            self._triggered,
            _clean(self._sets),
            self._target,
            budget=REACTIVATION,
            access=_ACCESS[test],
            device=self._device,
            generator=torch.Generator().manual_seed(self._seed),
        )

    def _retuning(self, classifier: Classifier) -> Retuning:
        return retune(
            classifier,
            self._sets.clean.images,
            self._triggered,
            self._target,
            budget=RETUNING,
            device=self._device,
            generator=torch.Generator().manual_seed(self._seed),
        )


def _clean(sets: ImageSets) -> LabelledImages:
    """Test images where there are some: more, and not those of the repair."""
    return sets.clean.images if sets.test is None else sets.test.images


def _reactivation_shares(found: Reactivation) -> ReactivationShares:
    return ReactivationShares.model_validate(found)


def _retuning_shares(found: Retuning) -> RetuningShares:
    return RetuningShares.model_validate(found)
