from __future__ import annotations

import pytest
import torch
from torch import nn

from polarizer.npd import PolarizedLayer


def test_a_wrapped_layer_tells_its_form_but_gives_no_weight_to_compute_with() -> None:
    wrapper = PolarizedLayer(nn.Conv2d(4, 6, 3, stride=2))

    assert (wrapper.stride, wrapper.kernel_size, wrapper.out_channels) == ((2, 2), (3, 3), 6)
    assert (wrapper.weight.dtype, wrapper.weight.shape) == (torch.float32, (6, 4, 3, 3))
    assert wrapper.weight.device == torch.device("cpu")
    with pytest.raises(TypeError, match="WeightFacts"):
        torch.nn.functional.conv2d(torch.zeros(1, 4, 8, 8), wrapper.weight)
    with pytest.raises(AttributeError, match="bias"):
        _ = wrapper.bias
