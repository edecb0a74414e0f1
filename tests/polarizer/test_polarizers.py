from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from polarizer.errors import ConfigError
from polarizer.polarizers import NeuralPolarizer, polarized
from tests.polarizer.networks import TinyCnn

LAYERS: dict[str, tuple[Callable[[], nn.Conv2d | nn.Linear], tuple[int, ...]]] = {
    "convolution": (lambda: nn.Conv2d(6, 4, 3), (2, 6, 7, 7)),
    "padded, strided": (lambda: nn.Conv2d(6, 8, 3, stride=2, padding=1), (2, 6, 7, 7)),
    "dilated, no bias": (lambda: nn.Conv2d(6, 8, 3, dilation=2, bias=False), (2, 6, 7, 7)),
    "1x1": (lambda: nn.Conv2d(6, 4, 1), (2, 6, 7, 7)),
    "grouped": (lambda: nn.Conv2d(6, 4, 3, groups=2), (2, 6, 7, 7)),
    "depthwise": (lambda: nn.Conv2d(6, 12, (3, 5), padding=2, groups=6), (2, 6, 7, 7)),
    "linear": (lambda: nn.Linear(6, 4), (2, 6)),
    "linear on tokens": (lambda: nn.Linear(6, 4, bias=False), (2, 5, 6)),
}


@pytest.fixture(params=LAYERS.values(), ids=LAYERS.keys())
def case(request: pytest.FixtureRequest) -> tuple[nn.Sequential, Tensor]:
    torch.manual_seed(0)
    make, shape = request.param
    return nn.Sequential(make()), torch.randn(shape)


def disturb(polarizers: list[NeuralPolarizer]) -> None:
    with torch.no_grad():
        for polarizer in polarizers:
            polarizer.deviation.normal_(std=0.3)


def polarized_input(polarizer: NeuralPolarizer, inputs: Tensor, axis: int) -> Tensor:
    """What the map does, written out: each group of channels times its own matrix."""
    channels_last = inputs.movedim(axis, -1)
    groups, size, _ = polarizer.deviation.shape
    parts = channels_last.unflatten(-1, (groups, size))
    maps = torch.eye(size) + polarizer.deviation
    return torch.einsum("...gj,gij->...gi", parts, maps).flatten(-2).movedim(-1, axis)


def test_it_starts_as_the_identity(case: tuple[nn.Sequential, Tensor]) -> None:
    network, inputs = case
    expected = network(inputs)

    with polarized(network, ["0"]):
        assert torch.equal(network(inputs), expected)
    assert torch.equal(network(inputs), expected)


def test_it_is_a_linear_map_on_the_input(case: tuple[nn.Sequential, Tensor]) -> None:
    network, inputs = case
    base = deepcopy(network)
    channels = 1 if isinstance(network[0], nn.Conv2d) else -1

    with polarized(network, ["0"]) as (polarizer,):
        disturb([polarizer])
        expected = base(polarized_input(polarizer, inputs, channels))
        assert torch.allclose(network(inputs), expected, atol=1e-5)


def test_folded_and_unfolded_agree(case: tuple[nn.Sequential, Tensor]) -> None:
    network, inputs = case
    base = network(inputs)

    with polarized(network, ["0"]) as polarizers:
        disturb(polarizers)
        unfolded = network(inputs)

    assert torch.allclose(network(inputs), unfolded, atol=1e-5)
    assert not torch.allclose(unfolded, base, atol=1e-2)
    assert type(network[0]) in (nn.Conv2d, nn.Linear)


def test_an_exception_leaves_the_module_as_it_came() -> None:
    network = TinyCnn()
    before = deepcopy(network)
    parameters = list(network.parameters())

    def fail_within() -> None:
        with polarized(network, ["down", "head"]) as polarizers:
            disturb(polarizers)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_within()

    assert list(network.state_dict()) == list(before.state_dict())
    for name, value in before.state_dict().items():
        assert torch.equal(network.state_dict()[name], value)
    assert all(a is b for a, b in zip(network.parameters(), parameters, strict=True))
    assert [type(m) for m in network.modules()] == [type(m) for m in before.modules()]


def test_only_the_named_weights_change_and_their_order_stays() -> None:
    network = TinyCnn()
    before = deepcopy(network.state_dict())

    with polarized(network, ["depthwise", "head"]) as polarizers:
        disturb(polarizers)

    after = network.state_dict()
    assert list(after) == list(before)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"depthwise.weight", "head.weight"}
    assert all(parameter.is_leaf for parameter in network.parameters())


def test_the_weights_get_no_gradient_but_the_polarizers_do() -> None:
    network = TinyCnn().requires_grad_(False).eval()

    with polarized(network, ["down", "head"]) as polarizers:
        network(torch.randn(2, 3, 8, 8)).square().sum().backward()
        for polarizer in polarizers:
            gradient = polarizer.deviation.grad
            assert gradient is not None
            assert gradient.abs().max() > 0
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("name", "similar"), [("dwon", "down"), ("head.weight", "head"), ("norm", "head"), ("", "down")]
)
def test_an_unknown_layer_is_named_beside_similar_ones(name: str, similar: str) -> None:
    network = TinyCnn()

    with pytest.raises(ConfigError, match=rf"{name!r}.*{similar}"), polarized(network, [name]):
        pass

    assert not any("parametrizations" in key for key in network.state_dict())


def test_a_parametrized_layer_is_refused() -> None:
    network = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)))

    with pytest.raises(ConfigError, match="parametrized already"), polarized(network, ["0"]):
        pass
