"""A door that was planted is found, and one that was removed is told from one that is left."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from polarizer.classifier import Classifier
from polarizer.errors import (
    ArchitectureError,
    DatasetFormatError,
    DatasetLabelsError,
    ModelValueError,
)
from polarizer.evidence import Evidence, EvidenceConfig, Verdict, examine
from polarizer.images import LabelledImages
from tests.polarizer.evidence.doors import CLASSES, SPEC, TARGET, images, with_door

OPEN, SHUT = with_door(10.0), with_door(0.0)


def examined(base: Classifier, purified: Classifier, seed: int = 0) -> Evidence:
    generator = torch.Generator().manual_seed(seed)
    found = examine(base, purified, images(), EvidenceConfig(steps=12), generator=generator)
    return replace(found, seconds=0.0)


def test_a_door_that_was_removed_is_closed() -> None:
    found = examined(OPEN, SHUT)
    assert (found.verdict, found.suspects) == (Verdict.CLOSED, (TARGET,))
    door = found.classes[TARGET]
    assert door.norm_before < 0.5 * door.norm_after
    assert door.flips_before > 0.9
    assert door.flips_after < 0.1
    assert "class 2 was found, and is closed" in found.words


def test_a_door_that_was_left_is_open() -> None:
    found = examined(OPEN, OPEN)
    assert (found.verdict, found.suspects) == (Verdict.STILL_OPEN, (TARGET,))
    assert found.classes[TARGET].flips_after > 0.9
    assert found.classes[TARGET].gain == pytest.approx(0)


def test_a_door_that_only_the_repair_made_is_open() -> None:
    found = examined(SHUT, OPEN)
    assert (found.verdict, found.suspects) == (Verdict.STILL_OPEN, (TARGET,))
    assert found.classes[TARGET].anomaly_after > found.classes[TARGET].anomaly_before


def test_a_model_without_a_door_gives_no_evidence() -> None:
    found = examined(SHUT, SHUT)
    assert (found.verdict, found.suspects) == (Verdict.NO_EVIDENCE_FOUND, ())
    assert found.words.startswith("No evidence of a backdoor was found")


@pytest.mark.parametrize("base", [OPEN, SHUT])
def test_the_control_upsets_few_predictions_of_a_firm_model(base: Classifier) -> None:
    control = examined(base, SHUT).control
    assert control
    assert max(control.flips_before, control.flips_after, control.new_flips) < 0.1


def test_equal_seeds_give_equal_numbers() -> None:
    assert examined(OPEN, SHUT, seed=3) == examined(OPEN, SHUT, seed=3)
    assert examined(OPEN, SHUT, seed=3) != examined(OPEN, SHUT, seed=4)


def test_neither_model_is_touched_nor_the_global_generator() -> None:
    models = [with_door(10.0).requires_grad_(), with_door(0.0).requires_grad_()]
    before = [deepcopy(model.state_dict()) for model in models]
    drawn = torch.random.get_rng_state()
    examined(*models)
    for model, state in zip(models, before, strict=True):
        assert all(torch.equal(model.state_dict()[name], state[name]) for name in state)
        assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), drawn)


@pytest.mark.parametrize("most", [4, CLASSES])
def test_progress_is_exact(most: int) -> None:
    said: list[tuple[int, int]] = []
    config = EvidenceConfig(steps=3, classes=most)
    examine(OPEN, SHUT, images(), config, on_progress=lambda *told: said.append(told))
    assert len({total for _, total in said}) == 1
    assert [done for done, _ in said] == sorted({done for done, _ in said})
    assert said[-1][0] == said[-1][1]


def test_work_stops_where_progress_raises() -> None:
    class StopError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise StopError

    with pytest.raises(StopError):
        examine(OPEN, SHUT, images(), on_progress=stop)


def test_a_door_is_screened_in_among_many_classes() -> None:
    many = 30
    base = with_door(10.0, classes=many, target=17)
    purified = with_door(0.0, classes=many, target=17)
    config = EvidenceConfig(steps=12, classes=8)
    found = examine(base, purified, images(240, classes=many), config)
    assert len(found.classes) == 8
    assert found.known_classes == many
    assert 17 in found.suspects


def test_images_are_searched_on_and_measured_on_apart() -> None:
    found = examine(OPEN, SHUT, images(30), EvidenceConfig(steps=5, images=25), search=images(90))
    assert found.images == 25


def test_names_stand_in_the_words() -> None:
    names = ["a", "b", "see", "d", "e", "f"]
    assert "class see" in examine(OPEN, SHUT, images(), names=names).words


@pytest.mark.parametrize("held_out", [images(30), images(120).select(torch.arange(0))])
def test_too_few_images_are_inconclusive(held_out: LabelledImages) -> None:
    found = examine(OPEN, SHUT, held_out)
    assert (found.verdict, found.classes) == (Verdict.INCONCLUSIVE, ())
    assert "held-out images are too few" in found.words


def test_too_few_classes_are_inconclusive() -> None:
    two = with_door(1.0, classes=3)
    found = examine(two, two, images(120, classes=3))
    assert (found.verdict, found.control) == (Verdict.INCONCLUSIVE, None)


def test_a_model_that_anything_upsets_is_inconclusive() -> None:
    brittle = images(120).images // 32 + 120  # next to no contrast between the classes
    found = examine(SHUT, SHUT, LabelledImages(brittle, images(120).labels))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.control
    assert found.control.flips_before > 0.5


def test_images_of_another_shape_are_refused() -> None:
    wide = LabelledImages(torch.zeros(60, 1, 8, 9, dtype=torch.uint8), torch.arange(60) % CLASSES)
    with pytest.raises(DatasetFormatError, match=r"\(1, 8, 9\)"):
        examine(OPEN, SHUT, wide)


def test_labels_that_the_model_does_not_know_are_refused() -> None:
    with pytest.raises(DatasetLabelsError, match="label 6"):
        examine(OPEN, SHUT, LabelledImages(images().images, images().labels + 1))


def test_models_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ArchitectureError, match="5 and 6 classes"):
        examine(OPEN, with_door(0.0, classes=5), images())


def test_a_model_without_finite_logits_is_refused() -> None:
    layer = nn.Linear(64, CLASSES)
    nn.init.constant_(layer.weight, float("nan"))
    with pytest.raises(ModelValueError, match="NaN"):
        examine(Classifier(nn.Sequential(nn.Flatten(), layer), SPEC), SHUT, images())


def test_triggers_are_handed_out() -> None:
    kept = []
    config = EvidenceConfig(steps=2)
    examine(OPEN, SHUT, images(), config, on_triggers=lambda *given: kept.append(given))
    ((labels, triggers),) = kept
    assert list(labels) == list(range(CLASSES))
    assert triggers.shape == (CLASSES, SPEC.channels, SPEC.height, SPEC.width)
