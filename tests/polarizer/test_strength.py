from __future__ import annotations

from typing import Any

import pytest
import torch

from polarizer.config import Method, PurifyConfig
from polarizer.purification import Purification, purify
from polarizer.strength import between
from tests.polarizer.networks import some_images, tiny_classifier


def repaired(method: Method, **given: Any) -> Purification:
    config = PurifyConfig(
        method=method, steps=4, batch_size=8, check_every=2, seed=3, holdout=0.2, **given
    )
    return purify(tiny_classifier(), some_images(60), config)


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_between_is_on_the_line(strength: float) -> None:
    base, end = tiny_classifier(), repaired(Method.DEEP).classifier

    found = between(base, end, strength).state_dict()

    for name, value in base.state_dict().items():
        expected = value + strength * (end.state_dict()[name] - value)
        assert torch.allclose(found[name].double(), expected.double(), atol=1e-6), name


def test_that_much_of_the_change_is_kept() -> None:
    part = between(tiny_classifier(), repaired(Method.DEEP).classifier, 0.25)

    found = repaired(Method.DEEP, strength=0.25)

    assert found.config.strength == 0.25
    for name, value in found.classifier.state_dict().items():
        assert torch.allclose(value.double(), part.state_dict()[name].double(), atol=1e-6), name


def test_auto_is_deep_and_says_so() -> None:
    found = repaired(Method.AUTO)

    assert found.config == repaired(Method.DEEP).config
    for name, value in repaired(Method.DEEP).classifier.state_dict().items():
        assert torch.equal(found.classifier.state_dict()[name], value), name
