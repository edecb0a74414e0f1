"""How often a step waits for the device. The meta device stands in for one: it cannot be read, so
whatever would wait for it raises, but where a test hands out an answer."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

from polarizer.classifier import Classifier
from polarizer.config import PurifyConfig
from polarizer.deep import passes as passing
from polarizer.deep.aiming import Aim, Aims, goals_of
from polarizer.deep.augmentation import Augmentation
from polarizer.deep.doors import PatchDoors
from polarizer.deep.passes import StandInPasses
from polarizer.deep.stand_ins import StandIns
from polarizer.deep.teaching import Teacher
from polarizer.descent import RelativeDescent
from polarizer.losses import LossWeights, outer_loss
from polarizer.optimisation import Phase
from polarizer.perturbation import TriggerSearch
from polarizer.progress import Part
from polarizer.purification import purify
from tests.polarizer.networks import CLASSES, some_images, tiny_classifier

META = torch.device("meta")
SHAPE = (3, 8, 8)
WEIGHTS = LossWeights(clean=1, consistency=0.5, margin=0, target=0)
SEARCH = TriggerSearch(1.0, 0.5, 1)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each answer that was read back is about."""
    read: list[int] = []

    def succeeded(aims: Aims, logits: Tensor) -> Tensor:
        assert logits.device == META
        read.append(len(aims.goals))
        return torch.arange(len(aims.goals)) % 2 == 0

    monkeypatch.setattr(passing, "succeeded", succeeded)
    return read


def on_meta() -> tuple[Classifier, StandIns, Aim, torch.Generator]:
    generator = torch.Generator().manual_seed(0)
    classifier = tiny_classifier().to(META).requires_grad_()
    stand_ins = StandIns(goals_of(CLASSES), SHAPE, 1.0, device=META, generator=generator)
    return classifier, stand_ins, Aim(CLASSES, generator), generator


def test_a_step_of_the_search_waits_once(
    answers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier, stand_ins, aim, generator = on_meta()
    monkeypatch.setattr(passing, "SEARCH_STEPS", 4)
    ticks: list[Part] = []

    passing._search(stand_ins, aim, classifier, some_images(30), 16, generator, ticks.append)

    assert answers == [16] * 4
    assert len(ticks) == 4


def test_a_step_of_the_repair_waits_once_before_its_losses_are_read(answers: list[int]) -> None:
    classifier, stand_ins, aim, generator = on_meta()
    clean = some_images(30)
    doors = PatchDoors(stand_ins.patches, torch.empty(0, dtype=torch.int64), clean)
    tools = Augmentation(1, mirror=True), Teacher(classifier), doors, generator
    passes = StandInPasses(stand_ins, aim, *tools)
    optimizer = RelativeDescent(classifier.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    indices = torch.arange(12)
    for _ in range(3):
        pixels, labels = clean.pixels(indices, META), clean.labels[indices]
        given = passes(classifier, pixels, labels, SEARCH, phase=Phase.TRAINING)
        clean_logits, perturbed, targets, lesson = given
        loss = outer_loss(clean_logits, perturbed, labels.to(META), targets, WEIGHTS, lesson)
        torch.autograd.backward(loss.total)
        optimizer.step()
        optimizer.zero_grad()
    assert answers == [12] * 3


def test_reading_the_stand_in_for_a_device_raises() -> None:
    """So that the tests above can fail."""
    values = torch.ones(3, device=META)
    for read in (values.cpu, values.sum().item, values.nonzero, lambda: torch.unique(values)):
        with pytest.raises((NotImplementedError, RuntimeError)):
            read()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_step_on_cuda_waits_for_hits_and_losses_alone() -> None:
    few, many = (_waits(steps) for steps in (4, 14))
    assert many - few <= 2 * 10


def _waits(steps: int) -> int:
    config = PurifyConfig(method="deep", steps=steps, batch_size=8, check_every=0)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            purify(tiny_classifier(), some_images(30), config, device="cuda")
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("called a synchronizing" in str(one.message) for one in seen)
