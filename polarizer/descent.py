"""Normalised momentum descent (Cutkosky & Mehta, 2020), for polarizers and for whole networks.

The losses of one network are steep and of another flat, and no fixed factor on the gradient suits
both. Here a step has a length instead. With ``n`` polarizers each map ``I + D`` changes by ``lr/n``
in Frobenius norm, so no feature by more than that fraction of its norm, and a feature that passes
all of them by no more than about ``lr``: one learning rate serves networks of any width and depth.
"""

from __future__ import annotations

from collections.abc import Iterable
from inspect import unwrap

import torch
from torch import Tensor, nn

ZERO_COUNTS_AS = 0.01
VANISHED = 1e-15  # a norm below which the squares of float32 are lost, and the direction with them
RATE, RATE_OF_STREAMS = 0.06, 0.24


class NormalisedDescent(torch.optim.Optimizer):
    """Steps of Frobenius norm ``lr / n`` for each of ``n`` deviations ``(g, C/g, C/g)``.

    ``momentum`` averages the gradients before they are normalised; ``weight_decay`` draws the
    deviations to zero, that is the maps to the identity, by ``lr * weight_decay`` a step. A tensor
    without a gradient stays as it is, and one whose gradient has vanished makes no step.
    """

    def __init__(
        self, deviations: Iterable[Tensor], *, lr: float, momentum: float, weight_decay: float
    ) -> None:
        super().__init__(deviations, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    # Torch's own are wrapped to keep its compiler away, and so load it: seconds, for nothing.
    add_param_group = unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = unwrap(torch.optim.Optimizer.zero_grad)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """One step against the averaged gradient of every deviation."""
        for group in self.param_groups:
            for deviation in group["params"]:
                if deviation.grad is None:  # nothing in the network takes it
                    continue
                direction = self._averaged(deviation, group["momentum"])
                length = group["lr"] * self._unit(deviation, group["params"])
                norm = direction.norm()
                scale = torch.where(norm > VANISHED, length / norm.clamp(min=VANISHED), 0)
                deviation.mul_(1 - group["lr"] * group["weight_decay"]).sub_(direction * scale)

    def _unit(self, deviation: Tensor, among: list[Tensor]) -> float | Tensor:  # noqa: ARG002
        """The length of a step at ``lr = 1``."""
        return 1 / len(among)

    def _averaged(self, deviation: Tensor, momentum: float) -> Tensor:
        state = self.state[deviation]
        if "average" not in state:
            state["average"] = torch.zeros_like(deviation)
        return state["average"].lerp_(deviation.grad, 1 - momentum)  # type: ignore[no-any-return]


class RelativeDescent(NormalisedDescent):
    """Steps of ``lr / n`` times the norm that each tensor had at the first step.

    ``n`` is the number of layers: of tensors that are no vectors and take part. So every layer
    turns by about the same angle whatever its scale (You et al., 2017), and a feature that passes
    all of them by about ``lr``, whatever the depth. A tensor of zeros, as biases often are, counts
    as one with values of 0.01.
    """

    def _unit(self, deviation: Tensor, among: list[Tensor]) -> float | Tensor:
        state = self.state[deviation]
        if "unit" not in state:
            layers = sum(tensor.ndim > 1 for tensor in among if tensor.grad is not None)
            least = ZERO_COUNTS_AS * deviation.numel() ** 0.5
            state["unit"] = deviation.norm().clamp(min=least) / max(layers, 1)
        unit: Tensor = state["unit"]
        return unit


def relative_rate(network: nn.Module) -> float:
    """The learning rate of :class:`RelativeDescent` for a network.

    Where features are normalised layer by layer (transformers, ConvNeXt), or filtered channel by
    channel between narrow layers (MobileNets), each block adds a little to a stream that passes by,
    so a step divided among all layers moves the stream far less than features that pass through
    them.
    """
    streams = normalises_layers(network) or filters_channels(network)
    return RATE_OF_STREAMS if streams else RATE


def normalises_layers(network: nn.Module) -> bool:
    """Whether features are normalised layer by layer (LayerNorm) anywhere in ``network``."""
    kinds = {type(module).__name__.lower() for module in network.modules()}
    return any("layernorm" in kind for kind in kinds)


def filters_channels(network: nn.Module) -> bool:
    """Whether a convolution anywhere in ``network`` is depthwise: of each channel by itself."""
    grouped = (getattr(module, "groups", 1) for module in network.modules())
    inputs = (getattr(module, "in_channels", None) for module in network.modules())
    return any(count > 1 and count == of for count, of in zip(grouped, inputs, strict=True))
