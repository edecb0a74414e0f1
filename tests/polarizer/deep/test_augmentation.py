from __future__ import annotations

import torch
from torch import Tensor, nn

from polarizer.classifier import Classifier
from polarizer.deep.augmentation import Augmentation, shifted, tolerated
from polarizer.description import InputSpec
from polarizer.images import LabelledImages

SPEC = InputSpec(channels=1, height=16, width=16, mean=(0.0,), std=(1.0,))
CPU = torch.device("cpu")


class BrighterHalf(nn.Module):
    """Class 1 where the right half is brighter than the left, or the lower than the upper."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.dimension = dimension

    def forward(self, images: Tensor) -> Tensor:
        first, second = (half.sum((1, 2, 3)) for half in images.chunk(2, self.dimension))
        return torch.stack((first, second), 1)


class BrightPixel(nn.Module):
    """Class 1 where one certain pixel is white."""

    def forward(self, images: Tensor) -> Tensor:
        value = images[:, 0, 8, 8]
        return torch.stack((1 - value, value), 1)


def images(count: int = 40) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 1, 16, 16), generator=generator, dtype=torch.uint8)


def augmentation_for(module: nn.Module) -> Augmentation:
    classifier = Classifier(module, SPEC)
    unlabelled = images()
    labels = classifier(unlabelled / 255).argmax(1)
    return tolerated(classifier, LabelledImages(unlabelled, labels), CPU)


def test_a_network_that_tells_left_from_right_sees_no_mirrored_image() -> None:
    assert not augmentation_for(BrighterHalf(3)).mirror
    assert augmentation_for(BrighterHalf(2)).mirror


def test_a_network_that_looks_at_one_pixel_sees_no_shifted_image() -> None:
    assert augmentation_for(BrightPixel()).shift == 0


class Constant(nn.Module):
    def forward(self, given: Tensor) -> Tensor:
        return torch.tensor([1.0, 0.0]).expand(len(given), 2)


def test_what_does_not_matter_is_used_in_full() -> None:
    assert augmentation_for(Constant()) == Augmentation(shift=2, mirror=True)


def test_no_shift_is_the_image_itself() -> None:
    pixels = torch.rand(2, 3, 8, 8)

    assert torch.equal(shifted(pixels, 2, 2, 2), pixels)
    assert torch.equal(shifted(pixels, 0, 2, 2)[:, :, 2:], pixels[:, :, :-2])


def test_augmented_images_are_of_the_same_shape_and_drawn_from_the_generator() -> None:
    pixels = torch.rand(16, 3, 8, 8)
    augmentation = Augmentation(shift=1, mirror=True)

    first, again = (augmentation(pixels, torch.Generator().manual_seed(3)) for _ in range(2))

    assert torch.equal(first, again)
    assert first.shape == pixels.shape
    assert torch.equal(Augmentation(0, mirror=False)(pixels, torch.Generator()), pixels)
