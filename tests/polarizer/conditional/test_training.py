from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from polarizer.classifier import Classifier
from polarizer.conditional.layer import attach_conditioned, conditioned
from polarizer.conditional.training import ConditionedPasses, towards
from polarizer.config import Method
from polarizer.optimisation import Phase
from polarizer.perturbation import TriggerSearch
from tests.polarizer.networks import CLASSES, some_images, tiny_classifier

SEARCH = TriggerSearch(norm=1.5, step=0.2, steps=2)
IMAGES = some_images(60)
PIXELS, LABELS = IMAGES.pixels(), IMAGES.labels


def conditioned_classifier() -> Classifier:
    classifier = tiny_classifier()
    attach_conditioned(classifier.module, "down", Method.R_CNPD, CLASSES)
    return classifier


def targets(*, training: bool, seed: int = 0) -> torch.Tensor:
    classifier = conditioned_classifier()
    classifier.module.down.polarizer.train(training)  # type: ignore[union-attr, operator]
    passes = ConditionedPasses(torch.Generator().manual_seed(seed))
    return passes(classifier, PIXELS, LABELS, SEARCH, phase=Phase.WARMUP)[2]


def test_the_target_is_any_class_but_the_true_one() -> None:
    for training in (True, False):
        drawn = targets(training=training)
        assert not (drawn == LABELS).any()
        assert len(torch.stack([LABELS, drawn]).unique(dim=1).T) == CLASSES * (CLASSES - 1)


def test_targets_are_drawn_in_training_and_fixed_in_checks() -> None:
    assert not torch.equal(targets(training=True, seed=0), targets(training=True, seed=1))
    assert torch.equal(targets(training=False, seed=0), targets(training=False, seed=1))


def test_perturbed_images_run_under_their_target_and_within_the_bound() -> None:
    classifier = conditioned_classifier()
    shift = classifier.module.down.polarizer.shifts  # type: ignore[union-attr]
    with torch.no_grad():
        shift.copy_(torch.randn(CLASSES, 8, generator=torch.Generator().manual_seed(1)))
    passes = ConditionedPasses(torch.Generator())

    clean, perturbed, of, _ = passes(classifier, PIXELS, LABELS, SEARCH, phase=Phase.TRAINING)

    with conditioned(classifier, of):
        changed = towards(classifier, PIXELS, of, SEARCH)
        assert torch.equal(classifier(changed), perturbed)
        before = cross_entropy(classifier(PIXELS), of)
    assert cross_entropy(perturbed, of) < before
    assert (changed - PIXELS).flatten(1).norm(dim=1).max() <= 1.5 * (1 + 1e-5)
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert torch.equal(clean, classifier(PIXELS))
