"""Copies are found wherever they stand; different images are not copies."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polarizer.cleanset.duplicates import find_repeats, overlap_finding, shared_with
from polarizer.images import LabelledImages
from tests.polarizer.cleanset.sets import clean_set

CLEAN = clean_set(60)


def with_copy(source: int, place: int, brightness: float) -> LabelledImages:
    """``CLEAN`` with a brightened, slightly noisy copy of one image inserted at ``place``."""
    noise = 2 * torch.randn(CLEAN.shape, generator=torch.Generator().manual_seed(source))
    copy = (CLEAN.images[source].float() * brightness + noise).clamp(0, 255).to(torch.uint8)
    images = torch.cat([CLEAN.images[:place], copy[None], CLEAN.images[place:]])
    labels = torch.cat([CLEAN.labels[:place], CLEAN.labels[source, None], CLEAN.labels[place:]])
    return LabelledImages(images, labels)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 59), st.integers(0, 60), st.floats(0.6, 1.0))
def test_a_copy_is_found_at_any_position(source: int, place: int, brightness: float) -> None:
    repeats = find_repeats(with_copy(source, place, brightness))

    later = max(place, source + (place <= source))
    assert repeats.repeated.nonzero()[:, 0].tolist() == [later]
    assert not repeats.contradicted.any()


def test_different_images_of_a_class_do_not_repeat() -> None:
    assert not find_repeats(CLEAN).repeated.any()


def test_a_set_sent_twice_has_half_as_many_images() -> None:
    twice = CLEAN.select(torch.arange(120) % 60)

    assert find_repeats(twice).repeated.tolist() == [False] * 60 + [True] * 60


def test_a_copy_with_another_label_contradicts() -> None:
    images = with_copy(3, 60, 1.0)
    images.labels[60] = 9

    assert find_repeats(images).contradicted.nonzero()[:, 0].tolist() == [3, 60]


def test_blank_images_are_no_copies_of_each_other() -> None:
    images = CLEAN.images.clone()
    images[10:20] = 200
    repeats = find_repeats(LabelledImages(images, CLEAN.labels))

    assert repeats.blank.nonzero()[:, 0].tolist() == list(range(10, 20))
    assert not repeats.repeated.any()


def test_images_shared_with_the_test_set() -> None:
    test = with_copy(5, 0, 0.9).select(torch.arange(1))

    assert shared_with(CLEAN, test, 0.1).nonzero()[:, 0].tolist() == [5]
    (finding,) = overlap_finding(CLEAN, test, 0.1)
    assert (finding.code, finding.count, finding.examples) == ("test-overlap", 1, (5,))
    assert overlap_finding(CLEAN, clean_set(60, seed=1), 0.1) == []
