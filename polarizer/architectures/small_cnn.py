"""A small convolutional network for tiny images, such as 8x8 handwritten digits."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, relu


class SmallCnn(nn.Module):
    """Three 3x3 convolutions, the last two of stride 2, average pooling and a linear layer.

    Normalised images ``(N, C, H, W)`` of 8 to 64 pixels → logits ``(N, K)``.
    """

    def __init__(self, *, width: int, channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(2 * width)
        self.conv3 = nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.linear = nn.Linear(4 * width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(N, K)``."""
        features = relu(self.bn1(self.conv1(images)))
        features = relu(self.bn2(self.conv2(features)))
        features = relu(self.bn3(self.conv3(features)))
        pooled = adaptive_avg_pool2d(features, 1).flatten(1)
        logits: Tensor = self.linear(pooled)
        return logits
