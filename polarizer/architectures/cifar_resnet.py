"""The ResNets of the CIFAR experiments: 20, 32, 44, 56 or 110 layers in three stages.

He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016, section 4.2. As there,
shortcuts hold no parameters: where a stage begins, every second pixel is kept and the missing
channels are zeros (option A).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, pad, relu


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, ``(N, C, H, W)`` → ``(N, C', H / stride, W / stride)``."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self._stride = stride
        self._new_channels = channels - channels_in

    def forward(self, features: Tensor) -> Tensor:
        """Features after the second ReLU."""
        residual = self.bn2(self.conv2(relu(self.bn1(self.conv1(features)))))
        return relu(residual + self._shortcut(features))

    def _shortcut(self, features: Tensor) -> Tensor:
        kept = features[:, :, :: self._stride, :: self._stride]
        before = self._new_channels // 2
        return pad(kept, (0, 0, 0, 0, before, self._new_channels - before))


class CifarResNet(nn.Module):
    """Normalised images ``(N, C, H, W)`` → logits ``(N, K)``; ``depth`` is 6 n + 2."""

    def __init__(self, *, depth: int, width: int, channels: int, num_classes: int) -> None:
        super().__init__()
        blocks = (depth - 2) // 6
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, blocks, stride=1)
        self.layer2 = _stage(width, 2 * width, blocks, stride=2)
        self.layer3 = _stage(2 * width, 4 * width, blocks, stride=2)
        self.linear = nn.Linear(4 * width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(N, K)``."""
        features = relu(self.bn1(self.conv1(images)))
        features = self.layer3(self.layer2(self.layer1(features)))
        pooled = adaptive_avg_pool2d(features, 1).flatten(1)
        logits: Tensor = self.linear(pooled)
        return logits


def _stage(channels_in: int, channels: int, blocks: int, *, stride: int) -> nn.Sequential:
    first = BasicBlock(channels_in, channels, stride)
    return nn.Sequential(first, *(BasicBlock(channels, channels, 1) for _ in range(blocks - 1)))
