from __future__ import annotations

import pytest
import torch
from torch import nn

from polarizer.errors import ConfigError
from polarizer.npd import PolarizedLayer, attach
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


def test_before_a_linear_layer_it_is_the_same_map_of_every_position() -> None:
    generator = torch.Generator().manual_seed(0)
    layers = nn.Conv2d(6, 4, 1), nn.Linear(6, 4)
    with torch.no_grad():
        layers[1].weight.copy_(layers[0].weight.flatten(1))
        layers[1].bias.copy_(layers[0].bias)
    on_map, on_tokens = (PolarizedLayer(layer) for layer in layers)
    state = on_map.polarizer.state_dict()
    state["0.weight"] += 0.3 * torch.randn(6, 6, 1, 1, generator=generator)
    on_map.polarizer.load_state_dict(state)
    state["0.weight"] = state["0.weight"].flatten(1)
    on_tokens.polarizer.load_state_dict(state)
    features = torch.randn(5, 6, 3, 2, generator=generator)
    tokens = features.flatten(2).transpose(1, 2)

    for training in (True, False):
        expected = on_map.train(training)(features).flatten(2).transpose(1, 2)
        assert torch.allclose(on_tokens.train(training)(tokens), expected, atol=1e-5)
    assert torch.allclose(
        on_tokens.polarizer[1].running_mean, on_map.polarizer[1].running_mean, atol=1e-6
    )
    assert on_tokens(tokens[:, 0]).shape == (5, 4)


def test_only_a_layer_that_is_there_can_be_wrapped() -> None:
    network = TinyCnn()
    before = list(network.state_dict())

    with pytest.raises(ConfigError, match="down"):
        attach(network, "dwon")

    assert list(network.state_dict()) == before
