"""The alarm keeps its promise on clean images, and goes off at a planted trigger."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from polarizer.alarm.calibration import calibrate, disagreement
from polarizer.errors import DatasetImagesError


def logits(count: int, seed: int, *, classes: int = 5) -> Tensor:
    return torch.randn(count, classes, generator=torch.Generator().manual_seed(seed))


@given(count=st.integers(1, 300), seed=st.integers(0, 100), rate=st.floats(0.001, 0.5))
def test_the_threshold_flags_no_more_than_it_says(count: int, seed: int, rate: float) -> None:
    purified, base = logits(count, seed), logits(count, seed + 1000)
    found = calibrate(purified, base, rate=rate)
    scores = disagreement(purified, base)
    assert found.images == count
    assert found.flagged == int((scores > found.threshold).sum())
    assert (found.flagged + 1) / (count + 1) <= found.rate + 1e-9
    assert found.rate <= max(rate, 1 / (count + 1)) + 1e-9


def test_the_promise_holds_for_new_images() -> None:
    """On average over calibration sets, as split conformal prediction says."""
    shares = []
    for seed in range(300):
        purified, base = logits(400, seed), logits(400, seed + 1000)
        found = calibrate(purified[:199], base[:199], rate=0.05)
        new = disagreement(purified[199:], base[199:])
        shares.append(float((new > found.threshold).float().mean()))
    assert 0.03 < sum(shares) / len(shares) < 0.055


@given(seed=st.integers(0, 100))
def test_disagreement_is_none_where_both_choose_the_same(seed: int) -> None:
    purified, base = logits(20, seed), logits(20, seed + 1)
    scores = disagreement(purified, base)
    same = purified.argmax(1) == base.argmax(1)
    assert bool((scores[same] == 0).all())
    assert bool((scores[~same] > 0).all())


def test_a_planted_trigger_is_flagged() -> None:
    clean = logits(200, 0) + 8 * torch.nn.functional.one_hot(torch.arange(200) % 5)
    noisy = clean + 0.5 * logits(200, 1)
    found = calibrate(clean, noisy)
    triggered = clean.clone()
    triggered[:, 2] += 30  # what the base model says of images with the trigger
    of_other_classes = torch.arange(200) % 5 != 2
    flagged = disagreement(clean, triggered) > found.threshold
    assert bool(flagged[of_other_classes].all())


def test_without_clean_images_there_is_no_alarm() -> None:
    with pytest.raises(DatasetImagesError, match="held-out"):
        calibrate(logits(0, 0), logits(0, 0))
