from __future__ import annotations

import pytest
from torch import nn

from polarizer.npd import PolarizedLayer


def test_a_wrapped_layer_tells_its_form_but_not_its_weight() -> None:
    wrapper = PolarizedLayer(nn.Conv2d(4, 6, 3, stride=2))

    assert (wrapper.stride, wrapper.kernel_size, wrapper.out_channels) == ((2, 2), (3, 3), 6)
    with pytest.raises(AttributeError, match="weight"):
        _ = wrapper.weight
