"""PreAct-ResNet-18 for small images: normalisation and ReLU come before each convolution.

He, Zhang, Ren, Sun: Identity Mappings in Deep Residual Networks, ECCV 2016. Layout and key names
are those of the checkpoints that BackdoorBench publishes: a 3x3 stem, four stages of two blocks, a
projection taken after the first activation, and no normalisation before the pooling.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, relu

_BLOCKS_PER_STAGE = 2


class PreActBlock(nn.Module):
    """Two 3x3 convolutions, ``(N, C, H, W)`` → ``(N, C', H / stride, W / stride)``."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.shortcut: nn.Module | None = None
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False))

    def forward(self, features: Tensor) -> Tensor:
        """The residual sum; nothing acts on it, the next block begins with its own BatchNorm."""
        active = relu(self.bn1(features))
        kept: Tensor = features if self.shortcut is None else self.shortcut(active)
        residual: Tensor = self.conv2(relu(self.bn2(self.conv1(active))))
        return kept + residual


class PreActResNet(nn.Module):
    """Normalised images ``(N, C, H, W)`` → logits ``(N, K)``, for any size from 8 pixels."""

    def __init__(self, *, width: int, channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.layer1 = _stage(width, width, stride=1)
        self.layer2 = _stage(width, 2 * width, stride=2)
        self.layer3 = _stage(2 * width, 4 * width, stride=2)
        self.layer4 = _stage(4 * width, 8 * width, stride=2)
        self.linear = nn.Linear(8 * width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(N, K)``."""
        features = self.layer1(self.conv1(images))
        features = self.layer4(self.layer3(self.layer2(features)))
        pooled = adaptive_avg_pool2d(features, 1).flatten(1)
        logits: Tensor = self.linear(pooled)
        return logits


def _stage(channels_in: int, channels: int, *, stride: int) -> nn.Sequential:
    blocks = OrderedDict[str, nn.Module]()
    for number in range(_BLOCKS_PER_STAGE):
        first = number == 0
        blocks[str(number)] = PreActBlock(
            channels_in if first else channels, channels, stride if first else 1
        )
    return nn.Sequential(blocks)
