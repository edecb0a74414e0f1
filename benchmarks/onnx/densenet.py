"""A densely connected network (Huang et al., CVPR 2017), which transformers does not have."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, relu


class DenseLayer(nn.Module):
    """Adds ``growth`` channels to those it is given."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        new = self.conv1(relu(self.norm1(features)))
        new = self.conv2(relu(self.norm2(new)))
        return torch.cat([features, new], 1)


class Transition(nn.Module):
    """Half of the channels at half of the resolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.pool = nn.AvgPool2d(2)

    def forward(self, features: Tensor) -> Tensor:
        found: Tensor = self.pool(self.conv(relu(self.norm(features))))
        return found


class DenseNet(nn.Module):
    """Blocks of ``depths`` layers; ``large`` begins with a wide convolution and pooling."""

    def __init__(self, *, growth: int, depths: tuple[int, ...], large: bool, classes: int) -> None:
        super().__init__()
        channels = 2 * growth
        if large:
            stem = nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False)
            first: list[nn.Module] = [stem, nn.BatchNorm2d(channels), nn.ReLU()]
            first.append(nn.MaxPool2d(3, stride=2, padding=1))
        else:
            first = [nn.Conv2d(3, channels, 3, padding=1, bias=False)]
        for number, depth in enumerate(depths):
            if number:
                first.append(Transition(channels))
                channels //= 2
            for _ in range(depth):
                first.append(DenseLayer(channels, growth))
                channels += growth
        self.features = nn.Sequential(*first, nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, K)."""
        pooled = adaptive_avg_pool2d(relu(self.features(images)), 1).flatten(1)
        logits: Tensor = self.classifier(pooled)
        return logits
