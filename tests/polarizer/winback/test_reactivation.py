from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from polarizer.errors import ConfigError, DatasetImagesError, DatasetLabelsError
from polarizer.images import LabelledImages
from polarizer.winback import Reactivation, ReactivationBudget, reactivate
from tests.polarizer.cleanset.sets import CLASSES
from tests.polarizer.winback.victims import TARGET, images, state, triggered, victim

BUDGET = ReactivationBudget(epochs=10, steps=3, queries=4000)
NEARLY_CLOSED, CLOSED = 0.8, 0.0


def test_a_nearly_closed_door_opens_again_and_only_with_the_trigger() -> None:
    found = reactivate(victim(NEARLY_CLOSED), triggered(), images(), TARGET, budget=BUDGET)

    assert found.asr_before < 0.2
    assert found.asr_after > 0.6
    assert found.control < 0.05
    assert found.without_trigger < 0.05
    assert found.won_back == pytest.approx(found.asr_after - found.asr_before)


def test_a_closed_door_stays_closed() -> None:
    found = reactivate(victim(CLOSED), triggered(), images(), TARGET, budget=BUDGET)

    assert found.asr_after < 0.05
    assert found.won_back < 0.05


def test_what_a_perturbation_does_without_a_trigger_is_not_won_back() -> None:
    """At a bound of half the range anything can be forced, so nothing is the backdoor's."""
    found = reactivate(
        victim(NEARLY_CLOSED), triggered(), images(), TARGET, budget=replace(BUDGET, bound=0.5)
    )

    assert found.control > 0.9
    assert found.won_back < 0.1


def test_answers_alone_find_no_more_than_gradients() -> None:
    white, black = (
        reactivate(
            victim(NEARLY_CLOSED), triggered(), images(), TARGET, budget=BUDGET, access=access
        )
        for access in ("white-box", "black-box")
    )

    assert black.access == "black-box"
    assert white.asr_before == black.asr_before
    assert black.asr_before - 0.05 <= black.asr_after < white.asr_after


def test_images_are_searched_on_or_measured_on() -> None:
    found = reactivate(victim(CLOSED), triggered(101), images(), TARGET, budget=BUDGET)

    attacked = int((triggered(101).labels != TARGET).sum())
    assert found.searched_on + found.measured_on == attacked
    assert found.searched_on == attacked // 2


def test_every_image_may_have_a_target_of_its_own() -> None:
    marked = triggered()
    targets = (marked.labels + 1) % CLASSES

    found = reactivate(victim(CLOSED), marked, images(), targets, budget=BUDGET)

    assert found.searched_on == len(marked) // 2


def test_the_model_stays_as_it_was_and_equal_seeds_agree() -> None:
    model = victim(NEARLY_CLOSED)
    before = state(model)

    def attack() -> Reactivation:
        generator = torch.Generator().manual_seed(3)
        return reactivate(model, triggered(), images(), TARGET, budget=BUDGET, generator=generator)

    assert attack() == attack()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def _only(marked: LabelledImages, label: int) -> LabelledImages:
    return marked.select(marked.labels == label)


def test_input_errors() -> None:
    marked, clean = triggered(40), images(40)
    with pytest.raises(DatasetImagesError, match="triggered images: fewer than two"):
        reactivate(victim(0), _only(marked, TARGET), clean, TARGET)
    with pytest.raises(DatasetImagesError, match="clean images: fewer than two"):
        reactivate(victim(0), marked, _only(clean, TARGET), TARGET)
    wrong: Tensor = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(DatasetLabelsError, match="3 targets for 40"):
        reactivate(victim(0), marked, clean, wrong)


@pytest.mark.parametrize(
    "change", [{"bound": 0.0}, {"bound": 1.5}, {"epochs": 0}, {"steps": 0}, {"queries": 5}]
)
def test_budgets_that_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        replace(ReactivationBudget(), **change)
