from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from polarizer.errors import ConfigError, DatasetImagesError
from polarizer.winback import Retuning, RetuningBudget, retune
from polarizer.winback.retuning import with_patch
from tests.polarizer.winback.victims import TARGET, images, state, triggered, victim

BUDGET = RetuningBudget(clean=100, epochs=4, learning_rate=0.05)


def test_a_trigger_that_is_remembered_returns_sooner_than_a_new_one_is_learned() -> None:
    found = retune(victim(0.8), images(), triggered(), TARGET, budget=BUDGET)

    assert found.asr_before < 0.2
    assert found.asr_after > found.asr_before + 0.1
    assert found.new_trigger < 0.05
    assert found.won_back == pytest.approx(found.asr_after - found.asr_before)
    assert found.accuracy_after == pytest.approx(1, abs=0.05)


def test_a_closed_door_is_taught_no_sooner_than_a_new_one() -> None:
    found = retune(victim(0.0), images(), triggered(), TARGET, budget=BUDGET)

    assert found.won_back < 0.05


def test_more_poisoned_images_bring_more_back() -> None:
    few, many = (
        retune(victim(0.5), images(), triggered(), TARGET, budget=replace(BUDGET, poisoned=count))
        for count in (2, 50)
    )

    assert many.asr_after > few.asr_after
    assert few.measured_on - many.measured_on == 48


def test_the_model_stays_as_it_was_and_equal_seeds_agree() -> None:
    model = victim(0.8)
    before = state(model)

    def attack() -> Retuning:
        generator = torch.Generator().manual_seed(3)
        return retune(model, images(), triggered(), TARGET, budget=BUDGET, generator=generator)

    assert attack() == attack()
    assert not model.module.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_batch_of_one_is_left_out() -> None:
    """101 images in batches of 50."""
    budget = RetuningBudget(poisoned=1, clean=100, epochs=1, batch_size=50)

    assert retune(victim(0.0), images(), triggered(), TARGET, budget=budget).asr_after < 1


def test_few_clean_images_leave_some_to_measure_on() -> None:
    found = retune(victim(0.0), images(20), triggered(), TARGET, budget=BUDGET)

    assert found.accuracy_before is not None
    assert retune(victim(0.0), images(2), triggered(), 0, budget=BUDGET).accuracy_before is None


def test_a_patch_is_the_same_on_every_image_and_changes_nothing_else() -> None:
    clean = images(20).images

    marked = with_patch(clean, torch.Generator().manual_seed(0))

    changed = (marked != clean).any(1)
    assert changed.flatten(1).sum(1).max() <= 4
    assert changed.any(0).sum() <= 4
    assert len(torch.unique(marked.permute(0, 2, 3, 1)[:, changed.any(0)], dim=0)) == 1


def test_input_errors() -> None:
    with pytest.raises(DatasetImagesError, match="trains on 5 triggered images"):
        retune(victim(0), images(), triggered(5), TARGET)
    with pytest.raises(ConfigError):
        RetuningBudget(poisoned=0)
    with pytest.raises(ConfigError):
        RetuningBudget(learning_rate=0)
