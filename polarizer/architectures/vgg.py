"""VGG-19 with batch normalisation, with either of the two heads that checkpoints come with.

Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015,
configuration E. Keys are ``features.N.*`` everywhere; the head is ``classifier.*`` (one linear
layer, usual for 32x32 images) or ``classifier.0/3/6.*`` (three of them behind a 7x7 pooling, as in
torchvision and therefore in BackdoorBench).
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

_CONVOLUTIONS = ((1, 2), (2, 2), (4, 4), (8, 4), (8, 4))  # (multiple of width, how many) per stage


class Vgg19BatchNorm(nn.Module):
    """Normalised images ``(N, C, H, W)``, at least 32 pixels a side → logits ``(N, K)``."""

    def __init__(self, *, width: int, channels: int, num_classes: int, head: str) -> None:
        super().__init__()
        self.features = nn.Sequential(*_features(width, channels))
        self.avgpool = nn.AdaptiveAvgPool2d(7 if head == "mlp" else 1)
        self.classifier = (
            _mlp(width, num_classes) if head == "mlp" else nn.Linear(8 * width, num_classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(N, K)``."""
        pooled = self.avgpool(self.features(images)).flatten(1)
        logits: Tensor = self.classifier(pooled)
        return logits


def _features(width: int, channels: int) -> Iterator[nn.Module]:
    for multiple, count in _CONVOLUTIONS:
        for _ in range(count):
            yield nn.Conv2d(channels, multiple * width, 3, padding=1)
            yield nn.BatchNorm2d(multiple * width)
            yield nn.ReLU()
            channels = multiple * width
        yield nn.MaxPool2d(2)


def _mlp(width: int, num_classes: int) -> nn.Sequential:
    hidden = 64 * width
    return nn.Sequential(
        *(nn.Linear(8 * width * 7 * 7, hidden), nn.ReLU(), nn.Dropout()),
        *(nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout()),
        nn.Linear(hidden, num_classes),
    )
