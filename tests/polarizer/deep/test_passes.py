"""What a batch learns from."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from polarizer.classifier import Classifier
from polarizer.deep import StandInPasses, StandIns, begin
from polarizer.deep.aiming import Aims, goals_of
from polarizer.deep.passes import _driven, _targets, preparation
from polarizer.description import InputSpec
from polarizer.images import LabelledImages
from polarizer.optimisation import Phase
from polarizer.perturbation import TriggerSearch
from polarizer.progress import Part

CLASSES = 3
SEARCH = TriggerSearch(1.0, 0.5, 1)


def passes_with(
    images_a_class: int, batch_size: int = 8
) -> tuple[StandInPasses, Classifier, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    count = images_a_class * CLASSES
    pixels = torch.randint(0, 256, (count, 1, 8, 8), generator=generator, dtype=torch.uint8)
    labels = torch.arange(count) % CLASSES
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, CLASSES))
    spec = InputSpec(channels=1, height=8, width=8, mean=(0.0,), std=(1.0,))
    classifier = Classifier(network, spec)
    clean = LabelledImages(pixels, labels)
    begun = begin(classifier, clean, SEARCH, CLASSES, batch_size, generator)
    return begun, classifier, clean.pixels(slice(0, 6)), labels[:6]


def test_the_network_as_it_came_teaches() -> None:
    passes, classifier, pixels, labels = passes_with(4)
    answers = passes(classifier, pixels, labels, SEARCH, phase=Phase.TRAINING)
    assert answers.lesson is not None
    assert torch.allclose(answers.lesson.logits, answers.clean, atol=1e-5)  # nothing learned yet


def test_checks_are_of_the_images_and_labels_themselves() -> None:
    passes, classifier, pixels, labels = passes_with(4)
    answers = passes(classifier, pixels, labels, SEARCH, phase=Phase.CHECK)
    assert answers.lesson is None
    assert torch.allclose(answers.clean, classifier(pixels), atol=1e-5)


@pytest.mark.parametrize(("batch_size", "shown"), [(4, 8), (32, 64), (500, 64)])
def test_the_search_shows_no_more_images_than_a_later_step(
    batch_size: int, shown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def apply(self: StandIns, pixels: Tensor, aims: Aims, *, any_norm: bool = False) -> Tensor:
        seen.append(len(pixels))
        return original(self, pixels, aims, any_norm=any_norm)

    original = StandIns.apply
    monkeypatch.setattr(StandIns, "apply", apply)
    passes_with(4, batch_size)
    assert set(seen) == {shown}


def test_away_is_driven_down_its_own_class_and_reported_as_the_nearest_other() -> None:
    aims = Aims(torch.tensor([1, CLASSES]), torch.tensor([0, 0]), torch.tensor([0, 0]), CLASSES)
    logits = torch.tensor([[2.0, 1.0, 0.0], [2.0, 0.0, 1.0]], requires_grad=True)
    _driven(aims, logits).backward()
    assert logits.grad is not None
    towards, away = logits.grad.sign().tolist()
    assert towards == [-1, 1, -1]
    assert away == [-1, 1, 1]
    assert _targets(aims, logits.detach(), torch.tensor([0, 0])).tolist() == [1, 2]


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_what_comes_before_the_steps_is_foretold(batch_size: int) -> None:
    ticks: list[Part] = []
    begun, classifier, *_ = passes_with(4, batch_size)
    clean = begun.doors.images
    generator = torch.Generator().manual_seed(0)
    begin(classifier, clean, SEARCH, CLASSES, batch_size, generator, ticks.append)
    foretold = preparation((1, 8, 8), CLASSES, len(clean), batch_size)
    assert ticks.count(Part.SEARCH) == foretold[Part.SEARCH].count
    assert ticks.count(Part.DOORS) == foretold[Part.DOORS].count
    assert ticks.count(Part.AUGMENTATION) <= foretold[Part.AUGMENTATION].count, "ends early"


def test_every_goal_has_stand_ins() -> None:
    begun, *_ = passes_with(4)
    assert len(begun.stand_ins.patterns) == len(begun.stand_ins.patches.values) == goals_of(CLASSES)
    assert (begun.doors.classes < CLASSES).all(), "no door leads away"
