"""From predictions to norms and anomalies."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polarizer.evidence.measuring import (
    LADDER,
    anomalies,
    flip_rate,
    lead,
    median,
    norm_of_half,
    predictions,
    rung_of_most,
)
from tests.polarizer.evidence.doors import images, with_door

rates = st.lists(st.floats(0, 1), min_size=len(LADDER), max_size=len(LADDER))


def test_flip_rate_counts_images_of_other_classes() -> None:
    predicted, labels = torch.tensor([2, 2, 1, 2]), torch.tensor([2, 0, 1, 1])
    assert flip_rate(predicted, labels, 2) == pytest.approx(2 / 3)


def test_flip_rate_of_nothing_is_zero() -> None:
    assert flip_rate(torch.tensor([2]), torch.tensor([2]), 2) == 0


@pytest.mark.parametrize(
    ("rates", "norm"),
    [
        ([1, 1, 1, 1, 1], 0.2),
        ([0, 0.5, 1, 1, 1], 0.6),
        ([0, 0.25, 0.75, 1, 1], 0.8),
        ([0, 0, 0, 0, 0.25], 3.0),
        ([0, 0, 0, 0, 0], 4.0),
    ],
)
def test_norm_of_half_is_interpolated_and_extrapolated(rates: list[float], norm: float) -> None:
    assert norm_of_half(rates, bound=2.0) == pytest.approx(norm)


@given(rates)
def test_norm_of_half_is_positive_and_bounded(rates: list[float]) -> None:
    assert 0 < norm_of_half(rates, bound=2.0) <= 4.0


@given(rates, st.integers(0, len(LADDER) - 1))
def test_more_flips_never_mean_a_larger_norm(rates: list[float], rung: int) -> None:
    rising = sorted(rates)
    more = rising[:rung] + [1.0] * (len(LADDER) - rung)
    assert norm_of_half(more, bound=2.0) <= norm_of_half(rising, bound=2.0) + 1e-9


def test_rung_of_most() -> None:
    assert rung_of_most([0.1, 0.95, 1, 1, 1]) == 1
    assert rung_of_most([0, 0, 0, 0, 0.3]) == len(LADDER) - 1


def test_the_shortest_norm_is_the_anomaly_and_units_do_not_matter() -> None:
    norms = [1.0, 1.1, 0.9, 0.3, 1.05]
    found = anomalies(norms, least_spread=0.01)
    assert max(range(5), key=found.__getitem__) == 3
    assert found[3] > 3
    assert anomalies([7 * norm for norm in norms], 0.01) == pytest.approx(found)


def test_classes_that_are_alike_make_no_anomaly() -> None:
    assert max(anomalies([1.0, 1.0, 1.0, 0.99], least_spread=0.15)) < 0.1


def test_the_lead_is_that_of_the_smallest_norm_and_units_do_not_matter() -> None:
    assert lead([3.0, 1.0, 2.0]) == pytest.approx(lead([21.0, 7.0, 14.0]))
    assert lead([1.0, 1.0, 9.0]) == 0
    assert lead([2.0, 5.0, 1.0]) == pytest.approx(0.693147, abs=1e-6)


def test_median() -> None:
    assert median([3, 1, 2]) == 2
    assert median([4, 1, 2, 3]) == 2.5


def test_predictions_are_those_of_the_images_with_each_trigger() -> None:
    classifier, held = with_door(10.0), images(12)
    door = torch.zeros(1, 1, 8, 8)
    door[..., 7, 4:] = 1
    ticks: list[int] = []
    found = predictions(
        classifier,
        torch.cat([torch.zeros_like(door), door]),
        held,
        torch.device("cpu"),
        lambda: ticks.append(1),
    )
    assert torch.equal(found[0], held.labels)
    assert (found[1] == 2).all()
    assert len(ticks) == 2
