from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polarizer.errors import DatasetFormatError, DatasetLabelsError, PolarizerError
from polarizer.images import LabelledImages
from tests.polarizer.networks import some_images


def labelled(labels: list[int]) -> LabelledImages:
    """Images that carry their own position, so that they can be told apart."""
    count = len(labels)
    positions = torch.arange(count)
    pixels = torch.stack([positions // 256, positions % 256], 1).to(torch.uint8)
    return LabelledImages(pixels.view(count, 1, 1, 2), torch.tensor(labels, dtype=torch.int64))


def positions(images: LabelledImages) -> list[int]:
    return [int(a) * 256 + int(b) for a, b in images.images.flatten(1)]


@given(
    labels=st.lists(st.integers(0, 6), max_size=300),
    fraction=st.floats(0.05, 0.5),
    seed=st.integers(0, 2**32),
)
def test_split_holds_out_about_the_fraction_of_every_class(
    labels: list[int], fraction: float, seed: int
) -> None:
    rest, held_out = labelled(labels).split(fraction, torch.Generator().manual_seed(seed))

    assert sorted(positions(rest) + positions(held_out)) == list(range(len(labels)))
    assert positions(rest) == sorted(positions(rest))
    for part in (rest, held_out):
        assert [labels[position] for position in positions(part)] == part.labels.tolist()
    for label in set(labels):
        count = labels.count(label)
        share = int((held_out.labels == label).sum())
        assert abs(share - fraction * count) < 1 + 1e-6
        assert share < count


def test_split_is_decided_by_the_generator() -> None:
    images = some_images(60)
    first, second, other = (
        images.split(0.2, torch.Generator().manual_seed(seed))[1] for seed in (1, 1, 2)
    )

    assert torch.equal(first.images, second.images)
    assert not torch.equal(first.images, other.images)


def test_pixels_are_between_zero_and_one() -> None:
    images = labelled([0, 1])
    images.images[1] = 255

    assert images.pixels().tolist() == [[[[0, 0]]], [[[1, 1]]]]
    assert torch.equal(images.pixels(torch.tensor([1])), images.pixels()[1:])
    assert images.images.dtype == torch.uint8


@pytest.mark.parametrize(
    ("pixels", "labels", "error"),
    [
        (torch.zeros(2, 3, 8, 8), torch.zeros(2, dtype=torch.int64), DatasetFormatError),
        (torch.zeros(2, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]), DatasetFormatError),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([0]), DatasetLabelsError),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, -1]), DatasetLabelsError),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([0.0, 1]), DatasetLabelsError),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([[0], [1]]), DatasetLabelsError),
    ],
)
def test_what_is_no_labelled_images_is_refused(
    pixels: torch.Tensor, labels: torch.Tensor, error: type[PolarizerError]
) -> None:
    with pytest.raises(error):
        LabelledImages(pixels, labels)
