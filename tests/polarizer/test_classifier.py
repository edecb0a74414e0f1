from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from polarizer.classifier import Classifier
from polarizer.errors import DatasetFormatError
from tests.polarizer.networks import SPEC, some_images, tiny_classifier


class WithLogits(nn.Module):
    """Answers as the models of transformers do."""

    def forward(self, images: Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=images.mean((2, 3)))


def test_pixels_are_normalised_per_channel_and_outputs_unwrapped() -> None:
    logits = Classifier(WithLogits(), SPEC)(torch.ones(2, 3, 8, 8))

    expected = torch.tensor([(1 - 0.4) / 0.2, (1 - 0.5) / 0.3, (1 - 0.6) / 0.25])
    assert torch.allclose(logits, expected.expand(2, 3))


def test_it_stays_frozen_and_in_evaluation_mode() -> None:
    classifier = tiny_classifier()
    before = {name: value.clone() for name, value in classifier.module.state_dict().items()}

    classifier.train()
    classifier(some_images().pixels())

    assert not any(module.training for module in classifier.modules())
    assert not any(parameter.requires_grad for parameter in classifier.parameters())
    after = classifier.module.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_its_state_is_that_of_the_network() -> None:
    classifier = tiny_classifier()

    assert [name.removeprefix("module.") for name in classifier.state_dict()] == list(
        classifier.module.state_dict()
    )


@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (2, 3, 8, 9), (3, 8, 8)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DatasetFormatError, match=r"\(3, 8, 8\)"):
        tiny_classifier()(torch.zeros(shape))
