"""How many images a step of ``deep`` takes when nobody says."""

from __future__ import annotations

from torch import nn

from polarizer.descent import normalises_layers

SMALL = 16  # pixels on the shorter side below which images are small
MANY, FEW = 64, 32


def batch_size(network: nn.Module, shape: tuple[int, int, int]) -> int:
    """For ``network`` and images ``(C, H, W)``.

    A gradient averages over places too, of which large images have more: on CIFAR-10 32 images did
    what 64 do in little more than half of the time. On 8x8 digits they left more of some attacks,
    and so they did in a transformer, whose weights see few places, and in a MobileNet, whose
    depthwise weights see one channel each (docs/method.md).
    """
    small = min(shape[1:]) < SMALL
    return MANY if small or normalises_layers(network) or _grouped(network) else FEW


def _grouped(network: nn.Module) -> bool:
    return any(getattr(module, "groups", 1) > 1 for module in network.modules())
