"""How many images a step takes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from torch import nn

from polarizer.config import PurifyConfig
from polarizer.deep import batch_size


@pytest.mark.parametrize(
    ("shape", "images"),
    [((1, 8, 8), 64), ((3, 15, 224), 64), ((3, 16, 16), 32), ((3, 224, 224), 32)],
    ids=["digits", "narrow", "least", "large"],
)
def test_small_images_come_in_larger_batches(shape: tuple[int, int, int], images: int) -> None:
    assert batch_size(nn.Conv2d(1, 1, 1), shape) == images


@pytest.mark.parametrize(
    "layer", [nn.LayerNorm(4), nn.Conv2d(4, 4, 3, groups=4)], ids=["stream", "depthwise"]
)
def test_networks_whose_weights_see_little_take_many(layer: nn.Module) -> None:
    assert batch_size(nn.Sequential(nn.Conv2d(3, 4, 1), layer), (3, 224, 224)) == 64


@pytest.mark.parametrize("method", ["stage", "npd", "r-cnpd"])
def test_only_deep_chooses(method: str) -> None:
    assert PurifyConfig().batch_size is None
    with pytest.raises(ValidationError, match="batch_size must be given"):
        PurifyConfig(method=method, batch_size=None)
