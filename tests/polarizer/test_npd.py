from __future__ import annotations

import pytest
import torch

from polarizer.errors import ConfigError
from polarizer.npd import attach
from tests.polarizer.networks import TinyCnn


def test_the_keys_of_the_layer_move_below_it() -> None:
    network = TinyCnn()
    before = set(network.state_dict())

    attach(network, "depthwise")

    after = set(network.state_dict())
    assert before - after == {"depthwise.weight", "depthwise.bias"}
    assert {name for name in after - before if not name.startswith("depthwise.polarizer.")} == {
        "depthwise.layer.weight",
        "depthwise.layer.bias",
    }


def test_neither_network_silently_takes_the_weights_of_the_other() -> None:
    base, defended = TinyCnn(), TinyCnn()
    attach(defended, "depthwise")
    state, defended_state = base.state_dict(), defended.state_dict()

    into_defended = defended.load_state_dict(state, strict=False)
    into_base = base.load_state_dict(defended_state, strict=False)

    assert {"depthwise.layer.weight", "depthwise.polarizer.0.weight"} <= set(
        into_defended.missing_keys
    )
    assert "depthwise.weight" in into_base.missing_keys


def test_untrained_it_changes_next_to_nothing_in_evaluation_mode() -> None:
    network = TinyCnn().eval()
    images = torch.rand(4, 3, 8, 8)
    expected = network(images)

    wrapper = attach(network, "down")

    assert not wrapper.training
    assert torch.allclose(network(images), expected, atol=1e-4)


@pytest.mark.parametrize(("name", "message"), [("head", "is a Linear"), ("dwon", "down")])
def test_only_a_convolution_that_is_there_can_be_wrapped(name: str, message: str) -> None:
    network = TinyCnn()
    before = list(network.state_dict())

    with pytest.raises(ConfigError, match=message):
        attach(network, name)

    assert list(network.state_dict()) == before
