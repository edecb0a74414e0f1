from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polarizer import images as images_module
from polarizer.errors import DatasetFormatError, DatasetLabelsError, PolarizerError
from polarizer.images import LabelledImages, free_memory, sent
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


CPU, META = torch.device("cpu"), torch.device("meta")


def test_on_the_cpu_a_set_stays_itself() -> None:
    images = labelled([0, 1, 2])
    assert images.on(CPU) is images
    assert sent(images.images, CPU) is images.images


@pytest.mark.parametrize(("free", "moves"), [(0, False), (23, False), (24, True)], ids=str)
def test_a_set_moves_where_it_takes_a_quarter_of_what_is_free(
    free: int, moves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images_module, "free_memory", lambda _device: free)
    images = labelled([0, 1, 2])  # 6 bytes

    there = images.on(META)

    assert (there.images.device.type == "meta") is moves
    assert there.labels is images.labels
    assert (there is images) is not moves


@pytest.mark.parametrize("moves", [False, True], ids=["in batches", "at once"])
@pytest.mark.parametrize(
    "indices", [torch.tensor([2, 0]), slice(0, 2), None], ids=["some", "first", "all"]
)
def test_pixels_come_to_a_device_whether_the_set_lies_there_or_not(
    indices: torch.Tensor | slice | None, moves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images_module, "free_memory", lambda _device: 100 if moves else 0)
    images = labelled([0, 1, 2])

    pixels = images.on(META).pixels(indices, META)

    assert pixels.device.type == "meta"
    assert pixels.dtype == torch.float32
    assert pixels.shape == images.pixels(indices).shape


def test_devices_that_do_not_tell_their_memory_have_none_to_spare() -> None:
    assert free_memory(META) == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_set_on_cuda_gives_the_same_pixels() -> None:
    images, device = some_images(40), torch.device("cuda")
    indices = torch.tensor([3, 1, 20])

    there = images.on(device)

    assert there.images.is_cuda
    expected = images.pixels(indices)
    for pixels in (there.pixels(indices, device), images.pixels(indices, device)):
        assert pixels.is_cuda
        assert torch.allclose(pixels.cpu(), expected, atol=1e-6)
