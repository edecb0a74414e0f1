from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polarizer.errors import DatasetImagesError
from polarizer.metrics import (
    accuracy,
    attack_success_rate,
    defense_effectiveness,
    per_class_accuracy,
    predict,
    recovered_accuracy,
)
from tests.polarizer.networks import some_images, tiny_classifier

LABELS = torch.tensor([0, 0, 1, 1, 1, 2])
PREDICTED = torch.tensor([0, 2, 0, 1, 0, 2])
SHARES = st.floats(0, 1)


def test_shares_of_a_worked_example() -> None:
    assert accuracy(PREDICTED, LABELS) == pytest.approx(3 / 6)
    assert per_class_accuracy(PREDICTED, LABELS) == pytest.approx({0: 1 / 2, 1: 1 / 3, 2: 1})
    assert attack_success_rate(PREDICTED, LABELS, target=0) == pytest.approx(2 / 4)
    assert recovered_accuracy(PREDICTED, LABELS, target=0) == pytest.approx(2 / 4)


def test_images_of_the_target_class_do_not_count_as_attacked() -> None:
    with pytest.raises(DatasetImagesError):
        attack_success_rate(torch.tensor([1, 1]), torch.tensor([1, 1]), target=1)


@given(before=st.tuples(SHARES, SHARES), after=st.tuples(SHARES, SHARES))
def test_der_is_best_when_the_attack_is_gone_and_nothing_lost(
    before: tuple[float, float], after: tuple[float, float]
) -> None:
    der = defense_effectiveness(
        accuracy_before=before[0],
        attack_success_before=before[1],
        accuracy_after=after[0],
        attack_success_after=after[1],
    )

    assert 0 <= der <= 1
    if after[0] >= before[0] and after[1] >= before[1]:
        assert der == 0.5


def test_der_of_published_numbers() -> None:
    der = defense_effectiveness(
        accuracy_before=0.91, attack_success_before=0.96, accuracy_after=0.92,
        attack_success_after=0.0247,
    )  # fmt: skip
    assert der == pytest.approx(0.96765)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_predictions_do_not_depend_on_the_batch_size(batch_size: int) -> None:
    classifier, images = tiny_classifier(), some_images(20)

    predicted = predict(classifier, images, batch_size=batch_size)

    assert torch.equal(predicted, classifier(images.pixels()).argmax(1))


def test_no_image_gives_no_prediction() -> None:
    assert predict(tiny_classifier(), some_images(0)).shape == (0,)
